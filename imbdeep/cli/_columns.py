"""What the cells of a column are: numbers in any spelling, words, and gaps."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ._terminal import CommandError, tell

if TYPE_CHECKING:
    from ._table import TableFile

#: What pandas reads as missing; here only in columns that are numbers otherwise.
_USUAL = ["#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"]
_USUAL += ["<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
#: Columns and words named in a message, at the most.
_MAX_COLUMNS, _MAX_WORDS = 30, 5
#: Up to this share of words makes a column of numbers suspicious.
_SHARE_OF_WORDS = 0.05
#: Numbers with leading zeros are names, as postcodes are: 07747 must not become 7747.
_LEADING_ZERO = r"[+-]?0\d"
#: A word of marks alone, as "?" and "--", stands for nothing in any column of numbers.
_MARKS = r"\W+"
#: Of so many words that are looked at, such a share says how a column is spelled.
_MAX_LEVELS, _MOST_LEVELS = 1000, 0.9
#: Up to so many words are levels, even in a table where each of them stands in one row.
_FEW_LEVELS = 20
#: Other spellings of numbers, as --decimal and --thousands name them.
_SPELLINGS = [(",", ""), (".", ","), (",", ".")]
_SPELLINGS += [(decimal, thousands) for thousands in (" ", "'", "_") for decimal in ".,"]
#: Characters that are taken for each other between thousands.
_ALIKE = {" ": " \xa0\u2009\u202f", "'": "'’"}
_MONEY = r"(?:[$€£¥₹₩₽₺₪₫฿¢]|(?:US|R|A|C)\$|kr|zł|Rs|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|PLN)"
#: Dates, times, and measures with their unit.
_DATE_OR_MEASURE = re.compile(
    r"\s*(\d{1,4}([-./])\d{1,2}\2\d{1,4}\b.*|\d{1,2}:\d\d\b.*|\d{1,2}\W{1,2}[^\W\d]{3,}\W{1,2}\d+"
    r"|[^\W\d]{3,}\W{1,2}\d{1,2}\W{1,2}\d+|[-+]?\d+([.,]\d+)?\s*[°µ]?[^\W\d]+[²³]?)\s*"
)


def convert(table: Any, file: TableFile, target: str | None) -> dict[str, str]:
    """Make numbers of the columns of texts that hold them, and gaps of what is missing.

    In a parquet file, labels and categories that are texts stay so.

    Returns
    -------
    dict
        Columns whose new numbers are to be texts, and the characters before their decimals.
    """
    import pandas as pd

    categories = file.categories(table)
    numbers_missing = [float(word) for word in file.missing if is_number(word)]
    respelled: dict[str, str] = {}
    taken: list[str] = []
    for name in table.columns:
        cells = table[name]
        if pd.api.types.is_string_dtype(cells.dropna()):
            gone = cells.isin(["", *file.missing] if file.is_text else list(file.missing))
            cells = table[name] = cells.mask(gone) if gone.any() else cells
            is_name = name in categories or isinstance(cells.dtype, pd.CategoricalDtype)
            if not file.is_text and (is_name or name == target):
                continue
            codes, words = pd.factorize(cells)  # code -1: missing
            levels = pd.Series(words.tolist(), dtype=object)
            missing = _stands_for_missing(levels, file)
            if is_name and missing.any():
                continue
            known = levels[~missing].str.strip()
            is_formed = (file.decimal, file.thousands) != (".", "")
            is_formed &= all(map(_shape(file.decimal, file.thousands).fullmatch, known))
            if is_formed:
                known = known.map(lambda word: _as_python(word, file.decimal, file.thousands))
            # A column of words for missing alone holds no numbers; an empty one is read as such.
            numbers = _numbers(known) if len(known) or not missing.any() else None
            if numbers is not None:
                taken += [f"{word!r} in {name}" for word in levels[missing]]
                numbers = numbers.reindex(levels.index).array.take(codes, allow_fill=True)
                cells = table[name] = pd.Series(numbers, cells.index)
                if is_formed or not file.is_text:
                    respelled[name] = file.decimal if is_formed else "."
                if not is_formed and all(map(_shape(",", ".").fullmatch, known)):
                    points = known[known.str.contains(".", regex=False)]
                    if 0 < len(points) < len(known):
                        tell(
                            f"note: {points.iloc[0]!r} in column {name} of {file.path} is read "
                            "with a decimal point; where it is one between thousands, give "
                            "--decimal , --thousands ."
                        )
            elif file.is_text and set(levels) <= {"True", "False"}:
                cells = table[name] = cells.map({"True": True, "False": False}).astype("boolean")
        if cells.dtype.kind in "iuf" and numbers_missing:
            gone = cells.isin(numbers_missing)
            if gone.any():
                table[name] = cells.mask(gone).convert_dtypes(dtype_backend="numpy_nullable")
    if taken:
        more = f" and {len(taken) - _MAX_COLUMNS} more" * (len(taken) > _MAX_COLUMNS)
        tell(
            f"note: read as missing in {file.path}: {', '.join(taken[:_MAX_COLUMNS])}{more}. To "
            "keep such words as words, name the column with --categorical, or give "
            "--no-default-missing."
        )
    if respelled and not file.is_text:
        tell(
            f"note: the texts in {', '.join(list(respelled)[:_MAX_COLUMNS])} of {file.path} are "
            "learnt as the numbers that they hold: say with --categorical where they are names."
        )
    return respelled


def check_words(table: Any, file: TableFile, target: str | None) -> None:
    """Refuse columns that are numbers but for their spelling or a few words."""
    import pandas as pd

    categories = file.categories(table)
    odd_words: dict[str, None] = {}  # in the order of the columns
    columns, first = [], ""
    for name in table.columns:
        cells = table[name].dropna()
        if name in categories or not len(cells) or not pd.api.types.is_string_dtype(cells):
            continue
        codes, words = pd.factorize(cells)
        levels = pd.Series(words.tolist(), dtype=object)
        levels = levels[~_stands_for_missing(levels, file)]
        counts = pd.Series(codes).value_counts().reindex(levels.index)
        is_word = pd.to_numeric(levels, errors="coerce").isna()
        odd = levels[is_word].tolist()
        n_odd, n_numbers = int(counts[is_word].sum()), int(counts[~is_word].sum())
        is_code = bool(levels.str.match(_LEADING_ZERO).any())

        def place(word: str, cells: Any = cells, name: Any = name) -> str:
            return f"{file.place_of(int((cells == word).idxmax()))}, column {name}: {word!r} is no"

        if odd and not is_code and name != target:
            _check_spelling(levels.tolist(), odd, str(name), place)
        few = bool(odd) and (
            n_odd <= _SHARE_OF_WORDS * (n_odd + n_numbers)
            or all(re.fullmatch(_MARKS, word) for word in odd)
            # Of words without digits one may stand in half of the cells, two in a fifth.
            or (
                name != target
                and n_odd * len(odd) ** 2 <= n_numbers
                and not any(map(str.isdigit, "".join(odd)))
            )
        )
        if few and n_numbers and not is_code:
            odd_words |= dict.fromkeys(odd)
            columns.append(str(name))
            first = first or f"{place(odd[0])} number, as {n_numbers} cells of that column are"
        elif name != target and not isinstance(cells.dtype, pd.CategoricalDtype):
            where = f"note: column {name} of {file.path} holds"
            as_categories = f"({_as_categories([str(name)])})"
            is_mixed = n_numbers >= n_odd or len(levels) - len(odd) > _FEW_LEVELS
            if odd and is_mixed and not is_code:
                tell(
                    f"{where} words beside {n_numbers} numbers, such as {odd[0]!r}, and all of "
                    f"them are learnt as names: read words as missing ({option('missing', odd[0])})"
                    f", or say that these are names {as_categories}."
                )
            elif _say_little(levels.tolist(), n_odd + n_numbers):
                tell(
                    f"{where} {len(levels)} different names, such as {levels.iloc[0]!r}, of which "
                    "each is learnt for itself: make numbers of dates and measures, and leave out "
                    f"what only names the rows, or say that these are categories {as_categories}."
                )
    if not columns:
        return
    missing = " ".join(option("missing", word) for word in list(odd_words)[:_MAX_WORDS])
    more = f" and {len(odd_words) - _MAX_WORDS} more" * (len(odd_words) > _MAX_WORDS)
    others = f" (so too in {', '.join(columns[1:_MAX_COLUMNS])})" * (len(columns) > 1)
    raise CommandError(
        f"{first}{others}: read such cells as missing with {missing}{more}, or say that these "
        f"are words with {_as_categories(columns[:_MAX_COLUMNS])}, "
        "or repair the table."
    )


def _check_spelling(
    levels: Sequence[str], odd: Sequence[str], name: str, place: Callable[[str], str]
) -> None:
    """Refuse a column of numbers that are spelled as Python does not read them."""
    levels = levels[:_MAX_LEVELS]
    amounts = [word.strip() for word in levels if _AMOUNT.fullmatch(word)]
    first = next((word for word in odd[:_MAX_LEVELS] if _AMOUNT.fullmatch(word)), None)
    if first is None or len(amounts) < _MOST_LEVELS * len(levels):
        return
    ways = []
    for decimal, thousands in _SPELLINGS:
        # Between thousands a point needs another decimal character, used or not.
        marks = [_ALIKE.get(thousands, thousands), decimal.strip(".") if thousands != "." else ""]
        used = all(any(set(mark) & set(word) for word in amounts) for mark in filter(None, marks))
        if used and all(map(_shape(decimal, thousands).fullmatch, amounts)):
            options = [option("decimal", decimal)] if decimal != "." else []
            options += [option("thousands", thousands)] if thousands else []
            value = _as_python(first.strip(), decimal, thousands)
            ways.append(f"{' '.join(options)} reads it as {value}")
    ways = ways or ["repair the table: write such numbers with digits and a point alone"]
    raise CommandError(
        f"{place(first)} number as it stands, and the numbers of that column would all be names: "
        f"{'; '.join(ways)}; {_as_categories([name])} says that these are names."
    )


def _say_little(levels: Sequence[str], n_rows: int) -> bool:
    """Whether words are dates or measures, or stand in hardly more than a row each."""
    looked_at = levels[:_MAX_LEVELS]
    n_measures = sum(bool(_DATE_OR_MEASURE.fullmatch(word)) for word in looked_at)
    if len(levels) > _MAX_WORDS and n_measures >= _MOST_LEVELS * len(looked_at):
        return True
    return len(levels) > _FEW_LEVELS and 2 * len(levels) > n_rows


def _stands_for_missing(levels: Any, file: TableFile) -> Any:
    """Return which words mean that nothing is known, where a column is numbers otherwise."""
    is_missing = levels.isin(_USUAL) | (levels.str.strip() == "")
    return is_missing & file.default_missing


def _numbers(words: Any) -> Any:
    """Return words as numbers; None where one of them is none, or a code."""
    import pandas as pd

    numbers = pd.to_numeric(words, errors="coerce", dtype_backend="numpy_nullable")
    if not len(words):
        return numbers.astype("Int64")
    if numbers.isna().any():
        return None
    if numbers.dtype.kind in "iu":
        return None if words.str.match(_LEADING_ZERO).any() else numbers
    if all(map(re.compile(r"[+-]?\d+").fullmatch, words)):  # too many digits for an integer: names
        return None
    return words.astype("float64").astype("Float64")  # pandas 2 rounds the last digit otherwise


@cache
def _shape(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of a number, with thousands only between groups of three digits."""
    whole, point = "[0-9]+", re.escape(decimal)
    if thousands:
        mark = f"[{re.escape(_ALIKE.get(thousands, thousands))}]"
        group = f"[0-9]{{{'2,' * (thousands == ',')}3}}"  # lakhs too
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{mark}{group})*{mark}[0-9]{{3}}|[0-9]+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?")


