# Helpers of the end-to-end tests. A test sources this file first:
#
#     source "$(dirname "$0")/lib.sh"
#     expect 0 info corpus.h5            # runs the program and checks its exit code
#     says 'utterances: 12'              # checks for a text on stdout or stderr of the last run
#     finish                             # last line: prints the counts, exits 0 or 1
#
# After sourcing: $MERBENCH is the program (absolute), $TESTS the folder tests/, $SCRATCH an empty folder that is
# also the working folder. $LEDGER_SQL and $REFUSE_LIBRARY come from CTest (tests/tools). A failed check is
# printed with the command and its output, and the test continues, so that one run shows all failures. A test
# that ends before `finish` has failed.
# Called as: bash TEST.sh MERBENCH_BINARY SCRATCH_DIR TESTS_DIR
# shellcheck shell=bash

if [ "$#" -ne 3 ]; then
    echo "usage: bash $0 MERBENCH_BINARY SCRATCH_DIR TESTS_DIR" >&2
    exit 2
fi
set -u
export LC_ALL=C

MERBENCH=$(realpath -- "$1") || exit 2
mkdir -p -- "$2" || exit 2
SCRATCH=$(realpath -- "$2")
TESTS=$(realpath -- "$3") || exit 2
[ -x "$MERBENCH" ] || { echo "$MERBENCH is not an executable" >&2; exit 2; }
# Deletes only the contents of a scratch folder, never those of any other folder.
case $SCRATCH in
/ | "${HOME:-/}" | "$TESTS" | "$PWD") echo "$SCRATCH cannot be the scratch folder" >&2; exit 2 ;;
esac
chmod -R u+rwX -- "$SCRATCH" 2>/dev/null
find "$SCRATCH" -mindepth 1 -delete || exit 2
cd -- "$SCRATCH" || exit 2

CHECKS=0
FAILURES=0
SKIPS=0
FINISHED=0
STATUS=0                 # exit code of the last run
STDOUT=$SCRATCH/.stdout  # what it printed
STDERR=$SCRATCH/.stderr
LAST=                    # how it was called
: >"$STDOUT"
: >"$STDERR"

on_exit() {
    local code=$?
    if [ "$FINISHED" = 0 ]; then
        echo "FAILED: the test ended before its last line (exit code $code)"
        exit 1
    fi
}
trap on_exit EXIT

# fail TEXT...: counts a failure and shows the last run.
fail() {
    FAILURES=$((FAILURES + 1))
    echo "FAILED (line ${BASH_LINENO[${#BASH_LINENO[@]} - 2]}): $*"
    if [ -n "$LAST" ]; then
        echo "  command: $LAST"
        echo "  exit code: $STATUS"
        sed -n '1,20s/^/  stdout: /p' "$STDOUT"
        sed -n '1,20s/^/  stderr: /p' "$STDERR"
    fi
}

# check TEXT COMMAND...: passes when the command (any shell command) succeeds.
check() {
    local text=$1
    shift
    CHECKS=$((CHECKS + 1))
    "$@" || fail "$text"
}

# capture COMMAND [ARGUMENT...]: runs any command and keeps its output and exit code without a check.
capture() {
    LAST=$*
    "$@" >"$STDOUT" 2>"$STDERR" </dev/null
    STATUS=$?
}

# expect CODE ARGUMENT...: runs the program with the arguments; its exit code must be CODE.
# A crash (a signal) and a sanitizer's report are failures whatever code was expected.
expect() {
    local code=$1
    shift
    CHECKS=$((CHECKS + 1))
    capture "$MERBENCH" "$@"
    LAST="merbench $*"
    if [ "$STATUS" -ge 128 ]; then
        fail "ended by signal $((STATUS - 128))"
    elif grep -qE 'AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:' "$STDERR"; then
        fail "a sanitizer found an error"
    elif [ "$STATUS" -ne "$code" ]; then
        fail "expected exit code $code"
    elif [ "$code" -ne 0 ] && [ ! -s "$STDERR" ] && [ ! -s "$STDOUT" ]; then
        fail "exit code $code without a message"
    fi
}

