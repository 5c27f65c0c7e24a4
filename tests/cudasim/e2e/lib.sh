# Shared by the end-to-end tests of --device cuda, which source this file first. The program under
# test has the simulated executor, or is one for GPUs, on a machine that may have none.
# shellcheck shell=bash
# shellcheck source=../../e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/lib.sh"

FIXTURE=$TESTS/fixtures/attention/batch1.h5
capture "$MERBENCH" parity --device cuda "$FIXTURE"
if [ "$STATUS" = 4 ]; then
    FINISHED=1
    skip "$(cat "$STDERR")"
    exit 77
fi

# Whether the executor is the simulated one, which CUDASIM_* variables control.
simulated() {
    "$MERBENCH" doctor --device | grep -q 'cudasim'
}

# plan FILE DROPOUTS FINAL_SEEDS: two cells over hidden_dim {6, 10}
plan() {
    cat >"$1" <<END
{"name": "sweep", "epochs": 3, "corpora": {"q": "q.h5"},
 "grid": {"hidden_dim": [6, 10], "dropout": [$2]},
 "cells": [
   {"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"},
   {"label": "all", "corpus": "q", "model": "lmf",
    "features": {"audio": "synth-audio-UTT", "text": "synth-text-UTT", "video": "synth-video-UTT"}}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [$3]}}
END
}

# Tables of a ledger, of the final seeds and of the search, as CSV without quoted commas.
entries() {
    for metric in waf mse; do
        "$MERBENCH" table "$1" --format csv --metric "$metric"
        "$MERBENCH" table "$1" --format csv --metric "$metric" --all-settings
    done | sed 's/"[^"]*"/quoted/g'
}

# close_entries LEDGER LEDGER: texts are equal, numbers agree to 1e-4
close_entries() {
    CHECKS=$((CHECKS + 1))
    entries "$1" >first.csv
    entries "$2" >second.csv
    [ "$(grep -c '^sweep' first.csv)" -ge 12 ] || fail "$1 has no entries"
    awk -F, '
        function number(text) { return text ~ /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ }
        FILENAME == ARGV[1] { line[FNR] = $0; lines = FNR; next }
        {
            count = split(line[FNR], wanted, ",")
            same = count == NF
            for (i = 1; i <= count && same; i++)
                if (number(wanted[i]) && number($i)) {
                    d = wanted[i] - $i
                    same = d <= 1e-4 && -d <= 1e-4
                } else
                    same = wanted[i] == $i
            if (!same) { print "  " line[FNR]; print "  " $0; differs = 1 }
        }
        END { exit differs || FNR != lines }' first.csv second.csv ||
        fail "the tables of $1 and $2 differ by more than 1e-4"
}

contents() {
    sqlite3 "$1" "select r.trial, r.fold, p.position, p.name, p.part, hex(p.logits), hex(p.valences)
                  from predictions p join runs r on r.id = p.run order by 1, 2, 3" \
        "select r.trial, r.fold, e.epoch, printf('%!.20g %!.20g %!.20g', e.train_loss, e.select_loss,
         e.select_metric) from epochs e join runs r on r.id = e.run order by 1, 2, 3"
}
# same_bits LEDGER LEDGER: tables and, if sqlite3 is installed, curves and predictions are the same
same_bits() {
    CHECKS=$((CHECKS + 1))
    [ "$(entries "$1")" = "$(entries "$2")" ] || fail "the tables of $1 and $2 differ"
    command -v sqlite3 >/dev/null || { skip "no sqlite3: predictions of $1 and $2"; return; }
    CHECKS=$((CHECKS + 1))
    [ "$(contents "$1")" = "$(contents "$2")" ] || fail "runs of $1 and $2 differ"
    [ -n "$(contents "$1")" ] || fail "$1 has no predictions"
}

# sweep_files: makes q.h5, whole.json, and half.json, which is a subset of whole.json
sweep_files() {
    must "$MERBENCH" synth --like quickstart --scale 0.15 -o q.h5 --dims audio=5,text=9,video=6 >/dev/null
    plan whole.json "0.2, 0.4" "1, 2"
    plan half.json "0.2" "1"
}
