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
complains "1 to 20, found '21'"
expect 2 paper x
expect 2 paper 9
complains '--data DIR'

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
finish
