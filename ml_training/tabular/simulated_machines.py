"""Simulates the sample `machines`: hourly readings with a time, a phase and a group, and failures to predict.

Each machine wears until it fails and is repaired. Wear raises vibration and temperature, and load and the weather hide
it: enough signal to learn from, and enough noise that no model is perfect.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

NAME = "machines"
COLUMNS = ("time", "machine", "model", "phase", "load", "temperature", "vibration", "pressure", "target")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, MACHINES = 60, 12
HOURS = DAYS * 24
FAILS_WITHIN = 24  # hours
MODELS = ("A100", "A200", "B50")
RUN_IN, NORMAL, WORN = "run_in", "normal", "worn"
RUN_IN_HOURS = 72
WORN_FROM = 0.7  # wear at which the phase is called worn; a machine fails at 1
LOST = 0.01  # share of the vibration readings that are missing
SEED = 20_260_101


def readings() -> Iterator[tuple[Any, ...]]:
    """The rows in the order of time, then machine; values rounded to 3 digits, an empty text where one is missing."""
    random = np.random.default_rng(SEED)
    machines = [_machine(number, random) for number in range(MACHINES)]
    for hour in range(HOURS):
        for machine in machines:
            yield machine[hour]


def _machine(number: int, random: np.random.Generator) -> list[tuple[Any, ...]]:
    """All hours of one machine."""
    wear, age = _wear(random)
    daily = np.sin(np.arange(HOURS) * 2 * np.pi / 24)
    load = np.clip(60 + 15 * daily + random.normal(0, 8, HOURS), 10, 100)
    temperature = 35 + 0.3 * load + 12 * wear**3 + 3 * daily + random.normal(0, 1.5, HOURS)
    vibration = 1 + 0.01 * load + 2.5 * wear**4 + random.normal(0, 0.25, HOURS)
    pressure = 6 - 0.6 * wear**2 + random.normal(0, 0.2, HOURS)
    lost = random.random(HOURS) < LOST
    phase = np.where(age < RUN_IN_HOURS, RUN_IN, np.where(wear < WORN_FROM, NORMAL, WORN))
    target = _fails_soon(age)
    return [
        (
            (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            f"M{number + 1:02d}",
            MODELS[number % len(MODELS)],
            str(phase[hour]),
            round(float(load[hour]), 3),
            round(float(temperature[hour]), 3),
            "" if lost[hour] else round(float(vibration[hour]), 3),
            round(float(pressure[hour]), 3),
            "yes" if target[hour] else "no",
        )
        for hour in range(HOURS)
    ]


def _wear(random: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(wear from 0 to 1, hours since the last repair) of each hour; at 1 the machine fails and is repaired."""
    wear, age = np.empty(HOURS), np.empty(HOURS, dtype=np.int64)
    level, hours = random.uniform(0, 0.6), RUN_IN_HOURS
    rate = random.uniform(1 / 500, 1 / 250)
    for hour in range(HOURS):
        level += rate * random.uniform(0.2, 1.8)
        hours += 1
        if level >= 1:
            level, hours, rate = 0.0, 0, random.uniform(1 / 500, 1 / 250)
        wear[hour], age[hour] = level, hours
    return wear, age


def _fails_soon(age: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """True for each hour with a failure within the next FAILS_WITHIN hours."""
    repaired = np.flatnonzero(age == 0)
    soon = np.zeros(len(age), dtype=np.bool_)
    for hour in repaired:
        soon[max(0, hour - FAILS_WITHIN) : hour] = True
    return soon
