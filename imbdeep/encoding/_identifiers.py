"""Columns from which nothing can be learned: identifiers, and numbers that were read as text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from imbdeep._warnings import warn

from ._codecs import LevelColumn, spelled
from ._tabular import TabularEncoder

#: Digits, grouped and with a fraction in any country's way, a sign, brackets or percent.
_NUMBER = re.compile(r"[(+\-\u2212]?\d[\d.,'\u2019_]*([eE][+-]?\d+)?[%\u2030)]?-?")
#: Share of the values that look like numbers where a few words say that there is none.
_MOST = 0.9


class Identifier(NamedTuple):
    """A categorical column in which nearly every row has a value of its own."""

    label: str
    example: str
    looks_numeric: bool


def identifiers(encoder: TabularEncoder) -> list[Identifier]:
    """Return the columns in which nearly every row has a value of its own.

    Parameters
    ----------
    encoder : TabularEncoder
        A fitted one. Columns that its `categorical_features` names are left out.

    Returns
    -------
    list of Identifier
        Label (the `repr` of a name, or the position) of each, a value, and whether most values
        look like numbers in text.
    """
    found = []
    for j, (label, codec) in enumerate(zip(encoder._labels, encoder._codecs, strict=True)):
        if isinstance(codec, LevelColumn) and codec.names_rows and j not in encoder._named:
            cells = [spelled(key) for key in codec.keys if spelled(key) != "missing"]
            numeric = [cell for cell in cells if _looks_numeric(cell)]
            mostly = len(numeric) > _MOST * len(cells)
            found.append(Identifier(label, (numeric if mostly else cells)[0], mostly))
    return found


def advice_on_numbers(columns: list[Identifier]) -> str:
    """Return what to do with those of the columns that look like numbers, or nothing.

    Parameters
    ----------
    columns : list of Identifier
        From :func:`identifiers`.

    Returns
    -------
    str
        A sentence behind a space, or an empty text.
    """
    numeric = [column for column in columns if column.looks_numeric]
    if not numeric:
        return ""
    some = ", ".join(f"{column.label} (such as {column.example!r})" for column in numeric[:5])
    return (
        f" The cells of {some} look like numbers in text: convert them, by pandas.to_numeric for "
        "instance, after taking out what is no digit, sign or decimal point."
    )


def warn_of_identifiers(encoder: Any) -> None:
    """Warn of columns in which nearly every row has a value of its own.

    Parameters
    ----------
    encoder : TabularEncoder or any other
        A fitted one; others than a `TabularEncoder` have no such columns.
    """
    columns = identifiers(encoder) if isinstance(encoder, TabularEncoder) else []
    if columns:
        some = ", ".join(f"{column.label} (such as {column.example!r})" for column in columns[:5])
        more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
        warn(
            f"Nearly every row has a value of its own in the columns {some}{more}, from which "
            "nothing is learned: leave identifiers out, or name the columns in "
            f"categorical_features if they are to stay.{advice_on_numbers(columns)}",
        )


def _looks_numeric(text: str) -> bool:
    # Without currencies and any space.
    text = re.sub(r"^[A-Z]{3}\s|\s[A-Z]{3}$", "", text)
    kept = (c for c in text if not c.isspace() and unicodedata.category(c) != "Sc")
    return _NUMBER.fullmatch("".join(kept)) is not None
