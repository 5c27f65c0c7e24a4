#!/usr/bin/env bash
# Failures of the machine while inputs are read: a disk that cannot be read, too many open files, too little memory. They
# are not called damage: exit code 1, and the message says what failed. Limits of memory are named.
source "$(dirname "$0")/lib.sh"
FOLDERS=$TESTS/fixtures/mertools
SHIM=$SCRATCH/faulty.so
if ! cc -shared -fPIC -o "$SHIM" "$TESTS/e2e/faulty.c" -ldl; then
    skip 'failing calls: there is no compiler'
    SHIM=
fi

must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=12,text=20,video=8 >/dev/null
cat >plan.json <<'JSON'
{"name": "machine", "epochs": 1, "corpora": {"q": "q.h5"},
 "cells": [{"corpus": "q", "model": "attention", "feature": "synth-text-UTT", "settings": {"hidden_dim": 8}}],
 "search": {"method": "none"}, "final": {"seeds": [1]}}
JSON
must "$MERBENCH" run plan.json --results done.db --no-table --quiet 2>/dev/null
key=$("$MERBENCH" replay done.db --list | sed -n '1s/ .*//p')

# ends_well CODE: no crash, and no damage is claimed
ends_well() {
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" = "$1" ] || fail "expected exit code $1"
    says_not 'damaged'
    says_not 'truncated'
    says_not 'another format'
    says_not 'there is no '
    says_not 'cannot be read' # as if the content were wrong
}

# faulty CALL ERRNO NAME CODE TEXT ARGUMENT...: whichever call fails, the exit code is CODE and the message has TEXT
faulty() {
    local call=$1 errno=$2 name=$3 code=$4 text=$5 first=1
    shift 5
    while :; do
        rm -rf run.db* x.h5
        capture env FAULT="$call $errno $first $name" LD_PRELOAD="$SHIM" "$MERBENCH" "$@"
        LAST="FAULT='$call $errno $first $name' merbench $*"
        [ "$STATUS" != 0 ] || break
        ends_well "$code"
        says "$text"
        missing x.h5
        first=$((first < 8 ? first + 1 : first * 3 / 2))
        [ "$first" -lt 2000 ] || break
    done
    check "$call of $name fails at least once" [ "$first" -gt 1 ]
}
EIO=5 ENFILE=23 EMFILE=24 EACCES=13
if [ -n "$SHIM" ]; then
    commands=(
        "q.h5 info q.h5"
        "q.h5 doctor q.h5"
        "q.h5 run plan.json --results run.db --threads 1 --no-table"
        "q.h5 replay done.db $key --data $SCRATCH"
        "q.h5 replay done.db $key --data q.h5"
        "plan.json run plan.json --results run.db --threads 1 --no-table"
        "small.h5 parity $TESTS/fixtures/attention/small.h5"
        "metrics.h5 parity $TESTS/fixtures/metrics/metrics.h5"
        "label.npz import mertools $FOLDERS/cmumosi --dataset CMUMOSI -o x.h5"
        ".npy import mertools $FOLDERS/cmumosi --dataset CMUMOSI -o x.h5 --threads 2"
        "words import mertools $FOLDERS/cmumosi --dataset CMUMOSI -o x.h5"
    )
    for line in "${commands[@]}"; do
        # shellcheck disable=SC2086
        set -- $line
        faulty read $EIO "$1" 1 'Input/output error' "${@:2}"
        faulty open $EMFILE "$1" 1 'Too many open files' "${@:2}"
    done
    faulty open $ENFILE q.h5 1 'Too many open files in system' info q.h5
    faulty open $EACCES q.h5 3 'Permission denied' info q.h5
    faulty open $EACCES plan.json 3 'Permission denied' run plan.json --results run.db
    faulty open $EACCES label.npz 3 'Permission denied' import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI -o x.h5
    faulty open $EACCES small.h5 3 'Permission denied' parity "$TESTS/fixtures/attention/small.h5"

    # a real limit
    for arguments in "info q.h5" "doctor q.h5" "run plan.json --results run.db" "parity $TESTS/fixtures/attention/small.h5" \
        "import mertools $FOLDERS/cmumosi --dataset CMUMOSI -o x.h5"; do
        # shellcheck disable=SC2086
        capture env FAULT_FILES=3 LD_PRELOAD="$SHIM" "$MERBENCH" $arguments
        ends_well 1
        says 'Too many open files'
    done
fi
# one descriptor for the output and one for the file that is read, but HDF5 needs another
capture bash -c 'ulimit -n 5; exec "$@"' - "$MERBENCH" import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI -o x.h5
ends_well 1
says 'Too many open files'
missing x.h5

# ---- memory
# The least address space in which the program starts at all.
least=12000
until (ulimit -v $least && "$MERBENCH" --version) >/dev/null 2>&1 || [ $least -gt 4000000 ]; do
    least=$((least + 100))
done
# short_of_memory STEP ARGUMENT...: with ever more memory it ends with exit code 1 and the cause, until it succeeds
short_of_memory() {
    local step=$1 space=$least count=0
    shift
    while [ $count -lt 400 ]; do
        rm -rf run.db* x.h5
        capture bash -c 'ulimit -v "$0" && exec "$@"' $space "$MERBENCH" "$@"
        LAST="ulimit -v $space; merbench $*"
        [ "$STATUS" != 0 ] || break
        ends_well 1
        matches 'out of memory|Cannot allocate memory|cannot start (a )?thread|does not fit into memory'
        missing x.h5
        space=$((space + step))
        count=$((count + 1))
    done
    check 'it succeeds in the end' [ "$STATUS" = 0 ]
    check 'it fails at first' [ $count -gt 0 ]
}
short_of_memory 160 info q.h5
short_of_memory 160 doctor q.h5
short_of_memory 160 parity "$TESTS/fixtures/attention/small.h5"
short_of_memory 500 import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI -o x.h5 --threads 1
short_of_memory 500 run plan.json --results run.db --threads 1 --no-table --quiet

capture bash -c 'ulimit -v 2000000; exec "$@"' - "$MERBENCH" doctor --device
matches '[01]\.[0-9] GiB available \(limit: (ulimit -v|control group)\)'
cat >large.json <<'JSON'
{"name": "large", "epochs": 1, "corpora": {"q": "q.h5"},
 "cells": [{"corpus": "q", "model": "attention", "feature": "synth-text-UTT", "settings": {"hidden_dim": 4096}}],
 "search": {"method": "none"}, "final": {"seeds": [1]}}
JSON
capture bash -c 'ulimit -v 300000; exec "$@"' - "$MERBENCH" run large.json --results run.db --threads 1
says '1 of 1 run does not fit into memory, of which '
says 'limit: '
capture bash -c 'ulimit -v 300000; exec "$@"' - "$MERBENCH" run large.json --results run.db --threads 2 --dry-run
says 'it will not be trained, all others will'
matches '^time +not estimated: no run could be measured'
finish
