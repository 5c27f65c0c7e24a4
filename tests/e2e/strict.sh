#!/usr/bin/env bash
# Searches under the protocol strict: a setting for each fold, joined results and their replay; the
# check and the upgrade of results files.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 synth --like iemocapfour --scale 0.02 --dims audio=6,text=8,video=5 -o iemocap.h5

plan() { # NAME PROTOCOL FINAL
    cat >"$1.json" <<EOF
{"name": "$1", "protocol": "$2", "epochs": 3, "corpora": {"c": "iemocap.h5"},
 "grid": {"hidden_dim": [4, 16], "learning_rate": [0.01, 0.001]},
 "cells": [{"corpus": "c", "model": "attention", "features":
   {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "grid", "seeds": [1]}$3}
EOF
}

# Every trial of the last plan can be replayed, joined ones included.
replays_all() {
    expect 0 replay "$1" --list
    cp "$STDOUT" list
    check 'all trials are listed' [ "$(grep -c " finished " list)" -ge 4 ]
    for key in $(grep " final " list | cut -c1-32 | sort -u); do
        expect 0 replay "$1" "$key" --data .
        says 'identical'
        says_not 'DIFFERENT'
    done
}

plan seeds strict ', "final": {"seeds": [1, 2]}'
expect 0 run seeds.json --results seeds.db --quiet
says 'folds'
expect 0 run seeds.json --results seeds.db
says 'done already'
replays_all seeds.db
check 'a result joins several settings' grep -q " final .* fold 0 {.*fold 4 {" list
says 'scores: identical'

# Without final seeds the search seeds of the chosen settings are the result.
plan search strict ''
expect 0 run search.json --results search.db --quiet
replays_all search.db

# ---- results files ----------------------------------------------------------------------------

expect 0 doctor seeds.db
says 'seeds.db: no damage, schema version 3, 1 plan, '
expect 0 table seeds.db --format json
cp "$STDOUT" before.json
expect 0 doctor seeds.db --upgrade copy.db
expect 0 table copy.db --format json
check 'the copy has the same table' cmp "$STDOUT" before.json
expect 0 run seeds.json --results copy.db --no-table
says 'training: 0 runs'
expect 1 doctor seeds.db --upgrade copy.db
says 'copy.db exists already'
expect 3 doctor iemocap.h5 --upgrade other.db
says 'iemocap.h5: expected a results database'
expect 3 doctor nothing.db --upgrade other.db
expect 2 doctor --upgrade other.db
check 'a failed upgrade leaves no file' [ ! -e other.db ]
expect 2 doctor seeds.db --upgrade a.db --save b.db
expect 2 doctor --save other.db

# ---- damage is listed, and the rest is saved
cp seeds.db damaged.db
must sqlite3 damaged.db "update runs set steps = steps + 1 where id = (select min(id) from runs); update trial_scores set waf = 0.5
    where rowid = (select max(rowid) from trial_scores)"
expect 3 table damaged.db
says 'damaged: '
expect 3 doctor damaged.db
matches "^error: table runs, row id=[0-9]+: expected the digest of its values, found another\$"
prints 'error: table trial_scores'
prints 'damaged.db: 2 findings; runs: 24 good, 1 damaged'
prints '--save NEW.db'
expect 3 doctor damaged.db --json
prints '"errors":	2'
expect 3 doctor damaged.db --upgrade other.db
check 'damage is not copied' [ ! -e other.db ]
expect 3 doctor damaged.db --save saved.db
prints 'saved.db: '
expect 0 doctor saved.db
expect 0 run seeds.json --results saved.db --no-table
expect 0 table saved.db --format json
check 'after training the rest, the table is the same' cmp "$STDOUT" before.json

head -c 20000 seeds.db >cut.db
expect 3 doctor cut.db
expect 3 doctor cut.db --upgrade other.db
check 'a failed upgrade leaves no file' [ ! -e other.db ]

finish
