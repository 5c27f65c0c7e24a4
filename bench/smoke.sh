#!/usr/bin/env bash
# Whether the benchmarks work, on both devices, at sizes that measure nothing:
#     bench/smoke.sh BENCH_TRAIN BENCH_KERNELS
# Both devices train the same models on the same data, so their losses must agree.
set -euo pipefail
train=$1 kernels=$2
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
    # Steps in other portions, other models beside, threads: the same training.
    same=$(loss_of --model "${named[@]}" --models 3 --threads 2 --launch-steps 2)
    [ "$same" = "$expected" ] || die "$model: loss $same among others, $expected alone"
    close "$model, cuda" "$(loss_of --device cuda --model "${named[@]}" --models 3)" "$expected"
done

[ "$(loss_of --device cuda --gpu 0)" = "$(loss_of --device cuda)" ] || die 'another loss on --gpu 0'
for wrong in '--gpu 0' '--gpu 0 --device cpu' '--gpu x --device cuda' '--gpu 4096 --device cuda'; do
    read -ra named <<<"$wrong"
    if "$train" "${small[@]}" --steps 1 "${named[@]}" >/dev/null 2>&1; then die "$wrong was taken"; fi
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
# output_of DEVICE: what an evaluation computes, timed by the clock
output_of() {
    "$train" "${small[@]}" --device "$1" --milliseconds 1 --repeats 2 --warmup 1 --no-ceilings --evaluate --json |
        number evaluation_output
}
expected=$(output_of cpu)
[ -n "$expected" ] || die "no evaluation"
close "evaluation, cuda" "$(output_of cuda)" "$expected"
echo "both benchmarks work on both devices"
