#!/bin/bash
# Builds the fuzzers with clang and runs each one: tests/fuzz/run.sh [SECONDS [NAME...]]
# What they find stays in build/fuzz/NAME.found; exit code 1 when something was found.
set -eu
seconds=${1:-30}
[ $# -eq 0 ] || shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/fuzz

mkdir -p "$root/build"
CC=${CC:-clang} cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMERBENCH_FUZZ=ON \
    -DMERBENCH_SANITIZE=address,undefined -DMERBENCH_BENCH=OFF >"$build.log" 2>&1 ||
    { cat "$build.log" >&2; exit 1; }
ninja -C "$build" fuzzers

if [ $# -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do
        name=$(basename "$source" .c)
        set -- "$@" "${name#fuzz_}"
    done
fi
failed=0
for name in "$@"; do
    work=$build/$name.inputs found=$build/$name.found
    mkdir -p "$work" "$found"
    seeds=("$work")
    [ ! -d "$here/seeds/$name" ] || seeds+=("$here/seeds/$name")
    echo "== fuzz_$name, $seconds s"
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="$found/" "${seeds[@]}" \
        2>"$build/$name.log" || { failed=1; tail -40 "$build/$name.log"; }
    grep -E 'stat::number_of_executed_units|DONE|cov:' "$build/$name.log" | tail -2
done
exit $failed
