"""Writes customers.csv and new_customers.csv, the simulated data of the tutorial, next to this script.

No person is behind a row. The chance to leave rises with support calls and with days since the last login, and falls
with the length of the contract.
"""

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

KNOWN, NEW = 2_000, 200
PLANS, COUNTRIES = ("basic", "plus", "pro"), ("AT", "CH", "DE")
COLUMNS = (
    "customer_id",
    "signed_up",
    "plan",
    "country",
    "age",
    "monthly_fee",
    "support_calls",
    "days_since_login",
    "newsletter",
    "left",
)


def main() -> None:
    """Write both files next to this script."""
    random = np.random.default_rng(7)
    rows = [customer(number, random) for number in range(KNOWN + NEW)]
    folder = Path(__file__).parent
    write(folder / "customers.csv", COLUMNS, rows[:KNOWN])
    write(folder / "new_customers.csv", COLUMNS[:-1], [row[:-1] for row in rows[KNOWN:]])


def customer(number: int, random: np.random.Generator) -> list[Any]:
    """One row."""
    plan = int(random.integers(3))
    signed_up = date(2023, 1, 1) + timedelta(days=int(random.integers(1_000)))
    calls, idle = int(random.poisson(1.2)), int(random.exponential(20))
    contract = (date(2026, 1, 1) - signed_up).days / 365
    score = -1.6 + 0.7 * calls + 0.035 * idle - 0.6 * contract - 0.4 * plan + random.normal(0, 0.7)
    return [
        f"C{number + 10_001}",
        signed_up.isoformat(),
        PLANS[plan],
        COUNTRIES[int(random.integers(3))],
        "" if random.random() < 0.05 else int(min(90, max(18, random.normal(44, 13)))),
        round(9.9 + 10 * plan + float(random.normal(0, 1)), 2),
        calls,
        idle,
        "yes" if random.random() < 0.4 else "no",
        "yes" if random.random() < 1 / (1 + np.exp(-score)) else "no",
    ]


def write(path: Path, header: tuple[str, ...], rows: list[list[Any]]) -> None:
    """Write one CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
