#!/usr/bin/env bash
# A sweep from outside: threads, half a plan, kill -9, signals, a second process, full disks, replay.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

# plan FILE EPOCHS DROPOUTS FINAL_SEEDS: two cells over hidden_dim {8, 16}
plan() {
    cat >"$1" <<END
{"name": "sweep", "epochs": $2, "corpora": {"q": "q.h5"},
 "grid": {"hidden_dim": [8, 16], "dropout": [$3]},
 "cells": [
   {"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"},
   {"label": "all", "corpus": "q", "model": "attention",
    "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [$4]}}
END
}

table() {
    "$MERBENCH" table "$1" --format json
}
# same_results LEDGER LEDGER: compares the tables and, if sqlite3 is installed, every curve and prediction
same_results() {
    CHECKS=$((CHECKS + 1))
    [ "$(table "$1")" = "$(table "$2")" ] || fail "the tables of $1 and $2 differ"
    [ -n "$(table "$1")" ] || fail "$1 has no table"
    command -v sqlite3 >/dev/null || { skip "no sqlite3: predictions of $1 and $2"; return; }
    CHECKS=$((CHECKS + 1))
    [ "$(contents "$1")" = "$(contents "$2")" ] || fail "runs of $1 and $2 differ"
    [ -n "$(contents "$1")" ] || fail "$1 has no predictions"
}
contents() {
    sqlite3 "$1" "select r.trial, r.fold, p.position, p.name, p.part, hex(p.logits), hex(p.valences)
                  from predictions p join runs r on r.id = p.run order by 1, 2, 3" \
        "select r.trial, r.fold, e.epoch, printf('%!.20g %!.20g %!.20g', e.train_loss, e.select_loss,
         e.select_metric) from epochs e join runs r on r.id = e.run order by 1, 2, 3"
}

must "$MERBENCH" synth --like quickstart -o q.h5 --dims audio=12,text=20,video=8 >/dev/null
plan short.json 4 "0.2, 0.4" "1, 2, 3"
plan half.json 4 "0.2" "1"
plan long.json 60 "0.2, 0.4" "1, 2, 3, 4, 5, 6"

# ---- a dry run changes nothing
before=$(ls)
expect 0 run short.json --dry-run
prints 'runs                   12'
prints 'done already           0'
matches '^multiply-accumulates +[0-9.e+]+$'
matches '^time +about [0-9]+ (s|min .*) on [0-9]+ threads? \(estimate\)$'
check 'nothing changed' [ "$before" = "$(ls)" ]
sed 's/"epochs": 4/"epochs": 100000, "batch_size": 65536/;s/\[8, 16\]/[4095, 4096]/' short.json >huge.json
expect 0 run huge.json --dry-run
matches '^multiply-accumulates +[0-9.]+e\+(1[89]|2[0-9])$'
rm huge.json

# ---- one thread, two threads; the second time there is nothing to do
expect 0 run short.json --results one.db --threads 1
prints 'sweep'
complains '12 runs'
expect 0 run short.json --results two.db --threads 2 --quiet
check 'quiet on stderr' [ ! -s "$STDERR" ]
same_results one.db two.db
expect 0 run short.json --results two.db --no-table
quiet
complains '12 done already'
complains 'training: 0 runs in'
capture bash -c '"$0" run short.json --results two.db 2>&1' "$MERBENCH"
check 'the name of the ledger is printed below the table' [ "$(tail -n 1 "$STDOUT")" = 'results: two.db' ]
expect 0 run short.json --results two.db --dry-run
prints 'done already           12'
says_not 'estimate'
expect 0 run short.json --dry-run --quiet
prints 'runs                   12'
says_not '(estimate)'
missing two.db-wal

# ---- first one half of the plan, then the whole plan
expect 0 run half.json --results halves.db
expect 0 run short.json --results halves.db
same_results one.db halves.db

# ---- killed twice in the middle, then completed
expect 0 run long.json --results whole.db --quiet
for n in 2 6; do
    start run long.json --results killed.db --threads 2
    check "$n runs were recorded" wait_for "$n" killed.db long.json
    kill -9 "$PID"
    wait "$PID" 2>/dev/null
    reached=$(done_runs killed.db long.json)
    check 'the recorded runs are kept' [ "$reached" -ge "$n" ]
    check 'killed in the middle' [ "$reached" -lt 18 ]
done
expect 0 run long.json --results killed.db
# One more run a cell if the results of its chosen run on the test part were lost with the memory.
matches "(18|19|20) runs, $reached done already"
same_results whole.db killed.db

# ---- SIGINT, twice, and SIGTERM
for signal in INT TERM; do
    start run long.json --results "$signal.db" --threads 2
    check 'a run was recorded' wait_for 1 "$signal.db" long.json
    kill -"$signal" "$PID"
    [ "$signal" = INT ] && kill -INT "$PID" 2>/dev/null
    ended 1
    complains 'interrupted'
    matches 'of (18|19|20) runs are done and recorded; the same command goes on from there'
    missing "$signal.db-wal"
    expect 0 run long.json --results "$signal.db"
    same_results whole.db "$signal.db"
done

# ---- a second process is refused, readers are not
start run long.json --results shared.db --threads 1
check 'a run was recorded' wait_for 1 shared.db long.json
SAVED=$STDOUT.first
mv "$STDOUT" "$SAVED"
mv "$STDERR" "$STDERR.first"
expect 1 run long.json --results shared.db
complains 'shared.db'
complains 'in use'
expect 0 table shared.db
kill -TERM "$PID"
wait "$PID"

# ---- a full disk: recorded runs are kept, and the sweep can be continued later
full_disk() {
    trap '' XFSZ # writing beyond the limit fails instead of killing the program
    ulimit -f "$1"
    exec "$MERBENCH" run long.json --results full.db --quiet
}
size=$(($(stat -c %s whole.db) / 1024))
CHECKS=$((CHECKS + 1))
LAST="merbench run (files of at most $((size / 2)) KiB)"
(full_disk $((size / 2))) >"$STDOUT" 2>"$STDERR"
STATUS=$?
[ "$STATUS" -eq 1 ] || fail "expected exit code 1"
complains 'full.db'
expect 0 run long.json --results full.db
same_results whole.db full.db

if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 555 locked
    expect 1 run short.json --results locked/r.db
    missing locked/r.db
    cp one.db readonly.db && chmod 444 readonly.db
    expect 1 run half.json --results readonly.db
    complains 'readonly.db'
    chmod 755 locked
else
    skip 'root writes everywhere: read-only folders and ledgers'
fi
expect 1 run short.json --results no/such/folder/r.db
complains 'no/such/folder/r.db'

# ---- wrong usage and bad plans
expect 2 run
expect 2 run short.json other.json
expect 2 run short.json --thread 0
for n in 0 -1 1.5 two 99999 18446744073709551617 ''; do
    expect 2 run short.json --threads "$n"
    complains '--threads'
    quiet
done
expect 2 run short.json --device gpu
missing results.db
expect 2 run short.json --colour
complains "--colour"
echo '{"name": "x", "corpora": {"q": "q.h5"}, "cells": [{"corpus": "q", "model": "atention", ' \
    '"feature": "synth-text-UTT"}], "final": {"seeds": [1]}}' >typo.json
expect 3 run typo.json
complains 'typo.json: line 1, column 76: cells[0].model: unknown model "atention"; did you mean "attention"?'
sed 's/atention/attention/;s/synth-text-UTT/synth-txt-UTT/' typo.json >feature.json
expect 3 run feature.json
complains 'did you mean "synth-text-UTT"?'
sed 's/atention/attention/;s/q.h5/absent.h5/' typo.json >corpus.json
expect 3 run corpus.json
complains 'corpus.json: corpora.q: '
complains 'absent.h5'
printf '{"name": "x",\n "epochs": 1,,}' >syntax.json
expect 3 run syntax.json
complains 'syntax.json: line 2, column'
expect 3 run q.h5
head -c 3000 q.h5 >cut.h5
sed 's/atention/attention/;s/q.h5/cut.h5/' typo.json >cut.json
expect 3 run cut.json
complains 'cut.h5'
echo 'no database' >garbage.db
expect 3 run short.json --results garbage.db
check 'the file is as it was' [ "$(cat garbage.db)" = 'no database' ]
missing results.db

# ---- a run that is too large for the memory is set aside: the others are trained
cat >large.json <<END
{"name": "large", "epochs": 1, "corpora": {"q": "q.h5"}, "settings": {"dropout": 0.3},
 "cells": [{"corpus": "q", "model": ["lmf", "tfn"], "feature": "synth-text-UTT", "settings": {"hidden_dim": 1024}}],
 "final": {"seeds": [1]}}
END
expect 0 run large.json --results large.db --dry-run
complains 'large.json: warning: 1 of 2 runs does not fit into memory, of which'
complains 'cells[0] (tfn), {'
missing large.db
expect 1 run large.json --results large.db --threads 2
prints 'unfinished: 1 of 2 trials are finished'
complains '1 of 2 runs does not fit into memory, of which'
complains 'where there is more memory, the same command goes on from there'
expect 1 run large.json --results large.db --threads 2 --no-table
complains '2 runs, 1 done already'
cat >search.json <<END
{"name": "search", "epochs": 1, "corpora": {"q": "q.h5"}, "grid": {"hidden_dim": [8, 1024]},
 "cells": [{"corpus": "q", "model": ["lmf", "tfn"], "feature": "synth-text-UTT"}],
 "search": {"method": "grid", "seeds": [1, 2]}, "final": {"seeds": [1]}}
END
expect 1 run search.json --results search.db --threads 2 --no-table
complains 'cells[0] (tfn), {'
complains ': 2 runs of 12.0 TiB'
complains 'without them no setting is chosen in cells[0] (tfn)'
expect 1 run search.json --results search.db --threads 2
prints 'search 2/4'
sed 's/"hidden_dim": 1024/"hidden_dim": 8/' large.json >small.json
expect 0 run small.json --results large.db --threads 2

# ---- replay
expect 0 replay one.db --list
key=$(sed -n '/ final /{s/ .*//p;q}' "$STDOUT")
expect 0 replay one.db "$key"
prints 'identical'
expect 0 replay killed.db "$("$MERBENCH" replay killed.db --list | sed -n '$s/ .*//p')" --data q.h5
expect 3 replay one.db 00000000
expect 3 replay one.db "$key" --data /nonexistent
mkdir elsewhere
expect 3 replay one.db "$key" --data elsewhere
complains 'the corpus of the trial is not in'
must "$MERBENCH" synth --like quickstart -o elsewhere/q.h5 --dims audio=12,text=20,video=8 --seed 2 >/dev/null
expect 3 replay one.db "$key" --data elsewhere
expect 2 replay one.db
cp one.db changed.db
must "$LEDGER_SQL" changed.db "update epochs set train_loss = train_loss * (1 + 1e-15) where epoch = 2"
expect 3 replay changed.db "$key"
prints 'DIFFERENT'
complains 'training loss of epoch 3'

finish
