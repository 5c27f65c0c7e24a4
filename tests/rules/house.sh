#!/usr/bin/env bash
# Rules of the house that a machine can hold: no file is longer than 500 lines, no function longer than 60; calls that are
# banned; headers that nobody includes; headers that do not compile alone; sources that no list of CMake has.
#
#     tests/rules/house.sh ROOT COMPILER FLAGS...      what compiles a header of the host
#
# Exit codes: 0 fine, 1 what was found, a line each.
set -euo pipefail
cd -- "$1"
shift
failed=0

found() {
    echo "$1"
    failed=1
}

sources=$(find include src bench tests -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cpp' | sort)
[ "$(wc -l <<<"$sources")" -gt 300 ] || found "only $(wc -l <<<"$sources") sources were found"

while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 500 ] || found "$file: $lines lines, 500 are the most"
done < <(xargs wc -l <<<"$sources")

# A function begins where a line at the margin opens a brace, or the last line of its parameters does. The switch over
# the opcodes of pickles is a list.
while read -r lines place name; do
    [ "$lines" -le 60 ] || [ "$name" = "data/pickle.c:execute" ] || found "$place: $lines lines, 60 are the most of a function"
done < <(xargs awk '
    FNR == 1 { begun = 0 }
    /^[A-Za-z_].*\($|^[A-Za-z_].*\(.*[,{]$/ && !/= \{$/ { head = $0; head_line = FNR }
    /\) (const )?\{$/ && (/^[A-Za-z_]/ || before ~ /,$/) && !begun && head != "" { begun = head_line }
    { before = $0 }
    /^}/ && begun {
        name = head
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        file = FILENAME
        sub(/^src\/host\//, "", file)
        print FNR - begun + 1, FILENAME ":" begun, file ":" name
        begun = 0
        head = ""
        functions++
    }
    END { if (functions < 1000) print 1000, "only", functions " functions were found" }' <<<"$sources")

# What cannot bound what it writes or tell what it read, and what ends the process behind the caller's back (main.c may:
# it is the last caller).
while IFS= read -r line; do
    found "$line: banned call"
done < <(grep -rnE '(^|[^a-zA-Z_>."])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|scanf|tmpnam|mktemp|rand|srand|abort|exit|_exit|system|popen) *\(' \
    include src --include='*.[ch]' --include='*.cu' --include='*.cuh' | grep -vE '^[^:]*:[0-9]*: *//|^src/host/cli/(main|probe)\.c:[0-9]*:.*_exit')

# "1 runs": what the program prints goes through mb_plural, unless the number is a limit.
while IFS= read -r line; do
    found "$line: a plural after a number that may be 1; base/plural.h has the helper"
done < <(grep -nE '%[-0-9]*(d|lld|zu)( |" *PRId(32|64) *" )(cell|entrie|error|epoch|feature|file|fold|note|plan|run|seed|setting|step|thread|trial|utterance|warning)s\b' \
    src/host/cli/*.c src/host/report/*.c src/host/base/progress.c | grep -vE 'at (most|least) %|more than %|%d files: %d hold')

lists=$(cat CMakeLists.txt src/host/CMakeLists.txt src/kernels/CMakeLists.txt src/kernels/cuda/*.cmake src/kernels/cuda/CMakeLists.txt)
for source in $(grep -E '^src/.*\.(c|cu)$' <<<"$sources"); do
    grep -qE "(^|[ /(])$(basename "$source")([ )]|\$)" <<<"$lists" || found "$source: no list of CMake has it"
done

for header in $(grep -E '\.(h|cuh)$' <<<"$sources"); do
    name=$(basename "$header")
    grep -rqE "# *include +[\"<]([^\">]*/)?$name[\">]" include src bench tests || found "$header: nobody includes it"
done

# Those of the host; kernels' own are compiled with their kernels.
for header in $(grep -E '^(include/merbench|src/host)/.*\.h$' <<<"$sources"); do
    "$@" -fsyntax-only -x c -Wno-pragma-once-outside-header "$header" 2>/dev/null || found "$header: does not compile alone"
done
exit "$failed"
