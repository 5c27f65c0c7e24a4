#!/usr/bin/env bash
# Tables of the paper, from what there is of corpora and features.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 paper
matches '^ 9  Multimodal benchmark: ten fusion models'
matches '^20  Cross-corpus'
matches '^16  .*not yet'
check 'twenty tables' [ "$(wc -l <"$STDOUT")" -eq 20 ]
expect 2 paper 21
complains "1 to 20, or 'all', found '21'"
expect 2 paper x
expect 2 paper 9
complains '--data DIR'

# ---- Table 17: measured, without corpora. Times depend on the machine.
expect 0 paper 17 --dry-run
matches '^classifiers to be measured +6$'
expect 0 paper 17 --device cpu
matches '^VideoMAE-base × +0\.0152 +0\.02 +0\.4780 +0\.48 +[0-9.]+ +0\.03 +[0-9.]+$'
matches '^CLIP-base × +0\.0121 +0\.01 +0\.3797 +0\.38 '
matches '^ALBERT-small × +0\.0105 +0\.01 +0\.3305 +0\.33 '
matches '^HUBERT-base ✓ +— +885\.22 +— +94\.50 +— +21\.13 +—$'
prints '—: the row is a fine-tuned encoder'
expect 0 paper 17 --device cpu --format csv
check 'a line for every place' [ "$(wc -l <"$STDOUT")" -eq $((1 + 12 * 4)) ]
matches '^text/albert-small/frozen,# Params \(M\),0\.33050'
sanitized=$(grep -q __asan_init "$MERBENCH" && echo yes || echo no) # they take their time to measure
if [ "$sanitized" = no ]; then
    expect 0 paper 17 --device cpu --format json
    matches '"row": "video/clip-base/frozen", "column": "MACs \(G\)", "value": 0\.01209'
    expect 0 paper 17 --device cpu --format markdown --published off
    matches '^\| MacBERT-base × +\| +0\.0152 \| +0\.4780 \| +[0-9.]+ \| +[0-9.]+ \|$'
    expect 0 paper 17 --device cpu --format latex --published diff
    matches '^ALBERT-small × +& +0\.0105 & +\+0\.0005 '
fi

# ---- a corpus with the high set, as vectors and as sequences
mkdir -p folder/features data
cp "$TESTS/fixtures/mertools/cmumosi/label.npz" folder
from=$TESTS/fixtures/mertools/cmumosi/features/words
for name in chinese-hubert-large-UTT Baichuan-13B-Base-UTT clip-vit-large-patch14-UTT; do
    cp -r "$from" "folder/features/$name"
done
expect 0 import mertools folder --dataset CMUMOSI -o data/mosi.h5 --quiet
expect 3 paper 9 --data folder
complains 'expected corpora (*.h5), found none'
expect 4 paper 16 --data data
complains 'Table 16: it needs fine-tuned encoders'
expect 2 paper 5 --data data --only MLED,SIMS
complains "--only: unknown dataset 'MLED'; did you mean 'MELD'?"
expect 2 paper 5 --data data --only CMUMOSI,cmumosi
complains 'given twice'
expect 3 paper 5 --data data --only CMUMOSI,SIMS
complains 'data: expected a corpus (*.h5) of SIMS, found none'
expect 0 paper --data data
matches '^ 9  .*\(5 of 160 cells\)$'
matches '^19  .*\(0 of 33 cells\)$'
expect 2 paper all
complains '--data DIR'
expect 3 paper 7 --data data --results r.db
complains 'Table 7: none of its features is in the corpora of data'
missing r.db

# ---- Table 5: three of 44 features on one of eight corpora
few='--draws 1 --seeds 1,2 --epochs 1 --threads 2'
# shellcheck disable=SC2086
expect 0 paper 5 --data data --results r.db $few --dry-run
matches '^cells +3$'
missing r.db
# shellcheck disable=SC2086
expect 0 paper 5 --data data --results r.db $few
prints 'Unimodal benchmark'
matches '^HUBERT-large +.*[0-9]+\.[0-9][0-9] ± [0-9.]+ +[0-9.]+ ± [0-9.]+ +[-+][0-9.]+ (same|different|undecided)'
matches '^VGGish +—'
prints 'the plan has no such cell'
# shellcheck disable=SC2086
expect 0 paper 5 --data data --results r.db $few --format csv --published off
check 'a line for every place' [ "$(wc -l <"$STDOUT")" -eq $((1 + 44 * 9)) ]
says '0 runs' # nothing is trained again

# ---- Table 9 shares its attention with no other; its models on utterances are there
# shellcheck disable=SC2086
expect 0 paper 9 --data data --results r.db $few --quiet
matches '^Attention +'
matches '^high'

# ---- Table 10: Top1 is attention of Table 9, Top2 has two features of each modality
# shellcheck disable=SC2086
expect 0 paper 10 --data data --results r.db $few
says 'table10: 2 runs, 2 done already'
matches '^Top1 .*(same|different|undecided)'
matches '^Top2 +—'
prints 'CMUMOSI lacks whisper-large-v2-UTT (audio, from Top2 on), chinese-roberta-wwm-ext-large-UTT (text'
check 'the reason is given once' [ "$(grep -c whisper-large "$STDOUT")" -eq 1 ]
for name in whisper-large-v2-UTT chinese-roberta-wwm-ext-large-UTT manet_UTT; do
    cp -r "$from" "folder/features/$name"
done
expect 0 import mertools folder --dataset CMUMOSI -o data/mosi.h5 --quiet --force
# shellcheck disable=SC2086
expect 0 paper 10 --data data --results r.db $few
says 'table10: 4 runs, '
matches '^Top2 .*(same|different|undecided)'
matches '^Top3 +—'
prints 'CMUMOSI lacks wavlm-large-UTT (audio, from Top3 on)'

# ---- all tables: those that have no cell are named, the others are there already
# shellcheck disable=SC2086
expect 0 paper all --data data --results r.db $few --quiet
prints 'Unimodal benchmark'
prints 'Multimodal benchmark'
prints 'The best 1..6 features'
complains 'Table 7: none of its features is in the corpora of data'
complains 'Table 20: none of its features'
check 'nothing is trained but what is new' [ "$(grep -c 'Table 16' "$STDERR")" -eq 0 ]
finish
