#!/usr/bin/env bash
# Signals during a sweep, while the driver has threads: the sweep ends in order, what was done is
# recorded, and the same command continues with the same bits.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

sweep_files
epochs=40
grep -qE '__asan_init|__tsan_init' "$MERBENCH" && epochs=6 # sanitizers slow everything down
simulated || epochs=4000                                   # a GPU is faster than the simulator
sed "s/\"epochs\": 3/\"epochs\": $epochs/" whole.json >long.json

expect 0 run long.json --results whole.db --device cuda --no-table

# ---- during the sweep
for signal in INT TERM; do
    start run long.json --results "$signal.db" --device cuda --no-table
    check 'a run was recorded' wait_for 1 "$signal.db" long.json
    kill -"$signal" "$PID"
    ended 1
    complains 'interrupted ('
    complains 'of 10 runs are done and recorded; the same command goes on from there'
    missing "$signal.db-wal"
    reached=$(done_runs "$signal.db" long.json)
    check 'some runs are recorded' [ "$reached" -ge 1 ]
    check 'not all are' [ "$reached" -lt 10 ]
    expect 0 run long.json --results "$signal.db" --device cuda --no-table
    complains "10 runs, $reached done already"
    same_bits whole.db "$signal.db"
done

# ---- while the device is being opened: at once
if simulated; then
    export CUDASIM_SLOW=3000
    start run long.json --results early.db --device cuda --no-table
    sleep 1
    kill -INT "$PID"
    ended 130
    missing early.db
    unset CUDASIM_SLOW
else
    skip 'only the simulated device can be slow to open'
fi

finish
