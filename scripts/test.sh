#!/usr/bin/env bash
# Builds merbench with warnings as errors and runs its tests.
#
#     scripts/test.sh                 release build, every test
#     scripts/test.sh --sanitizers    also: every test under AddressSanitizer and
#                                     UndefinedBehaviorSanitizer, threads under ThreadSanitizer
#     scripts/test.sh --fuzz SECONDS  also: every fuzz harness for SECONDS seconds
#     scripts/test.sh --clang         also: a build with clang, warnings as errors
#     scripts/test.sh --format        also: check the formatting of the sources
#     scripts/test.sh --all           all of these, with 20 seconds per fuzz harness
#     scripts/test.sh --container     also: build the container image and use it (root; minutes)
#     scripts/test.sh --only REGEX    only the tests whose names match (passed to CTest)
#
# All stages run, even after a failure, so that one run shows all problems. At the end it prints
# CTest's summary of each stage, that of the release build last. Exit code 0: everything passed.
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1

sanitizers=no fuzz_seconds=0 clang=no format=no container=no only=
while [ "$#" -gt 0 ]; do
    case $1 in
    --sanitizers) sanitizers=yes ;;
    --clang) clang=yes ;;
    --format) format=yes ;;
    --container) container=yes ;;
    --all) sanitizers=yes clang=yes format=yes fuzz_seconds=20 ;;
    --fuzz | --only)
        [ "$#" -ge 2 ] || { echo "test: $1 needs a value" >&2; exit 2; }
        if [ "$1" = --only ]; then
            only=$2
        else
            [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || { echo "test: --fuzz: expected seconds, found '$2'" >&2; exit 2; }
            fuzz_seconds=$2
        fi
        shift
        ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *) echo "test: unknown argument '$1'; see scripts/test.sh --help" >&2; exit 2 ;;
    esac
    shift
done

JOBS=$(nproc)
LAUNCHER=() # command that starts CTest
FAILED=()   # stages that did not pass
# The tests that have several threads.
THREADED='unit/test_(pool|pool_assist|team|sweep|trainer|mertools|progress|interrupt)|e2e/(sweep|replay|import)|cudasim/interrupt'

step() {
    printf '\n== %s\n' "$*"
}

# stage NAME COMMAND...: runs a stage, and remembers whether it failed
stage() {
    local name=$1 began=$SECONDS
    shift
    step "$name"
    if "$@"; then
        echo "-- $name: passed in $((SECONDS - began)) s"
    else
        echo "-- $name: FAILED after $((SECONDS - began)) s"
        FAILED+=("$name")
    fi
}

# compile FOLDER: shows the output on a terminal; otherwise only the messages of a failed build, to
# keep logs short
compile() {
    if [ -t 1 ]; then
        cmake --build "$1" -j "$JOBS"
    else
        cmake --build "$1" -j "$JOBS" >"$1/build.log" 2>&1 ||
            { grep -v '^\[[0-9]*/[0-9]*\] ' "$1/build.log" | tail -n 100; return 1; }
    fi
}

# build PRESET CMAKE_OPTION...: shows the output of CMake only if it fails
build() {
    local preset=$1 log=build/$1-configure.log
    shift
    mkdir -p build
    cmake --preset "$preset" -DMERBENCH_TESTS=ON -DMERBENCH_WERROR=ON "$@" >"$log" 2>&1 ||
        { cat "$log"; return 1; }
    compile "build/$preset"
}

# tests PRESET CTEST_OPTION...
tests() {
    local preset=$1 log=build/$1/ctest.log
    shift
    "${LAUNCHER[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
        -j "$JOBS" "$@" </dev/null 2>&1 | tee "$log"
    return "${PIPESTATUS[0]}"
}

chosen=()
[ -z "$only" ] || chosen=(-R "$only")

release_stage() {
    build release -DMERBENCH_BENCH=ON -DMERBENCH_CONTAINER="$container" && tests release "${chosen[@]}"
}
asan_stage() {
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1
    build asan && tests asan "${chosen[@]}"
}
tsan_stage() {
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    # gcc's ThreadSanitizer does not start with the address space randomisation of recent kernels.
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        LAUNCHER=(setarch "$(uname -m)" -R)
    fi
    build tsan && tests tsan -R "${only:-$THREADED}"
}
clang_stage() {
    mkdir -p build
    cmake -S . -B build/clang -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DMERBENCH_WERROR=ON \
        -DMERBENCH_TESTS=ON -DMERBENCH_BENCH=ON -DMERBENCH_CUDA=OFF >build/clang-configure.log 2>&1 ||
        { cat build/clang-configure.log; return 1; }
    compile build/clang
}
fuzz_stage() {
    bash tests/fuzz/run.sh "$fuzz_seconds" </dev/null
}

# Keeps the settings of a sanitizer from the other stages.
subshell() {
    ("$@")
}

needs=(build test)
[ "$fuzz_seconds" = 0 ] && [ "$clang" = no ] || needs+=(fuzz)
[ "$format" = no ] || needs+=(format)
[ "$container" = no ] || needs+=(container)
scripts/setup.sh "${needs[@]}" || exit 1
rm -f build/*/ctest.log

[ "$format" = no ] || stage 'format' scripts/format.sh
stage 'release build and tests' release_stage
if [ "$sanitizers" = yes ]; then
    stage 'tests under AddressSanitizer and UndefinedBehaviorSanitizer' subshell asan_stage
    stage 'threads under ThreadSanitizer' subshell tsan_stage
fi
[ "$clang" = no ] || stage 'build with clang' clang_stage
[ "$fuzz_seconds" = 0 ] || stage "fuzzing, $fuzz_seconds s per harness" fuzz_stage

for preset in tsan asan release; do
    log=build/$preset/ctest.log
    if [ -e "$log" ]; then
        step "summary: $preset"
        sed -n '/tests passed/,$p' "$log"
    fi
done
if [ "${#FAILED[@]}" -gt 0 ]; then
    printf '\nFAILED: %s\n' "${FAILED[@]}"
    exit 1
fi
