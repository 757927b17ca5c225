"""What an export to ONNX says on a machine that lacks a library."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ml_training.client import onnx
from ml_training.client.errors import ApiError, UsageError
from ml_training.client.models import Model


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [("onnxruntime", "pip install onnx onnxruntime"), ("lightgbm.basic", "pip install lightgbm")],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, missing: str, remedy: str
) -> None:
    def not_installed(_name: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(onnx, "import_module", not_installed)
    with pytest.raises(UsageError, match=f"needs {missing.partition('.')[0]}: {remedy}$"):
        onnx.export_onnx(b"", "model.onnx", rows=[{"a": 1}])


def test_a_file_that_cannot_be_written_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = SimpleNamespace(content=b"onnx", proof=SimpleNamespace(rows=1, largest_difference=0.0))
    monkeypatch.setattr(onnx, "import_module", lambda _name: SimpleNamespace(to_onnx=lambda *_, **__: made))
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(OSError, match="directory"):
        onnx.export_onnx(b"", tmp_path / "model.onnx", rows=[{"a": 1}])
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_data_set_that_was_deleted_is_named() -> None:
    def gone(_dataset: int, _rows: int) -> None:
        raise ApiError(404, {"title": "Not Found"})

    model = SimpleNamespace(client=SimpleNamespace(datasets=SimpleNamespace(preview=gone)), dataset_id=7)
    with pytest.raises(UsageError, match="data set 7, which trained it, was deleted: give rows"):
        Model._first_rows(cast(Model, model))
