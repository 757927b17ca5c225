"""A large file is parsed and converted part by part, by several threads: with the result of one part and one thread."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_training.selection import array_parts
from ml_training.selection.index import INDEX_FILE
from ml_training.tabular import convert_text, csv_file, csv_text, text_column
from ml_training.tabular.ingest_result import IngestResult

Ingest = Callable[..., IngestResult]
ROWS = 2_000
VALUES: dict[str, Callable[[int], str]] = {
    "integers": str,
    "hexadecimal": lambda row: "0x1F" if row == ROWS - 1 else str(row),
    "one missing": lambda row: "" if row == 1_500 else str(2**53 + row),
    "missing at first": lambda row: "NA" if row < 1_900 else str(row),
    "one float": lambda row: "0.5" if row == ROWS - 1 else str(row),
    "one infinite": lambda row: "inf" if row in (7, 1_999) else f"{row}.25",
    "too large": lambda row: "9223372036854775808" if row == 1_999 else str(row),
    "precise": lambda row: str(row / 7),
    "flags": lambda row: ("true", "false", "")[row % 3],
    "nearly flags": lambda row: "maybe" if row == 1_999 else "true",
    "moments": lambda row: f"2026-01-01T00:00:{row % 60:02}.1234567Z",
    "years": lambda row: "0000-01-01" if row == 1_999 else "2026-01-31",
    "nearly moments": lambda row: "soon" if row == 1_999 else "2026-01-31",
    "words": lambda row: (" red ", "green", "null", "blau")[row % 4],
    "new words at the end": lambda row: f"w{row // 300}",
    "names": lambda row: f"name {row}",
    "long": lambda row: "x" * 1_100 if row == 1_700 else "y",
    "nothing": lambda row: ("", "NaN", " none ")[row % 3],
    "quoted": lambda row: '"one\nline, ""two"""' if row % 2 else "plain",
}


def generated(values: dict[str, Callable[[int], str]] = VALUES) -> str:
    lines = [",".join(value(row) for value in values.values()) for row in range(ROWS)]
    return "\n".join([",".join(values), *lines]) + "\n"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows."""
    monkeypatch.setattr(csv_file, "QUICK_BLOCK", 2_000)
    monkeypatch.setattr(text_column, "PART_BYTES", 300)
    monkeypatch.setattr(convert_text, "UNIFIED_WORDS", 10)
    monkeypatch.setattr(array_parts, "ROWS_PER_PART", 64)


def content(result: IngestResult) -> tuple[bytes, str]:
    assert result.index is not None, result.reasons
    return (result.index.directory / INDEX_FILE).read_bytes(), json.dumps(result.profile)


ROLES: list[dict[str, str]] = [
    {},
    {"time_column": "moments", "group_column": "names", "phase_column": "words"},
    {"time_column": "years"},
]


@pytest.mark.parametrize(
    "threads", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("roles", ROLES, ids=str)
def test_the_index_and_the_profile_are_the_same(
    ingest: Ingest, request: pytest.FixtureRequest, roles: dict[str, str], threads: int
) -> None:
    text = generated()
    whole = content(ingest(text, **roles))
    request.getfixturevalue("small_parts")
    assert content(ingest(text, **roles, threads=lambda: threads)) == whole


def test_too_many_distinct_texts_are_free_text_in_parts_too(
    ingest: Ingest, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert_text, "MOST_CATEGORIES", 1_000)
    text = generated()
    whole = content(ingest(text, group_column="words"))
    request.getfixturevalue("small_parts")
    assert content(ingest(text, group_column="words", threads=lambda: 2)) == whole


def _changed(text: bytes, rows: dict[int, bytes]) -> bytes:
    lines = text.split(b"\n")
    for row, line in rows.items():
        lines[row - 1] = line
    return b"\n".join(lines)


PLAIN = {name: VALUES[name] for name in ("integers", "words", "names")}
GOOD = generated(PLAIN).encode()
FAULTS: dict[str, bytes] = {
    "one ragged row": _changed(GOOD, {1_500: b"1,2"}),
    "ragged rows": _changed(GOOD, dict.fromkeys((3, 700, 1_999), b"1,2,3,4")),
    "too many ragged rows": _changed(GOOD, dict.fromkeys(range(500, 700), b"1")),
    "a ragged row before an invalid byte": _changed(GOOD, {900: b"1,2", 1_200: b"1,\xff,3"}),
    "a ragged row after an invalid byte": _changed(GOOD, {900: b"1,2", 800: b"1,\xff,3"}),
    "many ragged rows before an invalid byte": _changed(
        GOOD, dict.fromkeys(range(500, 700), b"1") | {900: b"1,\xff,3"}
    ),
    "a NUL": _changed(GOOD, {1_800: b"1,\0,3"}),
    "a quote that is never closed": _changed(GOOD, {1_000: b'1,"two,3'}),
    "cut in a character": GOOD + "1,2,ü".encode()[:-1],
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_reasons_of_a_rejection_are_the_same(
    ingest: Ingest, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, fault: str, threads: int
) -> None:
    monkeypatch.setattr(csv_text, "PIECE", 500)
    with monkeypatch.context() as exact:
        exact.setattr(csv_file, "QUICK_BLOCK", csv_file.BLOCK)
        whole = ingest(FAULTS[fault]).reasons
    assert whole
    request.getfixturevalue("small_parts")
    assert ingest(FAULTS[fault], threads=lambda: threads).reasons == whole


@pytest.mark.usefixtures("small_parts")
def test_a_row_longer_than_a_small_block_is_read(ingest: Ingest) -> None:
    long = _changed(GOOD, {1_000: b"1," + b"x" * 10_000 + b",3"})
    result = ingest(long, threads=lambda: 2)
    assert result.rows == ROWS


@pytest.mark.usefixtures("small_parts")
def test_progress_never_falls_when_a_file_is_parsed_again(ingest: Ingest) -> None:
    shares: list[float] = []
    ingest(FAULTS["one ragged row"], progress=lambda share, _: shares.append(share), threads=lambda: 2)
    assert shares == sorted(shares)
    assert len(shares) > 1


READ = """
import sys, threading
from pathlib import Path
import psutil
from ml_training.domain.limits import Limits
from ml_training.tabular.ingest import read_table

def private():
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared

before, peak, over = private(), 0, threading.Event()

def watch():
    global peak
    while not over.wait(0.005):
        peak = max(peak, private())

watcher = threading.Thread(target=watch)
watcher.start()
path = Path(sys.argv[1])
(path.parent / "index").mkdir()
result = read_table(path, "csv", limits=Limits(), directory=path.parent / "index", threads=lambda: 2)
over.set()
watcher.join()
print(result.rows, peak - before)
"""


@pytest.mark.slow
def test_a_file_of_400_mb_passes_through_less_than_300_mb(tmp_path: Path) -> None:
    draw = random.Random(1)
    lines = "".join(",".join(str(draw.random()) for _ in range(20)) + "\n" for _ in range(10_000))
    with (tmp_path / "large.csv").open("w") as file:
        file.write(",".join(f"f{number}" for number in range(20)) + "\n")
        for _ in range(105):
            file.write(lines)
    assert (tmp_path / "large.csv").stat().st_size > 400_000_000
    command: list[Any] = [sys.executable, "-c", READ, tmp_path / "large.csv"]
    rows, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 1_050_000
    assert int(grown) < 300_000_000
