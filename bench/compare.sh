#!/usr/bin/env bash
# Times merbench and its peers with the same work, on the same device.
#
#     bench/compare.sh [--device cpu|cuda] [--models A] [--rounds 3] [--python PYTHON] [--save] [--plot FILE]
#                      [--cores 0,1] [STEP OPTIONS]
#     bench/compare.sh --all [--rounds 3] [--python PYTHON] [--save] [--plot FILE] [--cores 0,1] [STEP OPTIONS]
#     bench/compare.sh --sweep PLAN.json --data DIR [--limit RUNS] [--cores 0,1] [--python PYTHON] [--save]
#
# The first form times training steps; STEP OPTIONS go to all sides (--model, --set, --dims,
# --feature-type, --frames, --hidden, --batch, --dropout, --classes, --values, --rows; --steps or
# --milliseconds and --repeats, for shorter measurements). The second form (or --model all) does so
# with all ten models one after the other, also times evaluations, and shows one line per model; CPU
# only. The third form times a whole plan; --limit stops the PyTorch side after RUNS runs in each
# process, and its time for the whole plan is then extrapolated.
#
# --device  cpu (default) or cuda
# --models  A: models that train at once, on the sides that can do that. Default: as many as cores on the
#           CPU, 720 on a GPU.
# --cores   CPU: the cores to use, with one thread (or process) per core. Default: the first two.
# --rounds  how often the sides take turns; the table shows medians; not for --sweep
# --python  a Python with torch, with jax for the JAX row, and with h5py for --sweep. Default: $PYTHON, else
#           python3.
# --save    also write bench/results/DATE-DEVICE.json
# --plot    also draw the medians (--all: the ratios), as FILE.svg or FILE.png (needs gnuplot); not for --sweep
set -euo pipefail
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$folder")
build=$root/build/release

python=${PYTHON:-python3} rounds=3 save=no device=cpu model=attention all=no
cores="" plan="" data="" limit="" models="" plot=""
step_options=()
while [ "$#" -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --save) save=yes ;;
    --all) all=yes ;;
    --cores | --rounds | --python | --sweep | --data | --limit | --device | --models | --plot | --model | --set | \
        --dims | --feature-type | --frames | --hidden | --batch | --dropout | --classes | --values | --rows | \
        --steps | --milliseconds | --repeats)
        [ "$#" -ge 2 ] || { echo "compare: $1 needs a value" >&2; exit 2; }
        case $1 in
        --cores) cores=$2 ;;
        --rounds) rounds=$2 ;;
        --python) python=$2 ;;
        --sweep) plan=$2 ;;
        --data) data=$2 ;;
        --limit) limit=$2 ;;
        --device) device=$2 ;;
        --models) models=$2 ;;
        --plot) plot=$2 ;;
        --model)
            model=$2
            if [ "$model" = all ]; then all=yes; else step_options+=("$1" "$2"); fi
            ;;
        *) step_options+=("$1" "$2") ;;
        esac
        shift
        ;;
    *) echo "compare: unknown argument '$1'; see bench/compare.sh --help" >&2; exit 2 ;;
    esac
    shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "compare: --rounds: expected a number, found '$rounds'" >&2; exit 2; }
[[ $device =~ ^(cpu|cuda)$ ]] || { echo "compare: --device: expected cpu or cuda, found '$device'" >&2; exit 2; }
[[ -z $models || $models =~ ^[1-9][0-9]*$ ]] ||
    { echo "compare: --models: expected a number, found '$models'" >&2; exit 2; }
[ -z "$plan" ] || [ "$device" = cpu ] || { echo "compare: --sweep is for --device cpu" >&2; exit 2; }
if [ "$all" = yes ]; then
    [ -z "$plan" ] || { echo "compare: --all or --sweep, not both" >&2; exit 2; }
    [ "$device" = cpu ] || { echo "compare: --all is for --device cpu" >&2; exit 2; }
    case " ${step_options[*]} " in *" --model "*) echo "compare: --all or --model, not both" >&2; exit 2 ;; esac
