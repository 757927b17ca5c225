"""Reads columns of free text again from the uploaded file: the index does not hold them.

The texts are copied to disk once and mapped into memory, so that memory does not grow with the rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.tabular.csv_file import open_csv
from ml_training.tabular.reading_rules import missing_words
from ml_training.tabular.text_column import TextColumn

ROWS_PER_PART = 10_000
SPOOL = "kept.arrow"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file with all that says how its rows were found when it was ingested."""

    path: Path
    file_format: str
    options: FileOptions
    roles: tuple[str | None, ...]  # the time, phase and group columns


@dataclass(frozen=True, slots=True, eq=False)
class FreeText:
    """A column of text, mapped from disk; `missing`: the words for a missing value where cells are cleaned."""

    text: Any  # ChunkedArray
    missing: Sequence[str] | None = None

    def take(self, rows: NDArray[np.int64]) -> Any:
        """The texts of these ascending rows; null where there is none."""
        taken, start = [], 0
        for chunk in self.text.chunks:
            first, last = np.searchsorted(rows, (start, start + len(chunk)))
            if last > first:
                taken.append(self._cleaned(chunk.take(pa.array(rows[first:last] - start))))
            start += len(chunk)
        return pa.concat_arrays(taken) if taken else pa.array([], pa.string())

    def _cleaned(self, part: Any) -> Any:
        if self.missing is None:
            return part
        return TextColumn("", self.text, threads=1, missing=self.missing).clean(part, Counter())


@contextmanager
def open_texts(
    file: UploadedFile, names: Sequence[str], *, rows: int, limits: Limits, work: Path
) -> Iterator[Mapping[str, FreeText]]:
    """The columns of free text with these names; `work`: an empty directory.

    Raises ValueError when the file has another number of rows than the index that was made from it.
    """
    if not names:
        yield {}
        return
    typed = {"parquet": _parquet_batches, "feather": _feather_batches}.get(file.file_format)
    opened = _from_text(file, names, limits, work) if typed is None else _spooled(typed(file.path, names), names, work)
    with opened as texts:
        if any(len(text.text) != rows for text in texts.values()):
            raise ValueError("the uploaded file has another number of rows than its index")
        yield texts


@contextmanager
def _from_text(
    file: UploadedFile, names: Sequence[str], limits: Limits, work: Path
) -> Iterator[Mapping[str, FreeText]]:
    with open_csv(
        file.path,
        "csv" if file.file_format == "sample" else file.file_format,
        options=file.options,
        limits=limits,
        work=work,
        roles=file.roles,
        consumed=lambda _: None,
        threads=lambda: 1,
    ) as table:
        yield {name: FreeText(table.column(name), missing_words(file.options)) for name in names}


@contextmanager
def _spooled(batches: Iterable[Any], names: Sequence[str], work: Path) -> Iterator[Mapping[str, FreeText]]:
    """The columns, copied to an Arrow file: a typed file may be packed."""
    schema = pa.schema([(str(number), pa.string()) for number in range(len(names))])
    with pa.ipc.new_file(str(work / SPOOL), schema) as writer:
        for batch in batches:
            # By name: Arrow takes "a.b" for a part of "a" and reads it too.
            columns = [batch.column(name).cast(pa.string()) for name in names]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    with pa.memory_map(str(work / SPOOL)) as mapped:
        table = pa.ipc.open_file(mapped).read_all()
        yield {name: FreeText(table.column(str(number))) for number, name in enumerate(names)}


def _parquet_batches(path: Path, names: Sequence[str]) -> Iterator[Any]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_PER_PART, columns=list(names), use_threads=False)


def _feather_batches(path: Path, names: Sequence[str]) -> Iterator[Any]:
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as whole:
        fields = [whole.schema.get_field_index(name) for name in names]
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped, options=options) as file:
        for number in range(file.num_record_batches):
            yield file.get_batch(number)
