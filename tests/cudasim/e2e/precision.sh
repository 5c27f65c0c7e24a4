#!/usr/bin/env bash
# --precision: evaluations in TF32 are close to those in float32, the ledger records the precision,
# replay uses the recorded one, and the costs of a sample name it.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# Parts have at least 48 utterances; with fewer, tensor cores are not used.
must "$MERBENCH" synth --like quickstart --scale 0.6 -o q.h5 --dims audio=5,text=40,video=6 >/dev/null
plan whole.json "0.2" "1"

expect 0 run whole.json --results float32.db --device cuda --no-table
says_not tf32
expect 0 run whole.json --results named.db --device cuda --precision float32 --no-table
same_bits float32.db named.db
expect 0 run whole.json --results tf32.db --device cuda --precision tf32 --no-table
matches 'on cuda .* tf32$'
if command -v sqlite3 >/dev/null; then
    check 'TF32 changes predictions' [ "$(contents float32.db)" != "$(contents tf32.db)" ]
fi
expect 0 run whole.json --results none.db --device auto --precision tf32 --dry-run
matches '^device  *cuda .* tf32$'
missing none.db

# ---- replay
expect 0 replay tf32.db --list
key=$(sed -n '/ final /{s/ .*//p;q}' "$STDOUT")
expect 0 replay tf32.db "$key"
prints 'identical'
says_not 'trained again on'
expect 0 replay tf32.db "$key" --device cuda --precision tf32
prints 'identical'
expect 3 replay tf32.db "$key" --precision float32
matches 'fold 0 was recorded on cuda .* tf32; it is trained again on cuda '
complains 'devices differ in rounding'
expect 3 replay float32.db "$key" --precision tf32
complains 'devices differ in rounding'

# ---- parity: wider limits for evaluation, the same ones for training
wide=$TESTS/fixtures/mult/unalign_k1_l4.h5
expect 0 parity --device cuda "$wide"
matches '^  outputs .*\(limit 1e-05\)'
expect 0 parity --device cuda --precision tf32 "$wide"
matches '^  outputs .* worst [0-9.]+(e-0[1-4])? \(limit 0\.02\)'
matches '^  gradients .*\(limit 0\.02\)'
matches '^  adam parameters .*\(limit 0\.001\)'

# ---- the costs of a sample on the device
expect 0 model attention --complexity --dims audio=8,text=8,video=8 --set hidden_dim=8 --batch 2 --precision tf32
matches '^for each sample, on cuda .* tf32$'
matches '^  training step +[0-9.e-]+ ms$'
matches '^  inference +[0-9.e-]+ ms$'

finish
