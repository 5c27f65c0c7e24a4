#!/usr/bin/env bash
# Cells with targets: trained on one corpus, scored on others with common labels.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

for dataset in MER2023 MELD IEMOCAPFour CMUMOSI SIMS; do
    must "$MERBENCH" synth --like $dataset -o "$dataset.h5" --scale 0.03 --dims audio=12,text=16,video=8 >/dev/null
done
cp CMUMOSI.h5 copy.h5
must "$MERBENCH" synth --like MELD -o wide.h5 --scale 0.03 --dims audio=12,text=20,video=8 >/dev/null

# plan FILE PROTOCOL CORPUS TARGETS [MORE]: one cell; MORE are other keys of it
plan() {
    cat >"$1" <<END
{"name": "${1%.json}", "epochs": 3, "protocol": "$2",
 "corpora": {"mer": "MER2023.h5", "meld": "MELD.h5", "iemocap": "IEMOCAPFour.h5", "mosi": "CMUMOSI.h5",
             "sims": "SIMS.h5", "copy": "copy.h5", "wide": "wide.h5", "empty": "empty.h5"},
 "grid": {"hidden_dim": [8, 16], "dropout": [0.2, 0.3]},
 "cells": [{"corpus": "$3", "targets": $4, "model": "attention"${5:-},
    "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
END
}

# trained FILE LEDGER: runs a plan; the number of runs that were trained is in TRAINED
trained() {
    expect 0 run "$1" --results "$2" --device cpu --threads 2 --no-table
    TRAINED=$(sed -n 's/^training: \([0-9]*\) run.*/\1/p' "$STDERR")
}

# score METRIC FILE: mean and deviation of the last line of a table
score() {
    tail -n 1 "$2" | grep -oE ",$1,[^,]+,[^,]+"
}

# ---- targets that are added later: the same numbers, and only what is printed is trained again
for protocol in mertools strict; do
    for corpus in mer meld iemocap; do
        runs=$([ $corpus = meld ] && echo 1 || echo 5) # a trial's
        mapfile -t targets < <(printf '%s\n' mer meld iemocap | grep -vx $corpus)
        plan both.json $protocol $corpus "[\"${targets[0]}\", \"${targets[1]}\"]"
        plan one.json $protocol $corpus "\"${targets[0]}\""
        plan other.json $protocol $corpus "[\"${targets[1]}\"]"
        rm -f together.db later.db
        trained both.json together.db
        all=$TRAINED
        trained one.json later.db
        check "one target costs as much as two: $TRAINED of $all" [ "$TRAINED" -eq "$all" ]
        trained other.json later.db
        check "another target: $TRAINED runs" [ "$TRAINED" -eq $((2 * runs)) ]
        trained both.json later.db
        check "both are there: $TRAINED runs" [ "$TRAINED" -eq 0 ]
        for plan in both one other; do
            for metric in waf mse; do
                expect 0 table later.db --plan "$plan" --format csv --metric $metric
                sed 's/^[a-z]*,//' "$STDOUT" >"$plan.$metric.csv"
            done
        done
        expect 0 table together.db --plan both --format csv
        sed 's/^[a-z]*,//' "$STDOUT" >together.csv
        same together.csv both.waf.csv
        check 'the first target is the score' [ "$(score waf both.waf.csv)" = "$(score waf one.waf.csv)" ]
        check 'each cell shows its own target' [ "$(score waf one.waf.csv)" != "$(score waf other.waf.csv)" ]
        expect 0 doctor later.db
    done
done

# ---- interrupted while a target is added: the scores that were there stay
plan one.json mertools mer '["meld"]'
plan both.json mertools mer '["meld", "iemocap"]'
for plan in one both; do sed -i 's/"epochs": 3/"epochs": 400/' $plan.json; done
rm -f cut.db
trained one.json cut.db
expect 0 table cut.db --plan one --format csv
cp "$STDOUT" before.csv
start run both.json --results cut.db --device cpu --threads 1 --no-table --quiet
for _ in $(seq 600); do
    [ "$(sqlite3 -readonly cut.db "SELECT count(DISTINCT run) FROM predictions WHERE name LIKE 'IEMOCAP%'" 2>/dev/null)" -ge 1 ] 2>/dev/null && break
    sleep 0.05
done
kill -TERM "$PID"
wait "$PID"
FINISHED_EARLY=$?
expect 0 table cut.db --plan one --format csv
same before.csv "$STDOUT"
expect 0 replay cut.db --list
expect 0 replay cut.db "$(grep final "$STDOUT" | head -n 1 | cut -d ' ' -f 1)" --data . --threads 2
check 'nothing differs' [ "$(grep -c DIFFERENT "$STDOUT")" -eq 0 ]
trained both.json cut.db
echo "interrupted with $FINISHED_EARLY; $TRAINED runs were left"
expect 0 table cut.db --plan one --format csv
same before.csv "$STDOUT"

# ---- every recorded trial can be trained again
expect 0 replay later.db --list
cut -d ' ' -f 1 "$STDOUT" | sort -u >keys.txt
check 'there are trials' [ "$(wc -l <keys.txt)" -ge 5 ]
while read -r key; do
    expect 0 replay later.db "$key" --data . --threads 2
    prints 'scores: identical'
    check 'nothing differs' [ "$(grep -c DIFFERENT "$STDOUT")" -eq 0 ]
done <keys.txt
mkdir alone
cp IEMOCAPFour.h5 MELD.h5 alone
expect 0 replay later.db "$(tail -n 1 keys.txt)" --data alone
prints 'its corpus is not there; it is not compared'
prints 'identical'

# ---- another version of a target: each plan shows its own, and both are kept
must "$MERBENCH" synth --like MELD -o MELD2.h5 --seed 2 --scale 0.05 --dims audio=12,text=16,video=8 >/dev/null
plan first.json mertools mer '["meld"]'
sed 's/"first"/"second"/; s/MELD.h5/MELD2.h5/' first.json >second.json
trained first.json versions.db
expect 0 table versions.db --plan first --format csv
first=$(score waf "$STDOUT")
trained second.json versions.db
check "the runs that are shown: $TRAINED" [ "$TRAINED" -eq 10 ]
expect 0 table versions.db --plan second --format csv
check 'another version, another score' [ "$first" != "$(score waf "$STDOUT")" ]
expect 0 table versions.db --plan first --format csv
check 'the first plan shows its own' [ "$first" = "$(score waf "$STDOUT")" ]
trained first.json versions.db
check "nothing is trained again: $TRAINED" [ "$TRAINED" -eq 0 ]
expect 0 replay versions.db --list
expect 0 replay versions.db "$(grep final "$STDOUT" | head -n 1 | cut -d ' ' -f 1)" --data . --threads 2
prints 'scores: identical'

# ---- a copy of the corpus as its own target: to the bit what the corpus itself is scored
plan copy.json mertools mosi '"copy"'
sed 's/"targets": "copy", //; s/"name": "copy"/"name": "itself"/' copy.json >itself.json
trained itself.json copy.db
trained copy.json copy.db
for metric in waf mse mae; do
    expect 0 table copy.db --plan copy --format csv --metric $metric
    cp "$STDOUT" copy.csv
    expect 0 table copy.db --plan itself --format csv --metric $metric
    check "$metric: $(score $metric copy.csv)" [ "$(score $metric copy.csv)" = "$(score $metric "$STDOUT")" ]
    check 'there is a score' [ -n "$(score $metric copy.csv)" ]
done
expect 0 table copy.db --plan copy
prints 'CMUMOSI > CMUMOSI'

# ---- sentiment on one scale: values of SIMS count three times
plan sims.json mertools sims '["mosi"]'
trained sims.json sims.db
expect 0 table sims.db
prints 'SIMS > CMUMOSI'

# ---- what is refused, before anything is trained
# refuses TEXT...: the plan bad.json; each text is in the message
refuses() {
    expect 3 run bad.json --results bad.db --no-table
    for text in "$@"; do complains "$text"; done
    missing bad.db
}
plan bad.json mertools meld '["mosi"]'
refuses 'bad.json: cells[0]: expected a source and a target with the same kind of labels; MELD has emotions' 'CMUMOSI has sentiment values'
plan bad.json mertools mer '["wide"]'
refuses 'target MELD: the feature synth-text-UTT has 20 dimensions there, and 16 in MER2023'
plan bad.json mertools mer '["mer"]'
refuses 'targets: expected a corpus other than the one that is trained on'
plan bad.json mertools mer '["meld", "wide"]'
refuses 'expected targets of different datasets, found two of MELD: MELD.h5 and wide.h5'
plan bad.json mertools mer '["melt"]'
refuses 'melt' 'did you mean'
plan bad.json mertools mer '["meld", "meld"]'
refuses '"meld" is in the list twice'
plan bad.json mertools mer '[]'
refuses 'targets'
plan bad.json mertools mer '["empty"]'
refuses 'corpora.empty' 'empty.h5'
sed -i 's/synth-video-UTT/synth-video-FRA/' bad.json
must "$MERBENCH" synth --like MER2023 -o MER2023.h5 --force --scale 0.03 --dims audio=12,text=16,video=8 --frames >/dev/null
sed -i 's/"empty"\]/"meld"]/' bad.json
refuses 'target MELD: video: unknown feature "synth-video-FRA"'
finish
