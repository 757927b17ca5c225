"""Checks a table against the limits, each as soon as the number is known."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Reason, Rejected, reason

RATIO_FLOOR = 16 << 20  # bytes; the ratio is not checked for a file that unpacks to less


def check_unpacked(unpacked: int, packed: int, *, limits: Limits) -> None:
    """Raise Rejected if a file of `packed` bytes unpacks to too many bytes: more than the limit, or too many times."""
    if unpacked > limits.unpacked_bytes:
        raise Rejected(reason(f"the file unpacks to more than the limit of {limits.unpacked_bytes:,} bytes"))
    if unpacked > max(RATIO_FLOOR, packed * limits.unpack_ratio):
        raise Rejected(reason(f"the file unpacks to more than {limits.unpack_ratio:,} times its size, the limit"))


def check_columns(count: int, *, limits: Limits) -> None:
    """Raise Rejected if there are too many columns; called before the names are checked."""
    if count > limits.columns:
        raise Rejected(reason(f"the file has {count:,} columns, and {limits.columns:,} is the limit"))


def check_cells(rows: int, columns: int, *, limits: Limits) -> None:
    """Raise Rejected if the table has too many cells (rows x columns)."""
    if rows * columns > limits.cells:
        raise Rejected(reason(f"the file has more than {limits.cells:,} cells (rows x columns), the limit"))


def check_names(names: Sequence[str], roles: Iterable[str | None], *, limits: Limits) -> None:
    """Raise Rejected with every invalid or repeated column name and every role that names no column."""
    reasons = _name_reasons(names, limits.column_name_characters)
    known = set(names)
    reasons += [
        reason("there is no such column in the file", column=role) for role in roles if role and role not in known
    ]
    if reasons:
        raise Rejected(*reasons)


def _name_reasons(names: Sequence[str], longest: int) -> list[Reason]:
    reasons = [
        reason(f"column {number} has no name: give it one in the header")
        for number, name in enumerate(names, start=1)
        if not name
    ]
    reasons += [
        reason(f"a column name has {len(name):,} characters, and {longest} is the limit", column=name[:longest])
        for name in names
        if len(name) > longest
    ]
    reasons += [
        reason(
            f"{count} columns have this name: rename {name[:longest]!r}, or say duplicate_columns=rename",
            column=name[:longest],
        )
        for name, count in Counter(names).items()
        if name and count > 1
    ]
    return reasons
