#!/usr/bin/env bash
# Names that would command a terminal: of features, files, folders, options, and of everything in a ledger. Nothing of
# them reaches the terminal as it is, in any command.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
FOLDERS=$TESTS/fixtures/mertools

# ESC, the C1 form of ESC [ as UTF-8 and as a byte, a carriage return, a newline, two bidirectional controls, a line
# separator, DEL
export LC_ALL=C.UTF-8 # $'\u' makes UTF-8
EVIL=$'\e[31m\u009b32m\x9b\rx\ny\u202e\u2066\u2028\x7f'
NAME=$'\e[31m\u009b32m\rx\ny\u202e\u2066\u2028\x7f' # without the byte that is not UTF-8
ESCAPED='\x1b[31m\u009b32m\x0dx\x0ay\u202e\u2066\u2028\x7f'

# clean: the last run printed no control characters but newlines, and the name began no line
clean() {
    CHECKS=$((CHECKS + 1))
    if cat "$STDOUT" "$STDERR" | LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]'; then
        fail 'a control character was printed'
    fi
    CHECKS=$((CHECKS + 1))
    if cat "$STDOUT" "$STDERR" | grep -q '^y'; then fail 'a name began a new line'; fi
}

# ---- a corpus
mkdir -p "d/features/$NAME"
cp "$FOLDERS/mer2023/label-6way.npz" d/
cp "$FOLDERS"/mer2023/features/wavlm-tiny-UTT/* "d/features/$NAME/"
expect 0 import mertools d --dataset MER2023 -o "$EVIL.h5"
clean
complains "the modality of '$ESCAPED' is unknown"
expect 3 import mertools d --dataset MER2023 -o "$EVIL.h5"
clean
cp "$EVIL.h5" c.h5
expect 0 info "$EVIL.h5"
clean
prints "  $ESCAPED unknown"
expect 0 info c.h5 --json
check 'JSON has one document' [ "$(head -c 1 "$STDOUT")" = '{' ]
clean
prints '\u009b32m'
expect 3 doctor "$EVIL.h5"
clean
prints "'$ESCAPED'"
expect 3 doctor c.h5 --json
clean
rm d/features/*/sample_00407.npy
mv d "$EVIL"
expect 3 import mertools "$EVIL" --dataset MER2023 -o x.h5
clean
complains "  'sample_00407'"

# ---- arguments and files
for arguments in "$EVIL" "info --$EVIL" "info $EVIL" "run $EVIL" "table $EVIL" "replay $EVIL 012345" "parity $EVIL" \
    "doctor $EVIL" "model $EVIL" "synth --like $EVIL -o x.h5" "import mertools $EVIL --dataset $EVIL -o x.h5"; do
    IFS=' ' read -r -d '' -a words < <(printf '%s\0' "$arguments")
    capture "$MERBENCH" "${words[@]}"
    check "wrong usage or a bad file: $arguments" [ "$STATUS" -eq 2 -o "$STATUS" -eq 3 ]
    clean
done
expect 3 parity "$EVIL"
cp "$TESTS/fixtures/attention/small.h5" "$EVIL.parity"
expect 0 parity "$EVIL.parity"
clean

# ---- a sweep, and a ledger that somebody changed
must "$MERBENCH" synth --like quickstart -o q.h5 --scale 0.1 --dims audio=8,text=12,video=6 >/dev/null
cat >"$EVIL.json" <<'PLAN'
{"name": "p", "epochs": 2, "corpora": {"q": "q.h5"}, "grid": {"hidden_dim": [8, 16]},
 "cells": [{"label": "text", "corpus": "q", "model": "attention", "feature": "synth-text-UTT"}],
 "search": {"method": "grid", "seeds": [1]}, "final": {"seeds": [1, 2]}}
PLAN
expect 0 run "$EVIL.json" --device cpu --results "$EVIL.db" --dry-run
clean
expect 0 run "$EVIL.json" --device cpu --results "$EVIL.db" --threads 1
clean
expect 0 table "$EVIL.db"
clean
if command -v sqlite3 >/dev/null; then
    cp "$EVIL.db" r.db
    # The text of the ledger, as SQL.
    sql="char(27) || '[31m' || char(155) || '32m' || char(13) || 'x' || char(10) || 'y' || char(8238) || char(8294)
        || char(8232) || char(127)"
    key=$("$MERBENCH" replay r.db --list | sed -n '1s/ .*//p')
    must "$LEDGER_SQL" r.db "update cells set label = $sql; update plans set name = $sql; update runs set device = $sql;
        update epochs set train_loss = train_loss * 1.5 where epoch = 1"
    for format in text markdown latex csv json; do
        expect 0 table r.db --format $format
        clean
    done
    expect 0 table r.db --format text
    prints "$ESCAPED"
    expect 0 replay r.db --list
    clean
    prints "$ESCAPED"
    expect 3 replay r.db "$key"
    clean
    complains "recorded on $ESCAPED"
    expect 0 doctor r.db
    clean
    must "$LEDGER_SQL" r.db "update cells set label = '=HYPERLINK(\"http://x\",\"y\")'"
    expect 0 table r.db --format csv
    prints ',"'"'"'=HYPERLINK(""http://x"",""y"")",'
else
    skip 'no sqlite3: texts of a ledger'
fi

# ---- a text that is cut, is cut between two characters
cat >cut.json <<'PLAN'
{"name": "p", "epochs": "a中中中中中中中中中中中中中中中中中中中中中中中中中中中中中中中", "corpora": {"q": "q.h5"}}
PLAN
expect 3 run cut.json --dry-run
says 'expected'
says_not '\x'
finish
