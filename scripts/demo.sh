#!/usr/bin/env bash
# Builds merbench and trains a small sweep with it: one command, from the sources to a table of
# results.
#
#     scripts/demo.sh [--fresh]
#
# Writes to ./demo (corpus, results) and ./build/release. If it is started again, it trains only
# what is missing; --fresh removes ./demo first.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

fresh=no
for argument in "$@"; do
    case $argument in
    --fresh) fresh=yes ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        echo "demo: unknown argument '$argument'; see scripts/demo.sh --help" >&2
        exit 2
        ;;
    esac
done

step() {
    printf '\n== %s\n' "$*"
}
# Runs a command and shows its output only if it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "demo: failed: $*" >&2
        exit 1
    fi
    rm -f "$log"
}

started=$SECONDS
scripts/setup.sh build

step "building merbench (build/release)"
quietly cmake --preset release
quietly cmake --build build/release --target merbench -j "$(nproc)"
merbench=build/release/merbench
"$merbench" --version

[ "$fresh" = no ] || rm -rf demo
mkdir -p demo
if [ ! -e demo/quickstart.h5 ]; then
    step "making a synthetic corpus (demo/quickstart.h5)"
    "$merbench" synth --like quickstart -o demo/quickstart.h5
fi

step "training the sweep of configs/quickstart.json"
"$merbench" run configs/quickstart.json --data demo --results demo/results.db

step "done in $((SECONDS - started)) s"
cat <<END
results      demo/results.db (SQLite)
the table    $merbench table demo/results.db --format markdown
the corpus   $merbench info demo/quickstart.h5
your data    $merbench import mertools FOLDER --dataset NAME -o corpus.h5
END
