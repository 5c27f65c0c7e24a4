#!/usr/bin/env bash
# Whether a machine without the packages of the tests can build the program: CMake leaves the tests out and says why,
# unless it is told that there must be tests.
#
#     tests/rules/without_tests.sh ROOT CMAKE
#
# Exit codes: 0 fine, 1 not.
set -euo pipefail
root=$1 cmake=$2
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# Every package of this machine but cmocka.
mkdir "$scratch/packages"
IFS=: read -ra folders <<<"${PKG_CONFIG_PATH:-}:$(pkg-config --variable pc_path pkg-config)"
for folder in "${folders[@]}"; do
    for file in "$folder"/*.pc; do
        [ ! -e "$file" ] || [ "${file##*/}" = cmocka.pc ] || ln -sf "$file" "$scratch/packages/"
    done
done
without_cmocka=(env -u PKG_CONFIG_PATH "PKG_CONFIG_LIBDIR=$scratch/packages")

# configure NAME ENVIRONMENT... -- OPTION...
configure() {
    local name=$1 environment=()
    shift
    while [ "$1" != -- ]; do environment+=("$1") && shift; done
    shift
    "${environment[@]}" "$cmake" -S "$root" -B "$scratch/$name" -G Ninja -DMERBENCH_CUDA=OFF "$@" >"$scratch/$name.log" 2>&1
}
# says NAME TEXT
says() {
    grep -qF -- "$2" "$scratch/$1.log" || { cat "$scratch/$1.log" && echo "expected: $2" && exit 1; }
}
configure cmocka "${without_cmocka[@]}" -- || { cat "$scratch/cmocka.log"; exit 1; }
says cmocka "Tests: no, cmocka was not found; 'scripts/setup.sh test' installs it"
grep -q '^build merbench: ' "$scratch/cmocka/build.ninja" || { echo 'no target merbench'; exit 1; }
if grep '^build test_' "$scratch/cmocka/build.ninja"; then echo 'there are tests'; exit 1; fi

configure cxx env CXX=/nonexistent -- || { cat "$scratch/cxx.log"; exit 1; }
says cxx 'Tests: no, no C++ compiler was found'

if configure must "${without_cmocka[@]}" -- -DMERBENCH_TESTS=ON; then echo 'MERBENCH_TESTS=ON: expected a failure'; exit 1; fi
says must 'MERBENCH_TESTS is ON, but cmocka was not found'
configure off env -- -DMERBENCH_TESTS=OFF || { cat "$scratch/off.log"; exit 1; }
says off 'Tests: no, MERBENCH_TESTS is OFF'
