#!/usr/bin/env bash
# Checks that the packages that merbench needs are installed, and installs missing ones with apt-get.
#
#     scripts/setup.sh [build] [test] [fuzz] [format] [container]      (nothing given: build)
#
# build      compiler, CMake, Ninja and the libraries of the program
# test       g++, cmocka, the sqlite3 shell and a static busybox, for the tests
# fuzz       clang with its fuzzing runtime
# format     clang-format
# container  buildah and debootstrap, to test the container image
#
# Prints nothing if nothing is missing. Exit codes: 0 ready, 1 something is missing and could not be
# installed, 2 wrong usage.
set -euo pipefail

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

say() {
    echo "setup: $*" >&2
}

has() {
    command -v "$1" >/dev/null 2>&1
}
library() {
    has pkg-config && pkg-config --exists "$1"
}
cmake_is_recent() {
    has cmake && cmake --version | awk 'NR == 1 { split($3, v, "."); exit !(v[1] > 3 || v[1] == 3 && v[2] >= 25) }'
}
hdf5() {
    has gcc || has cc || return 1
    pkg-config --exists hdf5 2>/dev/null || has h5cc || has h5pcc
}
c_library() {
    has gcc && echo '#include <stdio.h>' | gcc -E -x c - >/dev/null 2>&1
}
# The tests build the CUDA kernels for the host, in C++.
cxx_library() {
    has g++ && echo '#include <concepts>' | g++ -std=gnu++20 -E -x c++ - >/dev/null 2>&1
}
# clang may be installed without the runtime of libFuzzer and the sanitizers.
fuzzer() {
    has clang || return 1
    local folder
    folder=$(mktemp -d)
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9; }' \
        >"$folder/probe.c"
    local status=0
    clang -fsanitize=fuzzer,address,undefined "$folder/probe.c" -o "$folder/probe" >/dev/null 2>&1 ||
        status=1
    rm -rf "$folder"
    return "$status"
}
# The name of the runtime's package contains the version of the default clang.
fuzzer_packages() {
    local version
    version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)
    echo clang
    for name in "libclang-rt-$version-dev" "libclang-common-$version-dev"; do
        if [ -n "$(apt-cache policy "$name" 2>/dev/null | sed -n '/Candidate: [0-9]/p')" ]; then
            echo "$name"
            return
        fi
    done
}

MISSING=()
# need PACKAGE CHECK...: notes the Debian package if the check fails
need() {
    local package=$1
    shift
    "$@" || MISSING+=("$package")
}

find_missing() {
    MISSING=()
    local part
    for part in "$@"; do
        case $part in
        build)
            need gcc has gcc
            need libc6-dev c_library
            need cmake cmake_is_recent
            need ninja-build has ninja
            need pkg-config has pkg-config
            need libhdf5-dev hdf5
            need libcjson-dev library libcjson
            need libsqlite3-dev library sqlite3
            need libzip-dev library libzip
            need libxxhash-dev library libxxhash
            need libutf8proc-dev library libutf8proc
            need zlib1g-dev library zlib
            ;;
        test)
            need g++ cxx_library
            need libcmocka-dev library cmocka
            need sqlite3 has sqlite3
            need busybox-static has busybox
            ;;
        fuzz) need clang fuzzer ;;
        format) need clang-format has clang-format ;;
        container)
            need buildah has buildah
            need debootstrap has debootstrap
            ;;
        esac
    done
}

run_as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ] && [ -z "${CI:-}" ]; then
        sudo "$@"
    else
        sudo -n "$@" # do not ask for a password
    fi
}

install_missing() {
    if ! has apt-get; then
        say "missing: ${MISSING[*]} (names of Debian packages)"
        say "this system has no apt-get: install them with its package manager and start this again."
        say "CMake must be 3.25 or newer."
        exit 1
    fi
    if [ "$(id -u)" != 0 ] && ! has sudo; then
        say "missing: ${MISSING[*]}"
        say "installing needs root, and sudo was not found; as root: apt-get install ${MISSING[*]}"
        exit 1
    fi
    say "installing ${MISSING[*]}"
    local log status=0 name packages=()
    log=$(mktemp)
    local options=(-o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends)
    {
        # A package source that does not answer may not matter; if it does, the installation fails.
        run_as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update -qq || true
        for name in "${MISSING[@]}"; do
            if [ "$name" = clang ]; then
                mapfile -t -O "${#packages[@]}" packages < <(fuzzer_packages)
            else
                packages+=("$name")
            fi
        done
        run_as_root env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${packages[@]}"
    } >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        say "apt-get failed (exit code $status):"
        tail -n 15 "$log" | sed 's/^/    /' >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

parts=("$@")
for part in "$@"; do
    case $part in
    -h | --help)
        usage
        exit 0
        ;;
    build | test | fuzz | format | container) ;;
    *)
        say "unknown argument '$part'; expected build, test, fuzz, format or container"
        exit 2
        ;;
    esac
done
[ "${#parts[@]}" -gt 0 ] || parts=(build)

find_missing "${parts[@]}"
[ "${#MISSING[@]}" -gt 0 ] || exit 0
install_missing
find_missing "${parts[@]}"
if [ "${#MISSING[@]}" -gt 0 ]; then
    say "still missing after the installation: ${MISSING[*]}"
    if [[ " ${MISSING[*]} " == *" cmake "* ]] && has cmake; then
        say "found $(cmake --version | head -1); CMake 3.25 or newer is needed"
    fi
    exit 1
fi
