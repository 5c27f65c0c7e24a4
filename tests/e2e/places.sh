#!/usr/bin/env bash
# Ledgers on file systems that lack something: locks, shared memory, flushing. Either a sweep works there,
# or the message says what is missing and where to go.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

if [ -z "${REFUSE_LIBRARY:-}" ]; then
    skip 'no preload library in this build: file systems that lack something'
    finish
fi

# on WHAT ARGUMENTS...: runs the program on a file system that refuses WHAT
on() {
    local what=$1
    shift
    capture env REFUSE="$what" LD_PRELOAD="$REFUSE_LIBRARY" "$MERBENCH" "$@"
}
ends() {
    CHECKS=$((CHECKS + 1))
    [ "$STATUS" -eq "$1" ] || fail "expected exit code $1"
}

must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=4,text=6,video=4 >/dev/null
cat >p.json <<END
{"name": "p", "epochs": 2, "corpora": {"q": "q.h5"}, "settings": {"hidden_dim": 8},
 "cells": [{"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"}],
 "final": {"seeds": [1, 2]}}
END
sed 's/"epochs": 2/"epochs": 100000/;s/\[1, 2\]/[1]/' p.json >endless.json
must "$MERBENCH" run p.json --results right.db --quiet --no-table
must "$MERBENCH" table right.db --format json >right

# works WHAT WARNING: a sweep and its table, whose ledger then is like any other
works() {
    rm -f r.db*
    on "$1" run p.json --results r.db --quiet --no-table
    ends 0
    [ -z "$2" ] || complains "$2"
    on "$1" table r.db --format json
    ends 0
    check "the table without $1" cmp "$STDOUT" right
    expect 0 table r.db --format json
    check "the table of the ledger made without $1" cmp "$STDOUT" right
    missing r.db-wal
    missing r.db-lock
}

works flock=38 ''
works ofd=22 'others cannot read it'
works ofd=37,posix=37 'others cannot read it'
works ofd=38,posix=38 'others cannot read it'
works shared=19 'others cannot read it'
works sync=22 'flushed'
works sync=38,ofd=38,posix=38,shared=22 'flushed'

# ---- without any locks, nobody can keep a second writer away
for number in 37 38 95 524; do
    rm -f r.db*
    on "ofd=$number,posix=$number,flock=$number" run p.json --results r.db --quiet
    ends 1
    complains 'no file locks'
    complains 'local disk'
    says_not 'in use'
    missing r.db
    missing r.db-lock
done
on ofd=38,posix=38,flock=38 table right.db --format json
ends 0
check 'reading needs no locks' cmp "$STDOUT" right

# ---- a disk that does not take what is written
on sync=5 run p.json --results r.db --quiet
ends 1
complains 'fdatasync: Input/output error'
missing r.db

# ---- while a sweep writes where memory is not shared, readers and writers are told so
for what in shared=19 ofd=38,posix=38; do
    rm -f r.db*
    REFUSE=$what LD_PRELOAD=$REFUSE_LIBRARY "$MERBENCH" run endless.json --results r.db --quiet 2>/dev/null &
    PID=$!
    for _ in $(seq 100); do
        [ -s r.db-wal ] && break
        sleep 0.05
    done
    on $what table r.db
    ends 1
    complains "in use by another process (pid $PID on "
    complains 'on this file system it can be read when that process has ended'
    on $what run p.json --results r.db
    ends 1
    complains "in use by another process (pid $PID on "
    kill -9 "$PID"
    wait "$PID" 2>/dev/null
    # Killed: its log is taken in, and nobody is in the way.
    on $what table r.db
    says_not 'in use'
    on $what run p.json --results r.db --no-table
    ends 0
    expect 0 doctor r.db
done

# ---- a file that is mounted alone
if mkdir -p mounted && cp right.db mounted/r.db && mount --bind right.db mounted/r.db 2>/dev/null; then
    expect 1 run p.json --results mounted/r.db
    complains 'mount its folder instead'
    expect 0 table mounted/r.db --format json
    check 'it can be read' cmp "$STDOUT" right
    umount mounted/r.db
else
    skip 'no right to mount: a file that is mounted alone'
fi

finish
