#!/usr/bin/env bash
# merbench parity: the stored values of the reference hold; other files are refused with the right exit codes.
source "$(dirname "$0")/lib.sh"

expect 0 parity "$TESTS"/fixtures/{attention,mfn,graph_mfn,mfm}/*.h5 "$TESTS"/fixtures/trainloop/attention_mer2023.h5
says 'small.h5: holds, model attention'
says 'adam parameters'
says 'predictions'
expect 0 parity "$TESTS"/fixtures/attention_topn/*.h5
says 'top6_regression.h5: holds, model attention_topn'
expect 0 parity "$TESTS"/fixtures/mult/*.h5
says 'dropout.h5: holds, model mult'
expect 0 parity "$TESTS"/fixtures/{mmim,misa}/*.h5 "$TESTS"/fixtures/trainloop/mmim_mer2023.h5
says 'cpc4.h5: holds, model mmim'
says 'dropout.h5: holds, model misa'

expect 0 parity "$TESTS"/fixtures/{lmf,tfn}/*.h5 "$TESTS/fixtures/trainloop/lmf_mosi.h5"
says 'lmf_mosi.h5: holds, model lmf'
says 'holds, model tfn'

expect 0 parity "$TESTS"/fixtures/mctn/*.h5 "$TESTS/fixtures/trainloop/mctn_mosi.h5"
says 'dropout.h5: holds, model mctn'

expect 0 parity --json "$TESTS/fixtures/attention/small.h5"
says '"status":	"holds"'
says '"name":	"gradients"'

expect 0 parity "$TESTS"/fixtures/dataops/*.h5 "$TESTS/fixtures/metrics/metrics.h5"
says 'align.h5: holds'
says 'metrics.h5: holds'

expect 0 synth --like sims --scale 0.1 --dims audio=4,text=5,video=6 -o corpus.h5
expect 4 parity corpus.h5
says 'unsupported'
says_not 'files:' # a sum is printed for several files only
expect 4 parity "$TESTS/fixtures/attention/small.h5" corpus.h5
says 'small.h5: holds'
check 'the sum is the last line' [ "$(tail -n 1 "$STDOUT")" = '2 files: 1 hold, 0 fail, 1 unsupported' ]
expect 3 parity missing.h5 "$TESTS/fixtures/attention/batch1.h5" "$TESTS/fixtures/attention/small.h5" corpus.h5
check 'the sum is the last line' [ "$(tail -n 1 "$STDOUT")" = '4 files: 2 hold, 1 fail, 1 unsupported' ]
expect 4 parity --json "$TESTS/fixtures/attention/small.h5" corpus.h5
says_not 'files:' # JSON stays one document

expect 3 parity missing.h5
says 'missing.h5'
echo 'not HDF5' >foreign.h5
expect 3 parity foreign.h5 "$TESTS/fixtures/attention/batch1.h5"
says 'foreign.h5'
says 'batch1.h5: holds'
for bytes in 0 100 2000 50000 200000; do
    head -c "$bytes" "$TESTS/fixtures/attention/small.h5" >truncated.h5
    expect 3 parity truncated.h5
    says 'truncated.h5'
done

expect 2 parity
expect 2 parity --nonsense
complains "unknown option '--nonsense'"
expect 0 parity --help
says 'usage: merbench parity'
finish
