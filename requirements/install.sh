#!/bin/sh
# Installs a lock file, then the project itself: with uv where its wheel can be had, else with pip.
# Both read the same hashes; uv is only the faster of the two (about ten times on a cold machine).
# usage: install.sh BIN LOCK
set -eu
bin=$1
lock=$2

with_uv() { "$bin/python" -m uv pip install --quiet --compile-bytecode --python "$bin/python" "$@"; }
with_pip() { "$bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

# A sign of life: a slow line or disk takes minutes, and both installers are quiet.
say_so() {
    seconds=0
    while sleep 5 >/dev/null 2>&1; do
        seconds=$((seconds + 5))
        echo "  still installing: $seconds s so far"
    done
}

echo "installing $lock ..."
say_so &
life=$!
trap 'kill "$life" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if with_pip --require-hashes -r "${0%/*}/uv.txt" 2>/dev/null && with_uv --require-hashes -r "$lock"; then
    with_uv --no-deps --no-build-isolation -e .
else
    echo "uv cannot be used here: installing with pip, which takes about a minute longer"
    with_pip --require-hashes -r "$lock"
    with_pip --no-deps --no-build-isolation -e .
fi
# As an installer does for what it copies: else each of the service's processes compiles the sources when it starts.
"$bin/python" -m compileall -q -j 0 ml_training workers exporter
