#!/bin/sh
# Runs the GPU kit in whose folder it is; see run.sh --help. Needs nothing but a POSIX shell.
case $0 in
*/*) kit=${0%/*} ;;
*) kit=. ;;
esac
kit=$(cd -- "$kit" && pwd -P) || exit 1

# The runner needs the libraries of the kit. It restores the caller's path for the peers.
export MERBENCH_KIT_LIBRARY_PATH="${LD_LIBRARY_PATH-}"
own=$kit/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# The output goes to a variable, because there may be no /dev/null.
# shellcheck disable=SC2034
if said=$(LD_LIBRARY_PATH=$own "$kit/bin/gpu_kit" --help 2>&1); then
    LD_LIBRARY_PATH=$own exec "$kit/bin/gpu_kit" --kit "$kit" "$@"
fi
# This machine has no C library, or one older than that of the machine where the kit was made.
unset LD_LIBRARY_PATH
loader=$(echo "$kit"/lib/glibc/ld-linux*)
exec "$loader" --library-path "$kit/lib/glibc:$own" "$kit/bin/gpu_kit" --kit "$kit" "$@"
