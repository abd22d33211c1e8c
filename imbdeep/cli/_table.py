"""Tables in files: reading, and refusing with the line and the column; writing."""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import sys
import unicodedata
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from ._columns import convert, is_number, option
from ._terminal import CommandError, ending_of, nearest, refuse_changed, state_of, tell

#: File endings, and the character between the cells of a text file.
ENDINGS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".parquet": None}
_NO_PARQUET = (
    'parquet files need pyarrow: pip install "imbdeep[parquet]", or convert the table to csv.'
)
_GZIP = b"\x1f\x8b"
#: How files begin that are no text, what they are, and what to do with them.
_SIGNATURES = {
    _GZIP: ("packed by gzip", "give it the ending .csv.gz, or unpack it with gunzip"),
    b"PAR1": ("a parquet file", "give it the ending .parquet"),
    b"PK\x03\x04": (
        "a zip archive, as Excel sheets are too",
        "unpack it, or save the sheet as csv",
    ),
    b"\xd0\xcf\x11\xe0": ("an Excel sheet", "save it as csv"),
    b"BZh": ("packed by bzip2", "unpack it with bunzip2"),
    b"\xfd7zXZ": ("packed by xz", "unpack it with unxz"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unpack it with unzstd"),
}
#: So much of a file is looked at for that, and bytes that no text has.
_SIGNATURE_BYTES, _NO_TEXT = 64, re.compile(rb"[\x00-\x08\x0e-\x1f\x80-\xff]")
#: Characters that are tried between the cells of a file that is not what its ending says.
_SEPARATORS = ",;\t|"
#: The first rows are looked at for another separator, and for lines above the header; and for which
#: columns are numbers.
_MAX_TRIED, _HEAD_ROWS = 50, 100
#: Rows, columns and words named in an error, at the most.
_MAX_ROWS, _MAX_COLUMNS, _MAX_WORDS = 5, 30, 5
#: A file may take this share of the free memory: read, it takes several times its size.
_SHARE_OF_MEMORY = 1 / 5
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: How UTF-16 begins, in Latin-1.
_UTF16_MARKS = ("ÿþ", "þÿ")


def is_packed(path: Path) -> bool:
    """Whether gzip is around the text."""
    return path.name.lower().endswith(".gz")


@dataclass
class TableFile:
    """A table in a file, and how it is to be read: the options of the commands."""

    path: Path
    #: Words that stand for a missing value, and whether the usual ones do so beside numbers.
    missing: Sequence[str] = ()
    default_missing: bool = True
    has_header: bool = True
    #: Columns that may hold numbers and words side by side.
    categorical: Sequence[str] = ()
    #: The column of the labels, which may be any words.
    target: str | None = None
    separator: str | None = None
    decimal: str = "."
    thousands: str = ""
    skip_rows: int = 0
    #: The table of a parquet file as it is stored.
    stored: Any = field(default=None, init=False, repr=False)
    #: Columns whose new numbers are texts, and the characters before their decimals.
    respelled: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    #: Columns of words that are learnt as they are, and that a note was written of.
    noted: list[str] = field(default_factory=list, init=False, repr=False)
    _read_as: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)
    #: The text above the table, and the table.
    _above: bytes = field(default=b"", init=False, repr=False)
    _text: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        self._ending = ending_of(self.path.name, list(ENDINGS))
        self.separator = self.separator or ENDINGS[self._ending]
        self.thousands = self.thousands or ""

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> TableFile:
        """Return the file of a command's options; refuse one that cannot be read."""
        own = {option.name for option in fields(cls)}
        given: Any = {name: value for name, value in vars(arguments).items() if name in own}
        file = cls(Path(arguments.input), **given)
        if not file.path.is_file():
            raise CommandError(f"{file.path} is no file: check the path.")
        if not file.is_text:
            of_texts = {
                "--no-header": not file.has_header,
                "--separator": file.separator,
                "--skip-rows": file.skip_rows,
            }
            for name in filter(of_texts.get, of_texts):
                raise CommandError(f"{name} is for texts, and {file.path} has names: leave it out.")
        elif file.decimal == file.thousands:
            raise CommandError(
                f"--decimal and --thousands are both {file.decimal!r}: name two characters."
            )
        return file

    @property
    def is_text(self) -> bool:
        """Whether the file is a text, and no parquet file."""
        return ENDINGS[self._ending] is not None

    def separator_for(self, ending: str) -> str | None:
        """Return what is between the cells of an output: of the same kind, the same as here."""
        is_alike = ENDINGS[ending] == ENDINGS[self._ending]
        return self.separator if is_alike else ENDINGS[ending]

    def read(self) -> Any:
        """Return a frame, or refuse the file with the line and the column in the error."""
        self._load()
        table = self._read_text() if self.is_text else self._read_parquet()
        if not len(table):
            raise CommandError(f"{self.path} has no rows: there is nothing to learn from.")
        for names in _groups(map(str, table.columns))[:_MAX_WORDS]:
            tell(
                f"note: the columns {names} of {self.path} differ only by case or white space: "
                "rename one, unless they are meant so."
            )
        target = self.target and self.column(self.target, table, "--target")
        convert(table, self, target)
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
        alike = [column for column in columns if _plain(column) == _plain(name)]
        if len(alike) == 1:
            if (option, name) not in self._read_as:
                tell(f"note: {option} {name} is read as the column {alike[0]!r} of {self.path}.")
            self._read_as.add((option, name))
            return str(alike[0])
        shown = ", ".join(map(_shown, columns[:_MAX_COLUMNS]))
        shown += ", ..." * (len(columns) > _MAX_COLUMNS)
        hint = nearest(name, columns)
        if self.has_header and any(is_number(column) for column in columns):
            hint += " Where the first line holds no names, say so with --no-header."
        for line, cells, _ in islice(self._lines(), 1, _MAX_TRIED) if self.is_text else ():
            if self.has_header and name in map(_utf8, cells):
                hint += f" Where the names stand in line {line}, add --skip-rows {line - 1}."
                break
        raise CommandError(
            f"{option} {name} is no column of {self.path}, which has: {shown}.{hint}"
        )

    def respell(self, new: Any) -> Any:
        """Return new rows with numbers as texts where the file has them so."""
        columns = {}
        for name, decimal in self.respelled.items():
            texts = new[name].astype("string").str.replace(".", decimal, regex=False)
            columns[name] = texts if self.is_text else texts.astype(self.stored[name].dtype)
        return new.assign(**columns)

    # --------------------------------------------------------------------------------- checks

    def _load(self) -> None:
        """Take the text into memory; refuse a file that is too large, or is not what it is called.

        It is read once: what other programs do to the file later changes nothing.
        """
        import psutil

        free = psutil.virtual_memory().available
        most = int(free * _SHARE_OF_MEMORY)
        size = self.path.stat().st_size
        packed = is_packed(self.path)
        with open(self.path, "rb") as file:
            begin = file.read(_SIGNATURE_BYTES)
        if not self.is_text and begin and not begin.startswith(b"PAR1"):
            raise CommandError(
                f"{self.path} cannot be read as parquet: it does not begin as such a file does. "
                "If it is a text, give it the ending .csv or .tsv."
            )
        if packed:
            try:
                with gzip.open(self.path) as file:
                    self._text = file.read(most + 1)
            except (OSError, EOFError, zlib.error) as error:
                if not begin.startswith(_GZIP):
                    self._check_signature(begin)
                raise CommandError(self._unreadable(error)) from error
            begin, size = self._text[:_SIGNATURE_BYTES], len(self._text)
        if size > most:
            raise CommandError(
                f"{self.path} holds {size / 1e6:,.1f} MB{' or more' * packed}, more than a fifth "
                f"of the {free / 1e6:,.1f} MB of memory that are free, and a table takes several "
                "times its size while it is read and learnt from: take a random part of its rows, "
                "or a machine with more memory."
            )
        if self.is_text:
            self._check_signature(begin)
            text = self._text if packed else self.path.read_bytes()
            lines = io.BytesIO(text)
            self._above = b"".join(islice(lines, self.skip_rows))
            if not self._above and text.startswith(_BYTE_ORDER_MARK):
                self._above = _BYTE_ORDER_MARK
            self._text = text[len(self._above) :]

    def _check_signature(self, begin: bytes) -> None:
        for signature, (what, remedy) in _SIGNATURES.items():
            # A text may begin with the letters of a signature.
            if begin.startswith(signature) and _NO_TEXT.search(begin):
                raise CommandError(
                    f"{self.path} is {what}, and cannot be read as its ending says: {remedy}."
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
        if all(map(is_number, names)) and names != [str(k) for k in range(len(names))]:
            shown = ", ".join(names[:_MAX_WORDS]) + ", ..." * (len(names) > _MAX_WORDS)
            raise CommandError(
                f"{self._place(line)} should hold the names of the columns, and holds the numbers "
                f"{shown}: put a line of names above it, or read it as a row with --no-header "
                "(the columns are then c0, c1 and so on)."
            )

    # ----------------------------------------------------------------------------------- text

    def _read_text(self) -> Any:
        import pandas as pd

        line, names = self._first_line()
        try:
            table = self._parsed(len(names))
        except (ValueError, pd.errors.ParserWarning) as error:
            if "EOF inside string" in str(error):
                *_, (line, _, _) = self._lines()
                raise CommandError(
                    f"{self._place(line)}: a quotation mark is opened in this row and never "
                    "closed: close it, or take it away."
                ) from error
            raise CommandError(self._wrong_line() or self._unreadable(error)) from error
        # pandas fills rows up, and cuts empty cells at their end.
        wrong = None if self._is_even(len(names), len(table)) else self._wrong_line()
        if wrong:
            raise CommandError(wrong)
        if self.has_header:
            self._check_names(line, names)
            table.columns = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
        else:
            table.columns = [f"c{k}" for k in range(len(names))]
        return table

    def _parsed(self, width: int) -> Any:
        """Return the cells of columns 0, 1, ...: plain numbers as such, others as they stand."""
        import pandas as pd

        from imbdeep.encoding._identifiers import number_shape

        def parse(numbers: Iterable[int], **how: Any) -> Any:
            with warnings.catch_warnings():
                # Rows with more cells than the header are refused, not cut.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                how |= {
                    "header": 0 if self.has_header else None,
                    "names": range(width),
                    "index_col": False,
                    "dtype": dict.fromkeys(set(range(width)) - set(numbers), "string"),
                    "keep_default_na": False,
                    "na_values": {k: ["", *self.missing] for k in numbers},
                    "dtype_backend": "numpy_nullable",
                    "low_memory": False,
                }
                return pd.read_csv(io.BytesIO(self._text), sep=self.separator, **how)

        # To read numbers as texts first takes five times as long. Which columns hold numbers is
        # seen in their first cells; those whose spelling matters after all are read once more.
        is_grouped: dict[int, bool] = {}  # of columns of numbers: whether 1.234 may be 1234
        if (self.decimal, self.thousands) == (".", "") and _reads_floats_exactly(pd.__version__):
            for k, cells in parse([], nrows=_HEAD_ROWS).items():
                known = cells[~cells.isin(["", *self.missing])].str.strip().tolist()
                if known and all(map(is_number, known)):
                    is_grouped[k] = all(map(number_shape(",", ".").fullmatch, known))
        table = parse(is_grouped)
        kinds = {k: table[k].dtype.kind for k in is_grouped}
        integers = {k for k in kinds if kinds[k] in "iu"}
        as_texts = {k for k in kinds.keys() - integers if kinds[k] != "f" or is_grouped[k]}
        if integers and self._has_leading_zeros():
            as_texts |= integers
        return parse(kinds.keys() - as_texts) if as_texts else table

    def _has_leading_zeros(self) -> bool:
        """Whether a cell may begin as 07 does, or -07; not so 2024-01-05 and 1e-05."""
        begin = rb'[\s"' + re.escape((self.separator or ",").encode()) + b"]"
        # From the zero backwards, which a search finds soonest.
        pattern = rb"0\d(?:(?<=%b0\d)|(?<=%b[+-]0\d))" % (begin, begin)
        return re.search(pattern, b"\n" + self._text) is not None

    def _is_even(self, width: int, n_rows: int) -> bool:
        """Whether each line has so many cells, by the marks that are outside of quotes.

        Where this fails, a row may still be right: a quotation mark may stand inside of a word.
        """
        import numpy as np

        text = self._text.rstrip(b"\r\n") + b"\n"
        if b"\0" in text or text.count(b"\r") != text.count(b"\r\n"):
            return False
        counted = np.zeros(256, dtype=bool)
        counted[list(b'\n"' + (self.separator or ",").encode())] = True
        marks = np.frombuffer(text, np.uint8)
        marks = marks[counted[marks]]
        is_quote = marks == ord('"')
        marks = marks[(np.cumsum(is_quote) % 2 == 0) & ~is_quote]
        widths = np.diff(np.flatnonzero(marks == ord("\n")), prepend=-1)
        return len(widths) == n_rows + self.has_header and bool((widths == width).all())

    def _first_line(self) -> tuple[int, list[str]]:
        """Return the first line and its cells, the names of the columns where it has them."""
        try:
            line, cells, _ = next(self._lines())
        except StopIteration:
            raise CommandError(f"{self.path} is empty: there is nothing to learn from.") from None
        except csv.Error as error:
            raise CommandError(self._unreadable(error)) from error
        wrong = self._wrong_byte(line, cells, [])
        if not wrong and len(cells) == 1 and self._layout():
            wrong = f"{self._place(line)}: no {self.separator!r} stands there.{self._layout()}"
        if wrong:
            raise CommandError(wrong)
        return line, [_utf8(cell) for cell in cells]

    def _lines(self, separator: str | None = None) -> Iterator[tuple[int, list[str], str]]:
        """Yield where each row begins, its cells, and its text with all that stands above it.

        In Latin-1: a character for every byte.
        """
        csv.field_size_limit(sys.maxsize)
        text = io.TextIOWrapper(io.BytesIO(self._text), encoding="latin-1", newline="")
        read = [self._above.decode("latin-1")]

        def lines() -> Iterator[str]:
            for line in text:
                read.append(line)
                yield line

        reader = csv.reader(lines(), delimiter=separator or self.separator or ",")
        line = 1 + self.skip_rows
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):  # pandas skips empty lines too
                yield line, cells, "".join(read)
                read.clear()
            line = reader.line_num + 1 + self.skip_rows

    def copy_rows(self, kept: Iterable[bool], file: Any, separator: str | None) -> str:
        """Write the header and the kept rows as they stand; return how their lines end."""
        text = io.TextIOWrapper(file, encoding="latin-1", newline="")
        end = ""
        for keep, (_, cells, line) in zip(
            chain([True] * self.has_header, kept), self._lines(), strict=False
        ):
            if separator != self.separator:
                line = _joined(cells, separator or ",")
            ending = line[len(line.rstrip("\r\n")) :]
            end = end or (ending and ("\r\n" if ending.endswith("\r\n") else ending[-1])) or "\n"
            if keep:
                text.write(line if ending else line + end)
        text.detach()  # flushed, and the file stays open
        return end

    def _wrong_line(self) -> str | None:
        """Return what is wrong with the first line that is not as the others, if it is found."""
        names: list[str] = []
        try:
            for line, cells, text in self._lines():
                names = names or cells
                if len(cells) != len(names):
                    other = "the header" if self.has_header else "the first row"
                    return (
                        f"{self._place(line)}: {len(cells)} cells stand there, and {other} has "
                        f"{len(names)}: repair that line, or say with --separator what is between "
                        f"the cells ({self.separator!r} here).{self._layout()}"
                    )
                if "\0" in text or not text.isascii():
                    wrong = self._wrong_byte(line, cells, names)
                    if wrong:
                        return wrong
        except csv.Error:
            pass  # the message of pandas is given
        return None

    def _layout(self) -> str:
        """Say how the file is to be read where its first rows look like another table."""
        found: list[tuple[int, str, int]] = []
        for separator in dict.fromkeys([self.separator or ",", *_SEPARATORS]):
            try:
                rows = list(islice(self._lines(separator), _MAX_TRIED))
            except csv.Error:
                continue
            widths = [len(cells) for _, cells, _ in rows]
            begin = len(rows)
            while begin and widths[begin - 1] == widths[-1]:
                begin -= 1
            if widths[-1] < 2 or len(rows) - begin < 2:
                continue
            names = rows[begin][1]
            if begin and any(not name.strip() or is_number(name) for name in names):
                continue
            found.append((begin, separator, rows[begin][0]))
        if not found:
            return ""
        begin, separator, line = min(found, key=lambda way: way[0])
        options = []
        if separator != self.separator:
            options.append(option("separator", separator.replace("\t", "\\t")))
        if begin:
            options.append(f"--skip-rows {line - 1}")
        if not options:
            return ""
        return (
            f" The file looks like a table that begins in line {line}, with {separator!r} between "
            f"the cells: read it so with {' '.join(options)}."
        )

    def _wrong_byte(self, line: int, cells: Sequence[str], names: Sequence[str]) -> str | None:
        for k, cell in enumerate(cells):
            byte, code = "0x0", "UTF-16"
            try:
                _utf8(cell)
                if "\0" not in cell:
                    continue
            except UnicodeDecodeError as error:
                byte = hex(error.object[error.start])
                code = "UTF-16" if cell.startswith(_UTF16_MARKS) else "LATIN1"
            column = _utf8(names[k]) if names and self.has_header else k + 1
            return (
                f"{self._place(line)}, column {column}: the byte {byte} is no UTF-8 text: save "
                f"the table as UTF-8, as iconv -f {code} -t UTF-8 does if it is {code}."
            )
        return None

    def _unreadable(self, error: BaseException) -> str:
        reason = str(error).strip().rstrip(".")
        ending = "the ending that fits it"
        if isinstance(error, gzip.BadGzipFile):
            ending += ", .csv if it is text as it stands"
        return (
            f"{self.path} cannot be read as UTF-8 text with {self.separator!r} between "
            f"the cells: {reason}. Repair it, or choose {ending}."
        )

    def _place(self, line: int) -> str:
        return f"{self.path}, line {line}"

    def place_of(self, row: int) -> str:
        """Say where a row of the frame stands in the file."""
        if not self.is_text:
            return f"{self.path}, row {row + 1}"
        line, *_ = next(islice(self._lines(), row + self.has_header, None))
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
        self.stored = table
        return table.copy(deep=False)


