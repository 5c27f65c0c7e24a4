# What tests of --device cuda from outside have in common: source this file first. They are given a
# program with the simulated executor, or one for GPUs on a machine that may have none.
# shellcheck shell=bash
# shellcheck source=../../e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/lib.sh"

FIXTURE=$TESTS/fixtures/attention/batch1.h5
capture "$MERBENCH" parity --device cuda "$FIXTURE"
if [ "$STATUS" = 4 ]; then
    FINISHED=1
    skip "$(cat "$STDERR")"
    exit 77
fi
