#!/usr/bin/env bash
# Checks that the benchmarks work, on both devices, at sizes too small to measure anything:
#     bench/smoke.sh BENCH_TRAIN BENCH_KERNELS BENCH_OPS BENCH_ALONE BENCH_HOST
# Both devices train the same models on the same data, so their losses must agree.
set -euo pipefail
train=$1 kernels=$2 ops=$3 alone=$4 host=$5
small=(--dims '12,20,9' --hidden 8 --batch 4 --rows 12 --frames 3)

die() {
    echo "smoke: $1" >&2
    exit 1
}
# number NAME < JSON
number() {
    sed -n "s/.*\"$1\": \([-+.0-9e]*\).*/\1/p"
}
# loss_of ARGUMENTS...
loss_of() {
    local result loss
    result=$("$train" "${small[@]}" --steps 4 --repeats 1 --warmup 1 --no-ceilings --json "$@")
    loss=$(number last_loss <<<"$result")
    [ -n "$loss" ] || die "no loss: $result"
    echo "$loss"
}
close() { # NAME FOUND EXPECTED
    awk -v x="$2" -v y="$3" 'BEGIN { exit !((x - y) ^ 2 <= (1e-4 * y) ^ 2) }' || die "$1: loss $2, expected $3"
}

for model in attention lmf mfn "mult --set layers=1 --set num_heads=2"; do
    read -ra named <<<"$model"
    expected=$(loss_of --model "${named[@]}")
    # Other launches, other models in the array and more threads must not change the training.
    same=$(loss_of --model "${named[@]}" --models 3 --threads 2 --launch-steps 2)
    [ "$same" = "$expected" ] || die "$model: loss $same in an array, $expected alone"
    close "$model, cuda" "$(loss_of --device cuda --model "${named[@]}" --models 3)" "$expected"
done

[ "$(loss_of --device cuda --gpu 0)" = "$(loss_of --device cuda)" ] || die '--gpu 0: the loss differs'
for wrong in '--gpu 0' '--gpu 0 --device cpu' '--gpu x --device cuda' '--gpu 4096 --device cuda'; do
    read -ra named <<<"$wrong"
    if "$train" "${small[@]}" --steps 1 "${named[@]}" >/dev/null 2>&1; then die "$wrong was accepted"; fi
done

for device in cpu cuda; do
    lines=$("$kernels" --device "$device" "${small[@]}" --hidden 6,8 --models 1,2 --evaluation-rows 5 --milliseconds 1 \
        --repeats 1 --json)
    for what in train copy evaluate; do
        [ "$(grep -c "\"what\": \"$what\"" <<<"$lines")" = 4 ] || die "$device: expected four lines of $what: $lines"
    done
done
"$train" "${small[@]}" --device cuda --steps 1 --repeats 1 --warmup 0 | grep -q 'of 24 bytes a weight' ||
    die "no floor on the device"
# output_of DEVICE: the mean output of an evaluation
output_of() {
    "$train" "${small[@]}" --device "$1" --milliseconds 1 --repeats 2 --warmup 1 --no-ceilings --evaluate --json |
        number evaluation_output
}
expected=$(output_of cpu)
[ -n "$expected" ] || die "no evaluation"
close "evaluation, cuda" "$(output_of cuda)" "$expected"

# ---- ops ------------------------------------------------------------------------------------------

# lines_of DEVICE ARGUMENTS...: the table of three models, each op of the plan first
lines_of() {
    local device=$1
    shift
    "$ops" --device "$device" "${small[@]}" --models 3 --milliseconds 1 --repeats 1 --no-ceilings --verbose \
        --json "$@"
}
# moves LINES OP BYTES: the bytes of all ops of a kind in a step
moves() {
    local found
    found=$(grep "\"what\": \"op\", \"op\": \"$2\"" <<<"$1" | number bytes)
    [ "$found" = "$3" ] || die "$2 moves '$found' bytes, expected $3: $1"
}
# each_moves LINES OP SHAPES BYTES: the bytes of every single op with these shapes
each_moves() {
    local found
    found=$(grep -F "\"what\": \"plan_op\", \"op\": \"$2\"" <<<"$1" | grep -F "\"shapes\": \"$3\"" | number bytes |
        sort -u)
    [ "$found" = "$4" ] || die "$2 $3 moves '$found' bytes, expected $4: $1"
}
# whole LINES: the line of the step is the sum of the other lines
whole() {
    awk -F '[:,]' '
        function value(name) {
            for (i = 1; i < NF; i++)
                if (index($i, "\"" name "\"")) return $(i + 1) + 0
        }
        /"what": "plan_op"/ { single++ }
        /"what": "op"/ {
            ops += value("count"); share += value("share")
            seconds += value("seconds"); bytes += value("bytes")
        }
        /"what": "step"/ {
            last = NR
            good = value("ops") == ops && single == ops && value("bytes") == bytes && value("seconds") > 0 &&
                (value("seconds_of_ops") / seconds - 1) ^ 2 < 1e-8 && (share - 1) ^ 2 < 1e-8
        }
        END { exit !(good && last == NR) }' <<<"$1" || die "the step is not the sum of its ops: $1"
}

