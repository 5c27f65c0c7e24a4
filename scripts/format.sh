#!/usr/bin/env bash
# Checks the formatting of the C and CUDA sources with clang-format; --fix reformats them.
#
#     scripts/format.sh [--fix]
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

VERSION=14 # other versions break lines differently

fix=no
case ${1:-} in
'') ;;
--fix) fix=yes ;;
-h | --help)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*)
    echo "format: unknown argument '$1'; see scripts/format.sh --help" >&2
    exit 2
    ;;
esac

tool=
for name in "clang-format-$VERSION" clang-format; do
    if command -v "$name" >/dev/null; then
        tool=$name
        break
    fi
done
if [ -z "$tool" ]; then
    echo "format: clang-format $VERSION is not installed; scripts/setup.sh format installs it" >&2
    exit 1
fi
found=$("$tool" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if [ "$found" != "$VERSION" ]; then
    echo "format: expected clang-format $VERSION, found version $found; nothing was checked" >&2
    exit 1
fi

# Includes new files that have not been added yet.
mapfile -d '' -t files < <(git ls-files -z --cached --others --exclude-standard -- \
    '*.c' '*.h' '*.cu' '*.cuh' | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done)
if [ "$fix" = yes ]; then
    "$tool" -i -- "${files[@]}"
else
    wrong=0
    for file in "${files[@]}"; do
        if ! "$tool" --dry-run -Werror -- "$file" 2>/dev/null; then
            echo "format: $file"
            wrong=$((wrong + 1))
        fi
    done
    if [ "$wrong" -gt 0 ]; then
        echo "format: $wrong of ${#files[@]} files are not formatted as by clang-format $VERSION;" \
            "'scripts/format.sh --fix' formats them" >&2
        exit 1
    fi
fi
