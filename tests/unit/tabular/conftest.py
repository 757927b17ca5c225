"""Fixtures that ingest bytes or text as a worker does."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.limits import Limits
from ml_training.selection.index import SelectionIndex
from ml_training.selection.preview import preview
from ml_training.tabular.ingest import read_table
from ml_training.tabular.ingest_result import IngestResult


@pytest.fixture
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., IngestResult]:
    """Reads bytes, or text that is encoded first; `limits` and the three roles can be chosen."""

    def run(data: bytes | str, file_format: str = "csv", **options: Any) -> IngestResult:
        directory: Path = tmp_path_factory.mktemp("ingest")
        body = data.encode() if isinstance(data, str) else data
        (directory / "file").write_bytes(gzip.compress(body) if file_format == "gzip me" else body)
        (directory / "index").mkdir()
        file_format = "csv.gz" if file_format == "gzip me" else file_format
        limits = Limits(**options.pop("limits", {}))
        result = read_table(directory / "file", file_format, limits=limits, directory=directory / "index", **options)
        assert (result.index is None) == bool(result.reasons)
        assert not (directory / "index" / "work").exists()
        return result

    return run


@pytest.fixture
def columns(ingest: Callable[..., IngestResult]) -> Callable[..., dict[str, list[Any]]]:
    """The accepted values of each column; text columns are left out."""

    def run(*args: Any, **options: Any) -> dict[str, list[Any]]:
        rows = preview(accepted(ingest(*args, **options)), 1_000)
        return {name: [row[name] for row in rows] for name in rows[0]}

    return run


@pytest.fixture
def refused(ingest: Callable[..., IngestResult]) -> Callable[..., list[tuple[Any, Any, str]]]:
    """The reasons why a file is rejected, as (row, column, detail)."""

    def run(*args: Any, **options: Any) -> list[tuple[Any, Any, str]]:
        result = ingest(*args, **options)
        assert result.reasons
        assert len(result.reasons) <= 50
        return [(item["row"], item["column"], str(item["detail"])) for item in result.reasons]

    return run


def accepted(result: IngestResult) -> SelectionIndex:
    assert result.index is not None, result.reasons
    return result.index
