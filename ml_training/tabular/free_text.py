"""Reads columns of free text again from the uploaded file: the index does not hold them.

The texts are copied to disk once and mapped into memory, so that memory does not grow with the rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml_training.domain.limits import Limits
from ml_training.tabular.csv_file import open_csv
from ml_training.tabular.text_column import clean

ROWS_PER_PART = 10_000
SPOOL = "kept.arrow"


@dataclass(frozen=True, slots=True, eq=False)
class FreeText:
    """A column of text, mapped from disk; `is_raw`: text of a CSV file, which is cleaned as at ingest."""

    text: Any  # ChunkedArray
    is_raw: bool

    def take(self, rows: NDArray[np.int64]) -> Any:
        """The texts of these ascending rows; null where there is none."""
        taken, start = [], 0
        for chunk in self.text.chunks:
            first, last = np.searchsorted(rows, (start, start + len(chunk)))
            if last > first:
                part = chunk.take(pa.array(rows[first:last] - start))
                taken.append(clean(part) if self.is_raw else part)
            start += len(chunk)
        return pa.concat_arrays(taken) if taken else pa.array([], pa.string())


@contextmanager
def open_texts(
    path: Path, file_format: str, names: Sequence[str], *, rows: int, limits: Limits, work: Path
) -> Iterator[Mapping[str, FreeText]]:
    """The columns of free text with these names; `work`: an empty directory.

    Raises ValueError when the file has another number of rows than the index that was made from it.
    """
    if not names:
        yield {}
        return
    opened = _parquet(path, names, work) if file_format == "parquet" else _csv(path, file_format, names, limits, work)
    with opened as texts:
        if any(len(text.text) != rows for text in texts.values()):
            raise ValueError("the uploaded file has another number of rows than its index")
        yield texts


@contextmanager
def _csv(
    path: Path, file_format: str, names: Sequence[str], limits: Limits, work: Path
) -> Iterator[Mapping[str, FreeText]]:
    with open_csv(
        path,
        "csv.gz" if file_format == "csv.gz" else "csv",  # a sample is stored as CSV
        limits=limits,
        work=work,
        roles=(),
        consumed=lambda _: None,
        threads=lambda: 1,
    ) as table:
        yield {name: FreeText(table.column(name), is_raw=True) for name in names}


@contextmanager
def _parquet(path: Path, names: Sequence[str], work: Path) -> Iterator[Mapping[str, FreeText]]:
    schema = pa.schema([(str(number), pa.string()) for number in range(len(names))])
    with pq.ParquetFile(path) as file, pa.ipc.new_file(str(work / SPOOL), schema) as writer:
        for batch in file.iter_batches(ROWS_PER_PART, columns=list(names), use_threads=False):
            # By name: Arrow takes "a.b" for a part of "a" and reads it too.
            columns = [batch.column(name).cast(pa.string()) for name in names]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    with pa.memory_map(str(work / SPOOL)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
        yield {name: FreeText(table.column(str(number)), is_raw=False) for number, name in enumerate(names)}
