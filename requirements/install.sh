#!/bin/sh
# Installs a lock file, then the project itself: with uv where its wheel can be had, else with pip.
# Both read the same hashes; uv is only the faster of the two (about ten times on a cold machine).
# usage: install.sh BIN LOCK
set -eu
bin=$1
lock=$2
if "$bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1" 2>/dev/null; then
    install() { "$bin/python" -m uv pip install --quiet --compile-bytecode --python "$bin/python" "$@"; }
else
    echo "uv is not to be had here: installing with pip, which takes about a minute longer"
    install() { "$bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
fi
echo "installing $lock ..."
install --require-hashes -r "$lock"
install --no-deps --no-build-isolation -e .
