#!/bin/bash
# merbench synth: the same options give the same bytes, and every wrong use is refused with its exit code.
set -u
merbench=$1 scratch=$2
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expect CODE PATTERN ARGUMENTS...: checks the exit code and the message.
expect() {
    local code=$1 pattern=$2
    shift 2
    "$merbench" synth "$@" >out.txt 2>err.txt
    local found=$?
    [ $found -eq "$code" ] || fail "synth $*: expected exit code $code, found $found"
    grep -qe "$pattern" out.txt err.txt || fail "synth $*: no '$pattern' in: $(cat out.txt err.txt)"
}

expect 0 '^usage: merbench synth' --help
expect 0 '900 utterances (train 600, val 100, test 200)' --like quickstart -o first.h5 --seed 3
expect 0 '900 utterances' --like QUICKSTART -o second.h5 --seed 3
expect 0 '900 utterances' --like quickstart -o third.h5 --seed 4
cmp first.h5 second.h5 || fail "the same options gave other bytes"
cmp -s first.h5 third.h5 && fail "another seed gave the same bytes"

expect 0 'synth-video-FRA  4 dimensions' --like simsv2 --scale 0.1 --frames \
    --dims audio=6,text=5,video=4 --signal text=0 -o frames.h5
cp first.h5 kept.h5
expect 3 'the file exists' --like sims -o first.h5
cmp first.h5 kept.h5 || fail "a refused file was changed"
expect 0 'synthetic SIMS' --like sims --scale 0.1 -o first.h5 --force

expect 2 "did you mean 'QUICKSTART'" --like quikstart -o none.h5
expect 2 "did you mean '--seed'" --like sims --sed 2 -o none.h5
expect 2 'needs a value' --like sims -o
expect 2 'like NAME is missing' -o none.h5
expect 2 'CORPUS.h5 is missing' --like sims
expect 2 'unexpected argument' --like sims -o none.h5 more
expect 2 '0..4294967295' --like sims -o none.h5 --seed -1
expect 2 '0..4294967295' --like sims -o none.h5 --seed 4294967296
expect 2 "did you mean 'audio'" --like sims -o none.h5 --signal adio=1
expect 2 'given twice' --like sims -o none.h5 --signal audio=1,audio=2
expect 2 'MODALITY=NUMBER' --like sims -o none.h5 --signal 0.5
expect 2 "found 'nan'" --like sims -o none.h5 --signal audio=nan
expect 2 'whole number' --like sims -o none.h5 --dims audio=1.5
expect 2 'whole number' --like sims -o none.h5 --dims audio=0
expect 2 'above 0' --like sims -o none.h5 --scale 0
expect 2 'above 0' --like sims -o none.h5 --scale 1e9
expect 3 'No such file' --like sims -o missing/none.h5
expect 3 'found a folder' --like sims -o .
mkfifo pipe
expect 3 'expected the name of a file' --like sims --force -o pipe
[ -p pipe ] || fail "a pipe was replaced"
ls none.h5* 2>/dev/null && fail "a refused command left a file"
ls | grep -q tmp && fail "a temporary file was left"

[ $failures -eq 0 ] && echo "all as expected"
[ $failures -eq 0 ]
