#!/usr/bin/env bash
# Replay of a trial with folds: on any number of threads, from several devices, with only some folds recorded.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

cat >plan.json <<END
{"name": "folds", "epochs": 3, "corpora": {"c": "c.h5"},
 "cells": [{"corpus": "c", "model": "attention", "feature": "synth-text-UTT", "settings": {"hidden_dim": 8}}],
 "search": {"method": "none"}, "final": {"seeds": [1]}}
END
must "$MERBENCH" synth --like iemocapfour -o c.h5 --dims audio=12,text=20,video=8 --scale 0.05 >/dev/null
must "$MERBENCH" run plan.json --results all.db --isa portable --quiet --no-table
key=$("$MERBENCH" replay all.db --list | sed -n '1s/ .*//p')

# ---- threads
expect 0 replay all.db "$key" --threads 1
prints 'fold 0: 3 epochs, identical'
prints 'fold 4: 3 epochs, identical'
prints 'scores: identical'
cp "$STDOUT" alone
for threads in 2 5 16; do
    expect 0 replay all.db "$key" --threads $threads
    check "$threads threads print the same as one" cmp "$STDOUT" alone
done
expect 0 replay all.db "$key"
check 'so do as many as there are processors' cmp "$STDOUT" alone
expect 2 replay all.db "$key" --threads 0
complains "--threads: expected a whole number 1..1024, found '0'"
expect 2 replay all.db "$key" --threads two
complains "--threads: expected a whole number 1..1024, found 'two'"

# ---- some folds of a trial, recorded on several devices
cp all.db some.db
must "$LEDGER_SQL" some.db "delete from epochs where run in (select id from runs where fold in (1, 3));
    delete from predictions where run in (select id from runs where fold in (1, 3));
    delete from runs where fold in (1, 3); delete from trial_scores"
expect 0 replay some.db "$key" --threads 2
prints 'fold 0: 3 epochs, identical'
prints 'fold 1: not recorded'
prints 'fold 2: 3 epochs, identical'
prints 'fold 3: not recorded'
says_not 'scores'
must "$MERBENCH" run plan.json --results some.db --device cpu --quiet --no-table
expect 0 replay some.db "$key" --threads 2
check 'two instruction sets in one trial' cmp "$STDOUT" alone
cp all.db changed.db
must "$LEDGER_SQL" changed.db "update epochs set train_loss = train_loss * (1 + 1e-15)
    where epoch = 1 and run in (select id from runs where fold in (2, 3))"
expect 3 replay changed.db "$key" --threads 3
prints 'fold 1: 3 epochs, identical'
prints 'fold 2: 3 epochs, DIFFERENT: '
prints 'fold 3: 3 epochs, DIFFERENT: '
complains 'fold 2: training loss of epoch 2'
says_not 'scores'

finish
