"""Ingests bytes or Arrow tables as a worker would."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.limits import Limits
from ml_training.selection.index import SelectionIndex
from ml_training.selection.preview import preview
from ml_training.tabular.ingest import read_table
from ml_training.tabular.verdict import IngestVerdict


@pytest.fixture
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., IngestVerdict]:
    """The verdict on some bytes, or on text that is encoded first; `limits` and the three roles can be chosen."""

    def run(data: bytes | str, file_format: str = "csv", **options: Any) -> IngestVerdict:
        place: Path = tmp_path_factory.mktemp("ingest")
        body = data.encode() if isinstance(data, str) else data
        (place / "file").write_bytes(gzip.compress(body) if file_format == "gzip me" else body)
        (place / "index").mkdir()
        file_format = "csv.gz" if file_format == "gzip me" else file_format
        limits = Limits(**options.pop("limits", {}))
        verdict = read_table(place / "file", file_format, limits=limits, directory=place / "index", **options)
        assert (verdict.index is None) == bool(verdict.reasons)
        assert not (place / "index" / "work").exists()
        return verdict

    return run


@pytest.fixture
def columns(ingest: Callable[..., IngestVerdict]) -> Callable[..., dict[str, list[Any]]]:
    """The accepted values by column; text columns are left out."""

    def run(*args: Any, **options: Any) -> dict[str, list[Any]]:
        rows = preview(accepted(ingest(*args, **options)), 1_000)
        return {name: [row[name] for row in rows] for name in rows[0]}

    return run


@pytest.fixture
def refused(ingest: Callable[..., IngestVerdict]) -> Callable[..., list[tuple[Any, Any, str]]]:
    """The reasons against a file as (row, column, detail)."""

    def run(*args: Any, **options: Any) -> list[tuple[Any, Any, str]]:
        verdict = ingest(*args, **options)
        assert verdict.reasons
        assert len(verdict.reasons) <= 50
        return [(item["row"], item["column"], str(item["detail"])) for item in verdict.reasons]

    return run


def accepted(verdict: IngestVerdict) -> SelectionIndex:
    assert verdict.index is not None, verdict.reasons
    return verdict.index
