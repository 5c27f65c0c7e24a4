#!/usr/bin/env bash
# merbench parity --device cuda: every stored model and training loop of the reference holds.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

models=0
for file in "$TESTS"/fixtures/{attention,tfn,lmf,misa,mmim,mfn,graph_mfn,mfm,mctn,mult,trainloop}/*.h5; do
    expect 0 parity --device cuda "$file"
    prints "$(basename "$file"): holds, model "
    prints ' 0 failed'
    models=$((models + 1))
done
check 'there are fixtures' [ "$models" -ge 30 ]
finish
