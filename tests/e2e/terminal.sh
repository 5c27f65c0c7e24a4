#!/usr/bin/env bash
# The progress line on a terminal: it never wraps, follows a resize, and leaves nothing behind. script(1) makes the
# terminal and logs everything that is written to it.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

export SHELL=/bin/sh

if ! command -v script >/dev/null; then
    skip 'no script(1)'
    check 'nothing to be tested' true
    finish
fi

# plan FILE EPOCHS
plan() {
    cat >"$1" <<END
{"name": "shown", "epochs": $2, "corpora": {"q": "q.h5"},
 "grid": {"hidden_dim": [8, 16], "dropout": [0.1, 0.2, 0.3]},
 "cells": [{"corpus": "q", "model": "attention",
    "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "grid", "seeds": [1, 2]}}
END
}

# terminal LOG COLUMNS COMMAND: runs a shell command on a terminal of 24 lines
terminal() {
    LAST="on a terminal of $2 columns: $3"
    TERM=xterm script -qefc "stty cols $2 rows 24; $3" "$1" </dev/null >/dev/null
    STATUS=$?
    cp "$1" "$STDOUT"
    : >"$STDERR"
}

# redraws LOG: the progress lines, as they were written; an @ stands for a newline
redraws() {
    tr '\r\n' '\n@' <"$1" | sed -n 's/\x1b\[J//g;/^training.*\/.* runs/p;/^training.*run [0-9]*\//p'
}

# check_redraws LOG LEAST COLUMNS: there are at least so many, none is as wide as the terminal or ends with a newline
check_redraws() {
    local widest count
    count=$(redraws "$1" | wc -l)
    widest=$(redraws "$1" | awk '{ if (length > most) most = length } END { print most + 0 }')
    check "$1: $count redraws, $2 were expected" [ "$count" -ge "$2" ]
    check "$1: a redraw takes $widest of $3 columns" [ "$widest" -lt "$3" ]
    check "$1: no newline between redraws" [ "$(redraws "$1" | grep -c @)" -eq 0 ]
}

# screen LOG COLUMNS: what the terminal shows in the end, without blank lines
screen() {
    sed '/^Script /d' "$1" | awk -v columns="$2" '
        function newline() { row++; column = 0; if (row > last) last = row }
        BEGIN { RS = "\001"; last = row = 1 }
        {
            for (i = 1; i <= length($0); i++) {
                c = substr($0, i, 1)
                if (c == "\r") column = 0
                else if (c == "\n") newline()
                else if (substr($0, i, 3) == "\033[J") {
                    for (r = row + 1; r <= last; r++) text[r] = ""
                    text[row] = substr(text[row], 1, column)
                    i += 2
                } else {
                    if (column == columns) newline()
                    line = sprintf("%-" columns "s", text[row])
                    text[row] = substr(line, 1, column) c substr(line, column + 2)
                    column++
                }
            }
        }
        END { for (r = 1; r <= last; r++) { sub(/ +$/, "", text[r]); if (text[r] != "") print text[r] } }'
}

must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=12,text=20,video=8 >/dev/null
plan plan.json 150
RUN="'$MERBENCH' run plan.json --device cpu --no-table --threads 1"

# ---- 80 columns, 20, 300; one line all the time, and only the last one stays
for columns in 80 20 300; do
    terminal "$columns.log" "$columns" "$RUN --results $columns.db"
    check "exit code $STATUS" [ "$STATUS" -eq 0 ]
    check_redraws "$columns.log" 2 "$columns"
done
screen 80.log 80 >screen.txt
check 'three lines are left' [ "$(wc -l <screen.txt)" -eq 3 ]
check 'the first line' grep -q '^shown: 12 runs, 0 done already; 1 thread on cpu' screen.txt
check 'the last line of the progress' grep -qE '^training: 12 runs in .* MiB$' screen.txt
check 'results' grep -q '^results: 80.db' screen.txt
check 'wide terminals show a bar' [ "$(redraws 300.log | grep -cF '] ')" -gt 0 ]
check 'narrow ones show the runs alone' [ "$(redraws 20.log | grep -vc '^training: [0-9]*/12 runs$')" -eq 0 ]

# ---- the terminal becomes narrower
plan long.json 100000
terminal narrower.log 120 "${RUN/plan.json/long.json} --results narrower.db &
    sleep 2; stty cols 40; printf 'N\rN'; sleep 2; kill -TERM \$!; wait"
tr '\r' '\n' <narrower.log | sed -n '/N$/,$p' | tr '\n' '\r' >narrow.log
check_redraws narrower.log 2 120
check_redraws narrow.log 1 40

# ---- Ctrl-C
mkfifo keys
LAST='Ctrl-C on a terminal'
set -m # otherwise it ignores SIGINT
TERM=xterm script -qefc "stty cols 80 rows 24; exec ${RUN/plan.json/long.json} --results c.db" c.log <keys >/dev/null &
set +m
exec 7>keys
for _ in $(seq 300); do
    redraws c.log 2>/dev/null | grep -q ' left, .* a run' && break # a long line
    sleep 0.1
done
printf '\003' >&7
wait $!
STATUS=$?
exec 7>&-
check "exit code $STATUS" [ "$STATUS" -eq 1 ]
cp c.log "$STDOUT"
check_redraws c.log 3 80
screen c.log 80 | sed 's/^^C//' >screen.txt
check 'no progress is left' [ "$(grep -cE 'left|\[|/12' screen.txt)" -eq 0 ]
check 'the last line of the progress' grep -qE '^training: 0 runs in .* MiB$' screen.txt
check 'the message' grep -qF 'merbench run: interrupted (Interrupt): 0 of 12 runs' screen.txt

# ---- terminals without escapes, and no terminal: plain lines
plan plan.json 10
for type in dumb ''; do
    terminal dumb.log 80 "TERM=$type $RUN --results dumb$type.db"
    check "TERM=$type: no escapes" [ "$(tr -d '\n' <dumb.log | grep -c "$(printf '\033')")" -eq 0 ]
    check "TERM=$type: no carriage returns" [ "$(sed 's/\r$//' dumb.log | grep -c "$(printf '\r')")" -eq 0 ]
    says 'training: 12 runs in'
done
TERM=xterm expect 0 run plan.json --device cpu --no-table --results file.db
check 'a file: no escapes' [ "$(grep -cE "$(printf '\033|\r')" "$STDERR")" -eq 0 ]
complains 'training: 12 runs in'

finish
