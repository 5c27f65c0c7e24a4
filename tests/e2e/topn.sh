#!/usr/bin/env bash
# attention_topn: lists of features in plans, the ledger, tables and replays; what is refused before training.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 synth --like cmumosi --scale 0.05 --frames --dims audio=4,text=5,video=6 -o c.h5
A='"audio": ["synth-audio-UTT", "synth-audio-FRA"]'
T='"text": ["synth-text-FRA", "synth-text-UTT"]'
V='"video": ["synth-video-UTT", "synth-video-FRA"]'

# plan CELLS...: writes plan.json
plan() {
    local IFS=, cells
    cells="$*"
    cat >plan.json <<END
{"name": "topn", "epochs": 2, "corpora": {"c": "c.h5"}, "cells": [$cells],
 "grid": {"hidden_dim": [4, 6]}, "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
END
}

cell() { # cell MORE
    echo "{\"corpus\": \"c\", \"model\": \"attention_topn\", $1}"
}

plan "$(cell "\"features\": {$A, $T, $V}")" "$(cell "\"fusion_modality\": \"VT\", \"features\": {$A, $T, $V}")" \
    "$(cell '"label": "text alone", "feature": "synth-text-UTT"')"
expect 0 run plan.json --results r.db --dry-run
matches '^cells +3$'
missing r.db
expect 0 run plan.json --results r.db --threads 1
expect 0 table r.db
prints 'synth-audio-UTT, synth-audio-FRA + synth-text-FRA, synth-text-UTT + synth-video-UTT, synth-video-FRA'
prints 'VT: synth-text-FRA, synth-text-UTT + synth-video-UTT, synth-video-FRA'
prints 'text alone'
expect 0 table r.db --format csv
prints 'audio=synth-audio-UTT, audio=synth-audio-FRA, text=synth-text-FRA, text=synth-text-UTT, video=synth-video-UTT, video=synth-video-FRA'
prints 'text=synth-text-FRA, text=synth-text-UTT, video=synth-video-UTT, video=synth-video-FRA, fusion_modality=VT'
prints 'audio=synth-text-UTT, text=synth-text-UTT, video=synth-text-UTT'

# ---- every trial can be had again; other threads make no difference; starting again trains nothing
expect 0 replay r.db --list
cp "$STDOUT" trials
check 'there are trials' [ "$(grep -c attention_topn trials)" -ge 6 ]
for key in $(grep -oE '^[0-9a-f]{32}' trials); do
    expect 0 replay r.db "$key" --data .
    says 'identical'
done
expect 0 run plan.json --results other.db --threads 3
expect 0 table r.db --format csv
cp "$STDOUT" one.csv
expect 0 table other.db --format csv
check 'threads make no difference' cmp -s one.csv "$STDOUT"
expect 0 run plan.json --results r.db
says 'training: 0 runs'

# ---- a layout finds a feature in a list, and nothing in the name of a fusion_modality
cat >layout.json <<'END'
{"columns": [{"head": "MOSI", "dataset": "CMUMOSI"}],
 "rows": [{"head": "lists", "features": {"audio": "synth-audio-FRA"}}]}
END
expect 0 table r.db --layout layout.json
matches '^lists +.*[0-9.]+ ± '
sed -i 's/"features": {"audio": "synth-audio-FRA"}/"feature": "VT"/' layout.json
expect 3 table r.db --layout layout.json
complains 'no cell of the plan'

# ---- lists and targets
expect 0 synth --like sims --scale 0.05 --frames --dims audio=4,text=5,video=6 -o s.h5
cat >cross.json <<END
{"name": "cross", "epochs": 2, "corpora": {"c": "c.h5", "s": "s.h5"}, "settings": {"hidden_dim": 4}, "cells": [
 {"corpus": "c", "targets": ["s"], "model": "attention_topn", "fusion_modality": "AT", "features": {$A, $T}}],
 "final": {"seeds": [1]}}
END
expect 0 run cross.json --results cross.db
prints 'CMUMOSI > SIMS'
expect 0 replay cross.db --list
key=$(grep -oE '^[0-9a-f]{32}' "$STDOUT")
expect 0 replay cross.db "$key" --data .
says 'identical'
says_not 'not compared'

# ---- refused before training
refused() { # refused MESSAGE CELL
    plan "$2"
    expect 3 run plan.json --results none.db
    complains "$1"
    missing none.db
}
refused 'found 2 for audio and 1 for video' "$(cell "\"features\": {$A, $T, \"video\": [\"synth-video-UTT\"]}")"
refused 'features.text: expected a list of at most 6, found a list of 7' \
    "$(cell "\"features\": {$A, \"text\": [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\"], $V}")"
refused 'the model lmf takes one feature for each modality' \
    "{\"corpus\": \"c\", \"model\": \"lmf\", \"features\": {$A, $T, $V}}"
refused 'c.h5: unknown feature "synth-vido-UTT"; did you mean "synth-video-UTT"?' \
    "$(cell "\"features\": {$A, $T, \"video\": [\"synth-video-FRA\", \"synth-vido-UTT\"]}")"
refused 'video[1] in ' "$(cell "\"features\": {$A, $T, \"video\": [\"synth-video-FRA\", \"x\"]}")"
refused 'model attention_topn takes only utt, found frm_align' \
    "$(cell "\"feature_type\": \"frm_align\", \"features\": {$A, $T, $V}")"
refused 'fusion_modality: unknown value "TV"' "$(cell "\"fusion_modality\": \"TV\", \"features\": {$A, $T, $V}")"
finish
