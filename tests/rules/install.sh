#!/usr/bin/env bash
# Whether what is installed can be used: the program that README shows is compiled and linked by what pkg-config says, and
# lists the models.
#
#     tests/rules/install.sh ROOT BUILD CMAKE COMPILER
#
# Exit codes: 0 fine, 1 not.
set -euo pipefail
root=$1 build=$2 cmake=$3 compiler=$4
prefix=$(mktemp -d)
trap 'rm -rf -- "$prefix"' EXIT

"$cmake" --install "$build" --prefix "$prefix" >"$prefix/install.log"
pc=$(find "$prefix" -name merbench.pc)
[ -n "$pc" ] || { echo "merbench.pc was not installed"; exit 1; }
for header in "$root"/include/merbench/*; do
    [ -f "$prefix/include/merbench/${header##*/}" ] || { echo "${header##*/} was not installed"; exit 1; }
done
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/README.md" >"$prefix/models.c"
[ -s "$prefix/models.c" ] || { echo "README.md shows no program"; exit 1; }
export PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
read -ra flags <<<"$(pkg-config --cflags --libs merbench)"
"$compiler" -Wall -Werror "$prefix/models.c" "${flags[@]}" -o "$prefix/models"
models=$("$prefix/models" | wc -l)
[ "$models" -eq "$(grep -c '^MB_MODEL(' "$root/src/host/models/models.def")" ] || { echo "$models models are listed"; exit 1; }
