#!/usr/bin/env bash
# Lists registers, spills and shared memory of the CUDA kernels, as ptxas reports them.
#
#     bench/registers.sh [--architectures 80,90] [--output FILE]
#
# Compiles src/kernels/cuda/*.cu with the options of the release build; needs nvcc ($CUDACXX, or on
# the PATH), no GPU. Writes bench/results/registers-CUDAVERSION.txt, one line per kernel and
# architecture; kernels that spill to memory are marked with a star.
set -euo pipefail
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$folder")

architectures=80,90 output=""
while [ "$#" -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --architectures | --output)
        [ "$#" -ge 2 ] || { echo "registers: $1 needs a value" >&2; exit 2; }
        if [ "$1" = --output ]; then output=$2; else architectures=$2; fi
        shift
        ;;
    *) echo "registers: unknown argument '$1'; see bench/registers.sh --help" >&2; exit 2 ;;
    esac
    shift
done
[[ $architectures =~ ^[0-9a-z]+(,[0-9a-z]+)*$ ]] ||
    { echo "registers: --architectures: expected numbers such as 80,90, found '$architectures'" >&2; exit 2; }

nvcc=${CUDACXX:-nvcc}
command -v "$nvcc" >/dev/null || { echo "registers: nvcc is neither on the PATH nor in CUDACXX" >&2; exit 1; }
version=$("$nvcc" --version | sed -n 's/.*release [0-9.]*, V\([0-9.]*\).*/\1/p')
[ -n "$version" ] || { echo "registers: $nvcc --version: no version found" >&2; exit 1; }
output=${output:-$folder/results/registers-$version.txt}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
IFS=, read -ra list <<<"$architectures"
for source in "$root"/src/kernels/cuda/*.cu; do
    for architecture in "${list[@]}"; do
        if ! "$nvcc" -std=c++20 -O3 -lineinfo -gencode "arch=compute_$architecture,code=sm_$architecture" \
            -Xptxas -v -I"$root/include" -I"$root/src/host" -I"$root/src/kernels" -c "$source" -o "$work/object.o" \
            2>"$work/messages"; then
            cat "$work/messages" >&2
            exit 1
        fi
        # A kernel without shared memory or stack has no such numbers in its line.
        awk -v file="$(basename "$source")" -v architecture="sm_$architecture" '
            function before(word) { return match($0, "[0-9]+ " word) ? substr($0, RSTART) + 0 : 0 }
            /Compiling entry function/ { split($0, quoted, "\047"); kernel = quoted[2] }
            /spill stores/ { stack = before("bytes stack"); stores = before("bytes spill stores")
                             loads = before("bytes spill loads") }
            /Used [0-9]+ registers/ {
                printf "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", file, architecture, before("registers"), stores, loads,
                       stack, before("bytes smem"), kernel
                stack = stores = loads = 0
            }' "$work/messages"
    done
    basename "$source" >&2
done | c++filt | LC_ALL=C sort -t "$(printf '\t')" -k1,1 -k2,2 -k8,8 >"$work/lines"
[ -s "$work/lines" ] || { echo "registers: ptxas reported no kernel" >&2; exit 1; }

mkdir -p "$(dirname "$output")"
{
    echo "Registers, spills and memory of the CUDA kernels: bench/registers.sh, CUDA $version."
    echo "Bytes a thread for spills and stack, bytes a block for static shared memory; * spills."
    echo
    awk -F '\t' '
        BEGIN { printf "  %-22s %-7s %9s %7s %7s %6s %7s  %s\n", "file", "", "registers", "stores", "loads", "stack",
                       "shared", "kernel" }
        { printf "%s %-22s %-7s %9d %7d %7d %6d %7d  %s\n", ($4 + $5 > 0 ? "*" : " "), $1, $2, $3, $4, $5, $6, $7, $8 }' \
        "$work/lines"
} >"$output"
echo "wrote $output: $(wc -l <"$work/lines") kernels, $(awk -F '\t' '$4 + $5 > 0' "$work/lines" | wc -l) of them spill"
