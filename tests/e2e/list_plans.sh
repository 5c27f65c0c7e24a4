#!/usr/bin/env bash
# merbench plans: which plans a ledger has and how far they are; run --epochs and --seeds: quick tries, which are
# plans of their own; words that follow the number one.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# plan FILE NAME REST
plan() {
    cat >"$1" <<END
{"name": "$2", "epochs": 4, "corpora": {"q": "q.h5"}, "settings": {"dropout": 0.2},
 "cells": [
   {"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT", "settings": {"hidden_dim": 8}},
   {"label": "video", "corpus": "q", "model": "lmf", "feature": "synth-video-UTT",
    "settings": {"rank": 3, "hidden_dim": 8}}], $3}
END
}
# digest_of NAME: the digest of the plan with this name that ran last
digest_of() {
    "$MERBENCH" table results.db --plan "$1" --format json | sed -n 's/.*"digest": "\([0-9a-f]*\)".*/\1/p'
}

must "$MERBENCH" synth --like quickstart --scale 0.2 --dims audio=6,text=8,video=5 -o q.h5
plan searched.json searched '"grid": {"learning_rate": [0.001, 0.0001]},
 "search": {"method": "grid", "seeds": [1, 2]}, "final": {"seeds": [1, 2, 3]}'
plan given.json given '"final": {"seeds": [1]}'

# ---- one plan, then a second one
expect 0 run given.json --quiet --no-table
expect 0 plans results.db
prints 'results.db: 1 plan; '
matches '^text +QUICKSTART +attention +mertools +- +given +1/1$'
first=$(digest_of given)
expect 0 run searched.json --quiet --no-table
expect 0 plans results.db
prints 'results.db: 2 plans, the one that ran last first'
second=$(digest_of searched)
check 'two plans' [ "$first" != "$second" ]
check 'the one that ran last is first' \
    [ "$(sed -n 's/^\([0-9a-f]\{8\}\) .*/\1/p' "$STDOUT" | xargs)" = "${second:0:8} ${first:0:8}" ]
matches "^${second:0:8} +searched +2 +8/8 +6/6 +20[0-9-]+ [0-9:]+$"
matches "^${first:0:8} +given +2 +- +2/2 +20[0-9-]+ [0-9:]+$"
prints "'merbench table' shows the first one (${second:0:8}); --plan NAME or --plan DIGEST"
matches '^video +QUICKSTART +lmf +mertools +4/4 +chosen +3/3$'
# What is printed is what --plan accepts, and the plan without it is the one that is called the first.
expect 0 table results.db --plan "${first:0:8}"
prints "given (plan ${first:0:8})"
expect 0 table results.db
prints "searched (plan ${second:0:8})"
# A plan that runs again is the last one again.
expect 0 run given.json --quiet --no-table
expect 0 plans results.db
prints "shows the first one (${first:0:8})"

expect 0 plans results.db --json
prints '"plan": "searched", "digest": "'"$second"'", "replaced": "", "last_run": "20'
prints '"search_trials": 8, "search_finished": 8, "final_trials": 6, "final_finished": 6'
prints '"label": "video", "dataset": "QUICKSTART", "model": "lmf", "protocol": "mertools"'
check 'one plan is shown by default' [ "$(grep -c '"shown": true' "$STDOUT")" = 1 ]

# ---- a plan that is not finished
plan long.json long '"grid": {"learning_rate": [0.001, 0.0001]}, "search": {"method": "grid", "seeds": [1]},
 "final": {"seeds": [1, 2, 3, 4, 5, 6]}'
sed -i 's/"epochs": 4/"epochs": 20000/' long.json
start run long.json --results long.db --threads 1
recorded() {
    "$MERBENCH" plans long.db 2>/dev/null | grep -q '^long (plan'
}
for _ in $(seq 200); do recorded && break; sleep 0.05; done
expect 0 plans long.db # while it runs
matches '^text +QUICKSTART +attention +mertools +0/2 +- +0/6$'
matches '^[0-9a-f]{8} +long +2 +0/4 +0/12 +-$'
kill -INT "$PID"
wait "$PID" 2>/dev/null

