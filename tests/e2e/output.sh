# Files that are written with -o: what is replaced and what is not, rights, links, what killed processes leave behind.
# shellcheck shell=bash source=lib.sh
source "$(dirname "$0")/lib.sh"
FOLDERS=$TESTS/fixtures/mertools

synth() { # CODE FILE ARGUMENT...
    local code=$1 file=$2
    shift 2
    expect "$code" synth --like quickstart --scale 0.3 --dims audio=5,text=8,video=4 -o "$file" "$@"
}
must "$MERBENCH" synth --like quickstart --scale 0.3 --dims audio=5,text=8,video=4 -o q.h5 >/dev/null
cat >plan.json <<'EOF2'
{"name":"p","epochs":2,"corpora":{"q":"q.h5"},"settings":{"hidden_dim":8},
 "cells":[{"corpus":"q","model":"attention","feature":"synth-text-UTT"}],"final":{"seeds":[1,2]}}
EOF2
must "$MERBENCH" run plan.json --quiet --no-table

# Nothing is replaced without --force, whatever it is.
kept() { # kept ARGUMENT...: the command, with "-o mine" to come, refuses and leaves the file alone
    echo 'my notes' >mine
    expect 3 "$@" -o mine
    complains 'mine: the file exists; --force replaces it'
    quiet
    check 'the file is as it was' [ "$(cat mine)" = 'my notes' ]
    expect 0 "$@" -o mine --force
    check 'the file was replaced' [ "$(head -c 8 mine)" != 'my notes' ]
    expect 0 "$@" -o mine --force # and again
    : >mine                       # an empty file is one, too
    expect 3 "$@" -o mine
    rm -f mine
    expect 0 "$@" -o mine
    mkdir folder
    expect 3 "$@" -o folder --force
    complains 'expected the name of a file, found a folder'
    rmdir folder
    expect 3 "$@" -o no/such/folder/file
    complains "cannot write into the folder 'no/such/folder': No such file"
}
kept synth --like quickstart --scale 0.3 --dims audio=5,text=8,video=4
kept import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI --quiet
for format in text markdown latex csv json; do kept table results.db -f $format; done
cp results.db old.db
echo 'my notes' >mine
expect 3 doctor old.db --upgrade mine
complains 'mine'
expect 3 run plan.json --results mine
check 'the file is as it was' [ "$(cat mine)" = 'my notes' ]

# Standard output may be named, wherever it goes.
expect 0 table results.db
cp "$STDOUT" table.txt
expect 0 table results.db -o /dev/stdout
same "$STDOUT" table.txt

# Rights are what the umask leaves.
for mask in 022 002 007 077; do
    rm -rf o && mkdir o
    before=$(umask)
    umask $mask
    synth 0 o/s.h5
    expect 0 import mertools "$FOLDERS/cmumosi" --dataset CMUMOSI --quiet -o o/i.h5
    expect 0 table results.db -o o/t.txt
    umask "$before"
    want=$(printf '%o' $((0666 & ~0$mask)))
    for file in o/s.h5 o/i.h5 o/t.txt; do check "umask $mask: $file" [ "$(stat -c %a $file)" = "$want" ]; done
done
chmod 640 o/t.txt
expect 0 table results.db -o o/t.txt --force
check 'a file that is replaced keeps its rights' [ "$(stat -c %a o/t.txt)" = 640 ]

# Through a link the file is written that it leads to.
mkdir home there
ln -s ../there/c.h5 home/c.h5
synth 0 home/c.h5
check 'a link that leads nowhere stays, and makes the file' [ -L home/c.h5 ] && [ -f there/c.h5 ]
synth 3 home/c.h5 --seed 5
complains 'home/c.h5: the file exists'
synth 0 home/c.h5 --seed 5 --force
check 'the link stays' [ -L home/c.h5 ]
expect 0 info there/c.h5
check 'one file in each folder' [ "$(ls home there | grep -c h5)" = 2 ]
ln -s /nowhere/x.h5 home/bad.h5
synth 3 home/bad.h5
complains "home/bad.h5: cannot write into the folder '/nowhere'"
ln -s loop home/loop
synth 3 home/loop --force
complains 'home/loop: cannot be written: Too many levels of symbolic links'

# What a killed process leaves behind is removed when the same file is written again; what a living one
# writes stays.
mkdir k
left() { find k -name 'big.h5.tmp-*' | wc -l; }
start_big() {
    "$MERBENCH" synth --like cmumosi --frames --dims audio=300,text=900,video=300 -o k/big.h5 >/dev/null 2>&1 &
    PID=$!
    for _ in $(seq 3000); do
        [ -n "$(find k -name 'big.h5.tmp-*' -newer k/began -size +100k)" ] && return
        sleep 0.01
    done
}
for times in 1 2; do
    touch k/began
    start_big
    kill -KILL "$PID"
    wait "$PID" 2>/dev/null
    check "killed, time $times: one file is left" [ "$(left)" = 1 ]
done
synth 0 k/other.h5
check 'the next writer of another file leaves it alone' [ "$(left)" = 1 ]
touch k/big.h5.tmp-00000000-abcdef
synth 0 k/big.h5
check 'the next writer of this file removes it, but not those of other machines' [ "$(left)" = 1 ]
rm k/big.h5.tmp-00000000-abcdef

# Several writers of one file, some of them killed: none disturbs another.
writers() {
    local code
    for _ in $(seq 6); do
        timeout -s KILL 0.$((RANDOM % 9 + 1)) "$MERBENCH" synth --like quickstart -o k/w.h5 --force >/dev/null 2>>k/log
        code=$?
        [ $code = 0 ] || [ $code = 137 ] || echo "exit code $code" >>k/log
    done
}
PIDS=
for _ in 1 2 3 4; do
    writers 2>/dev/null &
    PIDS="$PIDS $!"
done
wait $PIDS
check 'nobody failed' [ ! -s k/log ]
expect 0 synth --like quickstart -o k/w.h5 --force
check 'nothing is left' [ "$(find k -name 'w.h5.tmp-*' | wc -l)" = 0 ]
expect 0 info k/w.h5

finish
