#!/usr/bin/env bash
# Makes the GPU kit: a folder that checks and measures merbench on another machine with a GPU, which needs no
# packages and no network, and may be available for minutes only. Making it needs nvcc and no GPU.
#
#     scripts/gpu-kit.sh [--simulated] [--sanitizer DIR] [--build DIR] [--limit MB] OUT
#
# --simulated  use the simulated executor instead of a GPU, to try the kit itself on a machine without a GPU
# --sanitizer  the compute-sanitizer folder of a CUDA toolkit (default: that of the toolkit on this machine; if there
#              is none, the kit uses the one of the machine with the GPU)
# --build      take the programs from this build folder, without building (default: build and use build/release)
# --limit      largest size of the kit, in MB (40)
#
# On the other machine:
#
#     OUT/run.sh [--quick] [--minutes N] [--only STAGE,...] [--python PYTHON]
#
# bench/README.md explains what it does. The folder OUT can be moved. If it has other contents than a kit, it
# is not changed. Exit codes: 0 done, 1 failed, 2 wrong usage.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

die() {
    echo "gpu-kit: $1" >&2
    exit "${2:-1}"
}

simulated=no sanitizer="" build="" limit=40 out=""
while [ "$#" -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --simulated) simulated=yes ;;
    --sanitizer | --build | --limit)
        [ "$#" -ge 2 ] || die "$1 needs a value" 2
        case $1 in
        --sanitizer) sanitizer=$2 ;;
        --build) build=$2 ;;
        --limit) limit=$2 ;;
        esac
        shift
        ;;
    -*) die "unknown argument '$1'; see scripts/gpu-kit.sh --help" 2 ;;
    *)
        [ -z "$out" ] || die "expected one folder, found '$out' and '$1'" 2
        out=$1
        ;;
    esac
    shift
done
out=${out%/}
[ -n "$out" ] || die "expected a folder for the kit; see scripts/gpu-kit.sh --help" 2
[[ $limit =~ ^[1-9][0-9]{0,5}$ ]] || die "--limit: expected megabytes, found '$limit'" 2
if [ -e "$out" ] && ! grep -qs '"kit": "merbench"' "$out/kit.json"; then
    if ! [ -d "$out" ] || [ -n "$(ls -A -- "$out")" ]; then
        die "$out: expected a kit or an empty folder, found something else; nothing was changed" 2
    fi
fi

# ---- programs
programs=gpu_programs kind=gpu
if [ "$simulated" = yes ]; then
    programs=gpu_programs_cudasim kind=simulated
fi
if [ -z "$build" ]; then
    build=$root/build/release
    log=$(mktemp)
    cuda=ON
    [ "$simulated" = no ] || cuda=AUTO
    if ! { cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMERBENCH_TESTS=ON -DMERBENCH_BENCH=ON \
        -DMERBENCH_CUDA=$cuda && cmake --build "$build" --target gpu_kit $programs -j "$(nproc)"; } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        die "the build failed"
    fi
    rm -f "$log"
fi
runner=$build/bench/kit/gpu_kit programs=$build/bench/kit/$programs
for program in "$runner" "$programs"; do
    [ -x "$program" ] || die "$program: not found; the build needs tests, benchmarks and CUDA"
done
has=$("$programs" --list)
for name in $("$runner" --programs | sort -u); do
    grep -qx "$name" <<<"$has" || die "$programs: this build has no $name, which the kit needs"
done

mkdir -p -- "$(dirname -- "$out")"
kit=$(mktemp -d -- "$out.XXXXXX")
trap 'rm -rf -- "$kit"' EXIT
packed=$kit/packed
mkdir -p "$kit/bin" "$kit/lib/glibc" "$kit/peers" "$packed/bin" "$packed/lib/glibc" "$packed/fixtures"

strip -o "$kit/bin/gpu_kit" "$runner"
strip -o "$packed/bin/gpu_programs" "$programs"

# ---- libraries
# libraries PROGRAM...: paths of all shared libraries, including those that libraries need
libraries() {
    ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u
}
is_of_glibc() {
    case ${1##*/} in
    libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libutil.so.* | libresolv.so.* | libmvec.so.*) ;;
    *) return 1 ;;
    esac
}
# take LIBRARY FOLDER: copies it to FOLDER, or to FOLDER/glibc if it belongs to the C library
take() {
    if is_of_glibc "$1"; then cp -L -- "$1" "$2/glibc/"; else cp -L -- "$1" "$2/"; fi
}
if ldd "$runner" "$programs" | grep -q 'not found'; then
    ldd "$runner" "$programs" | grep 'not found' >&2
    die "libraries are missing on this machine"
