"""What an export to ONNX says on a machine that lacks a library."""

import pytest

from ml_training.client import onnx
from ml_training.client.errors import UsageError


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
