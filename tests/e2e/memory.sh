#!/usr/bin/env bash
# The memory of a sweep: the corpus once and, for each thread, 3.2 times the parameters of a large model plus
# its activations. The program and its libraries take about 40 MiB more.
source "$(dirname "$0")/lib.sh"

# Sanitizers need memory themselves: with them the sweeps run, but their peak is not checked.
sanitized=no
if grep -qE '__asan_init|__tsan_init' "$MERBENCH"; then
    sanitized=yes
fi

expect 0 synth --like cmumosi --scale 0.05 --dims audio=16,text=24,video=8 -o corpus.h5
cat >plan.json <<'JSON'
{"name": "memory", "protocol": "mertools", "epochs": 2, "corpora": {"c": "corpus.h5"},
 "cells": [{"corpus": "c", "model": "tfn", "settings": {"hidden_dim": 64},
            "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "none"}, "final": {"seeds": [1, 2]}}
JSON

expect 0 model tfn --dims audio=16,text=24,video=8 --set hidden_dim=64 --classes 0 --json
parameters=$(sed -n 's/.*"parameters":[^0-9]*\([0-9]*\).*/\1/p' "$STDOUT")
activations=$(sed -n 's/.*"training_activation_bytes":[^0-9]*\([0-9]*\).*/\1/p' "$STDOUT")
corpus=$(stat -c %s corpus.h5)

for threads in 1 2; do
    rm -f results.db
    expect 0 run plan.json --results results.db --threads "$threads" --no-table
    peak=$(sed -n 's/.*peak memory \([0-9]*\) MiB.*/\1/p' "$STDERR")
    check "no peak memory reported with $threads threads" [ -n "$peak" ]
    [ "$sanitized" = no ] || continue
    bound=$(awk -v t="$threads" -v p="$parameters" -v a="$activations" -v c="$corpus" \
        'BEGIN { printf "%d", 40 + (c + t * (3.2 * 4 * p + a)) / 1048576 }')
    check "peak of $threads threads: $peak MiB, expected at most $bound" \
        [ "$peak" -le "$bound" ]
done

# A feature is read in pieces: it is not held twice, not even for a moment.
expect 0 synth --like cmumosei --scale 0.1 --dims audio=1,text=5120,video=1 -o wide.h5
cat >wide.json <<'JSON'
{"name": "wide", "epochs": 1, "corpora": {"c": "wide.h5"},
 "cells": [{"corpus": "c", "model": "attention", "settings": {"hidden_dim": 8}, "feature": "synth-text-UTT"}],
 "search": {"method": "none"}, "final": {"seeds": [1]}}
JSON
expect 0 run wide.json --results wide.db --threads 1 --no-table
peak=$(sed -n 's/.*peak memory \([0-9]*\) MiB.*/\1/p' "$STDERR")
bound=$((40 + $(stat -c %s wide.h5) / 1048576))
[ "$sanitized" = yes ] || check "peak: $peak MiB, expected at most $bound" [ "$peak" -le "$bound" ]
rm -f wide.h5

# Without space for the best weights of a large model there is a message, and nothing is recorded.
export TMPDIR=$SCRATCH/missing
rm -f results.db
expect 1 run plan.json --results results.db --threads 1 --no-table
complains 'best weights'
finish
