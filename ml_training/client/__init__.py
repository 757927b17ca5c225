"""The Python client of the service: upload data, train, use models. `docs/client.md` shows it.

It needs httpx and rich, and nothing of the server; `load_model` needs NumPy and the library that trained the model.
Each name is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_training.client.client import Client
    from ml_training.client.errors import (
        ApiError,
        ClientError,
        DatasetRejected,
        JobCancelled,
        JobFailed,
        Unreachable,
        UsageError,
    )
    from ml_training.client.estimators import RemoteClassifier, RemoteRegressor
    from ml_training.client.model import load_model
    from ml_training.client.onnx import export_onnx

_ERRORS = ("ApiError", "ClientError", "DatasetRejected", "JobCancelled", "JobFailed", "Unreachable", "UsageError")
_ESTIMATORS = ("RemoteClassifier", "RemoteRegressor")
_MODULES = {
    "Client": "client",
    "export_onnx": "onnx",
    "load_model": "model",
    **dict.fromkeys(_ERRORS, "errors"),
    **dict.fromkeys(_ESTIMATORS, "estimators"),
}

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "DatasetRejected",
    "JobCancelled",
    "JobFailed",
    "RemoteClassifier",
    "RemoteRegressor",
    "Unreachable",
    "UsageError",
    "export_onnx",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
