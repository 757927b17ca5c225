"""The versions of Python and the libraries that a model depends on."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = {  # each name in the lineage, and that of the package
    "numpy": "numpy",
    "scikit_learn": "scikit-learn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost-cpu",
    "imbalanced_learn": "imbalanced-learn",
    "skops": "skops",
}


@cache
def versions() -> dict[str, str]:
    """The version of each library by its name in the lineage of a model."""
    return {"python": platform.python_version()} | {name: _version(name, of) for name, of in LIBRARIES.items()}


def _version(name: str, package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # XGBoost for macOS is a package of another name
        return version(name)
