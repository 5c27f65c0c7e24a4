#!/bin/sh
# Runs a GPU kit where it lies: run.sh --help. Wants a POSIX shell and nothing else.
case $0 in
*/*) kit=${0%/*} ;;
*) kit=. ;;
esac
kit=$(cd -- "$kit" && pwd -P) || exit 1

# The runner gives back what the peers had; it needs this of the kit itself.
export MERBENCH_KIT_LIBRARY_PATH="${LD_LIBRARY_PATH-}"
own=$kit/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# There may be no /dev/null.
# shellcheck disable=SC2034
if said=$(LD_LIBRARY_PATH=$own "$kit/bin/gpu_kit" --help 2>&1); then
    LD_LIBRARY_PATH=$own exec "$kit/bin/gpu_kit" --kit "$kit" "$@"
fi
# No C library on this machine, or an older one than that of the machine where the kit was made.
unset LD_LIBRARY_PATH
loader=$(echo "$kit"/lib/glibc/ld-linux*)
exec "$loader" --library-path "$kit/lib/glibc:$own" "$kit/bin/gpu_kit" --kit "$kit" "$@"
