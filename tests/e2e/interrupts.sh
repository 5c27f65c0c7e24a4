#!/usr/bin/env bash
# SIGINT, SIGTERM and SIGHUP are felt at once, whatever the program does: waiting for a file, preparing millions of
# trials, training, writing. No unfinished file stays.
source "$(dirname "$0")/lib.sh"

# stops SIGNAL CODE: the program in the background ends with this exit code, soon after the signal. The limit is that of
# a busy machine with sanitizers; no unfinished work here takes less than half a minute.
stops() {
    local began=${EPOCHREALTIME/[.,]/} took
    kill -s "$1" "$PID"
    ended "$2"
    took=$((${EPOCHREALTIME/[.,]/} - began))
    check "it took $took microseconds to end" [ "$took" -lt 5000000 ]
}

# until_there FILE: waits until the program has made the file
until_there() {
    for _ in $(seq 4000); do
        compgen -G "$1" >/dev/null && return 0
        kill -0 "$PID" 2>/dev/null || break
        sleep 0.005
    done
    fail "expected a file $1"
}

must "$MERBENCH" synth --like cmumosi --dims audio=16,text=24,video=8 -o c.h5 >/dev/null
must mkfifo pipe pipe.h5

# ---- files that nobody writes
start run pipe --results pipe.db
sleep 0.1
stops TERM 143
missing pipe.db
for command in info doctor parity; do
    expect 3 "$command" pipe.h5
    says 'a regular file'
done
expect 3 import mertools . --dataset CMUMOSI --labels pipe -o made.h5
missing made.h5

# ---- a plan may come from a pipe that somebody writes
cat >plan.json <<'END'
{"name": "many", "epochs": 1, "corpora": {"c": "c.h5"},
 "cells": [{"corpus": "c", "model": "attention", "feature": "synth-text-UTT"}],
 "final": {"seeds": [1]}}
END
cat plan.json >pipe &
expect 0 run pipe --data . --results pipe.db

# ---- millions of trials are prepared: nothing is recorded
sed '$d' plan.json >many.json
# shellcheck disable=SC2046 # a word is a number
list() { printf ',%s' $(seq "$@") | cut -c2-; }
cat >>many.json <<END
 "grid": {"dropout": [$(list 0 0.03 0.72)], "learning_rate": [$(list 0.001 0.001 0.025)],
          "weight_decay": [$(list 0 0.01 0.09)], "grad_clip": [$(list 1 10)]},
 "search": {"method": "grid", "seeds": [$(list 1 30)]}, "final": {"seeds": [1]}}
END
start run many.json --results many.db
until_there 'many.db-wal'
sleep 0.3
stops INT 1
complains 'interrupted (Interrupt) before the training began'
missing many.db-wal
expect 0 run plan.json --results many.db
start run many.json --dry-run
sleep 0.2
kill -s TERM "$PID" # before or while the trials are prepared
wait "$PID"
STATUS=$?
check "exit code $STATUS" [ $((STATUS == 1 || STATUS == 143)) -eq 1 ]

# ---- training steps of 68e9 multiply-adds: they are left in the middle
sed 's/"attention"/"tfn", "settings": {"hidden_dim": 64}/; s/"epochs": 1/"epochs": 100, "batch_size": 4096/' \
    plan.json >long.json
start run long.json --results long.db --threads 1
until_there 'long.db-wal'
sleep 0.3
stops HUP 1
complains '0 of 1 run is done'
missing long.db-wal

# ---- a corpus of 120 MiB is written
start synth --like cmumosei --scale 0.2 -o large.h5
until_there 'large.h5.tmp*'
stops TERM 1
complains 'interrupted (Terminated) while the corpus was written'
check 'no part of the corpus stays' [ -z "$(compgen -G 'large.h5*')" ]

finish
