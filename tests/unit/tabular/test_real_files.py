"""Real files: each is read right, or refused by row and column with the remedy; none is silently wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from ml_training.domain.file_formats import FORMATS
from ml_training.domain.file_options import FileOptions
from ml_training.domain.file_signatures import SNIFF_BYTES, sniff
from ml_training.selection.preview import preview
from ml_training.tabular.ingest_result import IngestResult
from tests.support.real_files import END, FILES, PAGE, START, RealFile, Refused, table

ROLES = ("time_column", "phase_column", "group_column")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_real_file_is_read_right_or_refused_with_place_and_remedy(
    ingest: Callable[..., IngestResult], file: RealFile
) -> None:
    file_format = FORMATS[file.suffix]
    at_the_door = sniff(file.data[:SNIFF_BYTES], file_format)
    if at_the_door is not None:
        assert isinstance(file.outcome, Refused), at_the_door
        assert file.outcome.words in at_the_door
    roles = {name: value for name, value in file.form.items() if name in ROLES}
    options = FileOptions.model_validate({name: value for name, value in file.form.items() if name not in ROLES})
    assert options.errors_for(file_format) == []
    result = ingest(file.data, file_format, options=options, **roles)
    if isinstance(file.outcome, Refused):
        first = (result.reasons or ({},))[0]
        assert (first.get("row"), first.get("column")) == (file.outcome.row, file.outcome.column)
        assert file.outcome.words in str(first["detail"])
        return
    assert result.index is not None, result.reasons
    assert result.profile is not None
    rows = preview(result.index, 10)
    assert {name: [row[name] for row in rows] for name in rows[0]} == file.outcome
    assert {type(value) for row in rows for value in row.values()} == _types(file.outcome)
    assert {warning["code"] for warning in result.profile["warnings"]} == file.warned


def _types(values: dict[str, list[Any]]) -> set[type]:
    return {type(value) for column in values.values() for value in column}


def test_there_are_many_of_them_and_the_page_shows_each() -> None:
    assert len(FILES) >= 40
    assert len({file.name for file in FILES}) == len(FILES)
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition(START)[2].partition(END)[0]
    assert shown == table(), "run .venv/bin/python -m tests.support.real_files"
