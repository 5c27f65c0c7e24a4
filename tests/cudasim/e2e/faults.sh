#!/usr/bin/env bash
# GPUs that are missing, too old, too small, or get lost: the message and the exit code are right,
# nothing that was recorded is lost, and the same command continues later, with the same bits.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

if ! simulated; then
    FINISHED=1
    skip 'only the simulated executor can produce faults'
    exit 77
fi
sweep_files

# refused VARIABLE=VALUE TEXT: without a GPU that can be used, cuda is refused and auto is the CPU.
refused() {
    local name=${1%%=*}
    export "${1?}"
    expect 4 run half.json --results refused.db --device cuda
    complains '--device cuda: '
    complains "$2"
    complains 'cpu and auto work'
    quiet
    missing refused.db
    expect 4 parity --device cuda "$FIXTURE"
    complains "$2"
    expect 0 run half.json --results auto.db --device auto --no-table
    complains 'threads on cpu'
    rm -f auto.db
    unset "$name"
}
refused CUDASIM_DEVICES=0 'no CUDA-capable device is detected'
refused CUDASIM_DRIVER=0 'no NVIDIA driver is installed'
refused CUDASIM_CAPABILITY=7.0 'compute capability 7.0; merbench needs 8.0 or newer'

expect 0 run whole.json --results whole.db --device cuda --no-table

# ---- not even one run fits
export CUDASIM_MEMORY=40000
expect 1 run whole.json --results small.db --device cuda --no-table
complains '8 of 10 runs do not fit into memory'
complains 'cells[0] (attention), {"dropout":0.2,'
complains '0 of 10 runs are done and recorded; where there is more memory, the same command goes on from there'
complains 'without them no setting is chosen in cells[0] (attention), cells[1] (lmf)'
unset CUDASIM_MEMORY
expect 0 run whole.json --results small.db --device cuda --no-table
same_bits whole.db small.db

# ---- some runs do not fit: the others are trained
sed 's/"hidden_dim": \[6, 10\]/"hidden_dim": [6, 100]/; s/, 0.4//' whole.json >mixed.json
export CUDASIM_MEMORY=300000
expect 0 run mixed.json --results mixed.db --device cuda --no-table --dry-run
complains 'warning: 2 of '
expect 1 run mixed.json --results mixed.db --device cuda --no-table
complains '2 of '
complains 'cells[1] (lmf), {"dropout":0.2,"grad_clip":-1,"hidden_dim":100,'
unset CUDASIM_MEMORY
expect 0 run mixed.json --results mixed.db --device cuda --no-table
expect 0 run mixed.json --results roomy.db --device cuda --no-table
same_bits roomy.db mixed.db

# ---- the GPU is lost after some launches, several times
for launches in 50 2500 4000; do
    export CUDASIM_LOST_AFTER=$launches
    expect 1 run whole.json --results lost.db --device cuda --no-table
    complains 'CUDA: '
    complains ' runs are done and recorded; the same command goes on from there'
    unset CUDASIM_LOST_AFTER
done
expect 0 run half.json --results lost.db --device cpu --dry-run
check 'some runs were recorded' [ "$(sed -n 's/^done already *//p' "$STDOUT")" -gt 0 ]
expect 0 run whole.json --results lost.db --device cuda --no-table
same_bits whole.db lost.db

finish
