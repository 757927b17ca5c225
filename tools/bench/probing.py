"""Runs the programs of tools/bench/probes with the interpreter and the code of the measured checkout."""

import json
import os
import subprocess
from typing import Any

from tools.bench.figures import MeasurementError
from tools.bench.service import ROOT, Checkout


def start_probe(checkout: Checkout, name: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start `tools/bench/probes/<name>.py` of this checkout; what it imports comes from the measured one."""
    script = ROOT / "tools" / "bench" / "probes" / f"{name}.py"
    return subprocess.Popen(
        [checkout.python, "-P", str(script), *map(str, arguments)],
        cwd=checkout.directory,
        env={**os.environ, "PYTHONPATH": str(checkout.directory), "LOG_LEVEL": "WARNING"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_probe(checkout: Checkout, name: str, *arguments: object) -> Any:
    """Run a probe to its end; what it printed as JSON, or None. Raises MeasurementError when it fails."""
    process = start_probe(checkout, name, *arguments)
    return finish_probe(process, name)


def finish_probe(process: "subprocess.Popen[str]", name: str, *, line: str = "") -> Any:
    """Send a line to a probe and wait for its end; its answer. Raises MeasurementError when it fails."""
    output, _ = process.communicate(line)
    if process.returncode:
        raise MeasurementError(f"the probe {name} failed with status {process.returncode}: its error is above")
    return json.loads(output.splitlines()[-1]) if output.strip() else None
