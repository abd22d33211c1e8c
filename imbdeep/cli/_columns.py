"""What the cells of a column are: numbers in any spelling, words, and gaps."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
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
_LEADING_ZERO = re.compile(r"[+-]?0\d")
#: Words that are looked at, and the share of them that says how a column is spelled.
_MAX_LEVELS, _MOST_LEVELS = 1000, 0.9
#: Up to so many words are levels, even in a table where each of them stands in one row.
_FEW_LEVELS = 20
#: Dates, times, and measures with their unit.
_DATE_OR_MEASURE = re.compile(
    r"\s*(\d{1,4}([-./])\d{1,2}\2\d{1,4}\b.*|\d{1,2}:\d\d\b.*|\d{1,2}\W{1,2}[^\W\d]{3,}\W{1,2}\d+"
    r"|[^\W\d]{3,}\W{1,2}\d{1,2}\W{1,2}\d+|[-+]?\d+([.,]\d+)?\s*[°µ]?[^\W\d]+[²³]?)\s*"
)


def convert(table: Any, file: TableFile, target: str | None) -> None:
    """Make numbers of the texts that are numbers, gaps of what is missing; refuse what is unclear.

    In a parquet file, labels and categories that are texts stay so. What the file has to know of
    its columns later is put into ``file.respelled`` and ``file.noted``.
    """
    import pandas as pd

    categories = file.categories(table)
    gaps = ["", *file.missing] if file.is_text else list(file.missing)
    missing_numbers = [float(word) for word in file.missing if is_number(word)]
    taken: list[str] = []  # words that are read as missing, with their columns
    left: list[tuple[str, Any, Any]] = []  # texts that are no numbers: their words and counts
    for name in table.columns:
        cells = table[name]
        if pd.api.types.is_string_dtype(cells.dropna()):
            cells = table[name] = cells.mask(cells.isin(gaps))
            codes, words = pd.factorize(cells)  # code -1: missing
            levels = pd.Series(words.tolist(), dtype=object)
            missing = levels.isin(_USUAL) | (levels.str.strip() == "")
            missing &= file.default_missing
            is_name = name in categories or isinstance(cells.dtype, pd.CategoricalDtype)
            stays = is_name and missing.any() if file.is_text else is_name or name == target
            # A column of words for missing alone holds no numbers; an empty one is read as such.
            stays = stays or (len(levels) and missing.all())
            numbers = None if stays else _numbers(levels[~missing], name, file)
            if numbers is not None:
                taken += [f"{word!r} in {name}" for word in levels[missing]]
                numbers = numbers.reindex(levels.index).array.take(codes, allow_fill=True)
                cells = table[name] = pd.Series(numbers, cells.index)
            elif file.is_text and set(levels) <= {"True", "False"}:
                cells = table[name] = cells.map({"True": True, "False": False}).astype("boolean")
            elif name not in categories:
                counts = pd.Series(codes).value_counts().reindex(levels.index)
                left.append((name, levels[~missing], counts[~missing]))
        if cells.dtype.kind in "iuf" and missing_numbers:
            gone = cells.isin(missing_numbers)
            if gone.any():
                table[name] = cells.mask(gone).convert_dtypes(dtype_backend="numpy_nullable")
    if taken:
        more = f" and {len(taken) - _MAX_COLUMNS} more" * (len(taken) > _MAX_COLUMNS)
        tell(
            f"note: read as missing in {file.path}: {', '.join(taken[:_MAX_COLUMNS])}{more}. To "
            "keep such words as words, name the column with --categorical, or give "
            "--no-default-missing."
        )
    if file.respelled and not file.is_text:
        tell(
            f"note: the texts in {', '.join(list(file.respelled)[:_MAX_COLUMNS])} of {file.path} "
            "are learnt as the numbers that they hold: say with --categorical where they are names."
        )
    _check_words(table, left, file, target)


def _numbers(words: Any, name: str, file: TableFile) -> Any:
    """Return words as numbers; None where one of them is none, or a code."""
    import pandas as pd

    from imbdeep.encoding._identifiers import number_shape

    words = words.str.strip()
    is_formed = (file.decimal, file.thousands) != (".", "") and all(
        map(number_shape(file.decimal, file.thousands).fullmatch, words)
    )
    if is_formed:
        words = words.map(lambda word: _as_python(word, file.decimal, file.thousands))
    numbers = pd.to_numeric(words, errors="coerce", dtype_backend="numpy_nullable")
    if not len(words):
        numbers = numbers.astype("Int64")
    elif numbers.isna().any():
        return None
    elif numbers.dtype.kind in "iu":
        if any(map(_LEADING_ZERO.match, words)):
            return None
    elif all(map(re.compile(r"[+-]?\d+").fullmatch, words)):
        return None  # too many digits for an integer
    else:
        numbers = words.astype("float64").astype("Float64")  # pandas 2 rounds the last digit else
    if is_formed or not file.is_text:
        file.respelled[name] = file.decimal if is_formed else "."
    elif all(map(number_shape(",", ".").fullmatch, words)):
        points = words[words.str.contains(".", regex=False)]
        if 0 < len(points) < len(words):
            tell(
                f"note: {points.iloc[0]!r} in column {name} of {file.path} is read with a decimal "
                "point; where it is one between thousands, give --decimal , --thousands ."
            )
    return numbers


def _check_words(table: Any, left: list[Any], file: TableFile, target: str | None) -> None:
    """Refuse columns that are numbers but for their spelling or a few words; note useless names."""
    import pandas as pd

    odd_words: dict[str, None] = {}  # in the order of the columns
    columns, first = [], ""
    for name, levels, counts in left:
        is_word = pd.to_numeric(levels, errors="coerce").isna()
        odd = levels[is_word].tolist()
        n_odd, n_numbers = int(counts[is_word].sum()), int(counts[~is_word].sum())
        is_code = any(map(_LEADING_ZERO.match, levels))

        def place(word: str, cells: Any = table[name], name: str = name) -> str:
            return f"{file.place_of(int((cells == word).idxmax()))}, column {name}: {word!r} is no"

        if odd and not is_code and name != target:
            _check_spelling(levels.tolist(), odd, name, place)
        few = bool(odd) and (
            n_odd <= _SHARE_OF_WORDS * (n_odd + n_numbers)
            # A word of marks alone, as "?" and "--", stands for nothing in any column of numbers.
            or all(re.fullmatch(r"\W+", word) for word in odd)
            # Of words without digits one may stand in half of the cells, two in a fifth.
            or (
                name != target
                and n_odd * len(odd) ** 2 <= n_numbers
                and not any(map(str.isdigit, "".join(odd)))
            )
        )
        if few and n_numbers and not is_code:
            odd_words |= dict.fromkeys(odd)
            columns.append(name)
            first = first or f"{place(odd[0])} number, as {n_numbers} cells of that column are"
        elif name != target and not isinstance(table[name].dtype, pd.CategoricalDtype):
            is_mixed = n_numbers >= n_odd or len(levels) - len(odd) > _FEW_LEVELS
            if odd and is_mixed and not is_code:
                holds = (
                    f"words beside {n_numbers} numbers, such as {odd[0]!r}, and all of them are "
                    f"learnt as names: read words as missing ({option('missing', odd[0])}), or say "
                    "that these are names"
                )
            elif _say_little(levels.tolist(), n_odd + n_numbers):
                holds = (
                    f"{len(levels)} different names, such as {levels.iloc[0]!r}, of which each is "
                    "learnt for itself: make numbers of dates and measures, and leave out what "
                    "only names the rows, or say that these are categories"
                )
            else:
                continue
            tell(f"note: column {name} of {file.path} holds {holds} ({_as_categories([name])}).")
            file.noted.append(name)
    if not columns:
        return
    missing = " ".join(option("missing", word) for word in list(odd_words)[:_MAX_WORDS])
    more = f" and {len(odd_words) - _MAX_WORDS} more" * (len(odd_words) > _MAX_WORDS)
    others = f" (so too in {', '.join(columns[1:_MAX_COLUMNS])})" * (len(columns) > 1)
    raise CommandError(
        f"{first}{others}: read such cells as missing with {missing}{more}, or say that these "
        f"are words with {_as_categories(columns[:_MAX_COLUMNS])}, or repair the table."
    )


def _check_spelling(
    levels: Sequence[str], odd: Sequence[str], name: str, place: Callable[[str], str]
) -> None:
    """Refuse a column of numbers that are spelled as Python does not read them."""
    from imbdeep.encoding._identifiers import ALIKE, SPELLINGS, looks_numeric, number_shape

    levels = levels[:_MAX_LEVELS]
    amounts = [word.strip() for word in levels if looks_numeric(word)]
    first = next(filter(looks_numeric, odd[:_MAX_LEVELS]), None)
    if first is None or len(amounts) < _MOST_LEVELS * len(levels):
        return
    ways = []
    for decimal, thousands in SPELLINGS:
        # Between thousands a point needs another decimal character, used or not.
        marks = [ALIKE.get(thousands, thousands), decimal.strip(".") if thousands != "." else ""]
        used = all(any(set(mark) & set(word) for word in amounts) for mark in filter(None, marks))
        if used and all(map(number_shape(decimal, thousands).fullmatch, amounts)):
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


def _as_python(word: str, decimal: str, thousands: str) -> str:
    from imbdeep.encoding._identifiers import ALIKE

    for mark in ALIKE.get(thousands, thousands):
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
