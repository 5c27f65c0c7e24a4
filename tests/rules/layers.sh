#!/usr/bin/env bash
# Who may include whom: every include line of the sources, against the table below. Rooms are the folders of
# src/host and src/kernels; a header of include/merbench belongs to the room that implements it.
#
#     tests/rules/layers.sh ROOT
#
# Exit codes: 0 fine, 1 lines that run back, which are listed.
set -euo pipefail
cd -- "$1"

# room: the rooms that it may include, itself left out. `device` and `executor` are
# what the kernels promise.
rooms='
base:
score: base
graph: base
data: base
models: graph base
device: base
executor: device graph score base
kernels: executor device graph score base
train: executor device models graph data score base
parity: train executor device models graph data score base
sweep: train executor device models graph data score base
report: sweep data score base
paper: report sweep data score base
cli: paper report sweep parity train executor device models graph data score base
'
# room: its headers in include/merbench
headers='
base: status.h philox.h stop.h stream.h terms.h
score: tally.h metrics.h run_result.h scores.def
graph: graph.h plan.h slots.def
data: dataset.h corpus.h sequences.h folds.h
models: model.h
device: device.h survey.h
executor: executor.h
train: train.h device_cache.h self_test.h
'
# Headers of a room that no other room may include, though they are below it.
private='train'

includes() {
    grep -rnoE '^ *# *include +"[^"]+"' include/merbench src/host src/kernels \
        --include='*.[ch]' --include='*.cu' --include='*.cuh' --include='*.def'
}

includes | awk -F: -v rooms="$rooms" -v headers="$headers" -v private="$private" '
    function room_of_header(name) { return name in owner ? owner[name] : "no room" }
    BEGIN {
        count = split(rooms, lines, "\n")
        for (i = 1; i <= count; i++) {
            if (split(lines[i], parts, ": *") < 1 || parts[1] == "") continue
            known[parts[1]] = 1
            allowed[parts[1], parts[1]] = 1
            words = split(parts[2], word, " ")
            for (w = 1; w <= words; w++) allowed[parts[1], word[w]] = 1
        }
        count = split(headers, lines, "\n")
        for (i = 1; i <= count; i++) {
            if (split(lines[i], parts, ": *") < 2) continue
            words = split(parts[2], word, " ")
            for (w = 1; w <= words; w++) owner[word[w]] = parts[1]
        }
        split(private, word, " ")
        for (w in word) hidden[word[w]] = 1
    }
    {
        split($1, path, "/")
        from = path[1] == "include" ? room_of_header(path[3]) : path[2] == "kernels" ? "kernels" : path[3]
        split($3, quoted, "\"")
        slashes = split(quoted[2], target, "/")
        public = target[1] == "merbench"
        if (slashes == 1 || target[1] == "cuda" || target[1] == "cpu" || target[1] == "isa") to = "kernels"
        else to = public ? room_of_header(target[2]) : target[1]
        lines_read++
        if (!(from in known) || !(to in known))
            reason = "no room is known for " (from in known ? to : from)
        else if (!((from, to) in allowed)) reason = from " may not include " to
        else if (!public && to != from && to in hidden) reason = "a header of " to " alone"
        else next
        printf "%s:%s: \"%s\": %s\n", $1, $2, quoted[2], reason
        failed = 1
    }
    END {
        if (lines_read < 300) { print "only " lines_read + 0 " include lines were found"; failed = 1 }
        exit failed
    }'
