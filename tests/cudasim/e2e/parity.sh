#!/usr/bin/env bash
# merbench parity --device cuda: every stored model and training loop of the reference passes.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# Sanitizers slow everything down, so with them only the dropout case of each model and one loop are
# tested. attention_topn has no dropout case.
cases='*' loops='*' topn='*' fewest=35
if grep -q __asan_init "$MERBENCH"; then
    cases='dropout' loops='lmf_*' topn='top6_regression' fewest=12
fi

models=0
for file in "$TESTS"/fixtures/{attention,tfn,lmf,misa,mmim,mfn,graph_mfn,mfm,mctn,mult}/$cases.h5 \
    "$TESTS"/fixtures/attention_topn/$topn.h5 "$TESTS"/fixtures/trainloop/$loops.h5; do
    expect 0 parity --device cuda "$file"
    prints "$(basename "$file"): holds, model "
    prints ' 0 failed'
    models=$((models + 1))
done
check 'there are fixtures' [ "$models" -ge "$fewest" ]
finish
