"""Numbers as people write them: with marks between thousands, a decimal comma, a currency or a per cent sign.

A column is read with the decimal mark that fits all its values. `1,234` and `1.234` fit both marks: a column of such
values only is decided by the rest of the file (`decimal_mark`). `61.5%` is 61.5, and `(5.00)` is -5.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml_training.tabular.text_column import TextColumn

SPACE = "[ \u00a0\u202f\u2009]"
SIGN = "[-+\u2212]"
CURRENCY = (
    "(?:US|C|CA|A|AU|NZ|HK|S|R)?\\$|[€£¥₹₽₩₺₫₪₴₦₱฿]|kr\\.?|zł|Kč|Ft|Fr\\.?|lei|EUR|USD|GBP|JPY|CNY|CHF|SEK|NOK|DKK|PLN|CZK"
    "|HUF|RON|BGN|TRY|RUB|UAH|INR|BRL|MXN|ARS|CLP|COP|CAD|AUD|NZD|ZAR|KRW|SGD|HKD|TWD|THB|IDR|MYR|PHP|VND|ILS|AED|SAR"
    "|EGP|NGN|KES"
)
CELL = (
    f"^(?P<open>\\(?)(?P<sign>{SIGN}?)(?P<before>{CURRENCY})?{SPACE}*(?P<inner>{SIGN}?)"
    "(?P<digits>[0-9](?:[0-9.,'\u2019 \u00a0\u202f\u2009]*[0-9.,])?(?:[eE][+-]?[0-9]+)?|[.,][0-9]+(?:[eE][+-]?[0-9]+)?)"
    f"{SPACE}*(?P<after>{CURRENCY})?(?P<percent>%?)(?P<close>[-)]?)$"
)
EXPONENT = "(?:[eE][+-]?[0-9]+)?$"
GROUPED = "[1-9][0-9]{0,2}(?:%s[0-9]{3})+"
SPACED = "|".join(GROUPED % mark for mark in (" ", "[\u00a0\u202f\u2009]", "['\u2019]"))
POINT = f"^(?:[0-9]+|{GROUPED % ','}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{SPACED})?(?:\\.[0-9]*)?{EXPONENT}"
COMMA = f"^(?:[0-9]+|{GROUPED % '[.]'}|{SPACED})?(?:,[0-9]*)?{EXPONENT}"
LIKE_A_NUMBER = CELL
PLAIN_POINT = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"  # reads differently with a decimal comma


class NotNumbers(Exception):
    """A value of the column is not a number."""


@dataclass(slots=True)
class NumberForms:
    """How often each form occurs in a column.

    `point` and `comma`: values that only a decimal point or only a decimal comma fits; `point_or_thousands` and
    `comma_or_thousands`: values such as 1.234 and 1,234, which both fit.
    """

    cells: int = 0
    point: int = 0
    comma: int = 0
    point_or_thousands: int = 0
    comma_or_thousands: int = 0
    with_point: int = 0
    with_comma: int = 0
    percent: int = 0
    currencies: Counter[str] = field(default_factory=Counter)
    grouped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "NumberForms") -> None:
        """Count those of another part too."""
        self.cells += other.cells
        self.point += other.point
        self.comma += other.comma
        self.point_or_thousands += other.point_or_thousands
        self.comma_or_thousands += other.comma_or_thousands
        self.with_point += other.with_point
        self.with_comma += other.with_comma
        self.percent += other.percent
        self.currencies.update(other.currencies)
        self.grouped.update(other.grouped)

    @property
    def own_mark(self) -> str | None:
        """The decimal mark that the column itself decides; None if both fit."""
        return "." if self.point else "," if self.comma else None

    @property
    def is_unclear(self) -> bool:
        """Whether the two decimal marks give different numbers."""
        return self.own_mark is None and bool(self.point_or_thousands or self.comma_or_thousands)

    @property
    def is_one_kind(self) -> bool:
        """Whether there is at most one decimal mark and one currency, and a per cent sign everywhere or nowhere."""
        marks = bool(self.point) + bool(self.comma)
        return marks < 2 and len(self.currencies) < 2 and self.percent in (0, self.cells)

    def decided(self, mark: str, why: str) -> dict[str, Any]:
        """What the profile says about the reading of the column with this decimal mark."""
        decimals, groups = (self.with_point, self.with_comma) if mark == "." else (self.with_comma, self.with_point)
        thousands = ([{".": ",", ",": "."}[mark]] if groups else []) + sorted(self.grouped)
        return {
            **({"decimal": mark} if decimals else {}),
            **({"thousands": " or ".join(thousands)} if thousands else {}),
            **({"currency": next(iter(self.currencies))} if self.currencies else {}),
            **({"percent": True} if self.percent else {}),
            "by": why,
        }


def number_forms(text: TextColumn) -> NumberForms | None:
    """The forms of all values of a column; None if one of them is not a number, or they are of several kinds."""
    whole = NumberForms()
    try:
        for part in text.parts(_forms):
            whole.add(part)
    except NotNumbers:
        return None
    return whole if whole.cells and whole.is_one_kind else None


def _forms(part: Any) -> NumberForms:
    present = part.drop_null()
    found = pc.extract_regex(present, CELL)
    if found.null_count:
        raise NotNumbers
    if not len(present):
        return NumberForms()
    digits = found.field("digits")
    point, comma = pc.match_substring_regex(digits, POINT), pc.match_substring_regex(digits, COMMA)
    if not pc.all(pc.or_(point, comma)).as_py():
        raise NotNumbers
    both = digits.filter(pc.and_(point, comma))
    signs = pc.and_(pc.equal(found.field("open"), "("), pc.not_equal(found.field("close"), ")"))
    if pc.any(pc.or_(signs, _closed_only(found))).as_py():
        raise NotNumbers
    return NumberForms(
        cells=len(present),
        point=_count(pc.invert(comma)),
        comma=_count(pc.invert(point)),
        point_or_thousands=_count(pc.match_substring(both, ".")),
        comma_or_thousands=_count(pc.match_substring(both, ",")),
        with_point=_count(pc.match_substring(digits, ".")),
        with_comma=_count(pc.match_substring(digits, ",")),
        percent=_count(pc.equal(found.field("percent"), "%")),
        currencies=_words(found.field("before")) + _words(found.field("after")),
        grouped=_group_marks(digits),
    )


def _closed_only(found: Any) -> Any:
    return pc.and_(pc.equal(found.field("close"), ")"), pc.not_equal(found.field("open"), "("))


def _group_marks(digits: Any) -> Counter[str]:
    marks = {"space": f"{SPACE}", "'": "['\u2019]"}
    return Counter({name: count for name, mark in marks.items() if (count := _count_regex(digits, mark))})


def _count_regex(text: Any, pattern: str) -> int:
    return _count(pc.match_substring_regex(text, pattern))


def _count(flags: Any) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _words(text: Any) -> Counter[str]:
    counts = pc.value_counts(text.filter(pc.not_equal(text, "")))
    return Counter({item["values"].as_py(): item["counts"].as_py() for item in counts})


def plain_numbers(part: Any, mark: str) -> Any:
    """The numbers of a part as text that a parser reads: `1.234,50 €` with the mark `,` gives `1234.50`."""
    found = pc.extract_regex(part, CELL)
    digits = found.field("digits")
    if mark == ".":
        digits = pc.replace_substring_regex(digits, f"[,'\u2019]|{SPACE}", "")
    else:
        digits = pc.replace_substring_regex(digits, f"[.'\u2019]|{SPACE}", "")
        digits = pc.replace_substring(digits, ",", ".")
    signs = pc.binary_join_element_wise(found.field("sign"), found.field("inner"), found.field("close"), "")
    is_negative = pc.match_substring_regex(signs, "[-\u2212)]")
    minus = pc.if_else(is_negative, "-", "")
    plain = pc.binary_join_element_wise(minus, digits, "")
    return pc.if_else(pc.is_null(part), pa.scalar(None, pa.string()), plain)
