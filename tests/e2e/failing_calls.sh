#!/usr/bin/env bash
# Every allocation and every call of the system fails once, in turn, with one process for each. Whatever call it
# is, the program ends with 0 and the right output, or with 1 and a message; nothing is left behind, a ledger stays
# good, and the same command then completes with the same result. (A machine that fails is no damage to a file, so
# 3 is wrong, too.) The same holds when the program is killed there. The short form takes calls that are spread
# evenly over the places that make them. With MERBENCH_LONG_TESTS=1 every call is taken, which takes hours.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

if [ -z "${FAILING_CALLS:-}" ]; then
    skip 'no preload library in this build: failing calls'
    finish
fi
LONG=${MERBENCH_LONG_TESTS:-0}
FIXTURES=$TESTS/fixtures
LOG=$SCRATCH/log GOOD=$SCRATCH/good
mkdir "$GOOD"

# Thousands of ledgers are flushed to the disk: one in memory is faster.
WORK=$SCRATCH/work
if [ -w /dev/shm ]; then
    WORK=$(mktemp -d /dev/shm/merbench-failing-calls-XXXXXX)
    trap 'rm -rf -- "$WORK"; on_exit' EXIT
fi
mkdir -p "$WORK"
cd "$WORK" || exit 1
shopt -s nullglob dotglob

# fails KIND ERRNO NUMBER ON COMMAND...: runs the program while a call fails; see tests/tools/failing_calls.c
fails() {
    local kind=$1 errno=$2 number=$3 on=$4
    shift 4
    : >"$LOG"
    timeout -k 5 60 env FAIL_KIND="$kind" FAIL_WITH="$errno" FAIL_AT="$number" FAIL_ON="$on" FAIL_LOG="$LOG" \
        LD_PRELOAD="$FAILING_CALLS" "$MERBENCH" "$@" >"$STDOUT" 2>"$STDERR" </dev/null
    STATUS=$?
    LAST="FAIL_KIND=$kind FAIL_WITH=$errno FAIL_AT=$number FAIL_ON=$on merbench $*"
}

# wrong TEXT: a failure, with the callers of the call that failed
wrong() {
    fail "$*"
    sed -n '/^failed/,$s/^/  /p' "$LOG" | sed -n '1,16p'
    WRONG=$((WRONG + 1))
}

# The files that are there, beside the product of the command.
others() {
    local file
    for file in *; do
        [ "$file" = "$PRODUCT" ] || printf '%s ' "$file"
    done
}

# Whether there is a message. That of parity is below the name of the file.
told() {
    [ -s "$STDERR" ] || { [ "$COMMAND" = parity ] && grep -q '^  ' "$STDOUT"; }
}

# What every command must hold after a call has failed.
check_end() {
    CHECKS=$((CHECKS + 1))
    if [ "$KILLED" = 1 ]; then
        [ "$STATUS" -eq 137 ] || wrong "exit code $STATUS of a process that is killed"
    elif [ "$STATUS" -eq 1 ]; then
        told || wrong 'exit code 1 without a message'
    elif [ "$STATUS" -ne 0 ]; then
        wrong "exit code $STATUS"
    elif ! cmp -s -- "$STDOUT" "$GOOD/stdout"; then
        wrong 'exit code 0 and another output'
    elif [ -n "$PRODUCT" ] && [ "$PRODUCT" != r.db ] && [ ! -e "$PRODUCT" ]; then
        wrong "exit code 0 without $PRODUCT"
    fi
}

# A file that was made is as good as ever; nothing else is there. A process that is killed leaves its temporary
# file to the next one.
check_files() {
    if [ "$KILLED" = 1 ] && [ -n "$PRODUCT" ] && [ ! -e "$PRODUCT" ]; then
        "$MERBENCH" "$@" >"$STDOUT" 2>"$STDERR" </dev/null || wrong 'cannot be repeated'
    fi
    [ "$(others)" = "$BEFORE" ] || wrong "files are left: $(others)"
    [ ! -e "$PRODUCT" ] || cmp -s -- "$PRODUCT" "$GOOD/product" || wrong "$PRODUCT is another file"
}

# A ledger is good, and the sweep completes.
check_ledger() {
    local status=$STATUS
    cp -- "$STDERR" "$SCRATCH/first"
    if [ -s r.db ] && ! "$MERBENCH" doctor r.db >"$STDOUT" 2>"$STDERR" </dev/null; then
        grep -q 'an empty file' "$STDERR" || wrong "the ledger is damaged after exit code $status"
    fi
    if ! "$MERBENCH" "$@" >"$STDOUT" 2>"$STDERR" </dev/null; then
        wrong "the sweep does not continue after exit code $status: $(tail -n 1 "$SCRATCH/first")"
    elif ! cmp -s -- "$STDOUT" "$GOOD/stdout"; then
        wrong "the sweep continues to another result after exit code $status"
    fi
    [ "$(others)" = "$BEFORE" ] || wrong "files are left: $(others)"
}

clean() {
    local file
    for file in *; do
        case " $BEFORE" in
        *" $file "*) ;;
        *) rm -rf -- "$file" ;;
        esac
    done
}

