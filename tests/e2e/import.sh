#!/bin/bash
# merbench import, info and doctor on small made-up folders: what they print, and every kind of bad
# input, with its exit code and message, and without leaving files behind.
source "$(dirname "$0")/lib.sh"
FOLDERS=$TESTS/fixtures/mertools

# a fresh copy of the folder to break
broken() {
    rm -rf broken && cp -r "$FOLDERS/mer2023" broken && chmod -R u+w broken
}
import_broken() { expect "$1" import mertools broken --dataset MER2023 -o x.h5; }
nothing_left() { check 'nothing is left behind' [ -z "$(ls -A . | grep -E '^x\.h5')" ]; }

# ---- successful imports
expect 0 import --help
prints '--allow-nonfinite'
expect 0 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o mer.h5
prints 'mer.h5: MER2023, 16 utterances (train 12, test1 3, test3 1), 3 features'
complains 'reading clip-tiny-FRA: 16 utterances'
expect 0 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o again.h5 --threads 7 --quiet
says_not 'reading'
check 'quiet leaves warnings alone' [ "$(wc -l <"$STDERR")" = "$(grep -c 'import: warning: ' "$STDERR")" ]
same mer.h5 again.h5
expect 0 import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI -o mosi.h5
complains "the modality of 'words' is unknown"
expect 0 import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI -o mosi.h5 --text words --force
says_not 'is not known'
expect 0 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o part.h5 --features wavlm-tiny-UTT,bert-tiny-UTT
prints '2 features'

expect 0 info mer.h5
prints 'dataset    MER2023 (6 classes, 1 regression output)'
prints 'valences: 11 (negative 2, zero 2, positive 7), -3 to 2.5'
matches 'clip-tiny-FRA +video +frame +5 +1/1.9/3 +31 '
prints 'features/wavlm-tiny-UTT'
expect 0 info mer.h5 --json
prints '"emotions_missing":	0'
prints '"frames_maximum":	3'
expect 0 info mosi.h5
prints 'negative 6, zero 2, positive 3'
expect 3 doctor mer.h5
prints 'error: missing-valence: train: 4 utterances'
prints "note: missing-valence: test3: 1 utterance of"
prints 'warning: split-sizes: MER2023: 4 splits'
prints 'mer.h5: 1 error, 2 warnings'
expect 3 doctor mer.h5 --entries 1
prints '... and 3 more'
expect 3 doctor mosi.h5
expect 3 doctor mosi.h5 --json
prints '"errors":	0'

# ---- wrong usage
for arguments in "" "tfds d" "mertools" "mertools a b" "mertools d --dataset MER2023" \
    "mertools d -o x.h5" "mertools d --dataset MER2O23 -o x.h5" "mertools d --datset MER2023 -o x.h5" \
    "mertools d --dataset MER2023 -o x.h5 --threads 0" "mertools d --dataset MER2023 -o x.h5 --threads 1x" \
    "mertools d --dataset MER2023 -o x.h5 --features a,,b" "mertools d --dataset MER2023 -o"; do
    # shellcheck disable=SC2086
    expect 2 import $arguments
    quiet
done
expect 2 import mertools d --dataset Mer2023 -o x.h5
complains "did you mean 'MER2023'?"
expect 2 info
expect 2 info a.h5 b.h5
expect 2 info --yaml a.h5
expect 2 doctor mer.h5 --entries 0
expect 0 info --help
expect 0 doctor --help

# ---- the output
state() { ls -A1 | grep -v '^\.std'; sha256sum -- *.h5; }
before=$(state)
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o mer.h5
complains 'mer.h5: the file exists; --force replaces it'
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o nowhere/mer.h5
complains "cannot write into the folder 'nowhere': No such file"
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o .
complains 'found a folder'
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed && chmod a-w closed
    expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o closed/mer.h5
    complains "cannot write into the folder 'closed': Permission denied"
    rmdir closed
fi

# ---- the folder
expect 3 import mertools nowhere --dataset MER2023 -o x.h5
complains 'nowhere/features: cannot open the folder: No such file'
expect 3 import mertools "$FOLDERS/mer2023" --dataset IEMOCAPFour -o x.h5
complains 'label_4way.npz: cannot open the labels of IEMOCAPFour'
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 --features wavlm-tiny -o x.h5
complains "--features: unknown feature folder 'wavlm-tiny'"
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 --video wavlm-tiny-UT -o x.h5
complains "--video: unknown feature folder 'wavlm-tiny-UT'; did you mean 'wavlm-tiny-UTT'?"
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 --labels "$FOLDERS/pickles/evil.npz" -o x.h5
complains "evil.npz: member 'train_corpus': offset"
complains 'system is not needed for labels and is refused; nothing was executed'
missing /tmp/merbench-was-here
expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 --labels "$FOLDERS/pickles/protocol4.npz" -o x.h5
complains "member 'values': expected a name like 'train_corpus'"
expect 3 import mertools "$FOLDERS/mer2023" --dataset IEMOCAPSix --labels label-6way.npz -o x.h5
complains "utterance 'sample_00296': 'emo': expected 0 to 5 or one of happy"
expect 3 import mertools "$FOLDERS/mer2023" --dataset MELD --labels label-6way.npz -o x.h5
complains "utterance 'sample_00407': 'emo': expected 0 to 6 or one of anger"
expect 3 import mertools "$FOLDERS/mer2023" --dataset CMUMOSI --labels label-6way.npz -o x.h5
complains "dataset CMUMOSI needs a member 'val_corpus', found none"
check 'nothing changed' [ "$before" = "$(state)" ]

