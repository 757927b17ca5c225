"""What the measured jobs say about the estimates."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.memory.cases import Case

TOO_LOW, FACTOR, SHARE = 0.8, 2.0, 0.9  # the promises: see docs/memory.md


@dataclass(slots=True)
class Report:
    """The cases so far; `lines`: a file that gets each of them."""

    lines: Path | None = None
    cases: list[Case] = field(default_factory=list)

    def add(self, case: object) -> None:
        """Add a case and say so."""
        assert isinstance(case, Case)
        self.cases.append(case)
        line = json.dumps({**asdict(case), "ratio": round(case.ratio, 3)})
        if self.lines is not None:
            with self.lines.open("a") as file:
                file.write(line + "\n")
        error = case.measured.error
        figures = f"{case.estimate / 1e6:7.0f} MB, measured {case.measured.peak / 1e6:7.0f} MB"
        sys.stderr.write(f"{figures} {case.ratio:5.2f} {error} {case.data}: {case.what}\n")

    @property
    def measured(self) -> list[Case]:
        """The cases that ended."""
        return [case for case in self.cases if not case.measured.error]

    @property
    def failed(self) -> list[Case]:
        """The cases that an accepted job must not become; a job that takes too long is none."""
        return [case for case in self.cases if case.measured.error not in ("", "timed out")]

    @property
    def too_low(self) -> list[Case]:
        """The cases whose estimate is too far below the peak."""
        return [case for case in self.measured if case.ratio < TOO_LOW]

    @property
    def near(self) -> int:
        """How many estimates are within the factor."""
        return sum(1 / FACTOR <= case.ratio <= FACTOR for case in self.measured)

    @property
    def is_kept(self) -> bool:
        """Whether every promise holds."""
        return not self.failed and not self.too_low and self.near >= SHARE * len(self.measured)

    def rows(self) -> list[tuple[str, list[Case]]]:
        """The measured cases by job type and model type."""
        names = sorted({" ".join(_kind(case)) for case in self.measured})
        return [(name, [case for case in self.measured if " ".join(_kind(case)) == name]) for name in names]

    def text(self) -> str:
        """A table in Markdown, and the totals."""
        lines = ["| job | cases | within a factor of 2 | lowest | median | highest | largest peak |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for name, cases in self.rows():
            ratios = sorted(case.ratio for case in cases)
            near = sum(1 / FACTOR <= ratio <= FACTOR for ratio in ratios)
            largest = max(case.measured.peak for case in cases) / 1e6
            figures = f"{ratios[0]:.2f} | {ratios[len(ratios) // 2]:.2f} | {ratios[-1]:.2f} | {largest:,.0f} MB"
            lines.append(f"| {name} | {len(cases)} | {near} | {figures} |")
        timed_out = len(self.cases) - len(self.measured) - len(self.failed)
        total = f"{len(self.cases)} jobs: {len(self.failed)} failed, {timed_out} stopped for time; "
        total += f"{self.near} of {len(self.measured)} estimates within a factor of {FACTOR:g}, "
        total += f"{len(self.too_low)} below {TOO_LOW} of the peak"
        return "\n".join([*lines, "", total, ""])

    def page(self, options: argparse.Namespace) -> str:
        """docs/memory.md."""
        how = f"`make memory ARGS='--jobs {options.jobs} --seed {options.seed} --slot {options.slot}'`"
        return f"{PAGE}\n{how}\n\n{self.text()}"


def _kind(case: Case) -> tuple[str, str]:
    words = case.what.replace(" of ", " ").split()
    return words[0], words[1]


PAGE = """# Memory of a job

The service estimates the most memory that a job will take before it accepts it, and refuses one that does not fit into
the smallest slot of the living workers: an accepted job does not fail for its memory. `?dry_run=true` answers the
estimate as `estimate.memory_bytes`. The rules are in `ml_training/domain/memory/`; how large the trees of a forest get
is found from trees that are grown on 5,000 rows (`ml_training/selection/tree_growth.py`).

Promised, and measured with the real engine: no accepted job fails for its memory; nine of ten estimates are within a
factor of 2 of the measured peak; none is more than 20 % below it. The figures are estimate divided by peak, for jobs
that were drawn to need much memory for odd data sets. A small part of them is measured by `make test`.
"""
