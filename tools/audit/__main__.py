"""`python -m tools.audit`: licences, bill of materials, known vulnerabilities, images.

Exit status 1: something must be changed. 3: nothing is wrong, but no source of advisories could be asked.
"""

import sys
from pathlib import Path

import ml_training
from tools.audit.advisories import ask
from tools.audit.images import without_digest
from tools.audit.licences import Licence, licence_of, refusals
from tools.audit.lock_file import Locked, read_lock
from tools.audit.sbom import write_sbom

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "client", "api", "worker", "exporter")
SBOM = ROOT / "build" / "sbom.cdx.json"
CHANGE, NOT_KNOWN = 1, 3


def main() -> int:
    """Run every part and print what it found."""
    packages = _packages()
    known = [licence_of(package.name) for package in packages]
    licences = {licence.package: licence for licence in known if licence is not None}
    status = _licences(packages, licences)
    write_sbom(SBOM, packages, licences, version=ml_training.__version__)
    sys.stdout.write(f"bill of materials: {len(packages)} packages in {SBOM.relative_to(ROOT)} (CycloneDX 1.6)\n")
    _images()
    return status or _advisories()


def _packages() -> list[Locked]:
    found = {package for lock in LOCKS for package in read_lock(ROOT / "requirements" / f"{lock}.txt")}
    return sorted(found, key=lambda package: (package.name, package.version))


def _licences(packages: list[Locked], licences: dict[str, Licence]) -> int:
    lines = refusals(licences.values())
    absent = sorted({package.name for package in packages} - licences.keys())
    sys.stdout.write(f"licences: {len(licences)} packages looked at, {len(lines)} refused\n")
    if absent:
        sys.stdout.write(f"  not installed here, so not looked at: {', '.join(absent)}\n")
    for line in lines:
        sys.stdout.write(f"  {line}\n")
    return CHANGE if lines else 0


def _images() -> None:
    names = without_digest(ROOT)
    sys.stdout.write(f"images: {len(names)} by tag instead of digest\n")
    for name in names:
        sys.stdout.write(f"  {name}: docker buildx imagetools inspect {name} --format '{{{{.Manifest.Digest}}}}'\n")


def _advisories() -> int:
    answer = ask(ROOT / "requirements" / "runtime.txt")
    for line in answer.found:
        sys.stdout.write(f"  vulnerable: {line}\n")
    if answer.found:
        return CHANGE
    if answer.is_answer:
        sys.stdout.write(f"vulnerabilities: none known ({answer.source})\n")
        return 0
    why = answer.error or f"{len(answer.unknown)} packages are unknown to it"
    sys.stdout.write(f"vulnerabilities: NOT KNOWN, {answer.source} could not be asked: {why}\n")
    return NOT_KNOWN


if __name__ == "__main__":
    sys.exit(main())