broken && : >broken/label-6way.npz && import_broken 3
complains 'broken/label-6way.npz: expected an .npz file, found an empty file'
broken && head -c 300 "$FOLDERS/mer2023/label-6way.npz" >broken/label-6way.npz && import_broken 3
complains 'expected an .npz file'

# ---- feature files
feature=broken/features/wavlm-tiny-UTT
broken && rm $feature/sample_00407.npy && import_broken 3
complains "feature 'wavlm-tiny-UTT': 1 of 16 utterances have neither a file UTTERANCE.npy nor a folder UTTERANCE"
complains "  'sample_00407'"
broken && rm $feature/*.npy && import_broken 3
complains '16 of 16 utterances have neither a file'
complains '  ...'
broken && : >$feature/sample_00407.npy && import_broken 3
complains 'sample_00407.npy: offset 0: expected an .npy file, found an empty file'
broken && truncate -s -1 $feature/sample_00407.npy && import_broken 3
complains 'sample_00407.npy: offset 128: expected 16 bytes of values, found 15 (truncated)'
broken && echo >>$feature/sample_00407.npy && import_broken 3
complains 'expected 16 bytes of values, found 17 (trailing garbage)'
broken && cp broken/features/bert-tiny-UTT/sample_00444.npy $feature/sample_00333.npy && import_broken 3
complains "utterance 'sample_00444' has frames of 4 values, utterance 'sample_00333' has frames of 3"
broken && printf '\0\0\300\177' | dd of=$feature/sample_00370.npy bs=1 seek=136 conv=notrunc status=none
import_broken 3
complains "feature 'wavlm-tiny-UTT', utterance 'sample_00370', frame 0, column 2: expected a finite value, found nan"
nothing_left
expect 0 import mertools broken --dataset MER2023 -o nan.h5 --allow-nonfinite
expect 3 doctor nan.h5
prints 'error: nonfinite: wavlm-tiny-UTT: 1 utterance with NaN or Inf'
prints "'sample_00370': 1 NaN, 0 Inf, the first in frame 0, column 2"
# training refuses such values, and leaves no ledger behind
cp -r "$FOLDERS/cmumosi" nan && chmod -R u+w nan
printf '\0\0\300\177' | dd of=nan/features/words/val-1.npy bs=1 seek=136 conv=notrunc status=none
expect 0 import mertools nan --dataset CMUMOSI -o nan.h5 --force --allow-nonfinite
echo '{"name": "nan", "corpora": {"c": "nan.h5"}, "final": {"seeds": [1]},
       "cells": [{"corpus": "c", "model": "attention", "feature": "words"}]}' >nan.json
expect 3 run nan.json --results nan.db
complains "utterance 'val-1', frame 0, column 2: expected a finite value, found nan"
missing nan.db
missing nan.db-lock
# of two bad files the first one in the order of the utterances is reported, whatever the threads do
broken && : >$feature/sample_00037.npy && : >$feature/sample_00407.npy
for threads in 1 2 8 8 8; do
    expect 3 import mertools broken --dataset MER2023 -o x.h5 --threads $threads
    complains 'sample_00407.npy'
done
frames=broken/features/clip-tiny-FRA/sample_00407
broken && rm $frames/*.npy && import_broken 3
complains 'sample_00407: the folder holds no frames'
broken && touch $frames/notes.txt && import_broken 3
complains 'notes.txt: expected an .npy file'
broken && cp broken/features/bert-tiny-UTT/sample_00444.npy $frames/0000.npy && import_broken 3
complains 'frames before it have 3'
broken && rm -r broken/features/* && import_broken 3
complains 'there are no feature folders'
broken && rm $feature/sample_00407.npy && mkfifo $feature/sample_00407.npy && import_broken 3
complains 'expected a regular file'
nothing_left

# ---- corpora
expect 3 info nowhere.h5
complains 'nowhere.h5: cannot open: No such file'
expect 3 info .
complains 'found a folder'
head -c 3000 mer.h5 >short.h5
expect 3 info short.h5
complains 'short.h5: the corpus is truncated: expected'
expect 3 doctor short.h5
cp mer.h5 changed.h5 && printf 'x' | dd of=changed.h5 bs=1 seek=1000 conv=notrunc status=none
expect 3 info changed.h5
complains 'changed.h5: the corpus is damaged or was changed'
cp mer.h5 long.h5 && echo >>long.h5
expect 3 info long.h5
complains 'followed by foreign data'
echo hello >text.h5
expect 3 doctor text.h5
complains "text.h5: expected a merbench corpus (made by 'merbench import'), found another format"

# ---- a full disk
(ulimit -f 4 2>/dev/null; trap '' XFSZ; "$MERBENCH" import mertools "$FOLDERS/mer2023" --dataset MER2023 \
    -o x.h5 --quiet >"$STDOUT" 2>"$STDERR")
STATUS=$? LAST='merbench import, files limited to 4 KiB'
check 'a limit of the file size is a failure while running' [ "$STATUS" -eq 1 ]
complains 'cannot write the corpus: File too large'
nothing_left
mkdir full
if mount -t tmpfs -o size=8k tmpfs full 2>/dev/null; then
    expect 1 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o full/x.h5
    complains 'cannot write the corpus: No space left on device'
    check 'nothing is left on the full disk' [ -z "$(ls -A full)" ]
    umount full
    must mount -t tmpfs -o ro tmpfs full
    expect 3 import mertools "$FOLDERS/mer2023" --dataset MER2023 -o full/x.h5
    complains "cannot write into the folder 'full': Read-only file system"
    umount full
else
    skip 'a full disk and a read-only file system: this user cannot mount a tmpfs'
fi
finish