fi
for library in $(libraries "$runner"); do
    take "$library" "$kit/lib"
done
loader=$(readelf -l "$programs" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
cp -L -- "$loader" "$kit/lib/glibc/"
for library in $(libraries "$programs"); do
    name=${library##*/}
    [ -e "$kit/lib/$name" ] || [ -e "$kit/lib/glibc/$name" ] || take "$library" "$packed/lib"
done
# Parts of the C library that the driver's library needs, which must come from the same C library.
folder=$(dirname -- "$(libraries "$programs" | grep '/libc\.so\.')")
for name in libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1; do
    [ ! -e "$folder/$name" ] || [ -e "$kit/lib/glibc/$name" ] || cp -L -- "$folder/$name" "$packed/lib/glibc/"
done

# ---- fixtures, peers, compute-sanitizer
for name in attention attention_topn tfn lmf misa mmim mfn graph_mfn mfm mctn mult trainloop; do
    mkdir "$packed/fixtures/$name"
    cp -- "$root/tests/fixtures/$name"/*.h5 "$packed/fixtures/$name/"
done
cp -- "$root"/bench/peers/*.py "$kit/peers/"
cp -- "$root/bench/kit/run.sh" "$kit/"

# compute-sanitizer of a CUDA toolkit, with the libraries and the launcher that it needs.
if [ -z "$sanitizer" ] && [ "$simulated" = no ] && nvcc=$(command -v "${CUDACXX:-nvcc}"); then
    toolkit=$(dirname -- "$(dirname -- "$(readlink -f -- "$nvcc")")")
    for folder in "$toolkit/compute-sanitizer" "$toolkit/extras/compute-sanitizer"; do
        [ ! -x "$folder/compute-sanitizer" ] || sanitizer=$folder
    done
fi
if [ -n "$sanitizer" ]; then
    for name in compute-sanitizer TreeLauncherSubreaper libsanitizer-collection.so; do
        [ -e "$sanitizer/$name" ] || die "$sanitizer: no $name; expected the compute-sanitizer folder of a CUDA toolkit"
    done
    mkdir "$packed/sanitizer"
    for file in "$sanitizer"/compute-sanitizer "$sanitizer"/TreeLauncher* "$sanitizer"/lib*.so; do
        cp -L -- "$file" "$packed/sanitizer/"
    done
    for library in $(libraries "$packed"/sanitizer/*); do
        name=${library##*/}
        for folder in "$kit/lib" "$kit/lib/glibc" "$packed/lib" "$packed/lib/glibc" "$packed/sanitizer"; do
            [ ! -e "$folder/$name" ] || continue 2
        done
        take "$library" "$packed/lib"
    done
fi

# ---- the kit
find "$packed" -type f -print0 | xargs -0 -n 16 -P "$(nproc)" gzip -6n
version=$("$programs" merbench --version)
source=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
printf '{"kit": "merbench", "kind": "%s", "version": "%s", "source": "%s"}\n' "$kind" "${version#merbench }" "$source" \
    >"$kit/kit.json"
chmod -R u+w,go+rX -- "$kit"
chmod 755 "$kit" "$kit/run.sh" "$kit/bin/gpu_kit" "$kit"/lib/glibc/ld-linux*

size=$(find "$kit" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.1f", sum / 1e6 }')
if awk -v size="$size" -v limit="$limit" 'BEGIN { exit !(size > limit) }'; then
    find "$kit" -type f -printf '%12s %P\n' | sort -rn | sed -n 1,8p >&2
    die "the kit would have $size MB, more than $limit"
fi

# Keeps the results of earlier runs.
mkdir -p -- "$out"
for name in run.sh kit.json bin lib packed peers; do
    rm -rf -- "${out:?}/$name"
    mv -- "$kit/$name" "$out/"
done
echo "made $out: $size MB, $kind, merbench ${version#merbench } ($source)"
[ "$simulated" = yes ] || [ -n "$sanitizer" ] ||
    echo "the kit has no compute-sanitizer: none was found on this machine"
