#!/bin/sh
# Installs a lock file, then the project itself: with uv where its wheel can be had, else with pip.
# Both read the same hashes; uv is only the faster of the two (about ten times on a cold machine).
# usage: install.sh BIN LOCK
set -eu
bin=$1
lock=$2

with_uv() { "$bin/python" -m uv pip install --quiet --compile-bytecode --python "$bin/python" "$@"; }
with_pip() { "$bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

echo "installing $lock ..."
if with_pip "uv>=0.9,<1" 2>/dev/null && with_uv --require-hashes -r "$lock"; then
    with_uv --no-deps --no-build-isolation -e .
else
    echo "uv cannot be used here: installing with pip, which takes about a minute longer"
    with_pip --require-hashes -r "$lock"
    with_pip --no-deps --no-build-isolation -e .
fi
