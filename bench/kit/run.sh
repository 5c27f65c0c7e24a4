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
if LD_LIBRARY_PATH=$own "$kit/bin/gpu_kit" --help >/dev/null 2>&1; then
    LD_LIBRARY_PATH=$own exec "$kit/bin/gpu_kit" --kit "$kit" "$@"
fi
# No C library on this machine, or an older one than that of the machine where the kit was made.
unset LD_LIBRARY_PATH
for loader in "$kit"/lib/glibc/ld-linux*; do
    exec "$loader" --library-path "$kit/lib/glibc:$own" "$kit/bin/gpu_kit" --kit "$kit" "$@"
done
