#!/usr/bin/env bash
# The documentation: every block of commands is run as it stands, in a copy of the sources, with smaller corpora and
# fewer epochs. What is not run is listed here with the reason, and then its files, targets and options are checked. A
# block that is neither run nor listed fails, and so does an entry of the lists that no document has any more.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

ROOT=$(realpath "$TESTS/..")
BUILD=$(dirname "$MERBENCH")
mapfile -t DOCUMENTS < <(cd "$ROOT" && ls README.md docs/*.md configs/paper/README.md bench/README.md docker/README.md \
    CONTRIBUTING.md tests/cudasim/README.md)

# ---- what is not run --------------------------------------------------------------------------

declare -A NO_COMMANDS NOT_RUN SEEN
# no_commands DOCUMENT FIRST_LINE REASON: a block that has no commands
no_commands() { NO_COMMANDS["$1: $2"]=$3; }
# not_run COMMAND REASON
not_run() { NOT_RUN[$1]=$2; }

no_commands README.md '== training the sweep of configs/quickstart.json' 'what the demo prints; compared at the end of this test'
no_commands README.md '100% tests passed, 0 tests failed out of ...' 'what the tests print'
no_commands README.md 'MERTools folder ── import ──▶ corpus.h5 ── run plan.json ──▶ results.db ── table ──▶ tables' 'a picture'
no_commands README.md '#include <merbench/model.h>' 'rules/install compiles, links and runs it'
no_commands README.md "include/merbench/   the library's headers" 'a list of folders'
no_commands docs/adding-a-model.md 'A, L, V  = encoder(features)                            (B, H) each' 'formulas'
no_commands docs/adding-a-model.md 'MB_MODEL(gated)' 'a line of a list'
no_commands docs/corpus-format.md 'merbench corpus, format 1' 'the beginning of a file'
no_commands docs/corpus-format.md \
    'DIR/label.npz                       label_4way.npz for IEMOCAPFour, label_6way.npz for IEMOCAPSix,' 'a list of files'
no_commands docs/cuda.md \
    'begin_step    rows, utterances, training step and Adam'"'"'s factors of every run, and the rows of the next step' 'a list of kernels'
no_commands docs/plan-format.md 'plan.json: line 3, column 13: unknown key "epoch"; did you mean "epochs"?' 'messages'
no_commands docs/datasets.md 'x = signal[m] (u(m, class) + (2 value / range) w(m)) + noise' 'a formula'

no_commands docs/datasets.md \
    'x = A (s mu + a e) + b n,    mu = u(emotion) + (0.36 sign(value) + 0.28 value / range) w,    a^2 + b^2 = 1, b = 0.25' 'formulas'

scratch='builds from scratch, which takes minutes'
not_run 'scripts/demo.sh' "$scratch; the commands of it are run at the end of this test"
not_run 'scripts/test.sh' "$scratch, and runs this test"
not_run 'scripts/test.sh --all' "$scratch, and runs this test"
not_run 'scripts/test.sh --only folds' "$scratch"
not_run 'scripts/format.sh --fix' 'works on the files that git lists; scripts/test.sh --format runs it'
not_run 'scripts/setup.sh build' 'installs packages'
not_run 'cmake --preset release' "$scratch"
not_run 'cmake --build build/release --target merbench' "$scratch"
not_run 'cmake --preset release && cmake --build build/release --target bench_train bench_kernels bench_ops bench_alone' "$scratch"
not_run 'ctest --test-dir build/release -R unit/test_folds --output-on-failure' 'would run inside of itself'
not_run 'tests/fuzz/run.sh 480 ledger' 'takes eight minutes; scripts/test.sh --fuzz runs it'
not_run 'sudo cmake --install build/release' 'needs root; rules/install installs into a temporary folder'
not_run 'cc models.c $(pkg-config --cflags --libs merbench) -o models && ./models' 'needs the installation; rules/install does it'
not_run 'scripts/gpu-kit.sh kit' 'needs nvcc'
not_run 'scripts/gpu-kit.sh --sanitizer /usr/local/cuda/compute-sanitizer kit' 'needs nvcc'
not_run 'scp -r kit node: && ssh node kit/run.sh' 'needs another machine with a GPU'
not_run 'OUT_DIR=results-of-node kit/run.sh --minutes 20 --python /path/to/python-with-torch-and-jax' 'needs a GPU; cudasim/kit runs it'
for program in 'bench_train --device cuda --models 720' 'bench_kernels --device cuda' 'bench_ops --device cuda --models 720' \
    'bench_alone --device cuda --models 1,24,720'; do
    not_run "build/release/bench/$program" 'needs a GPU'
done
not_run 'bench/compare.sh --python /path/to/python-with-torch' 'needs Python with torch'
not_run 'bench/compare.sh --device cuda --models 720 --python /path/to/python-with-torch-and-jax --save --plot figure.svg' \
    'needs a GPU, and Python with torch'
not_run 'bench/compare.sh --all --python /path/to/python-with-torch --save --plot figure.svg' 'needs Python with torch'
not_run 'bench/compare.sh --sweep configs/quickstart.json --data demo --python /path/to/python-with-torch' 'needs Python with torch'
not_run 'bench/compare.sh --sweep bench/plans/ten-models.json --python /path/to/python-with-torch' 'needs Python with torch'
not_run 'scripts/test.sh --container' 'needs root and container tools'
not_run 'scripts/test.sh --container --only container' 'needs root and container tools'
not_run 'merbench paper 9 --data data --results paper.db --dry-run' 'needs features of the paper'
not_run 'merbench paper 9 --data data --results paper.db' 'needs features of the paper'
not_run 'merbench paper --data data' 'needs features of the paper'
not_run 'merbench paper all --data data --results paper.db' 'needs features of the paper'
not_run 'merbench paper 5 --data made-up --results made-up.db --draws 2 --seeds 1,2 --epochs 10' \
    'takes minutes; e2e/synth_paper trains two of the corpora'
not_run 'docker run --rm merbench:cpu --version' 'needs docker'
not_run 'run="docker run --rm --user $(id -u):$(id -g) -v $PWD/demo:/work merbench:cpu"' 'needs docker'
not_run '$run synth --like quickstart -o quickstart.h5' 'needs docker'
not_run '$run run /usr/local/share/merbench/configs/quickstart.json --data . --results results.db' 'needs docker'
not_run '$run table results.db --format markdown' 'needs docker'

# ---- a copy of the sources, with small programs -----------------------------------------------

mkdir copy blocks
must cp -r "$ROOT"/{README.md,CMakeLists.txt,CMakePresets.json,configs,docs,scripts,bench,include,src,docker} copy
mkdir -p copy/tests copy/build/release/bench
must cp -r "$TESTS/fixtures" copy/tests
cat >copy/build/release/merbench <<END
#!/usr/bin/env bash
case " \$* " in
*' synth --like paper '*) exec '$MERBENCH' "\$@" --scale 0.02 --dims-scale 0.01 ;;
*' synth '*' --dims '*) exec '$MERBENCH' "\$@" --scale 0.05 ;;
*' synth '*) exec '$MERBENCH' "\$@" --scale 0.05 --dims audio=6,text=8,video=5 ;;
*' --dry-run '*) exec '$MERBENCH' "\$@" ;;
*' run '*) exec '$MERBENCH' "\$@" --epochs 2 ;;
*) exec '$MERBENCH' "\$@" ;;
esac
END
cat >copy/build/release/bench/bench_train <<END
#!/usr/bin/env bash
exec '$BUILD/bench/bench_train' "\$@" --steps 2 --repeats 1 --warmup 1 --no-ceilings --rows 32 --batch 4 --dims 6,8,5
END
chmod +x copy/build/release/merbench copy/build/release/bench/bench_train

# Folders of MERTools with the features that the README and the plans of the paper name. Every value is made up.
LABELS=$TESTS/fixtures/mertools/paper
vectors=("$TESTS"/fixtures/mertools/mer2023/features/wavlm-tiny-UTT/*.npy)
# made_up FOLDER UTTERANCE...
made_up() {
    local folder=$1 feature name i=0
    shift
    for feature in chinese-hubert-large-UTT Baichuan-13B-Base-UTT clip-vit-large-patch14-UTT; do
        mkdir -p "$folder/features/$feature"
        for name in "$@"; do
            cp "${vectors[i++ % ${#vectors[@]}]}" "$folder/features/$feature/$name.npy"
        done
    done
}
splits=(train-{0..11} val-{0..3} test-{0..5})
made_up copy/cmumosi-process "${splits[@]}"
must cp "$LABELS/cmumosi.npz" copy/cmumosi-process/label.npz

# ---- checks of what is not run ----------------------------------------------------------------

# has_option HELP OPTION COMMAND
has_option() {
    CHECKS=$((CHECKS + 1))
    grep -qE -- "(^|[^-a-z])$2([^-a-z]|\$)" <<<"$1" || fail "$3: there is no option $2"
}
# has_target NAME
has_target() {
    [ -e "$BUILD/build.ninja" ] || { skip "no ninja: target $1"; return; }
    [[ $1 != bench_* || -e $BUILD/bench/cmake_install.cmake ]] || { skip "this build has no benchmarks: target $1"; return; }
    check "target $1" grep -qE "^build $1: phony|^build ([^:]*/)?$1[ :]" "$BUILD/build.ninja"
}
check_cmake() {
    local i
    for ((i = 1; i < $#; i++)); do
        case ${!i} in
        --preset) i=$((i + 1)) && check "preset ${!i}" grep -q "\"name\": \"${!i}\"" "$ROOT/CMakePresets.json" ;;
        --target) for ((i++; i <= $#; i++)); do has_target "${!i}"; done ;;
        esac
    done
}
check_docker() {
    local i next
    for ((i = 1; i < $#; i++)); do
        next=$((i + 1))
        case ${!i} in
        -f) check "file ${!next}" [ -e "$ROOT/${!next}" ] ;;
        --target) check "target ${!next}" grep -q " AS ${!next}\$" "$ROOT/docker/Dockerfile" ;;
        esac
    done
}
# check_words COMMAND...: what the command names exists
check_words() {
    local tool=$1 help= word file command=$*
    shift
    case $tool in
    *=\"*) return ;; # run="docker ..."
    *=*) check_words "$@" && return ;;
    sudo) check_words "$@" && return ;;
    cc | scp | ssh | ./*) return ;;
    cmake) check_cmake "$@" && return ;;
    docker) check_docker "$@" && return ;;
    ctest)
        [ "$2" = build/release ] && check "test $4" grep -q "add_test(\[=*\[*$4\]*=*\]*" "$BUILD/tests/CTestTestfile.cmake"
        return
        ;;
    merbench | '$run') help=$("$MERBENCH" help "$1") || fail "there is no command $1" ;;
    kit/run.sh) [ ! -x "$BUILD/bench/kit/gpu_kit" ] || help=$("$BUILD/bench/kit/gpu_kit" --help) ;;
    build/release/bench/*)
        file=$BUILD/bench/${tool##*/}
        [ -x "$file" ] || { skip "this build has no benchmarks: $command"; return; }
        help=$("$file" --help)
        ;;
    scripts/*.sh | bench/*.sh)
        check "$tool is a program" [ -x "$ROOT/$tool" ]
        help=$("$ROOT/$tool" --help </dev/null)
        [ "$tool" != scripts/setup.sh ] || for word in "$@"; do check "setup.sh $word" grep -q "\[$word\]" <<<"$help"; done
        ;;
    tests/fuzz/run.sh) check "fuzzer ${2:-}" [ -e "$ROOT/tests/fuzz/fuzz_${2:-}.c" ] ;;
    *) fail "nothing checks this command: $command" ;;
    esac
    [ -n "$help" ] || return
    for word in "$@"; do
        [[ $word != --* || $word = --help ]] || has_option "$help" "${word%%=*}" "$command"
    done
}
check_not_run() {
    local part words
    while IFS= read -r part; do
        read -ra words <<<"$part"
        check_words "${words[@]}"
    done <<<"${1// && /$'\n'}"
}

# ---- the blocks -------------------------------------------------------------------------------

# Writes the blocks of a document to blocks/LINE, with the language of a fence in blocks/LINE.language.
extract() {
    rm -f blocks/*
    awk '
        /^```/ { fenced = !fenced; if (fenced) begin(substr($0, 4)); else name = ""; next }
        fenced { print > name; next }
        /^    / && (name != "" || before == "") { if (name == "") begin(""); print substr($0, 5) > name; next }
        { name = ""; before = $0 }
        function begin(language) {
            name = sprintf("blocks/%05d", NR)
            print language > (name ".language")
        }' "$ROOT/$1"
}

# The commands of a block, one after the other: a line, with what a backslash or a here-document adds to it.
read_commands() {
    local line end=
    COMMANDS=()
    while IFS= read -r line; do
        if [ -n "$end" ]; then
            COMMANDS[-1]+=$'\n'$line
            [ "$end" = '\' ] && end= || { [ "$line" != "$end" ] || end=; }
        else
            COMMANDS+=("$line")
            [[ ! $line =~ \<\<\'([A-Z]+)\' ]] || end=${BASH_REMATCH[1]}
        fi
        [[ $line != *\\ ]] || end='\'
    done <"$1"
}

# add_commands DOCUMENT LINE BLOCK: appends what is run to the script of the document
add_commands() {
    local command plain
    read_commands "$3"
    for command in "${COMMANDS[@]}"; do
        plain=$(sed -E '1!d; s/ +#.*//' <<<"$command")
        if [ -n "${NOT_RUN[$plain]:-}" ]; then
            SEEN[$plain]=1
            check_not_run "$plain"
        elif [[ $plain = build/release/bench/* ]] && [ ! -x "$BUILD/bench/$(basename "${plain%% *}")" ]; then
            skip "this build has no benchmarks: $plain"
        elif [[ $plain =~ ^(sudo|docker|ssh|scp|scripts/) ]]; then
            fail "$1, line $2: never run by a test, and not listed: $plain"
        else
            printf 'echo "== %s, line %s" >&2\n%s\n' "$1" "$2" "$command" >>script
            RUN=$((RUN + 1))
        fi
    done
}

# add_block DOCUMENT BLOCK
add_block() {
    local document=$1 line block=$2 language first
    line=$((10#${2##*/}))
    read -r language <"$block.language"
    IFS= read -r first <"$block"
    if [ -n "${NO_COMMANDS["$document: $first"]:-}" ]; then
        SEEN["$document: $first"]=1
        return
    fi
    case $language in
    '' | sh) add_commands "$document" "$line" "$block" ;;
    json) # a layout of datasets that the documents have no features of, or a plan
        if grep -q '"columns": \[' "$block"; then
            cp "$block" "copy/layout-$line.json"
            printf 'echo "== %s, line %s" >&2\n! merbench table results.db --layout layout-%s.json >refused 2>&1\n' \
                "$document" "$line" "$line" >>script
            printf 'grep -q "no cell" refused || { cat refused >&2; false; }\n' >>script
            return
        fi
        cp "$block" "copy/plan-$line.json"
        printf 'echo "== %s, line %s" >&2\nmerbench run plan-%s.json --dry-run\n' "$document" "$line" "$line" >>script
        ;;
    sql)
        command -v sqlite3 >/dev/null || { skip "no sqlite3: $document, line $line"; return; }
        cp "$block" "copy/block-$line.sql"
        printf 'echo "== %s, line %s" >&2\nsqlite3 -bail results.db <block-%s.sql\n' "$document" "$line" "$line" >>script
        ;;
    python)
        grep '^import' "$block" >modules.py
        python3 modules.py 2>/dev/null || { skip "no Python with $(sed 's/import //' modules.py | xargs): $document, line $line"; return; }
        cp "$block" "copy/block-$line.py"
        printf 'echo "== %s, line %s" >&2\npython3 block-%s.py\n' "$document" "$line" "$line" >>script
        ;;
    c) # a file of the program
        command -v cc >/dev/null || { skip "no cc: $document, line $line"; return; }
        cp "$block" block.c
        capture cc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -I"$ROOT/include" -I"$ROOT/src/host" block.c
        check "$document, line $line compiles" [ "$STATUS" = 0 ]
        ;;
    *) fail "$document, line $line: a block in the language '$language' is neither run nor listed" ;;
    esac
}