class Labelled(NamedTuple):
    """The rows of a table that have a label, in all columns, and how they were read."""

    file: TableFile
    #: State of the input when it was read.
    state: tuple[int, ...] | None
    table: Any
    target: str
    labels: Any
    #: Columns of categories, as ``categorical_features`` takes them.
    categories: Any
    #: Which rows of the file they are.
    kept: Any

    @property
    def left_out(self) -> str:
        """Say how many rows have no label, if there are some."""
        n, n_read = len(self.table), len(self.kept)
        return f"Left out, without a label: {n_read - n} of {n_read} rows." if n < n_read else ""


def read_labelled(arguments: argparse.Namespace) -> Labelled:
    """Read the input of a command; refuse one that cannot be learnt from."""
    file = TableFile.of(arguments)
    state = state_of(file.path)
    table = file.read()
    refuse_changed(file.path, state)
    target = file.column(arguments.target, table, "--target")
    kept = table[target].notna().to_numpy()
    table, labels = labelled(file, table, target, drop_unlabelled=arguments.drop_unlabelled)
    # Columns that a note was written of need no warning of the encoder.
    names = dict.fromkeys([*file.categories(table), *file.noted])
    names.pop(target, None)
    return Labelled(file, state, table, target, labels, list(names) or "auto", kept)


