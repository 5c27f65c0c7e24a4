#!/usr/bin/env bash
# A made-up version of all that the paper's tables need: made, audited, and trained with the ranking that was put in.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

corpora='MER2023 IEMOCAPFour IEMOCAPSix MELD CMUMOSI CMUMOSEI SIMS SIMSv2'
small='--scale 0.04 --dims-scale 0.02'

# ---- making it
# shellcheck disable=SC2086
expect 0 synth --like paper -o set $small
matches '^set/SIMS.h5: synthetic SIMS, .* utterances \(train .*, val .*, test .*\), 97 features$'
prints 'set/strengths.csv'
check 'eight corpora and the strengths' [ "$(find set -mindepth 1 | wc -l)" -eq 9 ]
check 'a line for every feature' [ "$(wc -l <set/strengths.csv)" -eq 45 ]
check 'a heading' [ "$(head -1 set/strengths.csv)" = feature,modality,strength ]
for corpus in $corpora; do
    expect 0 info "set/$corpus.h5"
    prints "synthetic: like paper, $corpus, seed 1, scale 0.04"
    matches '^  chinese-hubert-large-noisesnr10-UTT +audio +utterance'
    matches '^  Baichuan-13B-Base-FRA +text +frame'
    expect 0 doctor "set/$corpus.h5"
    prints '0 errors, 0 warnings'
done

# ---- the same bytes, and files that exist
before=$(digest set)
# shellcheck disable=SC2086
expect 3 synth --like paper -o set $small
complains 'MER2023.h5: the file exists'
quiet
check 'a refused folder is untouched' [ "$before" = "$(digest set)" ]
# shellcheck disable=SC2086
expect 0 synth --like PAPER -o again $small
for corpus in $corpora; do same "set/$corpus.h5" "again/$corpus.h5"; done
same set/strengths.csv again/strengths.csv
# shellcheck disable=SC2086
expect 0 synth --like paper -o again $small --seed 2 --force
check 'another seed, other bytes' [ "$(cmp -s set/SIMS.h5 again/SIMS.h5; echo $?)" -eq 1 ]
same set/strengths.csv again/strengths.csv
mkdir part && cp set/MELD.h5 set/strengths.csv part
# shellcheck disable=SC2086
expect 3 synth --like paper -o part $small
complains 'part/MELD.h5: the file exists'
check 'nothing was added' [ "$(find part -mindepth 1 | wc -l)" -eq 2 ]

# ---- wrong use
expect 3 synth --like paper -o missing/set
complains 'No such file'
expect 3 synth --like paper -o set/strengths.csv
complains 'expected a folder, found a file'
expect 2 synth --like paper
complains 'CORPUS.h5 is missing'
for wrong in 0 -1 1.5 nan x; do
    expect 2 synth --like paper -o none --dims-scale $wrong
    complains '--dims-scale'
done
for wrong in 0 -1 101 nan x; do
    expect 2 synth --like paper -o none --scale $wrong
    complains '--scale'
done
expect 2 synth --like paper -o none --frames
complains '--frames is only valid for a single corpus'
expect 2 synth --like paper -o none --dims audio=3
expect 2 synth --like paper -o none --signal audio=3
expect 2 synth --like sims -o none --dims-scale 0.1
complains '--dims-scale: only valid with --like paper'
missing none

# ---- stopped: neither the folder nor a part of it is left
start synth --like paper -o stopped --scale 0.5
for _ in $(seq 600); do
    [ -e stopped/MER2023.h5 ] && break
    sleep 0.05
done
exists stopped/MER2023.h5
kill -TERM "$PID"
ended 1
complains interrupted
missing stopped

# ---- no table lacks anything (tests/unit/test_synth_paper.c has all of them)
for wanted in '8 48' '9 160'; do
    expect 0 paper "${wanted% *}" --data set --results none.db --draws 1 --epochs 1 --dry-run --threads 2
    matches "^cells +${wanted#* }\$"
done
missing none.db

expect 0 paper --data set --only SIMS,simsv2
matches '^ 5  .*\(88 of 352 cells\)$'
matches '^17  .*\(needs no corpora\)$'
matches '^20  .*\(22 of 44 cells\)$'

# ---- across corpora
expect 0 paper 20 --data set --only SIMS,SIMSv2 --results r.db --draws 1 --seeds 1 --epochs 1 --threads 2 --format csv
check 'a score of every row of the two corpora' \
    [ "$(grep -cE ' > SIMS(v2)?,.*,waf,[01](\.[0-9]+)?,' "$STDOUT")" -eq 22 ]

# ---- the order of scores is that of the strengths
# rank_correlation DATASET: Spearman's, of the scores in a table of CSV and the strengths
rank_correlation() {
    awk -F, -v dataset="$1" '
        function rank(of, i,   k, less, same) {
            for (k = 1; k <= n; k++) { less += of[k] < of[i]; same += of[k] == of[i] }
            return less + (same + 1) / 2
        }
        NR == FNR { strength[$2 "/" $1] = $3; next }
        FNR == 1 { for (f = 1; f <= NF; f++) field[$f] = f; next }
        $field["dataset"] == dataset { score[++n] = $field["mean"] + 0; put_in[n] = strength[$field["label"]] + 0 }
        END {
            if (n != 44) { print 0; exit }
            for (i = 1; i <= n; i++) { d = rank(score, i) - rank(put_in, i); squares += d * d }
            print 1 - 6 * squares / (n * (n * n - 1))
        }' set/strengths.csv "$STDOUT"
}
mkdir data && cp set/MELD.h5 set/CMUMOSEI.h5 data
expect 0 paper 5 --data data --results r.db --draws 1 --seeds 1 --epochs 4 --threads 2 --format csv --published off --quiet
for dataset in MELD CMUMOSEI; do
    found=$(rank_correlation $dataset)
    echo "rank correlation on $dataset: $found"
    check "$dataset: a rank correlation of at least 0.9, found $found" awk "BEGIN { exit !($found >= 0.9) }"
done
finish
