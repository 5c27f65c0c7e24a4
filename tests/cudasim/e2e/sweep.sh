#!/usr/bin/env bash
# A sweep with --device cuda has the results of the CPU: the same settings are chosen, and scores
# agree to 1e-4. Large and small arrays, sweeps in two halves and replays give the same bits.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

sweep_files

expect 0 run whole.json --results cpu.db --device cpu --isa portable --no-table
expect 0 run whole.json --results cuda.db --device cuda
close_entries cpu.db cuda.db

expect 0 run half.json --results halves.db --device cuda --no-table
expect 0 run whole.json --results halves.db --device cuda --no-table
same_bits cuda.db halves.db

# GPUs with memory for one or two runs; for an array, but not also for the next features; for both.
# Only the simulated GPU obeys this variable.
for bytes in 122000 150000 180000; do
    export CUDASIM_MEMORY=$bytes
    expect 0 run whole.json --results "small$bytes.db" --device cuda --no-table
    same_bits cuda.db "small$bytes.db"
done
if simulated; then
    export CUDASIM_MEMORY=122000
    expect 0 run whole.json --results new.db --device cuda --dry-run
    matches '^page-locked memory +[0-9.]+ KiB$'
    matches 'the array is trained in pieces'
    few=$(sed -n 's/^page-locked memory *\([0-9.]*\).*/\1/p' "$STDOUT")
    unset CUDASIM_MEMORY
    expect 0 run whole.json --results new.db --device cuda --dry-run
    says_not 'in pieces'
    all=$(sed -n 's/^page-locked memory *\([0-9.]*\).*/\1/p' "$STDOUT")
    check 'fewer runs lock less memory' awk "BEGIN { exit !($few < $all / 2) }"
fi
unset CUDASIM_MEMORY

# A GPU without stream-ordered allocation.
CUDASIM_POOLS=0 expect 0 run whole.json --results plain.db --device cuda --no-table
same_bits cuda.db plain.db

# Lists of features, one of which is in twice.
must "$MERBENCH" synth --like cmumosi --scale 0.05 --frames -o c.h5 --dims audio=5,text=9,video=6 >/dev/null
cat >lists.json <<'END'
{"name": "sweep", "epochs": 2, "corpora": {"c": "c.h5"}, "grid": {"hidden_dim": [3, 4, 5, 6, 7]},
 "cells": [{"corpus": "c", "model": "attention_topn", "fusion_modality": "AT",
   "features": {"audio": ["synth-audio-UTT", "synth-audio-FRA"], "text": ["synth-text-FRA", "synth-text-UTT"]}}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2, 3]}}
END
expect 0 run lists.json --results lists-cpu.db --device cpu --isa portable --no-table
expect 0 run lists.json --results lists.db --device cuda
close_entries lists-cpu.db lists.db

expect 0 replay cuda.db --list
key=$(sed -n '/ final /{s/ .*//p;q}' "$STDOUT")
expect 0 replay cuda.db "$key"
prints 'identical'
expect 0 replay cuda.db "$key" --device cuda
prints 'identical'

finish
