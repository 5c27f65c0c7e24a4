#!/usr/bin/env bash
# --device, --gpu, --isa and --precision, and the messages if no GPU can be used.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

cat >plan.json <<END
{"name": "device", "epochs": 3, "corpora": {"q": "q.h5"},
 "cells": [{"corpus": "q", "model": "attention", "feature": "synth-text-UTT", "settings": {"hidden_dim": 8}}],
 "search": {"method": "none"}, "final": {"seeds": [1, 2]}}
END
must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=12,text=20,video=8 >/dev/null
FIXTURE=$TESTS/fixtures/attention/small.h5

# ---- names
for command in "run plan.json" "replay r.db 0123456" "parity $FIXTURE"; do
    # shellcheck disable=SC2086
    {
        expect 2 $command --device gpu
        complains "--device: expected auto, cpu or cuda, found 'gpu'"
        quiet
        expect 2 $command --device cdua
        complains "did you mean 'cuda'?"
        expect 2 $command --device
        complains '--device'
        expect 2 $command --isa sse2
        complains "--isa: expected avx512, avx2 or portable, found 'sse2'"
        expect 2 $command --isa avx --device cuda
        complains "did you mean 'avx2'?"
        expect 2 $command --isa portable --device cuda
        complains '--isa portable'
        expect 2 $command --device cuda --isa portable
        complains '--isa portable'
        expect 2 $command --precision half
        complains "--precision: expected float32 or tf32, found 'half'"
        expect 2 $command --precision fp32
        complains '--precision: expected float32 or tf32'
        expect 2 $command --precision
        complains '--precision'
        expect 2 $command --precision tf32 --device cpu
        complains '--precision tf32: only available on GPUs, not with --device cpu'
        expect 2 $command --isa portable --precision tf32
        complains '--precision tf32: only available on GPUs, not with --isa portable'
        quiet
        for number in -1 1.5 one 1x 99999999999 ''; do
            expect 2 $command --gpu "$number"
            complains "--gpu: expected the number of a GPU, from 0, found '$number'"
            quiet
        done
        expect 2 $command --gpu
        complains '--gpu'
        expect 2 $command --gpu 1 --device cpu
        complains '--gpu 1: selects a GPU, not valid with --device cpu'
        expect 2 $command --isa portable --gpu 0
        complains '--gpu 0: selects a GPU, not valid with --isa portable'
        quiet
        expect 0 ${command%% *} --help
        prints '--precision NAME'
        prints '--gpu N'
        prints 'CUDA_VISIBLE_DEVICES'
        prints '--device NAME'
        prints '--isa NAME'
    }
done

# ---- instruction sets: every processor has the portable one
expect 0 run plan.json --isa portable --results portable.db
complains 'on cpu portable'
expect 0 run plan.json --device cpu --results cpu.db
complains 'on cpu '
for set in avx2 avx512; do
    capture "$MERBENCH" parity "$FIXTURE" --isa $set
    if [ "$STATUS" = 4 ]; then
        complains "this processor has no instruction set '$set'"
        expect 4 run plan.json --isa $set
        missing results.db
        skip "this processor has no $set"
    else
        expect 0 parity "$FIXTURE" --device auto --isa $set
        prints 'holds'
    fi
done
expect 0 parity "$FIXTURE" --isa portable --precision float32 --json
prints '"holds"'

# ---- replay uses the instruction set of the ledger, and names both if another one is given
key=$("$MERBENCH" replay portable.db --list | sed -n '1s/ .*//p')
expect 0 replay portable.db "$key"
prints 'identical'
says_not 'trained again on'
expect 0 replay portable.db "$key" --isa portable
expect 0 replay cpu.db "$key" --device cpu
expect 0 replay portable.db "$key" --precision float32
prints 'identical'
expect 2 replay portable.db "$key" --precision tf32
complains 'not with --isa portable'
if "$MERBENCH" parity "$FIXTURE" --isa avx2 >/dev/null 2>&1; then
    capture "$MERBENCH" replay portable.db "$key" --isa avx2
    LAST="merbench replay portable.db $key --isa avx2"
    prints 'fold 0 was recorded on cpu portable; it is trained again on cpu avx2'
    if [ "$STATUS" != 0 ]; then # the bits may be the same by chance
        check 'a difference is a finding' [ "$STATUS" = 3 ]
        complains 'devices differ in rounding'
    fi
else
    skip 'this processor has one instruction set'
fi

# ---- doctor --device: the devices, and whether they work
expect 0 doctor --device
prints 'portable   works'
matches '^--device auto: (cpu|cuda) '
automatic=$(sed -n 's/^--device auto: //p' "$STDOUT")
expect 0 doctor --json --device
prints '"works":	true'
prints "\"auto\":	\"$automatic\""
expect 2 doctor --device q.h5
complains "found 'q.h5'"
quiet
expect 2 doctor --devices
expect 2 doctor --device --gpu x
complains "--gpu: expected the number of a GPU, from 0, found 'x'"
expect 2 doctor q.h5 --gpu 0
complains '--gpu: only valid with --device'
quiet
expect 2 info --device
expect 0 run plan.json --results auto.db --no-table
complains "on $automatic"
expect 0 run plan.json --dry-run --results none.db
prints "device                 $automatic"
missing none.db

# ---- no GPU can be used: exit code 4, the reason, and no files are created
case $automatic in
cpu*)
    reason=$("$MERBENCH" doctor --device --json |
        sed -n '/"built"/,/"driver"/s/.*"problem":	"\(.*\)".*/\1/p')
    check 'the doctor knows why' [ -n "$reason" ]
    for command in "run plan.json --results gpu.db" "run plan.json --dry-run" "parity $FIXTURE" \
        "replay portable.db $key"; do
        # shellcheck disable=SC2086
        expect 4 $command --device cuda
        complains "--device cuda: $reason; cpu and auto work"
        expect 4 $command --device cuda --precision tf32
        complains "--device cuda: $reason; cpu and auto work"
        expect 4 $command --gpu 0
        complains "--gpu 0: $reason"
        expect 4 $command --gpu 0 --device auto
        complains "--gpu 0: $reason"
    done
    expect 4 doctor --device --gpu 0
    complains "--gpu 0: $reason"
    expect 4 run plan.json --results gpu.db --precision tf32
    complains "--precision tf32: only available on GPUs, but $reason; float32 works"
    missing gpu.db
    ;;
*)
    skip 'a GPU can be used here: what is said where none can be'
    expect 4 run plan.json --results gpu.db --gpu 4096
    complains '--gpu 4096: CUDA shows '
    missing gpu.db
    ;;
esac

finish
