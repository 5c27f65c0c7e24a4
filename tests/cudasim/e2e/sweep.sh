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

# A GPU with room for a run or two (of the simulated one alone that can be said).
export CUDASIM_MEMORY=120000
expect 0 run whole.json --results small.db --device cuda --no-table
same_bits cuda.db small.db
unset CUDASIM_MEMORY

expect 0 replay cuda.db --list
key=$(sed -n '/ final /{s/ .*//p;q}' "$STDOUT")
expect 0 replay cuda.db "$key"
prints 'identical'
expect 0 replay cuda.db "$key" --device cuda
prints 'identical'

finish
