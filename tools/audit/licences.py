"""The licence of each package, as an SPDX expression, held against a list of those that may be used."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

# None of them asks for the source of the service or of its users: the LGPL and the MPL ask only for changes of the
# package itself, which is installed from its own wheel.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)
ADDED = {"GCC-exception-3.1", "LLVM-exception"}  # they only allow more than the licence before WITH
# Words of older metadata, which name no SPDX licence.
MEANT = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd-3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "gnu library or lesser general public license (lgpl)": "LGPL-3.0-or-later",
    "lgpl with exceptions": "LGPL-3.0-or-later",
    "mit license": "MIT",
    "the mit license (mit)": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
}
# Packages whose metadata says nothing; read in the licence file of their wheel.
READ = {"skops": "MIT", "tqdm": "MPL-2.0 AND MIT"}
OPERATOR = re.compile(r"\s+(?:AND|OR)\s+|[()]")


@dataclass(frozen=True, slots=True)
class Licence:
    """What a package says about itself; `spdx` is None when it says nothing that is understood."""

    package: str
    spdx: str | None


def licence_of(package: str) -> Licence | None:
    """The licence of an installed package; None when it is not installed, such as one for another Python."""
    try:
        found = metadata(package)
    except PackageNotFoundError:
        return None
    return Licence(package, READ.get(package) or _expression(found))


def refusals(licences: Iterable[Licence]) -> list[str]:
    """A line for each package that may not be used, or about which it is not known."""
    lines = []
    for licence in licences:
        if licence.spdx is None:
            lines.append(
                f"{licence.package}: its metadata names no licence: read its wheel, then tools/audit/licences.py"
            )
        elif unknown := sorted(parts_of(licence.spdx) - ALLOWED):
            lines.append(f"{licence.package}: {licence.spdx} is not allowed ({', '.join(unknown)})")
    return lines


def parts_of(expression: str) -> set[str]:
    """The licences of an SPDX expression. Of A OR B one is enough, but all are asked for: a reader decides then."""
    parts = {part.strip() for part in OPERATOR.split(expression)} - {""}
    return {_without_exception(part) for part in parts}


def _without_exception(part: str) -> str:
    licence, _, exception = part.partition(" WITH ")
    return licence if not exception or exception in ADDED else part


def _expression(found: PackageMetadata) -> str | None:
    fields = found.json
    if expression := fields.get("license_expression"):
        return str(expression)
    words = [line.rpartition(" :: ")[2] for line in fields.get("classifier", []) if line.startswith("License ::")]
    words += [str(fields.get("license", "")).strip()]
    for word in words:
        if word in ALLOWED:
            return word
        if meant := MEANT.get(word.lower()):
            return meant
    return None
