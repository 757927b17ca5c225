"""Predicts on the user's own machine with a downloaded model, exactly as the service does.

model = load_model("model-7.zip")
model.predict(frame)
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ml_training.inference.errors import ArchiveError, OtherVersionWarning, TableError

if TYPE_CHECKING:
    from ml_training.inference.downloaded_model import DownloadedModel

__all__ = ["ArchiveError", "OtherVersionWarning", "TableError", "load_model"]


def load_model(source: str | Path | bytes, *, sha256: str | None = None) -> "DownloadedModel":
    """The model of a downloaded archive, given as its path or its bytes.

    sha256: the hash that the service shows for the model, in hexadecimal; the archive is refused when it has another
    one. Use it for an archive from elsewhere: a forged one holds no other code than the libraries' own, but it can
    crash the process. Raises ArchiveError when it is not the archive of a model, OSError when the file cannot be read,
    ImportError when NumPy or the model's library (LightGBM, XGBoost, or scikit-learn and skops) is not installed. Warns
    when another version of scikit-learn has made the model.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    # NumPy is loaded with the first model: who only talks to the service does not need it.
    model: DownloadedModel = import_module("ml_training.inference.downloaded_model").open_archive(data, sha256=sha256)
    return model