_NUMBER = "|".join(_shape(*spelling).pattern for spelling in [(".", ""), *_SPELLINGS])
#: A number between signs, brackets, currencies and percents.
_AMOUNT = re.compile(
    rf"[\s+\-−–(]*(?:{_MONEY}\.?)?[\s+\-−–]*(?:{_NUMBER})\s*(?:%|‰|{_MONEY})?[\s\-−–)]*"
)


def _as_python(word: str, decimal: str, thousands: str) -> str:
    for mark in _ALIKE.get(thousands, thousands):
        word = word.replace(mark, "")
    return word.replace(decimal, ".")


def is_number(word: str) -> bool:
    """Whether Python reads a word as a finite number."""
    return bool(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", word, re.IGNORECASE))


def option(name: str, word: str) -> str:
    """Return an option as it is typed in a shell."""
    # Else it would be taken for an option, and "--" is one even behind "=".
    joint = "=" if word.startswith("-") and word != "--" else " "
    return f"--{name}{joint}{shlex.quote(' --' if word == '--' else word)}"


def _as_categories(columns: Sequence[str]) -> str:
    if any(column.startswith("-") for column in columns):
        return " ".join(option("categorical", column) for column in columns)
    return f"--categorical {' '.join(map(shlex.quote, columns))}"