# ---- quick tries
expect 0 run searched.json --results results.db --epochs 2 --seeds 7 --no-table
complains 'searched: quick try, recorded as a plan of its own: epochs 2 (of the plan: 4), search seeds 1 (of the plan:'
quick=$(digest_of searched)
check 'another plan' [ "$quick" != "$second" ]
expect 0 table results.db
prints 'quick try: epochs 2 (of the plan: 4), search seeds 1 (of the plan: 1, 2), final seeds 7 (of the plan: 1, 2, 3)'
matches '^text +attention +1/1 '
for format in markdown latex; do
    expect 0 table results.db --format "$format"
    prints 'quick try: epochs 2 (of the plan: 4), '
done
expect 0 table results.db --format json
prints '"replaced": "epochs 2 (of the plan: 4), '
expect 0 table results.db --plan "$second"
says_not 'quick try'
expect 0 plans results.db
prints 'results.db: 3 plans'
prints 'quick try: epochs 2 (of the plan: 4), search seeds 1 (of the plan: 1, 2), final seeds 7 (of the plan: 1, 2, 3)'
expect 0 run searched.json --epochs 2 --seeds 7 --dry-run
prints 'quick try              epochs 2 (of the plan: 4), '
matches '^runs +6$'
matches '^done already +6$'
# The plan's own values make the plan itself, and other plans are as they were.
expect 0 run searched.json --epochs 4 --dry-run
says_not 'quick try'
matches '^done already +10$'
expect 0 run given.json --seeds 1 --dry-run
says_not 'quick try'
# A recorded plan is a plan.
if command -v sqlite3 >/dev/null; then
    sqlite3 results.db "SELECT json FROM plans WHERE digest = '$quick'" >again.json
    expect 0 run again.json --dry-run
    matches '^done already +6$'
    prints 'quick try'
    sqlite3 old.db <"$TESTS/fixtures/ledger/schema-1.sql"
    expect 0 plans old.db
    prints 'old.db: '
else
    skip 'no sqlite3: the recorded plan, and a ledger of an older version'
fi

# A stranger's names control neither the terminal nor the lines.
cp results.db strange.db
must "$LEDGER_SQL" strange.db "UPDATE plans SET name = char(27, 10) || name WHERE digest = '$quick';
    UPDATE cells SET label = char(8238) || label"
expect 0 plans strange.db
prints '\x1b\x0asearched'
prints '\u202etext '
check 'no control characters' [ "$(tr -d '\n' <"$STDOUT" | grep -c '[[:cntrl:]]')" = 0 ]
expect 0 plans strange.db --json
prints '\u001b\u000asearched'

for wrong in '' , 1, 1,1 -1 x 1.5 4294967296 "$(seq -s , 33)"; do
    expect 2 run searched.json --seeds "$wrong"
    complains '--seeds: '
    quiet
done
for wrong in 0 -1 100001 x ''; do
    expect 2 run searched.json --epochs "$wrong"
    complains '--epochs: '
    quiet
done

# ---- one run
expect 0 run given.json --results one.db --seeds 2 --epochs 1 --no-table
complains '2 runs, 0 done already'
cat >one.json <<END
{"name": "one", "corpora": {"q": "q.h5"}, "settings": {"dropout": 0.2, "hidden_dim": 8},
 "cells": [{"corpus": "q", "model": "attention", "feature": "synth-text-UTT"}], "final": {"seeds": [1]}}
END
expect 0 run one.json --results one.db --seeds 3 --epochs 1 --threads 1
complains '1 run, 0 done already; 1 thread on'
complains 'training: 1 run in '
expect 0 plans one.db --json
expect 0 replay one.db "$("$MERBENCH" replay one.db --list | sed -n '1s/ .*//p')"
prints 'fold 0: 1 epoch, identical'

# ---- refusals
expect 2 plans
expect 2 plans results.db other.db
expect 3 plans q.h5
quiet
finish
