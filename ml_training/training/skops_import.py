"""Imports skops in half the time, for processes that start often.

When it is imported, skops lists what it will trust. It asks scikit-learn for all estimators, which imports every module
of scikit-learn, and it searches all loaded modules for each function of NumPy and SciPy: together half of what a worker
loads. Here it gets the estimators of the modules that models are made of, and no functions, which no model contains.
"""

import importlib
from collections.abc import Iterator
from unittest.mock import patch

import numpy
import scipy.special
import sklearn.utils
from sklearn.base import BaseEstimator

MODULES = ("compose", "ensemble", "impute", "linear_model", "neural_network", "pipeline", "preprocessing", "tree")


def import_skops() -> None:
    """Import it, before anything else does; other estimators, and functions, are then types that it does not trust."""
    for name in MODULES:
        importlib.import_module(f"sklearn.{name}")
    with (
        patch.object(sklearn.utils, "all_estimators", _imported_estimators),
        patch.object(numpy, "__dir__", _no_names),
        patch.object(scipy.special, "__dir__", _no_names, create=True),
    ):
        importlib.import_module("skops.io")


def _imported_estimators() -> list[tuple[str, type]]:
    return [(found.__name__, found) for found in _below(BaseEstimator)]


def _no_names() -> list[str]:
    return []


def _below(parent: type) -> Iterator[type]:
    child: type
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)