fi
command -v taskset >/dev/null || { echo "compare: taskset (util-linux) is missing" >&2; exit 1; }
"$python" -c 'import torch' 2>/dev/null || { echo "compare: $python has no torch" >&2; exit 1; }

if [ -z "$cores" ]; then
    cores=$("$python" -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2], sep=",")')
fi
IFS=, read -ra core_list <<<"$cores"
count=${#core_list[@]}
if [ -z "$models" ]; then
    models=$count
    [ "$device" = cpu ] || models=720
fi

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMERBENCH_BENCH=ON >/dev/null
target=bench_train
[ -z "$plan" ] || target=merbench
cmake --build "$build" --target "$target" -j "$(nproc)" >/dev/null

read -r load _ </proc/loadavg
if awk -v load="$load" -v count="$count" 'BEGIN { exit !(load > 0.5 * count) }'; then
    echo "compare: other programs are running (load $load): figures will be too low and ratios unreliable" >&2
fi

top=$(mktemp -d)
work=$top # with --all: the folder of the current model
trap 'rm -rf "$top"' EXIT

# together NAME COMMAND...: runs the command in several processes, one on each core, which start
# measuring together. The words {INDEX} and {MEET} in the command are replaced.
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
    if [ "$device" = cpu ]; then
        taskset -c "$cores" "$@" >"$work/$name.0.json"
    else
        "$@" >"$work/$name.0.json"
    fi
}

report_script=report
[ "$all" = no ] || report_script=report_all
report=("$python" "$folder/peers/$report_script.py" "$work" --cores "$cores")
if [ "$save" = yes ]; then
    report+=(--save "$folder/results")
fi
[ -z "$plot" ] || report+=(--plot "$plot")
unset OMP_NUM_THREADS MKL_NUM_THREADS

# A peer that cannot do this work (not installed, not implemented, not enough memory) only loses its
# row.
peer() {
    local how=$1 name=$2
    shift 2
    "$how" "$name" "$@" 2>"$work/message" && return
    rm -f "$work/$name".*.json
    echo "compare: $model: ${name%-*} is left out: $(tail -n 1 "$work/message")" >&2
}
script() {
    echo "$folder/peers/$1.py"
}
# The peers that train many models at once support some models only.
many=no jax=no has_jax=no
choose_peers() {
    case $model in attention | lmf | mult) many=yes jax=$has_jax ;; *) many=no jax=no ;; esac
}
"$python" -c 'import jax' 2>/dev/null && has_jax=yes
choose_peers
if [ "$has_jax" = no ] && { [ "$all" = yes ] || [ "$many" = yes ]; }; then
    echo "compare: $python has no jax: JAX is left out" >&2
fi

# One round of all sides on the CPU: round_on_cpu NUMBER.
round_on_cpu() {
    local few=(--json --steps 30 --repeats 5 "${step_options[@]}")
    alone "merbench-threads-$1" "${ours[@]}" --threads "$count" --models "$models"
    peer alone "torch-threads-$1" "$python" "$(script torch_serial)" steps "${few[@]}" --threads "$count"
    together "merbench-processes-$1" "${ours[@]}" --no-ceilings --threads 1 --meet '{MEET}'
    peer together "torch-processes-$1" "$python" "$(script torch_serial)" steps "${few[@]}" --threads 1 --meet '{MEET}'
    peer together "torch_graphed-processes-$1" "$python" "$(script torch_graphed)" "${few[@]}" --threads 1 --meet '{MEET}'
    [ "$many" = yes ] || return 0
    few+=(--models "$models" --threads "$count")
    peer alone "torch_fused-threads-$1" "$python" "$(script torch_fused)" "${few[@]}"
    peer alone "torch_fused_adam-threads-$1" "$python" "$(script torch_fused)" "${few[@]}" --fused
    [ "$jax" = no ] || peer alone "jax_highest-threads-$1" "$python" "$(script jax_vmap)" "${few[@]}"
}
round_on_gpu() {
    local few=(--json --device cuda --steps 30 --repeats 5 "${step_options[@]}")
    alone "merbench-gpu-$1" "${ours[@]}" --device cuda --models "$models"
    peer alone "torch-gpu-$1" "$python" "$(script torch_serial)" steps "${few[@]}"
    peer alone "torch_graphed-gpu-$1" "$python" "$(script torch_graphed)" "${few[@]}"
    [ "$many" = yes ] || return 0
    few+=(--models "$models")
    peer alone "torch_fused-gpu-$1" "$python" "$(script torch_fused)" "${few[@]}"
    peer alone "torch_fused_adam-gpu-$1" "$python" "$(script torch_fused)" "${few[@]}" --fused
    [ "$jax" = yes ] || return 0
    peer alone "jax_tf32-gpu-$1" "$python" "$(script jax_vmap)" "${few[@]}" --precision tf32
    peer alone "jax_highest-gpu-$1" "$python" "$(script jax_vmap)" "${few[@]}" --precision highest
}

