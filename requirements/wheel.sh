#!/bin/sh
# Builds the project's wheel: equal sources and SOURCE_DATE_EPOCH give equal bytes, on any machine.
# usage: SOURCE_DATE_EPOCH=SECONDS wheel.sh BIN SOURCE TARGET
set -eu
: "${SOURCE_DATE_EPOCH:?seconds since 1970, such as those of the commit}"
export SOURCE_DATE_EPOCH PYTHONHASHSEED=0
umask 022  # the modes of the sources are part of the wheel
bin=$1
source=$(cd "$2" && pwd)
mkdir -p "$3"
target=$(cd "$3" && pwd)

# From a copy: setuptools keeps what an earlier build has left, and writes beside the sources.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$source" && tar -c --exclude-vcs --exclude=__pycache__ --exclude=REVISION \
    setup.cfg pyproject.toml README.md LICENSE ml_training workers exporter) | tar -x -C "$copy"
chmod -R u=rwX,go=rX "$copy"
"$bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-cache-dir \
    --wheel-dir "$target" "$copy"
