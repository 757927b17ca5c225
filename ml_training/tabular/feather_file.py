"""Reads a Feather file (an Arrow IPC file) as a table, one column at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from ml_training.domain.limits import Limits
from ml_training.tabular.feather_size import NotSound, unpacked_sizes
from ml_training.tabular.ingest_result import Rejected, damage_is_a_reason, reason
from ml_training.tabular.parquet_file import check_types, plain
from ml_training.tabular.table import FileFacts
from ml_training.tabular.table_limits import check_cells, check_columns, check_names, check_unpacked

FACTS = FileFacts("feather")


@dataclass(frozen=True, slots=True)
class FeatherTable:
    """The table of a Feather file, mapped into memory; only the columns that are read are unpacked."""

    path: Path
    limits: Limits
    rows: int
    names: tuple[str, ...]
    facts: FileFacts = FACTS
    first_row: int = 1
    typed: bool = True

    def column(self, name: str) -> Any:
        """See Table."""
        packed, unpacked = self.path.stat().st_size, 0
        batches = []
        with damage_is_a_reason("the Feather file is damaged"), _reader(self.path, self.names.index(name)) as file:
            for number in range(file.num_record_batches):
                batch = file.get_batch(number)
                batch.validate(full=True)
                unpacked += batch.nbytes
                check_unpacked(unpacked, packed, limits=self.limits)
                batches.append(batch.column(0))
            column = pa.chunked_array(batches, file.schema.field(0).type)
            return plain(column.cast(pa.string()) if _is_wide_text(column.type) else column)


@contextmanager
def open_feather(path: Path, *, limits: Limits, roles: Sequence[str | None]) -> Iterator[FeatherTable]:
    """The table of a Feather file; raises Rejected with every fault that its schema shows."""
    with damage_is_a_reason("the file is not sound Feather"), _reader(path, None) as file:
        schema = file.schema
        check_columns(len(schema.names), limits=limits)
        check_names(schema.names, roles, limits=limits)
        check_types(schema)
        if not schema.names:
            raise Rejected(reason("the file has no columns"))
    _check_unpacked(path, limits)
    rows = 0
    with damage_is_a_reason("the file is not sound Feather"), _reader(path, 0) as file:
        for number in range(file.num_record_batches):
            rows += file.get_batch(number).num_rows
            check_cells(rows, len(schema.names), limits=limits)
    if not rows:
        raise Rejected(reason("the file has no rows"))
    yield FeatherTable(path, limits, rows, tuple(schema.names))


def _check_unpacked(path: Path, limits: Limits) -> None:
    """Before any batch is unpacked."""
    packed, unpacked = path.stat().st_size, 0
    try:
        for size in unpacked_sizes(path):
            unpacked += size
            check_unpacked(unpacked, packed, limits=limits)
    except NotSound as error:
        raise Rejected(reason(f"the file is not sound Feather: {error}")) from None


@contextmanager
def _reader(path: Path, column: int | None) -> Iterator[Any]:
    """The file with one of its columns, or with all of them."""
    options = pa.ipc.IpcReadOptions(included_fields=None if column is None else [column], use_threads=False)
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped, options=options) as file:
        yield file


def _is_wide_text(kind: Any) -> bool:
    return bool(pt.is_large_string(kind) or pt.is_string_view(kind))
