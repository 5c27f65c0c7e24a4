# The command line as a whole: help, version, unknown commands, exit codes.
# shellcheck shell=bash source=lib.sh
source "$(dirname "$0")/lib.sh"

# The commands, read from the same list as the program uses.
COMMANDS=$(sed -n 's/^MB_COMMAND(\([a-z_]*\),.*/\1/p' "$TESTS/../src/host/cli/commands.def")
check 'the list of commands can be read' [ "$(echo "$COMMANDS" | wc -w)" -ge 5 ]

# Help and version go to stdout; nothing else is printed.
expect 0 --help
prints 'usage: merbench COMMAND'
prints 'exit codes: 0 done'
for command in $COMMANDS; do
    matches "^  $command +[^ ]"
done
check 'nothing on stderr' [ ! -s "$STDERR" ]
cp "$STDOUT" help.txt
for ask in -h help 'help help' 'help --help'; do
    # shellcheck disable=SC2086
    expect 0 $ask
    same help.txt "$STDOUT"
done

VERSION=$(sed -n 's/^project(merbench VERSION \([0-9.]*\).*/\1/p' "$TESTS/../CMakeLists.txt")
check 'the build names a version' [ -n "$VERSION" ]
expect 0 --version
check 'the version is one line' [ "$(cat "$STDOUT")" = "merbench $VERSION" ]

# Wrong usage: exit code 2, the message on stderr, stdout left clean.
expect 2
complains 'usage: merbench COMMAND'
quiet
expect 2 ''
complains "unknown command ''"
quiet
expect 2 --frobnicate
complains "unknown command '--frobnicate'"
quiet
expect 2 trian
complains "unknown command 'trian'"
quiet
expect 2 RUN
complains "unknown command 'RUN'"
expect 2 "$(printf 'x%.0s' $(seq 5000))"
complains 'unknown command'
expect 2 $'run\n'
complains 'unknown command'

# The command is suggested after a typing error: a letter dropped, doubled, or two swapped.
for command in $COMMANDS; do
    rest=${command:2}
    for slip in "${command:0:1}$rest" "${command:0:1}$command" "${command:1:1}${command:0:1}$rest"; do
        if grep -qxF -- "$slip" <<<"$COMMANDS"; then continue; fi
        expect 2 "$slip"
        complains "unknown command '$slip'; did you mean '$command'?"
        quiet
    done
done
expect 2 hlep
complains "unknown command 'hlep'; did you mean 'help'?"
expect 2 help trian
complains "unknown command 'trian'"
quiet
expect 2 help run table
complains "expected one command, found 'run table'"
quiet
# There is no suggestion for a name that resembles no command.
expect 2 zzzzzzzzzzzz
says_not 'did you mean'

# Every command has a help, refuses unknown options, and requires its arguments.
for command in $COMMANDS; do
    expect 0 "$command" --help
    prints 'usage: merbench'
    prints "$command"
    check "$command --help: nothing on stderr" [ ! -s "$STDERR" ]
    check "$command --help: more than the usage line" [ "$(wc -l <"$STDOUT")" -ge 5 ]
    check "$command --help: lines fit a terminal" [ "$(wc -L <"$STDOUT")" -le 110 ]

    cp "$STDOUT" help.txt
    expect 0 help "$command"
    same help.txt "$STDOUT"

    if [[ $command != model && $command != paper ]]; then # without a name they list what there is
        expect 2 "$command"
        complains "merbench $command:"
        quiet
    fi
    expect 2 "$command" --no-such-option
    complains 'no-such-option'
    quiet
done

# The commands that take --device take --gpu, and no others do.
takers=
for command in $COMMANDS; do
    expect 0 "$command" --help
    if grep -q -- '--device' "$STDOUT"; then
        prints '--gpu N'
        takers="$takers $command"
        expect 2 "$command" --gpu minus-one
        complains "--gpu: expected the number of a GPU, from 0, found 'minus-one'"
    else
        expect 2 "$command" --gpu 0
        complains '--gpu'
    fi
    quiet
