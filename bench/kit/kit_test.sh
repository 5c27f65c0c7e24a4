#!/usr/bin/env bash
# Tests the GPU kit, with the simulated executor instead of a GPU: makes it from the programs of
# this build, runs it in an empty root directory, and breaks everything that a kit must survive.
# With nvcc, the real kit is made, too.
#
#     bash kit_test.sh GPU_PROGRAMS_CUDASIM SCRATCH_DIR TESTS_DIR
# shellcheck source=../../tests/e2e/lib.sh
source "$(dirname "$0")/../../tests/e2e/lib.sh"

BUILD=${MERBENCH%/bench/kit/*}
ROOT=$(dirname "$TESTS")
MAKE=$ROOT/scripts/gpu-kit.sh
unset OUT_DIR PYTHON

# ends CODE COMMAND...: the command must end with that exit code
ends() {
    local code=$1
    shift
    CHECKS=$((CHECKS + 1))
    capture "$@"
    [ "$STATUS" -eq "$code" ] || fail "expected exit code $code"
}
# make CODE ARGUMENT...: makes a simulated kit from the programs of this build
make() {
    ends "$1" "$MAKE" --simulated --build "$BUILD" "${@:2}"
}
# Checks a stage in the table that the last run printed.
stage_is() { # NAME RESULT
    CHECKS=$((CHECKS + 1))
    grep -qE "^$1 +$2 " "$STDOUT" || fail "expected $1 to be '$2'"
}
# value FOLDER EXPRESSION: an SQL expression of the document d, the folder's results.json
value() {
    sqlite3 :memory: "with r(d) as (select readfile('$1/results.json')) select $2 from r"
}

# ---- making the kit
make 0 kit
prints 'made kit: '
exists kit/run.sh
make 0 kit # replaces an old kit
mkdir other && echo mine >other/notes
before=$(digest other)
make 2 other
complains 'expected a kit or an empty folder'
check 'the folder is untouched' [ "$before" = "$(digest other)" ]
before=$(digest kit)
make 1 --limit 5 kit
complains 'more than 5'
check 'the old kit is untouched' [ "$before" = "$(digest kit)" ]
check 'nothing is left beside it' [ "$(ls -d kit*)" = kit ]
make 2 --limit much kit
make 2
make 1 --sanitizer other elsewhere
complains 'no compute-sanitizer'
missing elsewhere
mkdir -p less/bench/kit
printf '#!/bin/sh\necho merbench\n' >less/bench/kit/gpu_programs_cudasim
cp "$BUILD/bench/kit/gpu_kit" less/bench/kit/
chmod +x less/bench/kit/gpu_programs_cudasim
ends 1 "$MAKE" --simulated --build less elsewhere
complains 'has no bench_alone'
missing elsewhere

# ---- in a root directory with nothing but a shell and the kit
names=$(kit/bin/gpu_kit --help | sed -n 's/^  \([a-z]*\|[a-z]*\/[a-z_]*\)$/\1/p')
check 'there are stages' [ "$(wc -w <<<"$names")" -ge 25 ]
mkdir -p root/bin
cp -r kit root/
enter=()
if busybox=$(command -v busybox) && cp "$busybox" root/bin/busybox && ln -s busybox root/bin/sh; then
    for way in 'chroot' 'unshare -r chroot'; do
        read -ra enter <<<"$way"
        "${enter[@]}" root /bin/sh -c 'exit 0' 2>/dev/null && break
        enter=()
    done
fi
if [ "${#enter[@]}" -gt 0 ]; then
    ends 0 env -i PATH=/bin:/usr/bin:/sbin:/usr/sbin "${enter[@]}" root /bin/sh /kit/run.sh --quick
    check "the kit's own loader was used" [ "$(value root/kit/results "d ->> 'started_by'")" = "the kit's loader" ]
    results=root/kit/results
else
    skip 'no busybox, or chroot is not allowed: an empty root'
    ends 0 kit/run.sh --quick
    results=kit/results
fi
for name in $names; do
    case $name in
    sanitizer/* | peers/*) stage_is "$name" '(not run|passed)' ;;
    *) stage_is "$name" passed ;;
    esac
done
matches ' 0 failed, '
same "$STDOUT" $results/table.txt
check 'results.json is JSON' [ "$(value $results "json_valid(d)")" = 1 ]
found=$(sqlite3 :memory: "select value ->> 'name' from json_each(readfile('$results/results.json'), '\$.stages')")
check 'results.json has all stages' [ "$found" = "$names" ]
check 'results.json has the output of a stage' \
    [ "$(value $results "d ->> '\$.stages[0].output[0].cuda.devices[0].name'")" = cudasim ]
check 'results.json names the device' [ "$(value $results "d ->> 'device' like 'cudasim%'")" = 1 ]
check 'at most 8 files are left' [ "$(find $results -type f | wc -l)" -le 8 ]
check 'the unpacked files are removed' [ -z "$(find root/kit kit -name 'unpacked*')" ]

# ---- natively, from another folder; the kit's libraries must not reach the peers
mkdir -p away/out
weights=$(sqlite3 :memory: "select value ->> '\$.output[0].weights' from
    json_each(readfile('$results/results.json'), '\$.stages') where value ->> 'name' = 'training/attention'")
cat >python <<END
#!/bin/sh
case "\$*" in
-c*jax*) exit 1 ;;
-c*) exit 0 ;;
*graphed*) echo '{"steps_per_second": 10, "weights": 3}' ;;
*fused*) echo no word in JSON ;;
*) echo "{\"steps_per_second\": 10, \"weights\": $weights, \"libraries\": \"\${LD_LIBRARY_PATH-none}\"}" ;;
esac
END
chmod +x python
export OUT_DIR=out LD_LIBRARY_PATH=/nowhere
cd away || exit 1
ends 1 ../kit/run.sh --only training/attention,peers --python ../python
unset LD_LIBRARY_PATH
cd ..
export OUT_DIR=$SCRATCH/away/out
stage_is peers/serial passed
matches '^peers/serial .* 10 model-steps/s; merbench is [0-9.]+ x$'
check "the peers have the caller's libraries" \
    [ "$(value away/out "d ->> '\$.stages[2].output[0].libraries'")" = /nowhere ]
stage_is peers/graphed FAILED
matches 'trains models of 3 weights, merbench of '
stage_is peers/fused FAILED
stage_is peers/jax 'not run'
matches 'has no jax'
check 'stages that were not asked for are left out' [ "$(grep -cE ' (passed|FAILED|not run) ' "$STDOUT")" = 6 ]

# ---- no GPU, wrong usage
CUDASIM_DEVICES=0 ends 1 kit/run.sh
stage_is smoke FAILED
matches '^smoke .*no GPU: .*no CUDA-capable device'
stage_is sweep 'not run'
stage_is peers/jax 'not run'
ends 2 kit/run.sh --only nonsense
complains "no stage 'nonsense'"
ends 2 kit/run.sh --minutes never
ends 2 kit/run.sh --nonsense

# ---- compute-sanitizer: its output is what counts
mkdir sanitizer
cat >sanitizer/compute-sanitizer <<'END'
#!/bin/sh
case "$*" in
*memcheck*test_cuda_ops*) echo '========= ERROR SUMMARY: 0 errors' ;;
*racecheck*) echo '========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)'; exit 99 ;;
*) echo '========= Error: Device not supported'; exit 255 ;;
esac
END
touch sanitizer/TreeLauncherSubreaper sanitizer/libsanitizer-collection.so
chmod +x sanitizer/compute-sanitizer
make 0 --sanitizer sanitizer checked
ends 1 checked/run.sh --only sanitizer
stage_is sanitizer/memcheck passed
stage_is sanitizer/racecheck FAILED
stage_is sanitizer/initcheck 'not run'
matches 'Device not supported'
printf '#!/bin/sh\nkill -9 $$\n' | gzip >checked/packed/sanitizer/compute-sanitizer.gz
ends 1 checked/run.sh --only sanitizer/memcheck
stage_is sanitizer/memcheck FAILED
matches '^sanitizer/memcheck .*killed by signal 9'
rm -rf checked

# ---- a fixture that does not hold; a damaged file
fixture=kit/packed/fixtures/attention/dropout.h5.gz
cp "$fixture" kept.gz
gzip -dc kept.gz | head -c 3000 | gzip >"$fixture"
ends 1 kit/run.sh --only fixtures,ops/tally
stage_is fixtures FAILED
matches '^fixtures .*exit code 3: '
stage_is ops/tally passed
head -c 2000 kept.gz >"$fixture"
ends 1 kit/run.sh --only ops/tally
complains 'dropout.h5.gz: is damaged'
mv kept.gz "$fixture"

# ---- programs that fail, do not end, or print a lot; the other stages still run
mv kit/packed/bin/gpu_programs.gz kit/packed/bin/real.gz
gzip >kit/packed/bin/gpu_programs.gz <<'END'
#!/bin/sh
case $1 in
test_cuda_tally) echo went wrong; exit 5 ;;
test_cuda_prefetch) sleep 1000 & echo $! >"$OUT_DIR/child"; wait ;;
test_cuda_ops)
    echo first words
    yes 'more words' | head -n 1000000
    echo '[  PASSED  ] 0 test(s).' ;;
bench_alone) echo '{"what": "alone", "models": 3, "runs_compared": 2, "equal": false}' ;;
merbench)
    case "$2 $3 $7" in
    "table cuda.db $WRONG") "${0%/*}/real" "$@" | sed "$SLIP" ;;
    *) exec "${0%/*}/real" "$@" ;;
    esac ;;
*) exec "${0%/*}/real" "$@" ;;
esac
END
ends 1 kit/run.sh --minutes 1.5 --only ops/ops,ops/tally,ops/prefetch,sweep
stage_is ops/ops FAILED
matches '^ops/ops .*no test was run'
stage_is ops/tally FAILED
matches '^ops/tally .*exit code 5: went wrong'
stage_is ops/prefetch 'timed out'
matches '^ops/prefetch .*killed after 5 s'
stage_is sweep passed
gone() {
    local child
    child=$(cat away/out/child) || return 1
    # A zombie has ended, too.
    case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$child/status" 2>/dev/null) in
    '' | Z | X) [ -n "$child" ] ;;
    *) return 1 ;;
    esac
}
check 'the child of the program that did not end is gone' gone
grep -q 'first words' away/out/stages.log || fail 'the beginning of a long log is kept'
grep -q 'bytes are left out here' away/out/stages.log || fail 'a long log is cut'
check 'a long log is short' [ "$(stat -c %s away/out/stages.log)" -lt 1000000 ]

# ---- executors that do not agree: in a run of an array, in numbers, texts and lines of a table
ends 1 kit/run.sh --only alone
stage_is alone FAILED
export WRONG=mse SLIP='2s/\.\([0-9]\)/.9\1/'
ends 1 kit/run.sh --only sweep
matches '^sweep +FAILED .*the tables mse of cpu and cuda differ in line 2: '
WRONG=waf SLIP='3s/sweep/swept/' ends 1 kit/run.sh --only sweep
matches '^sweep +FAILED .*the tables waf of cpu and cuda differ in line 3: sweep and swept'
SLIP='$d' ends 1 kit/run.sh --only sweep
matches '^sweep +FAILED .*which only one of them has'
SLIP='2s/\(\.[0-9]*\)/\100001/' ends 0 kit/run.sh --only sweep # less than 1e-4
unset WRONG SLIP

# ---- a run that is stopped keeps the results so far
kit/run.sh --only ops/tally,ops/prefetch,sweep >stopped 2>&1 &
runner=$!
for ((i = 0; i < 300; i++)); do
    grep -q '^ops/tally' stopped && break
    sleep 0.1
done
sleep 0.3
kill -TERM "$runner"
wait "$runner"
STATUS=$?
check 'a run that was stopped has failed' [ "$STATUS" = 1 ]
cp stopped "$STDOUT"
stage_is ops/prefetch 'not run'
stage_is sweep 'not run'
matches '^sweep .*interrupted'
check 'the child is gone' gone
check 'the unpacked files are removed' [ -z "$(find kit -name 'unpacked*')" ]
check 'results.json is whole' [ "$(value away/out "d ->> '\$.stages[1].exit_code'")" = 5 ]

# ---- the real kit, if its programs were built
if [ -x "$BUILD/bench/kit/gpu_programs" ]; then
    unset OUT_DIR
    ends 0 "$MAKE" --build "$BUILD" real
    check 'it has at most 40 MB' [ "$(du -sb --apparent-size real | cut -f 1)" -le 40000000 ]
    if ! "$BUILD/merbench" doctor --device | grep -q '^  GPU '; then
        ends 1 real/run.sh
        matches '^smoke +FAILED .*no GPU: '
        stage_is pace 'not run'
    fi
else
    skip 'built without CUDA: the real kit'
fi

finish
