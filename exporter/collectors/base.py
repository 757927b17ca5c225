"""What a collector is: a question to the database, whose answer can be shown again at any later moment."""

import math
from collections.abc import Callable
from typing import NamedTuple

from exporter.exposition import Families
from ml_training.db.stats import Stats

Show = Callable[[float], Families]
"""The families at a moment, Unix seconds by the database's clock; pure, so that ages go on while it is away."""


class Collector(NamedTuple):
    """A question to the database; `lifetime` seconds after an answer it is too old to be shown.

    `share` is the part of the time that asking may take: a question that took 0.1 s is due again 0.1 s / share later.
    """

    name: str
    ask: Callable[[Stats], Show]
    lifetime: float = math.inf
    share: float = 1.0


class Observer(NamedTuple):
    """Something that this process knows without asking."""

    name: str
    show: Show


def always(families: Families) -> Show:
    """Families that do not change with time."""
    return lambda _now: families