for model in tfn lmf misa mmim mfn graph_mfn mfm mctn "mult --set layers=1 --set num_heads=2" attention; do
    read -ra named <<<"$model"
    for device in cpu cuda; do
        for kind in "" --evaluate; do
            lines=$(lines_of "$device" --model "${named[@]}" $kind)
            whole "$lines"
            [ -n "$kind" ] || [ "$device" = cuda ] || printf -v "lines_${named[0]}" %s "$lines"
        done
    done
done
# Computed by hand, for hidden 8, batches of 4, 6 classes, a value and 3 models. An updated weight:
# 24 bytes. A first layer of D features: its update reads x of two batches and dy (4, 8), and writes
# sums.
moves "$lines_attention" source_linear_update $((3 * ((12 + 20 + 9) * (24 * 8 + 4 * 2 * 4) + 3 * 4 * (32 + 32))))
moves "$lines_attention" source_linear $((3 * 3 * 4 * (32 + 8 + 32)))         # sums, b, y
moves "$lines_attention" adam $((3 * 28 * (12 * 8 + 3 + 6 + 1)))             # biases and their gradients
moves "$lines_attention" labels $((3 * 2 * 4 * (4 + 4)))                     # labels
moves "$lines_attention" slice $((3 * 3 * 4 * (32 + 32)))                    # what is read of (4, 24)
each_moves "$lines_attention" linear '(B, 24) (8, 24) (8) -> (B, 8)' $((3 * 4 * (96 + 192 + 8 + 32)))
each_moves "$lines_attention" linear_update '(B, 24) (B, 8) -> attention_mlp.linear_1.weight (8, 24)' \
    $((3 * (4 * (96 + 32) + 24 * 192)))
# A third of W; W once and x, which is all three inputs, once; the outer product without its
# workspace.
each_moves "$lines_mult" linear_grad_input '(48, 16) (B, 1, 16) -> (B, 1, 16)' $((3 * 4 * (64 + 256 + 64)))
each_moves "$lines_misa" linear_thirds '(B, 6, 8) (B, 6, 8) (B, 6, 8) (24, 8) (24) -> (B, 6, 8) (B, 6, 8) (B, 6, 8)' \
    $((3 * 4 * (192 + 192 + 24 + 3 * 192)))
each_moves "$lines_tfn" outer_linear '(B, 9) (B, 9) (B, 9) (8, 729) (8) -> (B, 8) (B, 1, 8)' \
    $((3 * 4 * (3 * 36 + 8 * 729 + 8 + 32)))
# The last plan was attention's evaluation of all 12 rows: x, W, b, y.
moves "$lines" source_linear $((3 * 4 * ((12 + 20 + 9) * (12 + 8) + 3 * (8 + 12 * 8))))
grep -q '_update"' <<<"$lines" && die "an evaluation that updates weights: $lines"
"$ops" --device cuda "${small[@]}" --milliseconds 1 --repeats 1 | grep -q 'us of ops, timed one by one' ||
    die "no profile as text"

# ---- arrays and their runs alone ------------------------------------------------------------------

for device in cpu cuda; do
    lines=$("$alone" --device "$device" "${small[@]}" --models 1,3,9 --steps 4 --json)
    for compared in 1,1 3,3 9,6; do
        grep -q "\"models\": ${compared%,*}, \"runs_compared\": ${compared#*,}, \"equal\": true" <<<"$lines" ||
            die "$device: expected models, runs compared: $compared: $lines"
    done
    status=0
    lines=$("$alone" --device "$device" "${small[@]}" --models 2 --spoil --json 2>&1) || status=$?
    [ "$status" = 1 ] && grep -q '"equal": false' <<<"$lines" &&
        grep -q 'run 1: second moments differ at' <<<"$lines" ||
        die "$device: a wrong bit is not found, exit code $status: $lines"
done
lines=$(CUDASIM_MEMORY=2000000 "$alone" --device cuda "${small[@]}" --models 2,200 --json)
grep -q '"models": 2, "runs_compared": 2, "equal": true' <<<"$lines" &&
    grep -q '"models": 200, "left_out": true' <<<"$lines" || die "memory for 2 of 200 models: $lines"
lines=$("$host" --models 3 --rows 100 --selected 40 --epochs 20 --json)
# Two uploads of the steps done; downloads of losses and of tallies.
for what in '"launches_an_epoch": 4,' '"copies_an_epoch": 4,' '"waits_an_epoch": 2,'; do
    grep -q "$what" <<<"$lines" || die "expected $what of the host: $lines"
done
echo "all benchmarks work on both devices"