# The settings of --all: those of the reference toolkit, and a smaller tfn, whose outer product has
# hidden_dim^4 weights. The number of steps depends on the speed of the model.
settings_of() {
    settings=(--json --model "$1" --warmup 1 --repeats 5 --evaluate)
    case " ${step_options[*]} " in *" --steps "*) ;; *) settings+=(--milliseconds 400) ;; esac
    [ "$1" != tfn ] || settings+=(--hidden 64)
    settings+=("${step_options[@]}")
}
round_of_model() {
    local few=("${settings[@]}")
    alone "merbench-threads-$1" "$build/bench/bench_train" "${few[@]}" --threads "$count" --models "$models"
    peer alone "torch-threads-$1" "$python" "$(script torch_serial)" steps "${few[@]}" --threads "$count"
    peer together "torch-processes-$1" "$python" "$(script torch_serial)" steps "${few[@]}" --threads 1 --meet '{MEET}'
    [ "$many" = yes ] || return 0
    few=()
    local word
    for word in "${settings[@]}"; do # these peers only train
        [ "$word" = --evaluate ] || few+=("$word")
    done
    few+=(--models "$models" --threads "$count")
    peer alone "torch_fused_adam-threads-$1" "$python" "$(script torch_fused)" "${few[@]}" --fused
    [ "$jax" = no ] || peer alone "jax_highest-threads-$1" "$python" "$(script jax_vmap)" "${few[@]}"
}
all_models() {
    local settings round
    for model in attention tfn lmf misa mmim mfn graph_mfn mfm mctn mult; do
        work=$top/$model
        mkdir "$work"
        choose_peers
        settings_of "$model"
        for ((round = 0; round < rounds; round++)); do
            echo "$model, round $((round + 1)) of $rounds" >&2
            round_of_model "$round"
        done
    done
    work=$top
}

if [ "$all" = yes ]; then
    all_models
elif [ -z "$plan" ]; then
    ours=("$build/bench/bench_train" --json "${step_options[@]}")
    for ((round = 0; round < rounds; round++)); do
        echo "round $((round + 1)) of $rounds" >&2
        if [ "$device" = cuda ]; then round_on_gpu "$round"; else round_on_cpu "$round"; fi
    done
    report+=(steps)
else
    peer=("$python" "$(script torch_serial)" sweep "$plan" --json)
    ours=("$build/merbench" run "$plan" --results "$work/results.db" --threads "$count" --quiet --no-table)
    [ -z "$data" ] || { peer+=(--data "$data"); ours+=(--data "$data"); }
    [ -z "$limit" ] || peer+=(--limit "$limit")
    echo "merbench" >&2
    began=$(date +%s.%N)
    taskset -c "$cores" "${ours[@]}" >/dev/null
    echo "$began $(date +%s.%N)" >"$work/merbench.time"
    echo "torch, $count processes with one thread each, which share the cells" >&2
    together torch-processes "${peer[@]}" --threads 1 --shard "{INDEX}/$count"
    report+=(sweep)
fi
"${report[@]}"