# one KIND ERRNO NUMBER ON COMMAND...: false if there is no such call
one() {
    fails "$@"
    grep -q '^failed' "$LOG" || { clean; return 1; }
    check_end
    shift 4
    if [ "$PRODUCT" = r.db ]; then
        check_ledger "$@"
    else
        check_files "$@"
    fi
    clean
}

# numbers KIND MOST COMMAND...: the calls that the short form takes
numbers() {
    local kind=$1 most=$2
    shift 2
    fails "$kind" 0 0 0 "$@"
    sed -n 's/^site \([0-9]*\) .*/\1/p' "$LOG" | awk -v most="$most" '
        { call[NR] = $1 }
        END { for (i = 0; i < most && i < NR; i++) print call[1 + int(i * (NR > most ? NR / most : 1))] }'
    clean
}

# every PRODUCT KIND ERRNOS ON MOST COMMAND...: the calls of the command fail, MOST of them in the short form, which
# takes the error numbers in turn
every() {
    local kind=$2 errnos on=$4 most=$5 number i=0
    PRODUCT=$1 KILLED=0
    [ "$kind $3" != 'system 0' ] || KILLED=1
    read -ra errnos <<<"$3"
    shift 5
    COMMAND=$1 WRONG=0
    BEFORE=$(PRODUCT= others)
    "$MERBENCH" "$@" >"$GOOD/stdout" 2>"$STDERR" </dev/null || { fail "undisturbed: merbench $*"; return; }
    [ -z "$PRODUCT" ] || cp -- "$PRODUCT" "$GOOD/product"
    clean
    if [ "$LONG" = 1 ]; then
        for errno in "${errnos[@]}"; do
            number=1
            while [ "$WRONG" -lt 20 ] && one "$kind" "$errno" "$number" "$on" "$@"; do
                number=$((number + 1))
            done
        done
    else
        for number in $(numbers "$kind" "$most" "$@"); do
            [ "$WRONG" -lt 5 ] || break
            one "$kind" "${errnos[i++ % ${#errnos[@]}]}" "$number" "$on" "$@"
        done
    fi
}

must "$MERBENCH" synth --like quickstart --scale 0.2 -o q.h5 --dims audio=3,text=4,video=5 >/dev/null
cat >plan.json <<END
{"name": "f", "epochs": 2, "corpora": {"q": "q.h5"}, "grid": {"hidden_dim": [4, 8]},
 "cells": [{"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
END
must "$MERBENCH" run plan.json --results old.db --quiet >/dev/null
key=$("$MERBENCH" replay old.db --list | sed -n '$s/ .*//p')

NO_MEMORY=12
IO='5 24 28 4' # EIO, EMFILE, ENOSPC, EINTR
FULL=28

# both PRODUCT MOST COMMAND...: allocations, and calls of the system
both() {
    local product=$1 most=$2
    shift 2
    every "$product" memory $NO_MEMORY 0 "$most" "$@"
    every "$product" system "$IO" 0 "$most" "$@"
    every "$product" short 0 0 $((most / 4)) "$@"
}
import=(import mertools "$FIXTURES/mertools/mer2023" --dataset MER2023)

both '' 10 model tfn --dims audio=3,text=4,video=5 --classes 6
both '' 20 info q.h5
both '' 20 info q.h5 --json
both '' 25 doctor q.h5
both '' 25 doctor old.db
both '' 40 table old.db --all-settings
both '' 20 table old.db --format json
both table.tex 20 table old.db --format latex -o table.tex
both '' 20 replay old.db --list
both '' 30 replay old.db "$key" --threads 2
both x.h5 30 synth --like quickstart --scale 0.2 -o x.h5 --dims audio=3,text=4,video=5
both x.h5 40 "${import[@]}" -o x.h5
both '' 15 parity "$FIXTURES/attention/batch1.h5"
both '' 10 parity "$FIXTURES/dataops/splits.h5"
both '' 10 parity "$FIXTURES/trainloop/lmf_mosi.h5"
both '' 10 parity "$FIXTURES/metrics/metrics.h5"
both r.db 120 run plan.json --results r.db --threads 2

# The program is killed at a call of the system.
every x.h5 system 0 0 15 synth --like quickstart --scale 0.2 -o x.h5 --dims audio=3,text=4,video=5
every x.h5 system 0 0 15 "${import[@]}" -o x.h5
every table.tex system 0 0 10 table old.db --format latex -o table.tex
every r.db system 0 0 60 run plan.json --results r.db --threads 2

# From one moment on, the disk is full, or there is no memory.
every x.h5 space $FULL 1 15 synth --like quickstart --scale 0.2 -o x.h5 --dims audio=3,text=4,video=5
every x.h5 space $FULL 1 15 "${import[@]}" -o x.h5
every table.tex space $FULL 1 10 table old.db --format latex -o table.tex
every r.db space $FULL 1 50 run plan.json --results r.db --threads 2
every '' memory $NO_MEMORY 1 15 table old.db
every r.db memory $NO_MEMORY 1 30 run plan.json --results r.db --threads 2
finish
