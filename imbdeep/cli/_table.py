"""Tables in files: reading, and refusing with the line and the column; writing."""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import shlex
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ._terminal import CommandError, ending_of, nearest, tell

#: File endings, and the character between the cells of a text file.
ENDINGS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".parquet": None}
_NO_PARQUET = (
    'parquet files need pyarrow: pip install "imbdeep[parquet]", or convert the table to csv.'
)
#: Rows, columns and words named in an error, at the most.
_MAX_ROWS, _MAX_COLUMNS, _MAX_WORDS = 5, 30, 5
#: A file may take this share of the free memory: read, it takes several times its size.
_SHARE_OF_MEMORY = 1 / 5
#: No text is packed more tightly by gzip.
_MOST_PACKED = 1032
#: Up to this share of words makes a column of numbers suspicious.
_SHARE_OF_WORDS = 0.05
#: Numbers with leading zeros are names, as postcodes are: 07747 must not become 7747.
_LEADING_ZERO = r"[+-]?0\d"
#: A word of marks alone, as "?" and "--", stands for nothing in any column of numbers.
_MARKS = r"\W+"
#: In Latin-1: what some programs write in front of UTF-8, and of UTF-16.
_BYTE_ORDER_MARK, _UTF16_MARKS = "ï»¿", ("ÿþ", "þÿ")


def separator_of(path: Path) -> str | None:
    """Return the character between the cells; None of a parquet file."""
    return ENDINGS[ending_of(path.name, list(ENDINGS))]


def is_packed(path: Path) -> bool:
    """Whether gzip is around the text."""
    return path.name.lower().endswith(".gz")


