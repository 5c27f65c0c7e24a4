#!/usr/bin/env bash
# What import, doctor and run say of labels that do not fit, of parts that cannot be scored, and of runs
# that must break.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
FOLDER=$TESTS/fixtures/mertools/cmumosi

# plan FILE PROTOCOL BATCH_SIZE MODEL SETTINGS CORPUS: one seed, two epochs
plan() {
    cat >"$1" <<END
{"name": "w", "protocol": "$2", "batch_size": $3, "epochs": 2, "corpora": {"c": "$6"},
 "cells": [{"corpus": "c", "model": "$4", "settings": {"hidden_dim": 8$5},
            "features": {"audio": "${7:-synth-audio-UTT}", "text": "${7:-synth-text-UTT}", "video": "${7:-synth-video-UTT}"}}],
 "final": {"seeds": [1]}}
END
}
# warnings: how many lines of stderr are warnings
warnings() { grep -c 'warning:' "$STDERR"; }

# ---- a few made-up utterances: not the published sizes, one sign in val and test
sizes="split-sizes: CMUMOSI: splits without the published size: 'train': 6 utterances, published 1284;"
sign="one-sign: CMUMOSI: parts whose valences have one sign; a constant prediction has a WAF of 100 there: 'val': 2 negative, 0 zero, 0 positive;"
expect 0 import mertools "$FOLDER" --dataset CMUMOSI -o mosi.h5 --text words --quiet
complains "merbench import: warning: $sizes"
complains "merbench import: warning: $sign"
check 'two warnings' [ "$(warnings)" = 2 ]
expect 3 doctor mosi.h5
prints 'warning: split-sizes: CMUMOSI: 3 splits'
prints 'warning: one-sign: CMUMOSI: 2 parts'
plan mosi.json mertools 32 attention "" mosi.h5 words
for how in --dry-run --quiet --no-table; do
    expect 0 run mosi.json $how
    complains "mosi.json: corpora.c: warning: $sizes"
    complains "mosi.json: corpora.c: warning: $sign"
    check "two warnings with $how" [ "$(warnings)" = 2 ]
done

# ---- the same labels under the name of a dataset with classes
expect 0 import mertools "$FOLDER" --dataset MELD -o meld.h5 --text words
complains "warning: one-class: MELD: parts whose utterances all have one class, perhaps a placeholder: 'train': 6 of class 0 'anger';"
complains 'warning: ignored-labels: MELD: the dataset has no valences, those of the label file are ignored: the first is -2, 8 utterances have another'
says_not 'absent-class'
plan meld.json strict 32 attention "" meld.h5 words
expect 0 run meld.json --results meld.db --quiet
complains "meld.json: corpora.c: warning: one-class: MELD: parts"
# ... and with a range that is too small
expect 0 import mertools "$FOLDER" --dataset SIMS -o sims.h5 --text words
complains "warning: valence-range: SIMS: valences outside the dataset's range: 'train-0': -2 is not in [-1, 1];"

# ---- a corpus that was made to be small: no warnings, at any scale
for scale in 1 0.05; do
    expect 0 synth --like sims --scale $scale --dims audio=4,text=5,video=6 -o synth.h5 --force
    plan synth.json mertools 32 attention "" synth.h5
    expect 0 run synth.json --dry-run
    check "no warnings at scale $scale" [ ! -s "$STDERR" ]
done

# ---- a last batch of one row: 68 training rows, batches of 67
plan one.json mertools 67 misa "" synth.h5
expect 0 run one.json --dry-run
complains 'one.json: cells[0]: warning: misa on c: the runs (68 training rows) break in epoch 1: their last batch has one row, whose gradients are not finite; they are scored as the toolkit scores them'
for quiet in mertools:66:misa: mertools:67:attention: strict:67:misa: 'mertools:67:misa:, "zero_norm": "zero"'; do
    IFS=: read -r protocol batch model settings <<<"$quiet"
    [ -z "$settings" ] || settings=', "zero_norm": "zero"'
    plan fine.json "$protocol" "$batch" "$model" "$settings" synth.h5
    expect 0 run fine.json --results fine.db --quiet --no-table
    check "no warnings: $quiet" [ ! -s "$STDERR" ]
done
# strict does not score it; it diverges as foretold
plan strict.json strict 67 misa ', "zero_norm": "nan", "sim_weight": 0' synth.h5
expect 0 run strict.json --results strict.db
complains 'strict.json: cells[0]: warning: misa on c: the runs (68 training rows) will diverge in epoch 1: their last batch has one row'
complains '1 diverged'
# classes and values: the toolkit's mean squared error refuses NaN
expect 0 synth --like quickstart --dims audio=4,text=5,video=6 -o q.h5
plan both.json mertools 599 misa "" q.h5
expect 0 run both.json --dry-run
complains 'misa on c: the runs (600 training rows) will diverge in epoch 1'

# ---- folds: 5 sessions, a line for all cells of a corpus and a model
expect 0 synth --like iemocapsix --scale 0.05 --dims audio=4,text=5,video=6 -o six.h5
cat >six.json <<END
{"name": "six", "batch_size": 1, "corpora": {"a": "six.h5", "b": "six.h5"}, "settings": {"hidden_dim": 8},
 "cells": [{"corpus": ["a", "b"], "model": ["attention", "misa"], "feature": "synth-text-UTT"},
           {"label": "again", "corpus": "a", "model": "misa", "feature": "synth-audio-UTT"}],
 "final": {"seeds": [1]}}
END
expect 0 run six.json --dry-run
check 'one line for three cells' [ "$(warnings)" = 1 ]
matches '^six.json: cells\[0\] and 2 more cells: warning: misa on a: the runs of fold 0 \([0-9]+ training rows\), fold 1 .*, fold 4 \([0-9]+ training rows\) break'
finish
