#!/usr/bin/env bash
# Layouts: the rows and columns of a table, in a plan or in a file of their own.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=12,text=20,video=8 >/dev/null

# plan FILE LAYOUT: two models; LAYOUT is a JSON value, or empty
plan() {
    local layout=
    [ -z "$2" ] || layout="\"layout\": $2,"
    cat >"$1" <<END
{"name": "laid", "epochs": 2, "corpora": {"q": "q.h5"}, $layout
 "settings": {"hidden_dim": 8},
 "cells": [{"label": "all", "corpus": "q", "model": ["attention", "lmf"],
    "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "final": {"seeds": [1, 2]}}
END
}
layout='{"title": "Two models", "columns": [{"head": "WAF"}, {"head": "accuracy", "metric": "acc"}],
         "rows": [{"head": "Attention", "model": "attention"}, {"head": "LMF", "model": "lmf"}]}'

# ---- in the plan: run prints it; it is no part of the digest, so that another one trains nothing
plan plain.json ''
plan laid.json "$layout"
echo "$layout" >layout.json
expect 0 run laid.json --results r.db --device cpu
matches '^Two models \(plan [0-9a-f]{8}\)$'
matches '^Attention +.* ± .* ± '
cp "$STDOUT" laid.txt
expect 0 run plain.json --results r.db --device cpu
says '4 runs, 4 done already'
prints 'laid (plan'
expect 0 plans r.db
prints 'r.db: 1 plan;'
for file in laid.json layout.json; do
    expect 0 table r.db --layout $file
    same laid.txt "$STDOUT"
done
expect 0 run laid.json --results r.db --device cpu --no-table
quiet

# ---- the same heads in two groups: a row without a group belongs to that of the row before
cat >groups.json <<'END'
{"columns": [{"head": "WAF"}, {"head": "accuracy", "metric": "acc"}],
 "rows": [{"group": "attention", "head": "of all", "model": "attention"},
          {"group": "lmf", "head": "of all", "model": "lmf"}]}
END
expect 0 table r.db --layout groups.json
sed 's/{"group": "lmf", /{"head": "of none", "model": "attention", "metric": "mae"}, &/; s/"model": "lmf"}]/"model": "lmf"}, {"head": "of none", "model": "lmf", "metric": "mae"}]/; s/, {"head": "accuracy", "metric": "acc"}//' groups.json >four.json
expect 0 table r.db --layout four.json
check 'four rows' [ "$(grep -c '^of ' "$STDOUT")" -eq 4 ]
sed 's/"group": "lmf", //' groups.json >twice.json
expect 3 table r.db --layout twice.json
complains 'rows[0] has the head "of all" already'

# ---- what is refused, before anything is trained
expect 3 table r.db --layout plain.json
complains 'plain.json: expected a layout; this is a plan without one'
plan bad.json '{"columns": [{"head": "WAF"}], "rows": [{"head": "MFN", "model": "mfn"}]}'
expect 3 run bad.json --results bad.db --device cpu
complains "bad.json: layout: rows[0] (\"MFN\"): no cell of the plan 'laid' is what it asks for"
check 'nothing was trained' [ "$(grep -c '^training' "$STDERR")" -eq 0 ]
expect 3 table r.db --layout bad.json
complains 'rows[0] ("MFN")'
plan bad.json '{"columns": [{"head": "WAF"}], "rows": [{"head": "both"}]}'
expect 3 run bad.json --results bad.db --device cpu
complains 'bad.json: layout: '
plan bad.json '{"columns": [{"head": "WAF", "metrik": "acc"}], "rows": [{"head": "LMF", "model": "lmf"}]}'
expect 3 run bad.json --results none.db --device cpu
complains 'bad.json: layout: columns[0]: unknown key "metrik"; did you mean "metric"?'
missing none.db
plan bad.json '"layout.json"'
expect 3 run bad.json --results none.db --device cpu
complains 'layout: expected an object'
missing none.db
finish
