#!/usr/bin/env bash
# Builds the program for an image: the step that the targets cpu and cuda share. Run by docker/Dockerfile.
#
#     docker/stage.sh FOLDER
#
# FOLDER/merbench   the program, stripped
# FOLDER/packages   the packages with the shared libraries that it is linked with, as this system calls them
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
folder=$1

cmake --preset release -DMERBENCH_TESTS=OFF -DMERBENCH_BENCH=OFF
cmake --build build/release --target merbench -j "$(nproc)"
mkdir -p -- "$folder"
install --strip build/release/merbench "$folder/merbench"
for library in $(objdump -p "$folder/merbench" | awk '$1 == "NEEDED" { print $2 }'); do
    dpkg -S "*/$library"
done | sed 's/:.*//' | sort -u >"$folder/packages"
