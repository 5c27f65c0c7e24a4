#!/usr/bin/env bash
# What crashes leave behind: files that are cut off at any place, disks that are full at any size, and readers of a
# pipe that go away. The short form takes some of the places; MERBENCH_LONG_TESTS=1 takes them all.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

LONG=${MERBENCH_LONG_TESTS:-0}

# places SIZE STEP MOST: 0, STEP, 2 STEP ... below SIZE; the short form takes MOST of them, and the last byte
places() {
    local count=$((($1 + $2 - 1) / $2)) most=$3 i
    [ "$LONG" = 1 ] || [ "$count" -lt "$most" ] && most=$count
    for ((i = 0; i < most; i++)); do
        echo $((i * count / most * $2))
    done
    echo $(($1 - 1))
}

must "$MERBENCH" synth --like quickstart --scale 0.2 -o q.h5 --dims audio=3,text=4,video=5 >/dev/null
cat >plan.json <<END
{"name": "crashes", "epochs": 3, "corpora": {"q": "q.h5"}, "grid": {"hidden_dim": [4, 8]},
 "cells": [{"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2, 3]}}
END
expect 0 run plan.json --results good.db --threads 2
cp "$STDOUT" good.txt
size=$(stat -c %s good.db)

# sweep_completes WHAT: the sweep goes on with cut.db, to the same table
sweep_completes() {
    expect 0 run plan.json --results cut.db --threads 2
    CHECKS=$((CHECKS + 1))
    cmp -s good.txt "$STDOUT" || fail "another table after $1"
    missing cut.db-wal
    missing cut.db-journal
    rm -f cut.db*
}

# ---- a corpus that is cut off
for at in $(places "$(stat -c %s q.h5)" 512 24); do
    head -c "$at" q.h5 >cut.h5
    expect 3 info cut.h5
    complains 'cut.h5: '
done
expect 3 doctor cut.h5
expect 3 run plan.json --data cut.h5 --results cut.db
missing cut.db
rm cut.h5

# ---- a ledger that is cut off: never a table that is another one
for at in $(places "$size" 512 24); do
    head -c "$at" good.db >cut.db
    expect 3 doctor cut.db
    capture "$MERBENCH" table cut.db
    CHECKS=$((CHECKS + 1))
    case $STATUS in
    0) "$MERBENCH" table good.db | cmp -s - "$STDOUT" || fail 'another table of a ledger that is cut off' ;;
    3) [ -s "$STDERR" ] || fail 'no message' ;;
    *) fail "exit code of the table of a ledger that is cut off after $at of $size bytes" ;;
    esac
    rm -f cut.db*
done

# ---- a log that is cut off: what it still has counts
sed 's/"epochs": 3/"epochs": 200/;s/\[1, 2, 3\]/[1, 2, 3, 4, 5, 6, 7, 8, 9]/' plan.json >long.json
start run long.json --results killed.db --threads 2 --quiet
check 'runs were recorded' wait_for 3 killed.db long.json
kill -9 "$PID"
wait "$PID" 2>/dev/null
exists killed.db-wal
[ -e killed.db-wal ] || finish
log=$(stat -c %s killed.db-wal)
runs=$(done_runs killed.db long.json)
for at in $(places "$log" 512 16); do
    cp killed.db cut.db
    head -c "$at" killed.db-wal >cut.db-wal
    capture "$MERBENCH" doctor cut.db
    CHECKS=$((CHECKS + 1))
    case $STATUS in
    0 | 3) ;;
    *) fail "a log that is cut off after $at of $log bytes" ;;
    esac
    if [ "$STATUS" -eq 0 ]; then
        left=$(done_runs cut.db long.json)
        check "at most $runs runs are left, found ${left:-none}" [ "${left:-99}" -le "$runs" ]
    else
        CHECKS=$((CHECKS + 1))
        [ -s "$STDOUT" ] || [ -s "$STDERR" ] || fail 'damage without a finding'
    fi
    rm -f cut.db*
done
rm -f killed.db*

# ---- a disk that is full: with any size of its files the sweep ends with a message, and goes on later
# limited KIB ARGUMENTS...: runs the program with files of at most KIB KiB
limited() {
    local most=$1
    shift
    LAST="merbench $* (files of at most $most KiB)"
    (
        trap '' XFSZ # writing beyond the limit fails instead of killing the program
        ulimit -f "$most"
        exec "$MERBENCH" "$@"
    ) 2>&1 >/dev/null </dev/null | cat >"$STDERR" # the limit is not for messages
    STATUS=${PIPESTATUS[0]}
}
for at in $(places "$((size / 1024))" 4 8); do
    limited "$at" run plan.json --results cut.db --threads 2 --quiet
    CHECKS=$((CHECKS + 1))
    if [ "$STATUS" -ne 1 ]; then
        fail 'expected exit code 1'
    else
        complains 'cut.db'
    fi
    if [ -s cut.db ]; then
        expect 0 doctor cut.db
    fi
    sweep_completes "a limit of $at KiB"
done
for at in $(places "$(($(stat -c %s q.h5) / 1024))" 4 4); do
    limited "$at" synth --like quickstart --scale 0.2 -o cut.h5 --dims audio=3,text=4,video=5
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" -eq 1 ] || fail 'expected exit code 1'
    complains 'cut.h5'
    check 'nothing is left' [ -z "$(ls -A | grep '^cut')" ]
done
limited 0 table good.db -o cut.txt
CHECKS=$((CHECKS + 1))
[ "$STATUS" -eq 1 ] || fail 'expected exit code 1'
complains 'cut.txt'
check 'nothing is left' [ -z "$(ls -A | grep '^cut')" ]

# ---- a pipe whose reader has gone: the end is that of any program, and the ledger is whole
# piped READER ARGUMENTS...: $STATUS is the exit code of the program, 141 if SIGPIPE ended it
piped() {
    local reader=$1
    shift
    LAST="merbench $* | $reader"
    "$MERBENCH" "$@" 2>"$STDERR" </dev/null | eval "$reader" >"$STDOUT"
    STATUS=${PIPESTATUS[0]}
}
for reader in true 'head -n 1' 'head -c 1'; do
    for arguments in 'table good.db --all-settings' 'table good.db --format csv' 'replay good.db --list' \
        'info q.h5' 'doctor q.h5' 'doctor good.db' 'model' '--help'; do
        # shellcheck disable=SC2086
        piped "$reader" $arguments
        CHECKS=$((CHECKS + 1))
        case $STATUS in
        0 | 141) ;;
        *) fail 'expected exit code 0 or 141' ;;
        esac
    done
    # The same where SIGPIPE is ignored, as Python's subprocesses had it: a failure with a message.
    (
        trap '' PIPE
        piped "$reader" table good.db --all-settings
        exit "$STATUS"
    )
    STATUS=$?
    CHECKS=$((CHECKS + 1))
    case $STATUS in
    0) ;;
    1) complains 'standard output' ;;
    *) fail 'expected exit code 0 or 1' ;;
    esac
    piped "$reader" run plan.json --results cut.db --threads 2
    expect 0 doctor cut.db
    sweep_completes 'a closed pipe'
done
piped true run plan.json --results cut.db --dry-run
missing cut.db
finish
