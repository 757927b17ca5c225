"""The versions of Python and the libraries that a model depends on."""

import platform
from functools import cache
from importlib.metadata import version

LIBRARIES = {
    "numpy": "numpy",
    "scikit_learn": "scikit-learn",
    "lightgbm": "lightgbm",
    "imbalanced_learn": "imbalanced-learn",
    "skops": "skops",
}


@cache
def versions() -> dict[str, str]:
    """The version of each library by its name in the lineage of a model."""
    return {"python": platform.python_version()} | {name: version(package) for name, package in LIBRARIES.items()}
