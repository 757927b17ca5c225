"""Imports skops without all of scikit-learn, for processes that start often.

To know which types are estimators, skops asks scikit-learn for all of them when it is imported, which imports every
module of scikit-learn: a fifth of what a worker loads. Here it gets those of the modules that models are made of.
"""

import importlib
from collections.abc import Iterator

import sklearn.utils
from sklearn.base import BaseEstimator

MODULES = ("compose", "ensemble", "impute", "linear_model", "neural_network", "pipeline", "preprocessing", "tree")


def import_skops() -> None:
    """Import it, before anything else does; other estimators are then types that it does not trust."""
    for name in MODULES:
        importlib.import_module(f"sklearn.{name}")
    listed = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = lambda: [(found.__name__, found) for found in _below(BaseEstimator)]
    try:
        importlib.import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = listed


def _below(parent: type) -> Iterator[type]:
    child: type
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)