def labelled(
    file: TableFile, table: Any, target: str, *, drop_unlabelled: bool = False
) -> tuple[Any, Any]:
    """Return the rows that have a label, and the column of labels, when it can be learnt from."""
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
    for classes in _groups(map(str, labels.unique()))[:_MAX_WORDS]:
        tell(
            f"note: the labels {classes} of {target} differ only by case or white space, and are "
            "classes of their own: make them alike, unless they are meant so."
        )
    return table, labels


def write_table(table: Any, path: Any, ending: str, **options: Any) -> None:
    """Write a frame without its index, as the ending says; a path or, for a text, an open file."""
    if ENDINGS[ending] is not None:
        table.to_csv(path, index=False, **{"sep": ENDINGS[ending], **options})
        return
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise CommandError(_NO_PARQUET) from error


def _reads_floats_exactly(version: str) -> bool:
    """Whether pandas reads floats to the last bit by default."""
    return tuple(map(int, version.split(".")[:2])) >= (3, 1)


def _utf8(cell: str) -> str:
    return cell if cell.isascii() else cell.encode("latin-1").decode("utf-8")


def _plain(name: str) -> str:
    """Return a name in small letters, with single blanks for white space of any kind."""
    name = unicodedata.normalize("NFKC", name).translate({0xFEFF: " ", 0x200B: " "})
    return " ".join(name.split()).casefold()


def _shown(name: str) -> str:
    """Return a name as it can be seen: in quotes where white space is a part of it."""
    return name if name == " ".join(name.split()) and name.isprintable() else repr(name)


def _groups(names: Iterable[str]) -> list[str]:
    """Return the names that differ only by case and white space, those of a group in one text."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_plain(name), []).append(name)
    return [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]


def _joined(cells: Sequence[str], separator: str) -> str:
    row = io.StringIO()
    csv.writer(row, delimiter=separator).writerow(cells)
    return row.getvalue()[:-2] + "\n"  # written with Windows' end, so that both are put in quotes
