"""The audit finds what it looks for, and never takes silence for health; the wheel is the same twice."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tools.audit.advisories import read_answer
from tools.audit.images import images, without_digest
from tools.audit.licences import Licence, licence_of, parts_of, refusals
from tools.audit.lock_file import Locked, read_lock
from tools.audit.sbom import write_sbom

ROOT = Path(__file__).parents[2]
SHA256 = "ab" * 32
LOCKS = sorted(path for path in (ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_hashes(path: Path) -> None:
    assert read_lock(path)


def test_a_pin_without_a_hash_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(f"a==1.0 ; python_version < '3.12' \\\n    --hash=sha256:{SHA256}\nb==2.0\n")
    with pytest.raises(ValueError, match="b has no hash"):
        read_lock(tmp_path / "lock.txt")


def test_the_installer_is_pinned_by_version_and_hash() -> None:
    script = (ROOT / "requirements" / "install.sh").read_text(encoding="utf-8")
    assert '--require-hashes -r "${0%/*}/uv.txt"' in script
    assert "uv>=" not in script
    [uv] = read_lock(ROOT / "requirements" / "uv.txt")
    assert uv.name == "uv"


def test_every_runtime_package_may_be_used() -> None:
    known = [licence_of(package.name) for package in read_lock(ROOT / "requirements" / "runtime.txt")]
    installed = [licence for licence in known if licence is not None]
    assert len(installed) > 50
    assert refusals(installed) == []


def test_a_licence_that_is_not_allowed_or_not_known_is_refused() -> None:
    found = [
        Licence("free", "MIT"),
        Licence("both", "MIT AND (Apache-2.0 WITH LLVM-exception OR BSD-3-Clause)"),
        Licence("strong", "MIT AND AGPL-3.0-only"),
        Licence("silent", None),
    ]
    lines = refusals(found)
    assert [line.partition(":")[0] for line in lines] == ["strong", "silent"]
    assert "AGPL-3.0-only" in lines[0]
    assert parts_of("A AND (B OR C)") == {"A", "B", "C"}
    assert licence_of("no-such-package") is None
    assert {licence_of(found.name) is None for found in distributions()} == {False}


def test_the_bill_of_materials_names_packages_licences_and_hashes_and_is_the_same_twice(tmp_path: Path) -> None:
    packages = [Locked("numpy", "2.5", (SHA256,)), Locked("odd", "1", (SHA256,))]
    for name in ("one", "two"):
        write_sbom(tmp_path / name, packages, {"numpy": Licence("numpy", "BSD-3-Clause AND MIT")}, version="1.2")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = json.loads((tmp_path / "one").read_text(encoding="utf-8"))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["version"] == "1.2"
    numpy, odd = found["components"]
    assert numpy["purl"] == "pkg:pypi/numpy@2.5"
    assert numpy["hashes"] == [{"alg": "SHA-256", "content": SHA256}]
    assert numpy["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]
    assert "licenses" not in odd


def test_silence_of_a_source_is_not_health() -> None:
    healthy = json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}]})
    assert read_answer("osv", healthy, "").is_answer
    skipped = json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found"}]})
    for output, errors in ((skipped, ""), ("", "ConnectionError"), ("{}", ""), ('{"dependencies": []}', "")):
        assert not read_answer("osv", output, errors).is_answer
    vulnerable = json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}]})
    assert read_answer("osv", vulnerable, "").found == ("a 1: PYSEC-1",)


def test_images_are_seen_with_and_without_digest(tmp_path: Path) -> None:
    assert {name.partition(":")[0] for name in images(ROOT)} >= {"python", "postgres", "redis", "versity/versitygw"}
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.13@sha256:{SHA256} AS base\nFROM base AS api\n")
    (tmp_path / "docker-compose.yml").write_text("services:\n  redis:\n    image: redis:7\n  api:\n    image: own\n")
    assert without_digest(tmp_path) == ["redis:7"]


@pytest.mark.slow
def test_two_builds_of_the_wheel_are_the_same_bytes(tmp_path: Path) -> None:
    built = []
    for number, umask in enumerate((0o022, 0o077)):
        source = tmp_path / f"source-{number}" / ("deep" * number)
        source.mkdir(parents=True)
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source / name)
        for name in ("ml_training", "workers", "exporter"):
            shutil.copytree(ROOT / name, source / name)
        for path in source.rglob("*"):
            os.utime(path, (number * 10**8, number * 10**8))
            path.chmod(0o755 if path.is_dir() else 0o666 & ~umask)
        target = tmp_path / f"wheel-{number}"
        command = [
            "sh",
            str(ROOT / "requirements/wheel.sh"),
            str(Path(sys.executable).parent),
            str(source),
            str(target),
        ]
        subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1800000000"})
        [wheel] = target.iterdir()
        built.append((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert built[0] == built[1]