run_script() (
    cd copy && PATH=$PWD/build/release:$PATH exec bash -e -o pipefail ../script
)

RUN=0
for document in "${DOCUMENTS[@]}"; do
    extract "$document"
    : >script
    for block in blocks/*.language; do
        [ -e "$block" ] && add_block "$document" "${block%.language}"
    done
    [ -s script ] || continue
    CHECKS=$((CHECKS + 1))
    capture run_script
    [ "$STATUS" = 0 ] ||
        fail "$(grep '^== ' "$STDERR" | tail -n 1 | cut -c4-): a command failed: $(grep -v '^== ' "$STDERR" | tail -n 3)"
done
check 'there are commands' [ "$RUN" -ge 20 ]
for entry in "${!NOT_RUN[@]}" "${!NO_COMMANDS[@]}"; do
    check "no document has this any more: $entry" [ -n "${SEEN[$entry]:-}" ]
done

# ---- what else the documentation says ---------------------------------------------------------

# `merbench COMMAND --option` in the text.
mapfile -t SPANS < <(cd "$ROOT" && grep -ohE '`merbench [^`]+`' "${DOCUMENTS[@]}" | tr -d '`' | sort -u)
check 'the text names commands' [ "${#SPANS[@]}" -ge 10 ]
for span in "${SPANS[@]}"; do
    read -ra words <<<"$span"
    [[ ${words[1]} = COMMAND || ${words[1]} = help || ${words[1]} = --* ]] || check_words "${words[@]}"
done

# The demo prints what README.md shows: these labels, and these scores to rounding.
expect 0 synth --like quickstart -o quickstart.h5
expect 0 run "$ROOT/configs/quickstart.json" --data . --results demo.db
complains "$(grep -o 'quickstart: 36 runs, 0 done already' "$ROOT/README.md")"
grep '±' "$ROOT/README.md" | sed 's/^    //' >shown.txt
check 'README.md shows four scores' [ "$(wc -l <shown.txt)" = 4 ]
while IFS= read -r line; do
    label=$(sed -E 's/  +[*+]?.*//' <<<"$line")
    check "the demo's score of '$label'" awk -v label="$label" -v shown="$(grep -oE '[0-9.]+ ±' <<<"$line")" \
        'index($0, label "  ") == 1 && /±/ { sub(/^[^0-9]*/, ""); found = 1; near = ($1 - shown) ^ 2 < 4 }
         END { exit !(found && near) }' "$STDOUT"
done <shown.txt

# Every plan of the paper runs, with made-up features.
mkdir paper
sessions=()
for i in {0..19}; do sessions+=("$(printf 'Ses0%dF_impro01_F%03d' $((i % 5 + 1)) "$i")"); done
made_up made-up "${splits[@]}" test1-{0..5} test2-{0..5} test3-{0..5} "${sessions[@]}"
for dataset in CMUMOSI SIMS MER2023 IEMOCAPFour IEMOCAPSix; do
    expect 0 import mertools made-up --dataset $dataset --labels "$LABELS/${dataset,,}.npz" -o "paper/${dataset,,}.h5" --quiet
done
for plan in "$ROOT"/configs/paper/*.json; do
    expect 0 run "$plan" --data paper --results paper.db --epochs 1 --seeds 1 --quiet
    prints 'HUBERT + Baichuan + CLIP'
    check "$plan is in configs/paper/README.md" grep -q "^| \`${plan##*/}\`" "$ROOT/configs/paper/README.md"
done
finish
