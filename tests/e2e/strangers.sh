#!/usr/bin/env bash
# Files on which the HDF5 library crashes or does not end: a child process opens them first.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
FILES=$TESTS/fixtures/strangers

# Another version of the library may refuse the files by itself.
ended_by_library() {
    matches "$1: (the HDF5 library (crashes|does not end)|.*(damaged|expected|there is no|cannot))"
}

# ---- corpora
must "$MERBENCH" synth --like quickstart -o q.h5 --scale 0.1 --dims audio=8,text=12,video=6 >/dev/null
for file in crash division; do
    cp "$FILES/$file.h5" .
    for command in info doctor "info --json"; do
        # shellcheck disable=SC2086
        expect 3 $command $file.h5
        ended_by_library $file.h5
    done
    cat >plan.json <<PLAN
{"name": "p", "epochs": 1, "corpora": {"c": "$file.h5"},
 "cells": [{"corpus": "c", "model": "attention", "feature": "synth-text-UTT"}],
 "search": {"method": "none"}, "final": {"seeds": [1]}}
PLAN
    expect 3 run plan.json --results r.db --device cpu
    ended_by_library $file.h5
done
cp "$FILES/hang.h5" .
began=$SECONDS
expect 3 info hang.h5
ended_by_library hang.h5
check 'it took less than half a minute' [ $((SECONDS - began)) -lt 30 ]

# ---- other HDF5 files: byte 3592 of this one is part of a pointer
cp "$TESTS/fixtures/attention/dropout.h5" fixture.h5
printf '\xe7' | dd of=fixture.h5 bs=1 seek=3592 conv=notrunc status=none
expect 3 parity fixture.h5 "$TESTS/fixtures/attention/batch1.h5"
ended_by_library fixture.h5
says 'batch1.h5: holds'

# ---- an end of this process is the end of the child, too
children() { pgrep -P "$1" || true; }
for attempt in 'INT doctor hang.h5' 'TERM doctor hang.h5' 'INT parity fixture.h5 q.h5'; do
    signal=${attempt%% *}
    # shellcheck disable=SC2086
    start ${attempt#* }
    for _ in $(seq 100); do
        [ -n "$(children $PID)" ] && break
        sleep 0.05
    done
    began=$SECONDS
    if [ -n "$(children $PID)" ]; then
        kill -$signal -- $PID
        ended $((128 + $(kill -l "$signal")))
        says_not 'q.h5: unsupported'
    else
        skip "the library does not hang on this file"
        wait $PID
    fi
    check "$signal was felt at once" [ $((SECONDS - began)) -lt 5 ]
    check "the child of $PID is gone after $signal" [ -z "$(children $PID)" ]
done
start doctor hang.h5
for _ in $(seq 100); do
    [ -n "$(children $PID)" ] && break
    sleep 0.05
done
kill -KILL $PID
wait $PID 2>/dev/null
sleep 0.2
check 'the child is gone after a kill' [ -z "$(children $PID)" ]

# ---- no child can be started
# With few files, the program cannot start, cannot read the seal, or, with two or three more, cannot make the pipe.
found=no
for files in $(seq 4 20); do
    capture bash -c 'ulimit -n "$0" && exec "$1" info q.h5' "$files" "$MERBENCH"
    if grep -q 'q.h5: cannot start the process that opens the file first: Too many open files' "$STDERR"; then
        found=yes
        check "exit code 1 with $files files" [ "$STATUS" -eq 1 ]
    fi
done
check 'a child that cannot be started is said to be the cause' [ $found = yes ]

# ---- whoever ignores the ends of children, and closes streams, is served as well
if env --ignore-signal=CHLD true 2>/dev/null; then
    capture bash -c 'exec env --ignore-signal=CHLD "$0" info q.h5 <&-' "$MERBENCH"
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" -eq 0 ] || fail 'expected exit code 0'
    prints 'dataset    QUICKSTART'
    capture env --ignore-signal=CHLD "$MERBENCH" info crash.h5
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" -eq 3 ] || fail 'expected exit code 3'
    ended_by_library crash.h5
else
    skip 'this env cannot ignore signals'
fi

# ---- where there is no /proc, and where a loader starts the program
loader=$(ldd "$MERBENCH" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\).*/\1/p')
if [ -n "$loader" ]; then
    capture "$loader" "$MERBENCH" info q.h5
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" -eq 0 ] || fail 'expected exit code 0'
    prints 'dataset    QUICKSTART'
else
    skip 'no loader is known'
fi
finish
