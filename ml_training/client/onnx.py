"""Writes a trained model as an ONNX file, which programs in other languages can use.

export_onnx("churn.zip", "churn.onnx", rows=frame)
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ml_training.client.errors import UsageError
from ml_training.inference.errors import ArchiveError, ExportError, TableError

if TYPE_CHECKING:
    from ml_training.inference.table import Table

__all__ = ["ArchiveError", "ExportError", "OnnxExport", "TableError", "export_onnx"]

MOST_DIFFERENCE = 1e-5
LIBRARIES = ("onnx", "onnxruntime")


@dataclass(frozen=True, slots=True)
class OnnxExport:
    """An ONNX file, and how it was compared with the model.

    rows: that were predicted by both. largest_difference: of a probability or a score; of a quantity as a share of the
    largest prediction. The file keeps both numbers in its metadata.
    """

    path: Path
    rows: int
    largest_difference: float


def export_onnx(
    source: str | Path | bytes, path: str | Path, *, rows: "Table", most_difference: float = MOST_DIFFERENCE
) -> OnnxExport:
    """Write the model of a downloaded archive, given as its path or its bytes, to the file `path`.

    rows: a table as `predict` takes it; the first 10,000 rows, and copies of them with missing and huge values, must be
    predicted the same. Raises ExportError when they are not, or when ONNX cannot hold the model, and then writes no
    file; ArchiveError, TableError, OSError; UsageError when a library is not installed.
    """
    archive = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        found = import_module("ml_training.onnx_export.export").to_onnx(archive, rows, most_difference=most_difference)
    except ImportError as error:
        missing = (error.name or str(error)).partition(".")[0]
        names = LIBRARIES if missing in LIBRARIES else (missing,)
        raise UsageError(f"this export needs {missing}: pip install {' '.join(names)}") from error
    target = Path(path).expanduser()
    partial = target.with_name(target.name + ".part")
    try:
        partial.write_bytes(found.content)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return OnnxExport(target, found.proof.rows, found.proof.largest_difference)
