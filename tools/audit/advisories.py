"""Known vulnerabilities of a lock file, from the sources that pip-audit knows; silence is never taken for health."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("osv", "pypi")
TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Advisories:
    """What a source said; `unknown` names the packages that it did not know, `error` is why it said nothing."""

    source: str
    found: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether the source knows every package."""
        return not self.unknown and not self.error


def ask(lock: Path) -> Advisories:
    """The answer of the first source that knows every package, else that of the last one."""
    answer = Advisories("none")
    for service in SERVICES:
        answer = _ask(lock, service)
        if answer.is_answer or answer.found:
            break
    return answer


def _ask(lock: Path, service: str) -> Advisories:
    options = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "-s", service, *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Advisories(service, error="it does not answer")
    return read_answer(service, run.stdout, run.stderr)


def read_answer(service: str, output: str, errors: str) -> Advisories:
    """What pip-audit wrote: it ends with status 0 also when the source knew no package at all."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Advisories(service, error=(errors.strip().splitlines() or ["no answer"])[-1])
    found = tuple(
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    )
    unknown = tuple(package["name"] for package in packages if "skip_reason" in package)
    return Advisories(service, found, unknown, "" if packages else "it names no package")
