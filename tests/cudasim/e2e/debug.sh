#!/usr/bin/env bash
# MERBENCH_CUDA_SYNC=1 does not change results; the message about a kernel that fails names its op,
# its shapes and the run. Also tests the statistics of the simulator.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

sweep_files
expect 0 run half.json --results fast.db --device cuda --no-table
export MERBENCH_CUDA_SYNC=1
expect 0 run half.json --results apart.db --device cuda --no-table
same_bits fast.db apart.db

if simulated; then
    CUDASIM_LOST_AFTER=2000 expect 1 run half.json --results lost.db --device cuda --no-table
    matches 'CUDA: [a-z_]+: .*; op [0-9]+ of the plan, \([^;]*\), B = [0-9]+; run [0-9]+ of [0-9]+, step [0-9]+'
fi
unset MERBENCH_CUDA_SYNC
if simulated; then
    CUDASIM_STATISTICS=1 expect 0 run half.json --results counted.db --device cuda --no-table
    matches 'cudasim: \{"kernels": [1-9][0-9]*, .*"graph_launches": [1-9][0-9]*, .*"ranges": [1-9][0-9]*, "open_ranges": 0, "host_seconds": [0-9.]+\}'
    same_bits fast.db counted.db
fi
finish