done
check 'commands that take --device' [ "$(xargs -n 1 <<<"$takers" | sort | xargs)" = 'doctor model paper parity replay run' ]

# Missing files, with every command that reads one: exit code 3, and the name is in the message.
expect 3 info absent.h5
complains 'absent.h5'
expect 3 doctor absent.h5
complains 'absent.h5'
# Such a name can neither control the terminal nor reverse the direction of the line.
expect 3 info $'absent\x1b[31m\xe2\x80\xae.h5'
complains 'absent\x1b[31m\u202e.h5'
expect 3 run absent.json
complains 'absent.json'
expect 3 plans absent.db
complains 'absent.db'
expect 3 table absent.db
complains 'absent.db'
expect 3 replay absent.db 0123456789abcdef0123456789abcdef
complains 'absent.db'
expect 3 parity absent.h5
says 'absent.h5'
expect 3 import mertools absent --dataset CMUMOSI -o made.h5
complains 'absent'
missing made.h5
missing absent.db
missing results.db

# Output that cannot be written is a failure, not a success: a closed stdout, and a full device.
help_to() {
    "$MERBENCH" --help >"$1"
}
help_closed() {
    "$MERBENCH" --help >&-
}
capture help_closed
check 'a closed stdout: exit code 1' [ "$STATUS" = 1 ]
complains 'cannot write to standard output'
# No other file gets the number of a closed one, and what is printed lands nowhere.
must "$MERBENCH" synth --like quickstart --scale 0.3 -o q.h5 --dims audio=5,text=8,video=4 >/dev/null
cat >plan.json <<'EOF'
{"name":"p","epochs":2,"corpora":{"q":"q.h5"},"settings":{"hidden_dim":8},
 "cells":[{"corpus":"q","model":"attention","feature":"synth-text-UTT"}],"final":{"seeds":[1,2]}}
EOF
cp q.h5 before.h5
closed() { # closed FILES ARGUMENT...: the program with some of 0, 1, 2 closed
    local files=$1
    shift
    case $files in
    0) "$MERBENCH" "$@" <&- ;;
    1) "$MERBENCH" "$@" >&- ;;
    2) "$MERBENCH" "$@" 2>&- ;;
    01) "$MERBENCH" "$@" <&- >&- ;;
    12) "$MERBENCH" "$@" >&- 2>&- ;;
    012) "$MERBENCH" "$@" <&- >&- 2>&- ;;
    esac
}
lines_of() { # what stdio would print into a file that was opened in its place
    cat "$@" | grep -acE 'results: |training: |^features '
}
for files in 0 1 2 01 12 012; do
    want=0
    case $files in *1*) want=1 ;; esac
    rm -f ./*.db ./*.db-*
    capture closed $files run plan.json --results "r.db"
    check "run with $files closed: exit code $want" [ "$STATUS" = $want ]
    [ $files = 1 ] && complains 'cannot write to standard output'
    check "$files: the ledger is whole" "$MERBENCH" doctor r.db >/dev/null
    check "$files: nothing was printed into a file" [ "$(lines_of r.db q.h5)" = 0 ]
    capture closed $files run plan.json --results r.db --no-table --quiet
    check "run with $files closed that prints nothing: exit code 0" [ "$STATUS" = 0 ]
    capture closed $files table r.db
    check "table with $files closed: exit code $want" [ "$STATUS" = $want ]
    capture closed $files info q.h5
    check "info with $files closed: exit code $want" [ "$STATUS" = $want ]
    rm -f new.h5
    capture closed $files synth --like quickstart --scale 0.3 -o new.h5 --dims audio=5,text=8,video=4
    check "synth with $files closed: exit code $want" [ "$STATUS" = $want ]
    same new.h5 before.h5
done
same q.h5 before.h5
if [ -c /dev/full ]; then
    capture help_to /dev/full
    check 'a full stdout: exit code 1' [ "$STATUS" = 1 ]
    complains 'cannot write to standard output'
else
    skip 'no device /dev/full on this machine'
fi

finish
