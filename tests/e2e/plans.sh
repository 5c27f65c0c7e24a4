# Plans as editors, scripts and people write them: what is taken, and what is refused with which message.
# shellcheck shell=bash source=lib.sh
source "$(dirname "$0")/lib.sh"

must "$MERBENCH" synth --like quickstart --scale 0.3 -o q.h5 --dims audio=5,text=8,video=4 >/dev/null
cat >plan.json <<'EOF2'
{"name":"p","epochs":3,"corpora":{"q":"q.h5"},
 "cells":[{"corpus":"q","model":"attention","feature":"synth-text-UTT"}],
 "search":{"method":"grid","seeds":[1]},"settings":{"hidden_dim":8},"final":{"seeds":[1,2]}}
EOF2

# taken NAME: the plan NAME.json, made by the command before, is trained
taken() {
    expect 0 run "$1.json" --results "$1.db" --quiet
}
# refused NAME MESSAGE: it is refused, with the message, before anything is written
refused() {
    expect 3 run "$1.json" --results refused.db
    complains "$1.json: $2"
    quiet
    missing refused.db
}
# changed NAME SED: NAME.json is the plan, changed by the expression
changed() {
    sed "$2" plan.json >"$1.json"
}

taken plan
changed crlf 's/$/\r/' && taken crlf
{ printf '\xef\xbb\xbf'; cat plan.json; } >mark.json && taken mark
changed exponent 's/"settings":{/"settings":{"learning_rate":1E-3,/' && taken exponent
changed whole 's/"hidden_dim":8/"hidden_dim":8.0/' && taken whole
changed largest 's/\[1,2\]/[4294967295,0]/' && taken largest

# Files that are no JSON.
iconv -t UTF-16 plan.json >utf16.json && refused utf16 'expected UTF-8, found UTF-16; save it as UTF-8'
changed latin1 's/"p"/"caf\xe9"/' && refused latin1 'line 1, column 13: expected UTF-8, found the byte 0xe9'
: >empty.json && refused empty 'line 1, column 1: expected a value, found the end of the text'
head -c 100 plan.json >cut.json && refused cut 'line 2, column '
{ cat plan.json; echo '{}'; } >two.json && refused two "line 4, column 1: expected the end of the text, found '{'"
{ cat plan.json; printf '\0'; } >zero.json && refused zero 'line 4, column 1: expected the end of the text, found the byte 0x00'
changed slashes '1a // comment' && refused slashes 'line 2, column 1: expected a key in quotes, found a comment; JSON has no comments'
changed stars 's,"epochs",/* few */ &,' && refused stars 'line 1, column 13: expected a key in quotes, found a comment'
changed hash '1i # comment' && refused hash 'line 1, column 1: expected a value, found a comment'
changed comma 's/\[1,2\]/[1,2,]/' && refused comma "line 3, column 90: expected no comma after the last entry, found one before ']'"
changed comma2 's/"hidden_dim":8/&,/' && refused comma2 "line 3, column 67: expected no comma after the last entry, found one before '}'"
changed single "s/\"/'/g" && refused single 'line 1, column 2: expected a key in quotes, found a single quote; JSON has double quotes, write "name"'
changed nan 's/"settings":{/&"learning_rate":NaN,/' && refused nan "line 3, column 69: expected a value, found 'NaN'; JSON has no NaN"
changed inf 's/"settings":{/&"learning_rate":-Infinity,/' && refused inf "line 3, column 69: expected a JSON number, found '-Infinity'"
changed beyond 's/"settings":{/&"learning_rate":1e400,/' && refused beyond 'line 3, column 69: expected a number in the range of doubles'
changed zeros 's/"hidden_dim":8/"hidden_dim":08/' && refused zeros "line 3, column 66: expected a JSON number, found '08'; a JSON number has no leading zeros, write 8"
changed plus 's/"hidden_dim":8/"hidden_dim":+8/' && refused plus "line 3, column 66: expected a value, found '+8'; a JSON number has no plus sign, write 8"
changed hex 's/"hidden_dim":8/"hidden_dim":0x10/' && refused hex "line 3, column 66: expected a JSON number, found '0x10'; JSON has no hexadecimal numbers, write 16"
changed keytwice 's/"epochs":3/&,"epochs":4/' && refused keytwice 'line 1, column 24: expected every key once, found "epochs" twice'
{ printf '{"name":'; printf '[%.0s' $(seq 100000); } >deep.json && refused deep 'line 1, column 40: expected at most 32 levels'
echo "[$(cat plan.json)]" >list.json && refused list 'line 1, column 1: expected an object, found a list of 1'

