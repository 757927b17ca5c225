"""`make chaos SEED=1 MINUTES=5 DATABASE=sqlite BUCKET=1`: one run, its numbers, exit status 0 only if it was good."""

import argparse
import signal
import sys
from pathlib import Path

from ml_training.logs import configure_logs
from tools.chaos.run import Outcome, run_chaos

WIDTH = 26


def report(outcome: Outcome) -> str:
    """The numbers, one a line, and below them every finding."""
    found, history = outcome.findings, outcome.history
    faults = ", ".join(f"{name} {count}" for name, count in sorted(outcome.nemesis.inflicted.items()))
    ends = f"COMPLETED {found.completed}, CANCELLED {found.cancelled}, FAILED {found.failed}"
    bad = found.bad()
    lines = [
        ("jobs", f"{len(history.accepted)} accepted: {ends}"),
        ("faults injected", f"{sum(outcome.nemesis.inflicted.values())}: {faults}"),
        ("answers 'later'", ", ".join(f"{status} x {n}" for status, n in sorted(history.refused.items())) or "0"),
        ("lost attempts", str(found.guards.lost_attempts)),
        ("resumed from a checkpoint", str(found.resumed)),
        ("cancels of RUNNING jobs", str(len(history.cancels_of_running))),
        ("late writes refused", str(found.guards.refused_writes)),
        *((title, str(len(items))) for title, items in bad.items()),
    ]
    text = [f"{title:<{WIDTH}} {value}" for title, value in lines]
    text += [f"{title}: {item}" for title, items in bad.items() for item in items]
    text += [f"not seen enough of {item}" for item in outcome.missing]
    text += [f"the nemesis failed: {item}" for item in outcome.nemesis.errors]
    text += [f"note: {item}" for item in outcome.unexpected]
    return "\n".join(text)


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--storage", choices=("directory", "bucket"), default="directory")
    parser.add_argument("--directory", type=Path, help="an empty directory for data and logs, to look at afterwards")
    given = parser.parse_args()
    configure_logs("console", "WARNING")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every process and the small disk go along
    outcome = run_chaos(
        seed=given.seed,
        minutes=given.minutes,
        database=given.database,
        storage=given.storage,
        directory=given.directory,
    )
    head = f"seed {given.seed}, {given.minutes:g} minutes, {given.database}, {given.storage}"
    sys.stdout.write(f"{head}\n{report(outcome)}\n{'good' if outcome.is_good else 'NOT GOOD'}\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
