#!/usr/bin/env bash
# Several GPUs: --gpu chooses one, busy GPUs are skipped, and no other GPU is touched.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

if ! simulated; then
    FINISHED=1
    skip 'only the simulated executor always has several GPUs'
    exit 77
fi
sweep_files
unset CUDASIM_BUSY
export CUDASIM_DEVICES=3
busy='CUDA-capable device(s) is/are busy or unavailable'

# ---- the same bits on each GPU; the ledger does not record which it was
expect 0 run half.json --results first.db --device cuda --no-table
complains 'arrays of runs on cuda cudasim sm_90'
expect 0 run half.json --results second.db --gpu 1 --no-table
complains 'arrays of runs on cuda cudasim sm_90'
same_bits first.db second.db
expect 0 run half.json --results third.db --device auto --gpu 2 --dry-run
prints 'device                 cuda cudasim sm_90'
prints 'time                   not estimated for this device'
missing third.db
key=$("$MERBENCH" replay second.db --list | sed -n '1s/ .*//p')
for gpu in 0 1 2; do
    expect 0 replay second.db "$key" --gpu "$gpu"
    prints 'identical'
    says_not 'trained again on'
done
expect 0 parity --gpu 2 "$FIXTURE"

# ---- a GPU that refuses a context is skipped, unless it was asked for
export CUDASIM_BUSY=0,2
expect 0 run half.json --results passed.db --device cuda --no-table
complains 'arrays of runs on cuda cudasim sm_90'
same_bits first.db passed.db
for gpu in 0 2; do
    for command in "run half.json --results refused.db" "run half.json --dry-run" "replay first.db $key" \
        "parity $FIXTURE"; do
        # shellcheck disable=SC2086
        expect 4 $command --gpu "$gpu"
        complains "--gpu $gpu: CUDA shows 3 GPUs, 0 to 2; GPU $gpu (cudasim): $busy"
    done
done
missing refused.db
export CUDASIM_BUSY=0,1,2
expect 4 run half.json --results refused.db --device cuda
complains "--device cuda: GPU 0 (cudasim): $busy; GPU 1 (cudasim): $busy"
expect 0 run half.json --results cpu.db --device auto --no-table
complains 'on cpu '
unset CUDASIM_BUSY

# ---- a GPU that does not exist
for command in "run half.json --results refused.db" "replay first.db $key" "parity $FIXTURE"; do
    # shellcheck disable=SC2086
    expect 4 $command --gpu 3
    complains '--gpu 3: CUDA shows 3 GPUs, 0 to 2'
done
CUDASIM_DEVICES=1 expect 4 parity "$FIXTURE" --gpu 1
complains '--gpu 1: CUDA shows one GPU, number 0'
CUDASIM_DEVICES=0 expect 4 parity "$FIXTURE" --gpu 0
complains '--gpu 0: no CUDA-capable device is detected'
missing refused.db

# ---- the doctor
# gpu_lines N: the two lines about a GPU
gpu_lines() {
    grep -A 1 "^  GPU $1 " "$STDOUT"
}
# gpu_says N TEXT
gpu_says() {
    gpu_lines "$1" | grep -qF -- "$2"
}
expect 0 doctor --device
check 'GPU 0 works' gpu_says 0 'works (self-test'
check 'GPU 1 is not used' gpu_says 1 'not used: GPU 0 comes first (--gpu N selects another)'
check 'free memory of GPU 0' gpu_says 0 ' GiB free'
for gpu in 1 2; do
    CHECKS=$((CHECKS + 1))
    if gpu_says "$gpu" ' GiB free'; then fail "GPU $gpu was touched"; fi
done
prints '--device auto: cuda cudasim sm_90'

expect 0 doctor --device --gpu 2
check 'GPU 0 is left alone' gpu_says 0 'not tested'
check 'GPU 2 works' gpu_says 2 'works (self-test'
check 'free memory of GPU 2' gpu_says 2 ' GiB free'
prints '--gpu 2: cuda cudasim sm_90'

expect 0 doctor --device --json
check 'free memory of one GPU, and of the host, is known' [ "$(grep -c '"available_bytes":	[0-9]' "$STDOUT")" = 2 ]
check 'free memory of two GPUs is not known' [ "$(grep -c '"available_bytes":	null' "$STDOUT")" = 2 ]
prints '"auto":	"cuda cudasim sm_90"'
says_not '"gpu":'

CUDASIM_BUSY=0 expect 0 doctor --device
check 'GPU 0 refuses' gpu_says 0 "not usable: $busy"
check 'GPU 1 works' gpu_says 1 'works (self-test'
check 'GPU 2 is not used' gpu_says 2 'not used: GPU 1 comes first'
CUDASIM_BUSY=1 expect 4 doctor --device --gpu 1
check 'GPU 1 refuses' gpu_says 1 "not usable: $busy"
prints '--gpu 1: not usable'
complains "--gpu 1: CUDA shows 3 GPUs, 0 to 2; GPU 1 (cudasim): $busy"
expect 4 doctor --device --json --gpu 7
prints '"gpu":	7'
prints '"auto":	null'
complains '--gpu 7: CUDA shows 3 GPUs, 0 to 2'

finish
