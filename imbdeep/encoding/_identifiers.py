"""Columns from which nothing can be learned, and numbers that are spelled as text."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from imbdeep._warnings import warn

from ._codecs import LevelColumn, spelled
from ._tabular import TabularEncoder

#: Share of the values that look like numbers where a few words stand for missing ones.
_MOST = 0.9
#: Spellings of numbers other than Python's: the decimal mark, and the mark between thousands.
SPELLINGS = [(",", ""), (".", ","), (",", ".")]
SPELLINGS += [(decimal, thousands) for thousands in (" ", "'", "_") for decimal in ".,"]
#: Characters that are used for the same mark between thousands.
ALIKE = {" ": " \xa0\u2009\u202f", "'": "'’"}
#: Signs of currencies, and the codes that are met most; any three capitals could be an article.
_MONEY = (
    "(?:(?:US|[RAC])?\\$|[¢-¥֏؋৲৳૱௹฿៛₠-⃀]|kr|zł|Rs|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK"
    "|PLN|CZK|HUF|RUB|TRY|BRL|MXN|ZAR|KRW|SGD|HKD)"
)


class Identifier(NamedTuple):
    """A categorical column in which nearly every row has a value of its own."""

    label: str
    example: str
    looks_numeric: bool


def identifiers(encoder: TabularEncoder) -> list[Identifier]:
    """Return the columns of a fitted encoder in which nearly every row has a value of its own.

    Columns that its `categorical_features` names are left out.
    """
    found = []
    for j, (label, codec) in enumerate(zip(encoder._labels, encoder._codecs, strict=True)):
        if isinstance(codec, LevelColumn) and codec.names_rows and j not in encoder._named:
            cells = [spelled(key) for key in codec.keys if spelled(key) != "missing"]
            numeric = [cell for cell in cells if looks_numeric(cell)]
            mostly = len(numeric) > _MOST * len(cells)
            found.append(Identifier(label, (numeric if mostly else cells)[0], mostly))
    return found


def advice_on_numbers(columns: list[Identifier]) -> str:
    """Return, behind a space, what to do with the columns that look like numbers, if any."""
    numeric = [column for column in columns if column.looks_numeric]
    if not numeric:
        return ""
    return (
        f" The cells of {_named(numeric)} look like numbers in text: convert them, by "
        "pandas.to_numeric for instance, after taking out what is no digit, sign or decimal point."
    )


def warn_of_identifiers(encoder: Any) -> None:
    """Warn of columns in which nearly every row has a value of its own."""
    columns = identifiers(encoder) if isinstance(encoder, TabularEncoder) else []
    if columns:
        more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
        warn(
            f"Nearly every row has a value of its own in the columns {_named(columns)}{more}, from "
            "which nothing is learned: leave identifiers out, or name the columns in "
            f"categorical_features if they are to stay.{advice_on_numbers(columns)}",
        )


def _named(columns: list[Identifier]) -> str:
    return ", ".join(f"{column.label} (such as {column.example!r})" for column in columns[:5])


@cache
def number_shape(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of a number, with thousands only between groups of three digits."""
    whole, point = r"\d+", re.escape(decimal)
    if thousands:
        mark = f"[{re.escape(ALIKE.get(thousands, thousands))}]"
        group = rf"\d{{{'2,' * (thousands == ',')}3}}"  # lakhs too: 1,00,000
        whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}{group})*{mark}\d{{3}}|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?")


_NUMBER = "|".join(number_shape(*spelling).pattern for spelling in [(".", ""), *SPELLINGS])
_AMOUNT = re.compile(
    rf"[\s+\-−–(]*(?:{_MONEY}\.?)?[\s+\-−–]*(?:{_NUMBER})\s*(?:%|‰|{_MONEY})?[\s\-−–)]*"
)


def looks_numeric(text: str) -> bool:
    """Whether a text is a number in any spelling, with signs, brackets, a currency or a percent."""
    return _AMOUNT.fullmatch(text) is not None