# JSON that is no plan.
changed text 's/"settings":{/&"learning_rate":"1e-3",/' &&
    refused text 'line 3, column 69: settings.learning_rate: expected a number 1e-12..10, found "1e-3"; write it without the quotes'
changed half 's/"hidden_dim":8/&.5/' && refused half 'line 3, column 66: settings.hidden_dim: expected an integer 1..4096, found 8.5'
changed true 's/"hidden_dim":8/"hidden_dim":true/' && refused true 'line 3, column 66: settings.hidden_dim: expected an integer 1..4096, found true'
changed shuffle 's/"epochs"/"shuffle":"true",&/' && refused shuffle 'line 1, column 23: shuffle: expected true or false, found "true"; write it without the quotes'
changed twice 's/\[1,2\]/[1,1]/' && refused twice 'line 3, column 89: final.seeds[1]: seed 1 is in the list twice'
changed negative 's/\[1,2\]/[-1]/' && refused negative 'line 3, column 87: final.seeds[0]: expected an integer 0..4294967295, found -1'
changed large 's/\[1,2\]/[4294967296]/' && refused large 'line 3, column 87: final.seeds[0]: expected an integer 0..4294967295'
changed misspelt 's/"epochs"/"epoch"/' && refused misspelt 'line 1, column 13: unknown key "epoch"; did you mean "epochs"?'

# Long lists of seeds: a limit, in no time.
sed 's/\[1,2\].*/[/' plan.json >many.json
seq -s, 0 100000 >>many.json
echo ']}}' >>many.json
refused many 'line 3, column 86: final.seeds: expected a list of at most 1000, found a list of 100001'
sed 's/\[1,2\].*/[/' plan.json >million.json
seq -s, 0 1000000 >>million.json
echo ']}}' >>million.json
refused million 'line 4, column '
complains 'expected at most 1000000 values, found more'

# All that is wrong is said at once: of the plan, of its corpora, and of their features.
cat >all.json <<'EOF2'
{
  "name": "all", "epoch": 3,
  "corpora": {"q": "q.h5", "gone": "gone.h5", "unused": "nowhere.h5"},
  "cells": [
    {"corpus": "q", "model": "atention", "feature": "synth-txt-UTT"},
    {"corpus": ["gone", "q"], "model": ["attention", "lmf"], "feature": "synth-text-UTT",
     "settings": {"hidden_dim": 100000}},
    {"corpus": "q", "model": "mult", "feature": "synth-text-UTT"}],
  "final": {"seeds": [1, "2"]}
}
EOF2
refused all 'line 2, column 18: unknown key "epoch"; did you mean "epochs"?'
cat >expected <<'EOF2'
merbench run: all.json: line 2, column 18: unknown key "epoch"; did you mean "epochs"?
all.json: line 9, column 26: final.seeds[1]: expected an integer 0..4294967295, found "2"; write it without the quotes
all.json: line 5, column 30: cells[0].model: unknown model "atention"; did you mean "attention"?
all.json: line 7, column 33: cells[1].settings.hidden_dim: expected an integer 1..4096, found 100000
all.json: line 7, column 33: cells[1].settings.hidden_dim: expected an integer 2..4096, found 100000
all.json: corpora.gone: gone.h5: cannot open: No such file or directory
all.json: cells[0]: audio: unknown feature "synth-txt-UTT"; did you mean "synth-text-UTT"?
EOF2
head -n 7 "$STDERR" >found
same found expected
complains 'all.json: cells[2]: feature_type: model mult needs sequences'
check 'nothing else' [ "$(wc -l <"$STDERR")" = 8 ]

# Of many findings some are listed, and all are counted.
{
    echo '{"name": "p", "corpora": {"q": "q.h5"}, "cells": ['
    for i in $(seq 49); do echo "{\"corpus\": \"q\", \"model\": \"attention\", \"feature\": \"f$i\"},"; done
    echo '{"corpus": "q", "model": "attention", "feature": "f50"}], "final": {"seeds": [1]}}'
} >fifty.json
refused fifty 'cells[0]: audio: unknown feature "f1"'
complains '... and 30 more'
check 'a line for each' [ "$(wc -l <"$STDERR")" = 21 ]

finish
