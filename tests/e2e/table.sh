#!/usr/bin/env bash
# merbench table from outside: formats, files, wrong usage, ledgers that cannot be used.
source "$(dirname "$0")/lib.sh"

must "$MERBENCH" synth --like quickstart -o quickstart.h5
cat >plan.json <<'EOF'
{"name": "tiny", "epochs": 2, "corpora": {"q": "quickstart.h5"},
 "grid": {"hidden_dim": [8, 16]}, "settings": {"learning_rate": 0.001, "dropout": 0.2},
 "cells": [
   {"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"},
   {"label": "video", "corpus": "q", "model": "attention", "feature": "synth-video-UTT"}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
EOF
must "$MERBENCH" run plan.json --quiet --no-table
check 'a finished sweep leaves one file' [ "$(echo results.db*)" = results.db ]
before=$(sha256sum results.db)

# Every format, to stdout and to a file, with the same result both times.
for format in text markdown latex csv json; do
    expect 0 table results.db --format "$format"
    prints tiny
    prints 'hidden'
    cp "$STDOUT" "first.$format"
    expect 0 table results.db -f "$format" -o "second.$format"
    quiet
    same "first.$format" "second.$format"
    expect 0 table results.db -f "$format" --all-settings
    prints 'hidden'
    prints 'dropout=0.2' # fixed settings, too
done
check 'text: the best of two is marked' grep -q '^\(text\|video\)  *\* [0-9]' first.text
check 'csv: one line per entry' [ "$(wc -l <first.csv)" = 3 ]
expect 0 table results.db --metric acc --plan tiny --phase search
prints 'accuracy'

# Deviations of two seeds: with n they are smaller by the square root of two.
std_of() { awk -F, '$9 == "final" { print $13; exit }' "$1"; }
expect 0 table results.db -f csv --deviation population
prints ',population,'
check 'the ratio of the deviations' awk -v n_1="$(std_of first.csv)" -v n="$(std_of "$STDOUT")" \
    'BEGIN { exit !(n > 0 && n_1 / n > 1.41421 && n_1 / n < 1.41422) }'
expect 2 table results.db --deviation sampel
complains "did you mean 'sample'"

# MER2023 has several parts.
must "$MERBENCH" synth --like mer2023 --scale 0.1 --dims audio=8,text=8,video=8 -o mer.h5
cat >mer.json <<'EOF'
{"name": "mer", "epochs": 2, "corpora": {"m": "mer.h5"}, "settings": {"hidden_dim": 8},
 "cells": [{"label": "text", "corpus": "m", "model": "attention", "feature": "synth-text-UTT"}],
 "final": {"seeds": [1, 2]}}
EOF
must "$MERBENCH" run mer.json --results mer.db --quiet --no-table
expect 0 table mer.db
prints 'folds WAF '
prints ' average MSE'
prints 'test1 = MER-MULTI'
expect 0 table mer.db -f csv
prints ',test3_waf,test3_waf_std,test3_mse,test3_mse_std,average_waf,'
check 'csv: one line per entry, also with several parts' [ "$(wc -l <"$STDOUT")" = 2 ]

# Under strict each fold chooses for itself. On this corpus folds differ.
must "$MERBENCH" synth --like iemocapfour --scale 0.05 --dims audio=16,text=24,video=12 \
    --signal audio=0.5,text=0.6 -o iemocap.h5
cat >strict.json <<'EOF'
{"name": "strict", "epochs": 2, "protocol": "strict", "corpora": {"i": "iemocap.h5"},
 "grid": {"hidden_dim": [4, 8], "dropout": [0.1, 0.4]}, "settings": {"learning_rate": 0.003},
 "cells": [{"label": "text", "corpus": "i", "model": "attention", "feature": "synth-text-UTT"}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
EOF
must "$MERBENCH" run strict.json --results strict.db --quiet --no-table --isa portable
expect 0 table strict.db
prints ' (doubtful choice)'
prints 'the first one is taken'
prints ' fold 4: '
expect 0 table strict.db --all-settings
prints 'chosen for'
expect 0 table strict.db -f csv --all-settings
folds=$(sed '1d; s/.*,//' "$STDOUT" | tr ' ' '\n' | sort | tr -d '\n')
check 'each fold is named at the setting that it chose' [ "$folds" = 01234 ]

# A table replaces neither the ledger, nor half of a file.
expect 2 table results.db -o results.db
complains 'results.db'
expect 2 table results.db -o results.db --force
complains 'results.db'
expect 3 table results.db -o second.csv
complains 'second.csv: the file exists; --force replaces it'
same first.csv second.csv
expect 3 table results.db -o no/such/folder/table.txt
complains 'no/such/folder'
if [ -c /dev/full ]; then
    expect 1 table results.db -o /dev/full
    complains '/dev/full'
fi

# Wrong usage.
expect 2 table results.db --format xml
complains 'markdown'
expect 2 table results.db --format markdwn
complains "did you mean 'markdown'"
expect 2 table results.db --mertic waf
complains "did you mean '--metric'"
expect 2 table results.db --metric wfa
complains "did you mean 'waf'"
expect 2 table results.db -x
complains "'-x'"
expect 2 table results.db other.db
complains 'other.db'
expect 2 table --plan
complains 'needs a value'
expect 3 table results.db --plan tinny
complains "did you mean 'tiny'"
quiet

# Files that are not ledgers.
expect 3 table quickstart.h5
complains 'quickstart.h5'
head -c 20000 results.db >cut.db
expect 3 table cut.db
complains 'damaged'
: >empty.db
expect 3 table empty.db
complains 'an empty file'
expect 3 table .
complains 'folder'
check 'the results are untouched' [ "$before" = "$(sha256sum results.db)" ]
check 'nothing is left beside them' [ "$(echo results.db*)" = results.db ]

finish
