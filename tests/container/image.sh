#!/usr/bin/env bash
# Builds the image of docker/Dockerfile for processors and does with it what docker/README.md shows.
#
#     tests/container/image.sh MERBENCH_BINARY SCRATCH_DIR TESTS_DIR
#
# Needs root, buildah and debootstrap, but no daemon and no registry: the base of the image is made of the packages of the
# running system, from the same sources. Takes a few minutes and 2 GB of the scratch folder, which is empty in the end.
# Exit codes: 0 passed, 1 failed, 77 cannot be done here.
# shellcheck shell=bash

# In a mount namespace of its own, so that no mount outlives the test.
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare --mount true || { echo 'SKIPPED: no mount namespaces can be made here' && exit 77; }
    IN_NAMESPACE=yes exec unshare --mount bash "$0" "$@"
fi
source "$(dirname "$0")/../e2e/lib.sh"
ROOT=$(dirname "$TESTS")
BASE=localhost/base
IMAGE=merbench:cpu
export BUILDAH_ISOLATION=chroot TMPDIR=$SCRATCH/tmp
mkdir tmp

# Removes everything but the output of the last command.
clean() {
    buildah umount --all >/dev/null
    cd / && rm -rf "${SCRATCH:?}"/*
}
cannot() {
    echo "SKIPPED: $*"
    tail -n 5 "$STDERR"
    clean
    FINISHED=1
    exit 77
}

buildah() {
    command buildah --storage-driver vfs --root "$SCRATCH/storage" --runroot "$SCRATCH/run" "$@"
}

# took TEXT: prints the seconds since the last call
took() {
    echo "$1: $((SECONDS - ${BEGAN:-0})) s"
    BEGAN=$SECONDS
}

# size FOLDER: prints megabytes
size() {
    du -sxB1000000 --apparent-size "$1" | cut -f1
}

# ---- the base: a minimal system with the package sources of this one ----------------------------

# The release of this system, and the site that it comes from.
source /etc/os-release
site=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk -v release="$VERSION_CODENAME" '$1 == release && $2 == "main" { print $3; exit }')
[ -n "$site" ] || cannot "apt-get has no source for $VERSION_CODENAME"

container=$(buildah from scratch) && system=$(buildah mount "$container") || cannot 'buildah does not work here'
capture debootstrap --variant=minbase "$VERSION_CODENAME" "$system" "$site"
[ "$STATUS" -eq 0 ] || cannot "debootstrap does not get the packages of $VERSION_CODENAME"
rm -rf "$system"/var/cache/apt/archives/*.deb "$system"/var/lib/apt/lists/* "$system/etc/apt/sources.list"
for path in etc/apt/{sources.list,preferences,auth.conf}{,.d} etc/apt/trusted.gpg{,.d} etc/apt/keyrings \
    usr/share/keyrings etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "/$path" ] || echo "$path"
done | tar -C / -c -T - | tar -C "$system" -x
{
    apt-config dump | grep '^Acquire::'
    # As in the images of Debian.
    echo 'APT::Keep-Downloaded-Packages "false"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
} >"$system/etc/apt/apt.conf.d/99here"
base_size=$(size "$system")
must buildah umount "$container" >/dev/null
must buildah commit --quiet --rm "$container" "$BASE" >/dev/null
took 'base'

# ---- docker, as docker/README.md uses it ---------------------------------------------------------

# docker build ARGUMENTS..., docker run [OPTION]... IMAGE ARGUMENTS...
docker() {
    local command=$1 options=() container entry code
    shift
    if [ "$command" = build ]; then
        buildah bud --pull-never --build-arg "DEBIAN_IMAGE=$BASE" "$@"
        return
    fi
    while [[ $1 == -* ]]; do
        case $1 in
        --rm) shift ;;
        --user | -v) options+=("$1" "$2") && shift 2 ;;
        *) echo "docker run: $1 is not known here" >&2 && return 125 ;;
        esac
    done
    container=$(buildah from --pull-never "$1") || return 125
    shift
    entry=$(buildah inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$container")
    buildah run "${options[@]}" "$container" -- "$entry" "$@"
    code=$?
    buildah rm "$container" >/dev/null
    return "$code"
}

# As somebody else who calls docker.
CALLER=12345
id() {
    echo "$CALLER"
}

build=$(sed -n 's/.*`\(docker build [^`]*--target cpu [^`]*\)`.*/\1/p' "$ROOT/docker/README.md")
check 'docker/README.md shows how to build the image' [ -n "$build" ]
cd -- "$ROOT"
capture eval "$build"
cd -- "$SCRATCH"
if [ "$STATUS" -ne 0 ]; then
    ! grep -qE 'Failed to fetch|Could not resolve|Unable to connect' "$STDOUT" "$STDERR" ||
        cannot 'the packages for the image cannot be had'
    tail -n 40 "$STDOUT"
    fail 'the image cannot be built'
    clean
    finish
fi
took 'image'

# ---- what is in it -------------------------------------------------------------------------------

container=$(buildah from --pull-never "$IMAGE")
system=$(buildah mount "$container")
echo "size: $(size "$system") MB, $base_size MB of them are the base"

found=$(cd "$system" && find . ! -path './usr/share/doc/*' \
    \( -name '*.[ch]' -o -name '*.cu' -o -name '*.a' -o -name CMakeLists.txt \))
check "no sources, headers and libraries to link with: $found" [ -z "$found" ]
found=$(cd "$system/usr" && find bin local/bin | grep -E 'gcc|g\+\+|clang|/(cc|c\+\+|cpp|ld|as|make|ninja|cmake)$')
check "no compiler: $found" [ -z "$found" ]
found=$(cd "$system/var" && find lib/apt/lists cache/apt -type f -size +0)
check "nothing of apt-get's: $found" [ -z "$found" ]
capture buildah inspect --type image "$IMAGE"
says '"org.opencontainers.image.title": "merbench"'
says '"User": "merbench"'

# ---- the commands of docker/README.md ------------------------------------------------------------

demo=$(sed -n '/^## Use$/,/^## Build/{s/^    //p}' "$ROOT/docker/README.md")
demonstrate() (
    set -e
    eval "$demo"
)
mkdir demo own
chown "$CALLER:$CALLER" demo
capture demonstrate
LAST='the commands of docker/README.md'
check 'the commands of docker/README.md should succeed' [ "$STATUS" -eq 0 ]
prints "$("$MERBENCH" --version)"
prints 'quickstart.h5: synthetic QUICKSTART'
prints '| audio + text + video'
complains 'training: 36 runs in'
exists demo/results.db
check 'what the image writes belongs to the caller' [ -z "$(find demo ! -uid "$CALLER" -o ! -gid "$CALLER")" ]

chown 10001:10001 own
capture docker run --rm -v "$SCRATCH/own:/work" "$IMAGE" synth --like quickstart -o quickstart.h5
check 'without --user it belongs to the user of the image' [ "$(stat -c %u:%g own/quickstart.h5)" = 10001:10001 ]
same own/quickstart.h5 demo/quickstart.h5
took 'demo'

# ---- docker stop: SIGTERM to the first process ---------------------------------------------------

sweep=(run quickstart.json --results results.db)
cp "$system/usr/local/share/merbench/configs/quickstart.json" own
mount --bind own "$system/work"
cd own
set -m
unshare --pid --fork --kill-child chroot --userspec=10001:10001 "$system" env -C /work \
    merbench "${sweep[@]}" >"$STDOUT" 2>"$STDERR" </dev/null &
PID=$!
set +m
LAST="merbench ${sweep[*]}, as the first process; then SIGTERM"
wait_for 1 results.db quickstart.json
kill -TERM "$(tr -d ' ' <"/proc/$PID/task/$PID/children")"
ended 1
complains 'the same command goes on from there'
recorded=$(done_runs results.db quickstart.json)
check "some runs are recorded, not all: $recorded" [ "$recorded" -ge 1 -a "$recorded" -lt 36 ]
missing results.db-wal
cd ..
capture docker run --rm -v "$SCRATCH/own:/work" "$IMAGE" "${sweep[@]}"
complains "36 runs, $recorded done already"
check 'the same command continues it' [ "$STATUS" -eq 0 ]
must umount "$system/work"
took 'stop'

clean
finish
