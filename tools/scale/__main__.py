"""`make scale MINUTES=5 SEED=1`: hosts in network namespaces; prints a table, exit status 0 only if nothing was lost.

The process starts itself again on the host CORE of the network that it has made.
"""

import argparse
import json
import logging
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ml_training.logs import configure_logs
from tools.scale.fleet import own_variables
from tools.scale.network import CORE, Network, running_network, why_not
from tools.scale.scenario import SHORT, WHOLE, Outcome, Shape, run_scale

WIDTH = 32
NOT_HERE = 77  # the status by which a program says that it cannot run on this machine


def report(outcome: Outcome) -> str:
    """The table of the phases, the numbers, and below them every finding."""
    found, history = outcome.findings, outcome.history
    heads = ("seconds", "ended", "lost", "refused")
    name_width = max(len(phase.name) for phase in outcome.phases)
    text = [f"{'':<{name_width}}  {'  '.join(f'{head:>7}' for head in heads)}"]
    for phase in outcome.phases:
        numbers = (f"{phase.seconds:.0f}", phase.ended, phase.lost, phase.refused)
        text.append(f"{phase.name:<{name_width}}  {'  '.join(f'{number:>7}' for number in numbers)}  {phase.note}")
    ends = f"COMPLETED {found.completed}, CANCELLED {found.cancelled}, FAILED {found.failed}"
    bad = found.bad()
    lines = [
        ("jobs", f"{len(history.accepted)} accepted: {ends}"),
        ("lost attempts", str(found.guards.lost_attempts)),
        ("resumed from a checkpoint", str(found.resumed)),
        ("late writes refused", str(found.guards.refused_writes)),
        *outcome.seen.items(),
        *((title, str(len(items))) for title, items in bad.items()),
    ]
    text += ["", *(f"{title:<{WIDTH}} {value}" for title, value in lines)]
    text += [f"{title}: {item}" for title, items in bad.items() for item in items]
    text += [f"not seen enough of {item}" for item in outcome.missing]
    text += [f"note: {item}" for item in outcome.unexpected]
    return "\n".join(text)


def main() -> int:
    """Make the network and run on it; or, started again on it, run."""
    parser = argparse.ArgumentParser(prog="make scale")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="of the scaler")
    parser.add_argument("--short", action="store_true", help="short leases and cuts: a minute in place of ten")
    parser.add_argument("--directory", type=Path, help="an empty directory for data and logs, to look at afterwards")
    parser.add_argument("--on", help=argparse.SUPPRESS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    if given.on is None:
        return _on_a_network(given)
    shape = SHORT if given.short else WHOLE._replace(scaler=60.0 * given.minutes)
    return _run(Network(**json.loads(given.on)), given.directory, shape, seed=given.seed)


def _leave(*_: object) -> None:
    """Hosts and network go along. Once: a second signal must not interrupt that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _on_a_network(given: argparse.Namespace) -> int:
    reason = why_not()
    if reason is not None:
        sys.stderr.write(f"{reason}\n")
        return NOT_HERE
    with tempfile.TemporaryDirectory(prefix="scale-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        directory = given.directory or Path(temporary)
        with running_network() as network:
            again = [sys.executable, "-m", "tools.scale", *sys.argv[1:], "--directory", str(directory)]
            known = json.dumps({"id": network.id, "addresses": network.addresses, "_plugged": len(network.addresses)})
            process = subprocess.Popen([*network.inside(CORE), *again, "--on", known], env=own_variables())
            try:
                return process.wait()
            finally:
                process.terminate()
                process.wait()


def _run(network: Network, directory: Path, shape: Shape, *, seed: int) -> int:
    configure_logs("console", "WARNING")  # of the core in this process
    logging.getLogger("tools.scale").setLevel(logging.INFO)
    outcome = run_scale(network, directory, shape, seed=seed)
    sys.stdout.write(f"seed {seed}\n{report(outcome)}\n{'good' if outcome.is_good else 'NOT GOOD'}\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