@dataclass(frozen=True)
class TableFile:
    """A table in a file, and how it is to be read.

    Parameters
    ----------
    path : Path
        The file; its ending says what it is.
    missing : sequence of str, default=()
        Words that stand for a missing value, beside the usual ones.
    has_header : bool, default=True
        Whether the first line of a text names the columns; else they are c0, c1 and so on.
    categorical : sequence of str, default=()
        Columns that may hold numbers and words side by side.
    """

    path: Path
    missing: Sequence[str] = ()
    has_header: bool = True
    categorical: Sequence[str] = ()

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> TableFile:
        """Return the file of a command's words; refuse one that cannot be read."""
        ending_of(arguments.input, list(ENDINGS))
        file = cls(
            Path(arguments.input),
            missing=arguments.missing,
            has_header=not arguments.no_header,
            categorical=arguments.categorical,
        )
        if not file.path.is_file():
            raise CommandError(f"{file.path} is no file: check the path.")
        if separator_of(file.path) is None and not file.has_header:
            raise CommandError(
                f"--no-header is for texts, and {file.path} has names: leave it out."
            )
        return file

    def read(self) -> Any:
        """Return a frame, or refuse the file with the line and the column in the error."""
        self._check_size()
        table = self._read_parquet() if separator_of(self.path) is None else self._read_text()
        if not len(table):
            raise CommandError(f"{self.path} has no rows: there is nothing to learn from.")
        self._check_words(table)
        return table

    def categories(self, table: Any) -> list[str]:
        """Return the columns that ``categorical`` names."""
        return [self.column(name, table, "--categorical") for name in self.categorical]

    def column(self, name: str, table: Any, option: str) -> str:
        """Return the column that an option names, by its number too where columns have no names."""
        columns = list(table.columns)
        if name in columns:
            return name
        if not self.has_header and f"c{name}" in columns:
            return f"c{name}"
        shown = ", ".join(columns[:_MAX_COLUMNS]) + ", ..." * (len(columns) > _MAX_COLUMNS)
        hint = nearest(name, columns)
        if self.has_header and any(_is_number(column) for column in columns):
            hint += " Where the first line holds no names, say so with --no-header."
        raise CommandError(
            f"{option} {name} is no column of {self.path}, which has: {shown}.{hint}"
        )

    # --------------------------------------------------------------------------------- checks

    def _check_size(self) -> None:
        import psutil

        size = _unpacked_size(self.path) if is_packed(self.path) else self.path.stat().st_size
        free = psutil.virtual_memory().available
        if size > free * _SHARE_OF_MEMORY:
            raise CommandError(
                f"{self.path} holds {_megabytes(size)}, more than a fifth of the "
                f"{_megabytes(free)} of memory that are free, and a table takes several times its "
                "size while it is read and learnt from: take a random part of its rows, or a "
                "machine with more memory."
            )

    def _check_names(self, line: int, names: Sequence[str]) -> None:
        for k, name in enumerate(names):
            if name and names.index(name) < k:
                raise CommandError(
                    f"{self._place(line)}: columns {names.index(name) + 1} and {k + 1} are both "
                    f"called {name!r}: rename one of them, or, where that line is a row and holds "
                    "no names, read it with --no-header."
                )
            if not name:
                tell(
                    f"note: column {k + 1} of {self.path} has no name, and is called "
                    f"'Unnamed: {k}' here. If it numbers the rows, take it out: it says nothing "
                    "about the classes."
                )
        if all(map(_is_number, names)) and names != [str(k) for k in range(len(names))]:
            shown = ", ".join(names[:_MAX_WORDS]) + ", ..." * (len(names) > _MAX_WORDS)
            raise CommandError(
                f"{self._place(line)} should hold the names of the columns, and holds the numbers "
                f"{shown}: put a line of names above it, or read it as a row with --no-header "
                "(the columns are then c0, c1 and so on)."
            )

    def _check_words(self, table: Any) -> None:
        """Refuse columns that are numbers but for a few words: as words they would mislead."""
        import pandas as pd

        categories = self.categories(table)
        odd_words: dict[str, None] = {}  # in the order of the columns
        columns, first = [], ""
        for name in table.columns:
            cells = table[name].dropna()
            if name in categories or not pd.api.types.is_string_dtype(cells):
                continue
            odd = cells[pd.to_numeric(cells, errors="coerce").isna()]
            few = len(odd) <= _SHARE_OF_WORDS * len(cells) or odd.str.fullmatch(_MARKS).all()
            if not 0 < len(odd) < len(cells) or not few or cells.str.match(_LEADING_ZERO).any():
                continue
            odd_words |= dict.fromkeys(odd)
            columns.append(str(name))
            first = first or (
                f"{self._place_of(int(odd.index[0]))}, column {name}: {odd.iloc[0]!r} is no "
                f"number, as {len(cells) - len(odd)} cells of that column are"
            )
        if not columns:
            return
        words = " ".join(_missing_option(word) for word in list(odd_words)[:_MAX_WORDS])
        more = f" and {len(odd_words) - _MAX_WORDS} more" * (len(odd_words) > _MAX_WORDS)
        others = f" (so too in {', '.join(columns[1:_MAX_COLUMNS])})" * (len(columns) > 1)
        raise CommandError(
            f"{first}{others}: read such cells as missing with {words}{more}, or say that these "
            f"are words with --categorical {' '.join(map(shlex.quote, columns[:_MAX_COLUMNS]))}, "
            "or repair the table."
        )

    # ----------------------------------------------------------------------------------- text

    def _read_text(self) -> Any:
        import pandas as pd

        separator = separator_of(self.path)
        names = self._first_line()
        options: dict[str, Any] = {
            "sep": separator,
            "index_col": False,
            "dtype_backend": "numpy_nullable",  # integers stay so beside empty cells
            "low_memory": False,
            "na_values": list(self.missing),
        }
        if not self.has_header:
            options |= {"header": None, "names": [f"c{k}" for k in range(len(names))]}
        if int(pd.__version__.split(".")[0]) < 3:  # later ones read floats exactly, unasked
            options["float_precision"] = "round_trip"
        try:
            with warnings.catch_warnings():
                # Rows with more cells than the header are refused, not cut.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                table = pd.read_csv(self.path, **options)
                codes = [name for name in table if table[name].dtype.kind in "iu"]
                if codes:
                    text = pd.read_csv(self.path, **options, usecols=codes, dtype="string")
                    for name in codes:
                        if text[name].str.match(_LEADING_ZERO).any():
                            table[name] = text[name]
        except (ValueError, pd.errors.ParserWarning, OSError, EOFError, zlib.error) as error:
            if "EOF inside string" in str(error):
                raise CommandError(self._open_quote()) from error
            raise CommandError(self._wrong_line() or self._unreadable(error)) from error
        # A row that ends too early is filled up with missing values: only there it may hide.
        if len(table) and table.iloc[:, -1].isna().any():
            wrong = self._wrong_line()
            if wrong:
                raise CommandError(wrong)
        return table

    def _first_line(self) -> list[str]:
        """Return the cells of the first line, the names of the columns where it has them."""
        try:
            line, cells = next(self._lines())
        except StopIteration:
            raise CommandError(f"{self.path} is empty: there is nothing to learn from.") from None
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise CommandError(self._unreadable(error)) from error
        wrong = self._wrong_byte(line, cells, [])
        if wrong:
            raise CommandError(wrong)
        names = [_utf8(cell) for cell in cells]
        if self.has_header:
            self._check_names(line, names)
        return names

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield where each row begins, and its cells in Latin-1: a character for every byte."""
        opened: Any = gzip.open if is_packed(self.path) else open
        with (
            opened(self.path, "rb") as file,
            io.TextIOWrapper(file, encoding="latin-1") as text,
        ):
            first = text.readline().removeprefix(_BYTE_ORDER_MARK)
            reader = csv.reader(chain([first], text), delimiter=separator_of(self.path) or ",")
            line = 1
            for cells in reader:
                if len(cells) > 1 or (cells and cells[0].strip()):  # pandas skips empty lines too
                    yield line, cells
                line = reader.line_num + 1

    def _wrong_line(self) -> str | None:
        """Return what is wrong with the first line that is not as the others, if it is found."""
        names: list[str] = []
        try:
            for line, cells in self._lines():
                names = names or cells
                if len(cells) != len(names):
                    other = "the header" if self.has_header else "the first row"
                    return (
                        f"{self._place(line)}: {len(cells)} cells stand there, and {other} has "
                        f"{len(names)}: repair that line, or choose the ending that fits what is "
                        f"between the cells ({separator_of(self.path)!r} here)."
                    )
                wrong = self._wrong_byte(line, cells, names)
                if wrong:
                    return wrong
        except (OSError, EOFError, zlib.error, csv.Error):
            pass  # what pandas said is told
        return None

    def _wrong_byte(self, line: int, cells: Sequence[str], names: Sequence[str]) -> str | None:
        for k, cell in enumerate(cells):
            try:
                _utf8(cell)
            except UnicodeDecodeError as error:
                column = _utf8(names[k]) if names and self.has_header else k + 1
                code = "UTF-16" if cell.startswith(_UTF16_MARKS) else "LATIN1"
                return (
                    f"{self._place(line)}, column {column}: the byte "
                    f"{hex(error.object[error.start])} is no UTF-8 text: save the table as UTF-8, "
                    f"as iconv -f {code} -t UTF-8 does if it is {code}."
                )
        return None

    def _open_quote(self) -> str:
        *_, (line, _) = self._lines()
        return (
            f"{self._place(line)}: a quotation mark is opened in this row and never closed: "
            "close it, or take it away."
        )

    def _unreadable(self, error: BaseException) -> str:
        reason = str(error).strip().rstrip(".")
        return (
            f"{self.path} cannot be read as UTF-8 text with {separator_of(self.path)!r} between "
            f"the cells: {reason}. Repair it, or choose the ending that fits it."
        )

    def _place(self, line: int) -> str:
        return f"{self.path}, line {line}"

    def _place_of(self, row: int) -> str:
        """Say where a row of the frame stands in the file."""
        if separator_of(self.path) is None:
            return f"{self.path}, row {row + 1}"
        place = row + self.has_header
        line, _ = next(islice(self._lines(), place, None), (place + 1, []))
        return self._place(line)

    # -------------------------------------------------------------------------------- parquet

    def _read_parquet(self) -> Any:
        import pandas as pd

        try:
            table = pd.read_parquet(self.path)
            nullable = pd.read_parquet(self.path, dtype_backend="numpy_nullable")
        except ImportError as error:
            raise CommandError(_NO_PARQUET) from error
        except (ValueError, OSError) as error:
            raise CommandError(f"{self.path} cannot be read as parquet: {error}") from error
        if not isinstance(table.index, pd.RangeIndex):
            tell(f"note: the index of {self.path} is left out, since new rows have none.")
        for part in (table, nullable):
            part.index = pd.RangeIndex(len(part))
            part.columns = part.columns.map(str)
        for name in table.columns:
            # Integers and booleans beside empty cells would come as floats and objects.
            if table[name].dtype.kind in "fO" and nullable[name].dtype.kind in "iub":
                table[name] = nullable[name]
        return self._without_missing_words(table)

    def _without_missing_words(self, table: Any) -> Any:
        """Do for a parquet file what ``na_values`` does for a text."""
        import pandas as pd

        numbers = [float(word) for word in self.missing if _is_number(word)]
        for name in table.columns:
            is_text = pd.api.types.is_string_dtype(table[name].dropna())
            is_number = table[name].dtype.kind in "iuf"
            if not (is_text or is_number):
                continue
            gone = table[name].isin(list(self.missing) if is_text else numbers)
            if not gone.any():
                continue
            table[name] = table[name].mask(gone).convert_dtypes(dtype_backend="numpy_nullable")
            cells = table[name].dropna()
            if not is_text or not len(cells) or cells.str.match(_LEADING_ZERO).any():
                continue
            if not pd.to_numeric(cells, errors="coerce").isna().any():
                table[name] = pd.to_numeric(table[name])
        return table


def labelled(
    file: TableFile, table: Any, target: str, *, drop_unlabelled: bool = False
) -> tuple[Any, Any]:
    """Return the rows that have a label, and the column of labels, when it can be learnt from.

    Parameters
    ----------
    file : TableFile
        Where the table comes from, for the errors.
    table : DataFrame
        All columns.
    target : str
        The column of the labels.
    drop_unlabelled : bool, default=False
        Leave rows without a label out, and not refuse them.
    """
    if len(table.columns) == 1:
        raise CommandError(f"{file.path} has no column beside {target}: there is nothing to learn.")
    (missing,) = table[target].isna().to_numpy().nonzero()
    if len(missing) and drop_unlabelled:
        table = table.drop(index=missing).reset_index(drop=True)
    elif len(missing):
        numbers = ", ".join(str(row + 1) for row in missing[:_MAX_ROWS])
        more = f" and {len(missing) - _MAX_ROWS} more" * (len(missing) > _MAX_ROWS)
        below = "the first row below the header is 1" if file.has_header else "the first row is 1"
        raise CommandError(
            f"--target {target} has no label in row {numbers}{more} ({below}): leave those rows "
            "out with --drop-unlabelled, or give them a label of their own."
        )
    labels = table[target]
    if labels.nunique() < 2:
        which = f"the one class {labels.iloc[0]}" if len(labels) else "no label at all"
        raise CommandError(f"--target {target} holds {which}: two classes are needed.")
    return table, labels


def write_table(table: Any, path: Path, ending: str, **options: Any) -> None:
    """Write a frame without its index, as the ending says; a path or, for a text, an open file."""
    separator = ENDINGS[ending]
    if separator is not None:
        table.to_csv(path, sep=separator, index=False, **options)
        return
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise CommandError(_NO_PARQUET) from error


def _utf8(cell: str) -> str:
    return cell if cell.isascii() else cell.encode("latin-1").decode("utf-8")


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", word, re.IGNORECASE))


def _missing_option(word: str) -> str:
    joint = "=" if word.startswith("-") else " "  # else it would be taken for an option
    return f"--missing{joint}{shlex.quote(word)}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def _unpacked_size(path: Path) -> int:
    """Size of what gzip packed: its last four bytes tell it, unless the file is damaged."""
    packed = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, packed - 4))
        size = int.from_bytes(file.read(4), "little")
    return size if packed <= size <= _MOST_PACKED * packed else packed