# says TEXT / says_not TEXT: the last run printed (did not print) the fixed text, on either stream.
says() {
    CHECKS=$((CHECKS + 1))
    cat "$STDOUT" "$STDERR" | grep -qF -- "$1" || fail "expected the text '$1'"
}
says_not() {
    CHECKS=$((CHECKS + 1))
    if cat "$STDOUT" "$STDERR" | grep -qF -- "$1"; then fail "did not expect the text '$1'"; fi
}

# prints TEXT, complains TEXT: the same for stdout alone and for stderr alone.
prints() {
    CHECKS=$((CHECKS + 1))
    grep -qF -- "$1" "$STDOUT" || fail "expected the text '$1' on stdout"
}
complains() {
    CHECKS=$((CHECKS + 1))
    grep -qF -- "$1" "$STDERR" || fail "expected the text '$1' on stderr"
}

# matches REGEX: a line of either stream matches the extended regular expression.
matches() {
    CHECKS=$((CHECKS + 1))
    cat "$STDOUT" "$STDERR" | grep -qE -- "$1" || fail "expected a line that matches '$1'"
}

# quiet: the last run printed nothing on stdout (the rule for wrong usage and failures).
quiet() {
    CHECKS=$((CHECKS + 1))
    [ ! -s "$STDOUT" ] || fail "expected nothing on stdout"
}

exists() {
    CHECKS=$((CHECKS + 1))
    [ -e "$1" ] || fail "expected the file $1"
}
missing() {
    CHECKS=$((CHECKS + 1))
    if [ -e "$1" ] || [ -L "$1" ]; then fail "did not expect the file $1"; fi
}
# same FILE FILE: the files are equal, byte for byte.
same() {
    CHECKS=$((CHECKS + 1))
    cmp -- "$1" "$2" || fail "expected $1 and $2 to be equal"
}

# digest FOLDER: one line that changes when any name, mode or byte below the folder changes. For "nothing
# was changed on disk": before=$(digest d); expect 3 ...; check 'untouched' [ "$before" = "$(digest d)" ]
digest() {
    (cd -- "$1" && {
        find . -printf '%y %m %p %l\n' | sort
        find . -type f -print0 | sort -z | xargs -0 -r sha256sum
    }) | sha256sum
}

# done_runs LEDGER PLAN: prints the number of recorded runs (0 if there is no ledger yet)
done_runs() {
    "$MERBENCH" run "$2" --results "$1" --device cpu --dry-run --quiet 2>/dev/null | sed -n 's/^done already *//p'
}

# wait_for COUNT LEDGER PLAN: waits until COUNT runs are recorded, or the program has ended
wait_for() {
    local n
    for _ in $(seq 600); do
        n=$(done_runs "$2" "$3")
        [ "${n:-0}" -ge "$1" ] && return 0
        kill -0 "$PID" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}

# start ARGUMENTS...: starts the program in the background, in its own process group so that it gets SIGINT
start() {
    set -m
    "$MERBENCH" "$@" >"$STDOUT" 2>"$STDERR" </dev/null &
    PID=$!
    set +m
    LAST="merbench $* (in the background)"
}
# ended CODE: waits for it to end with this exit code
ended() {
    CHECKS=$((CHECKS + 1))
    wait "$PID"
    STATUS=$?
    [ "$STATUS" -eq "$1" ] || fail "expected exit code $1"
}

# skip TEXT: reports what cannot be tested on this machine.
skip() {
    SKIPS=$((SKIPS + 1))
    echo "SKIPPED: $*"
}

# must COMMAND...: a step of the preparation. The test ends if it fails.
must() {
    "$@" || { fail "preparation: $*"; finish; }
}

finish() {
    FINISHED=1
    echo "$CHECKS checks, $FAILURES failed, $SKIPS skipped"
    [ "$FAILURES" -eq 0 ] && [ "$CHECKS" -gt 0 ]
    exit
}
