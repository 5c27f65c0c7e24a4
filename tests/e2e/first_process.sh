# As the first process of a container: the kernel drops signals that such a process has no handlers for, so the program
# must have some, or `docker stop` waits ten seconds and kills it.
# shellcheck shell=bash
source "$(dirname "$0")/lib.sh"

NAMESPACE=(unshare --user --map-root-user --pid --fork --kill-child)
if ! capture "${NAMESPACE[@]}" true || [ "$STATUS" -ne 0 ]; then
    CHECKS=1
    skip "no namespaces of processes can be made here"
    finish
fi

# A pipe that is full and that nobody reads: whoever prints to it waits.
mkfifo full
exec 9<>full
timeout 0.2 cat /dev/zero >&9

# waits OUTER: prints the process that unshare has started, once it is the program and waits for something; fails after
# ten seconds
waits() {
    local first state=''
    for _ in $(seq 200); do
        first=$(<"/proc/$1/task/$1/children")
        first=${first% }
        if read -r _ _ state _ <"/proc/$first/stat" &&
            [ "$(<"/proc/$first/comm") $state" = 'merbench S' ]; then
            break
        fi
        sleep 0.05
    done 2>/dev/null
    echo "$first"
    [ "$state" = S ]
}

# stops SIGNAL ARGUMENT...: the program waits for the pipe and ends when the signal comes
stops() {
    local signal=$1 outer first
    shift
    LAST="as the first process: merbench $*; then SIG$signal"
    set -m # or SIGINT would be ignored
    "${NAMESPACE[@]}" "$MERBENCH" "$@" >&9 2>"$STDERR" </dev/null &
    outer=$!
    set +m
    first=$(waits "$outer") || fail 'it does not wait'
    kill -s "$signal" "$first"
    for _ in $(seq 100); do
        [ -e "/proc/$first" ] || break
        sleep 0.05
    done
    [ ! -e "/proc/$first" ] || kill -KILL "$outer" # and its child
    wait "$outer"
    STATUS=$?
    check "it should end as if by SIG$signal" [ "$STATUS" -eq $((128 + $(kill -l "$signal"))) ]
}

must "$MERBENCH" synth --like quickstart -o quickstart.h5 >/dev/null
for signal in TERM INT HUP; do
    stops "$signal" --help
done
stops TERM model
stops TERM info quickstart.h5
stops TERM doctor quickstart.h5

finish
