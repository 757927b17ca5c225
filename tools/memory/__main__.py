"""`make memory`: estimates of drawn jobs beside their measured peaks; Linux only. Status 1 if a promise is broken.

Each job runs in a fork of this process, so that its peak is its own. `--jobs N` draws so many that fit into a slot of
`--slot` bytes, `--seed` others; `--page` writes the figures to docs/memory.md.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ml_training.domain.worker_shape import training_environment

THREADS = 1  # so that the figures depend on the cores of the machine as little as possible
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Draw, measure, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slot", type=int, default=512_000_000)
    parser.add_argument("--at-least", type=int, default=60_000_000, help="bytes; smaller estimates are not measured")
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest that a job may take")
    parser.add_argument("--minutes", type=float, default=240.0, help="stop after this time")
    parser.add_argument("--fixed", action="store_true", help="the few jobs that a test measures, nothing drawn")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--lines", type=Path, help="append a line of JSON for each case to this file")
    options = parser.parse_args()
    for name, value in training_environment(THREADS, threads=THREADS).items():
        os.environ.setdefault(name, value)
    from tools.memory.report import Report  # after the environment is set: OpenMP reads it once

    report = Report(options.lines)
    with tempfile.TemporaryDirectory(prefix="memory-") as directory:
        for case in _cases(options, Path(directory)):
            report.add(case)
    sys.stdout.write(report.text())
    if options.page:
        (ROOT / "docs" / "memory.md").write_text(report.page(options))
    return 0 if report.is_kept else 1


def _cases(options: argparse.Namespace, directory: Path) -> Iterator[object]:
    import time

    from ml_training.training import engine
    from tools.memory import cases, datasets, drawing
    from tools.memory.measuring import address_space

    engine.warm_up(threads=1)
    draw = random.Random(options.seed)
    indexes = {name: datasets.make(name, directory) for name in datasets.DATA_SETS}
    conditions = cases.Conditions(options.slot, address_space(), THREADS, options.seconds, directory)
    if options.fixed:
        for name, model_type, params, also_test in drawing.FIXED:
            fixed = cases.plan_of(drawing.spec_of(model_type, params), indexes[name])
            assert fixed is not None
            yield from cases.run(name, fixed, conditions, also_test=also_test)
        return
    done, ends = 0, time.monotonic() + 60 * options.minutes
    while done < options.jobs and time.monotonic() < ends:
        data = draw.choice(list(indexes))
        plan = cases.plan_of(drawing.drawn_spec(draw, data), indexes[data])
        also_test = draw.random() < 0.25
        if plan is None or cases.estimate_of(plan, THREADS).bytes < options.at_least:
            continue
        for case in cases.run(data, plan, conditions, also_test=also_test):
            done += 1
            yield case


if __name__ == "__main__":
    sys.exit(main())
