#!/usr/bin/env bash
# A sweep with --device cuda comes to what it comes to on the CPU: the same settings are chosen and the
# scores are the same to 1e-4. Large arrays, small ones, halves and replays give the same bits.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

sweep_files

expect 0 run whole.json --results cpu.db --device cpu --isa portable --no-table
expect 0 run whole.json --results cuda.db --device cuda
close_entries cpu.db cuda.db

expect 0 run half.json --results halves.db --device cuda --no-table
expect 0 run whole.json --results halves.db --device cuda --no-table
same_bits cuda.db halves.db

# GPUs with room for a run or two, for an array but not for the features that come next, for both (of
# the simulated one alone that can be said).
for bytes in 122000 150000 180000; do
    export CUDASIM_MEMORY=$bytes
    expect 0 run whole.json --results "small$bytes.db" --device cuda --no-table
    same_bits cuda.db "small$bytes.db"
done
if simulated; then
    export CUDASIM_MEMORY=122000
    expect 0 run whole.json --results new.db --device cuda --dry-run
    matches '^page-locked memory +[0-9.]+ KiB$'
    matches 'the array is trained in pieces'
    few=$(sed -n 's/^page-locked memory *\([0-9.]*\).*/\1/p' "$STDOUT")
    unset CUDASIM_MEMORY
    expect 0 run whole.json --results new.db --device cuda --dry-run
    says_not 'in pieces'
    all=$(sed -n 's/^page-locked memory *\([0-9.]*\).*/\1/p' "$STDOUT")
    check 'fewer runs lock less memory' awk "BEGIN { exit !($few < $all / 2) }"
fi
unset CUDASIM_MEMORY

# A GPU without memory in the order of a stream.
CUDASIM_POOLS=0 expect 0 run whole.json --results plain.db --device cuda --no-table
same_bits cuda.db plain.db

expect 0 replay cuda.db --list
key=$(sed -n '/ final /{s/ .*//p;q}' "$STDOUT")
expect 0 replay cuda.db "$key"
prints 'identical'
expect 0 replay cuda.db "$key" --device cuda
prints 'identical'

finish
