#!/usr/bin/env bash
# merbench and PyTorch at the same work, on the same cores, in one go.
#
#     bench/compare.sh [--cores 0,1] [--rounds 3] [--python PYTHON] [--save] [STEP OPTIONS]
#     bench/compare.sh --sweep PLAN.json --data DIR [--limit RUNS] [--cores 0,1] [--python PYTHON] [--save]
#
# The first form times training steps; STEP OPTIONS go to both sides (--dims, --hidden, --batch, --dropout,
# --classes, --values). The second form times a whole plan; --limit stops the PyTorch side after so many runs
# in each process, and its time for the whole plan is then computed from those.
#
# --cores   which cores; as many threads (or processes) are used as cores are named. Default: the first two.
# --rounds  the sides take turns so many times; the table shows medians (--rounds of the first form only)
# --python  an interpreter with torch (and h5py for --sweep). Default: $PYTHON, else python3.
# --save    also write bench/results/DATE-CPU.json
set -euo pipefail
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$folder")
build=$root/build/release

python=${PYTHON:-python3} rounds=3 save=no
cores="" plan="" data="" limit=""
step_options=()
while [ "$#" -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --save) save=yes ;;
    --cores | --rounds | --python | --sweep | --data | --limit | --dims | --hidden | --batch | --dropout | \
        --classes | --values)
        [ "$#" -ge 2 ] || { echo "compare: $1 wants a value" >&2; exit 2; }
        case $1 in
        --cores) cores=$2 ;;
        --rounds) rounds=$2 ;;
        --python) python=$2 ;;
        --sweep) plan=$2 ;;
        --data) data=$2 ;;
        --limit) limit=$2 ;;
        *) step_options+=("$1" "$2") ;;
        esac
        shift
        ;;
    *) echo "compare: unknown argument '$1'; see bench/compare.sh --help" >&2; exit 2 ;;
    esac
    shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "compare: --rounds: expected a number, found '$rounds'" >&2; exit 2; }
command -v taskset >/dev/null || { echo "compare: taskset (util-linux) is missing" >&2; exit 1; }
"$python" -c 'import torch' 2>/dev/null || { echo "compare: $python has no torch" >&2; exit 1; }

if [ -z "$cores" ]; then
    cores=$("$python" -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2], sep=",")')
fi
IFS=, read -ra core_list <<<"$cores"
count=${#core_list[@]}

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMERBENCH_BENCH=ON >/dev/null
target=bench_train
[ -z "$plan" ] || target=merbench
cmake --build "$build" --target "$target" -j "$(nproc)" >/dev/null

read -r load _ </proc/loadavg
if awk -v load="$load" -v count="$count" 'BEGIN { exit !(load > 0.5 * count) }'; then
    echo "compare: other work is running here (load $load): the figures will be too low, the ratios unsure" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Several processes, one on each core, that start measuring together: together NAME COMMAND...; the words
# {INDEX} and {MEET} in the command are replaced.
together() {
    local name=$1 pids=() index
    shift
    mkdir -p "$work/meet-$name"
    for index in "${!core_list[@]}"; do
        local command=("${@//\{INDEX\}/$index}")
        command=("${command[@]//\{MEET\}/$work/meet-$name,$count}")
        taskset -c "${core_list[$index]}" "${command[@]}" >"$work/$name.$index.json" &
        pids+=($!)
    done
    local status=0 pid
    for pid in "${pids[@]}"; do
        wait "$pid" || status=1
    done
    return "$status"
}
alone() {
    local name=$1
    shift
    taskset -c "$cores" "$@" >"$work/$name.0.json"
}

report=("$python" "$folder/peers/report.py" "$work" --cores "$cores")
if [ "$save" = yes ]; then
    report+=(--save "$folder/results")
fi
unset OMP_NUM_THREADS MKL_NUM_THREADS

if [ -z "$plan" ]; then
    ours=("$build/bench/bench_train" --json "${step_options[@]}")
    peer=("$python" "$folder/peers/torch_serial.py" steps --json --steps 30 --repeats 5 "${step_options[@]}")
    for ((round = 0; round < rounds; round++)); do
        echo "round $((round + 1)) of $rounds" >&2
        alone "merbench-threads-$round" "${ours[@]}" --threads "$count"
        alone "torch-threads-$round" "${peer[@]}" --threads "$count"
        together "merbench-processes-$round" "${ours[@]}" --no-ceilings --threads 1 --meet '{MEET}'
        together "torch-processes-$round" "${peer[@]}" --threads 1 --meet '{MEET}'
        together "torch_fused-processes-$round" "${peer[@]}" --fused --threads 1 --meet '{MEET}'
    done
    report+=(steps)
else
    peer=("$python" "$folder/peers/torch_serial.py" sweep "$plan" --json)
    ours=("$build/merbench" run "$plan" --results "$work/results.db" --threads "$count" --quiet --no-table)
    [ -z "$data" ] || { peer+=(--data "$data"); ours+=(--data "$data"); }
    [ -z "$limit" ] || peer+=(--limit "$limit")
    echo "merbench" >&2
    began=$(date +%s.%N)
    taskset -c "$cores" "${ours[@]}" >/dev/null
    echo "$began $(date +%s.%N)" >"$work/merbench.time"
    echo "torch, $count processes of one thread, the cells dealt out among them" >&2
    together torch-processes "${peer[@]}" --threads 1 --shard "{INDEX}/$count"
    report+=(sweep)
fi
"${report[@]}"
