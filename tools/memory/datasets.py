"""Odd data sets on which models get large: many classes, many categories, noise, width, long texts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index

Random = np.random.Generator


def _number(name: str, values: NDArray[Any]) -> IndexColumn:
    return IndexColumn(name, ColumnKind.NUMBER, values.astype(np.float64))


def _category(name: str, codes: NDArray[Any], texts: list[str]) -> IndexColumn:
    return IndexColumn(name, ColumnKind.CATEGORY, codes.astype(np.int32), tuple(texts))


def _target(codes: NDArray[Any]) -> IndexColumn:
    return _category("y", codes, [f"k{code:04}" for code in range(int(codes.max()) + 1)])


def _numbers(rows: int, columns: int, random: Random) -> list[IndexColumn]:
    return [_number(f"n{at}", random.normal(size=rows)) for at in range(columns)]


def _score(columns: list[IndexColumn]) -> NDArray[Any]:
    values = [column.values for column in columns[:3] if column.values is not None]
    return np.asarray(np.sum(values, axis=0))


def _parts(score: NDArray[Any], classes: int) -> NDArray[np.int64]:
    return np.asarray(np.argsort(np.argsort(score)) * classes // len(score))


def many_classes(random: Random, *, rows: int, classes: int) -> list[IndexColumn]:
    """Classes that nothing tells apart."""
    return [*_numbers(rows, 2, random), _target(np.arange(rows) % classes)]


def ordered_classes(random: Random, *, rows: int, classes: int) -> list[IndexColumn]:
    """Classes that three numbers tell apart."""
    columns = _numbers(rows, 6, random)
    return [*columns, _target(_parts(_score(columns), classes))]


def noise(random: Random, *, rows: int, columns: int) -> list[IndexColumn]:
    """Two classes at random."""
    return [*_numbers(rows, columns, random), _target(random.integers(0, 2, rows))]


def nearly_clean(random: Random, *, rows: int, columns: int) -> list[IndexColumn]:
    """Two classes with a noisy border."""
    found = _numbers(rows, columns, random)
    return [*found, _target(_parts(_score(found) + random.normal(scale=0.4, size=rows), 2))]


def quantity(random: Random, *, rows: int, columns: int) -> list[IndexColumn]:
    """A number as the target."""
    found = _numbers(rows, columns, random)
    return [*found, _number("y", _score(found) + random.normal(size=rows))]


def repeated_values(random: Random, *, rows: int, columns: int) -> list[IndexColumn]:
    """Columns of five whole numbers: rows repeat, and equal rows have different classes."""
    found = [_number(f"n{at}", random.integers(0, 5, rows)) for at in range(columns)]
    return [*found, _target(random.integers(0, 3, rows))]


def wide_categories(random: Random, *, rows: int, columns: int, texts: int = 50, classes: int = 2) -> list[IndexColumn]:
    """Many columns of as many categories as become columns of their own."""
    known = [f"v{at:03}" for at in range(texts)]
    found = [_category(f"c{at}", random.integers(0, texts, rows), known) for at in range(columns)]
    return [*found, _target(np.arange(rows) % classes)]


def long_texts(random: Random, *, rows: int) -> list[IndexColumn]:
    """Categories that are sentences."""
    known = sorted(f"{at:05} " + "lorem ipsum " * 20 for at in range(2_000))
    found = [_category(f"c{at}", random.integers(0, 2_000, rows), known) for at in range(10)]
    return [*found, *_numbers(rows, 5, random), _target(random.integers(0, 2, rows))]


def mixed(random: Random, *, rows: int, columns: int) -> list[IndexColumn]:
    """Numbers with missing values, and categories of 5 to 300 texts."""
    found = _numbers(rows, columns, random)
    for column in found:
        assert column.values is not None
        column.values[random.random(rows) < 0.2] = np.nan
    for at in range(columns):
        texts = int(random.integers(5, 300))
        found.append(_category(f"c{at}", random.integers(0, texts, rows), [f"v{text:03}" for text in range(texts)]))
    return [*found, _target(_parts(random.normal(size=rows), 4))]


DATA_SETS: dict[str, Callable[[Random], list[IndexColumn]]] = {
    "1,000 random classes": lambda random: many_classes(random, rows=4_000, classes=1_000),
    "200 random classes": lambda random: many_classes(random, rows=4_000, classes=200),
    "300 ordered classes": lambda random: ordered_classes(random, rows=3_000, classes=300),
    "20 ordered classes": lambda random: ordered_classes(random, rows=10_000, classes=20),
    "noise": lambda random: noise(random, rows=15_000, columns=8),
    "wide noise": lambda random: noise(random, rows=2_000, columns=1_000),
    "nearly clean": lambda random: nearly_clean(random, rows=40_000, columns=10),
    "long and narrow": lambda random: nearly_clean(random, rows=200_000, columns=4),
    "quantity": lambda random: quantity(random, rows=12_000, columns=8),
    "repeated values": lambda random: repeated_values(random, rows=25_000, columns=8),
    "wide categories": lambda random: wide_categories(random, rows=300, columns=400),
    "categories and classes": lambda random: wide_categories(random, rows=600, columns=40, classes=300),
    "long texts": lambda random: long_texts(random, rows=5_000),
    "mixed": lambda random: mixed(random, rows=8_000, columns=12),
}


def make(name: str, directory: Path) -> SelectionIndex:
    """The index of a data set in a new directory; equal names give equal data."""
    place = directory / name.replace(" ", "-")
    place.mkdir()
    columns = DATA_SETS[name](np.random.default_rng(len(name)))
    values = columns[0].values
    assert values is not None
    return write_index(place, columns, rows=len(values))
