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
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from ._columns import check_words, convert, is_number, option
from ._terminal import CommandError, ending_of, nearest, tell

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
#: So much of a file is looked at for that, if a byte is there that no text has.
_SIGNATURE_BYTES, _NO_TEXT = 64, re.compile(rb"[\x00-\x08\x0e-\x1f\x80-\xff]")
#: Characters that are tried between the cells of a file that is not what its ending says.
_SEPARATORS = ",;\t|"
#: The first rows are looked at for another separator, and for lines above the header.
_MAX_TRIED = 50
#: Rows, columns and words named in an error, at the most.
_MAX_ROWS, _MAX_COLUMNS, _MAX_WORDS = 5, 30, 5
#: A file may take this share of the free memory: read, it takes several times its size.
_SHARE_OF_MEMORY = 1 / 5
#: No text is packed more tightly by gzip.
_MOST_PACKED = 1032
#: In Latin-1: what some programs write in front of UTF-8, and of UTF-16.
_BYTE_ORDER_MARK, _UTF16_MARKS = "ï»¿", ("ÿþ", "þÿ")


def is_packed(path: Path) -> bool:
    """Whether gzip is around the text."""
    return path.name.lower().endswith(".gz")


@dataclass
class TableFile:
    """A table in a file, and how it is to be read.

    Parameters
    ----------
    path : Path
        The file; its ending says what it is.
    missing : sequence of str, default=()
        Words that stand for a missing value in every column.
    default_missing : bool, default=True
        Whether the usual words for it, as NA, are missing values in columns of numbers.
    has_header : bool, default=True
        Whether the first line of a text names the columns; else they are c0, c1 and so on.
    categorical : sequence of str, default=()
        Columns that may hold numbers and words side by side.
    target : str, default=None
        The column of the labels, which may be any words.
    separator : str, default=None
        The character between the cells of a text; by default that of the ending.
    decimal : str, default="."
        The character before the decimals.
    thousands : str, default=""
        The character between groups of three digits.
    skip_rows : int, default=0
        Lines above the table.
    """

    path: Path
    missing: Sequence[str] = ()
    default_missing: bool = True
    has_header: bool = True
    categorical: Sequence[str] = ()
    target: str | None = None
    separator: str | None = None
    decimal: str = "."
    thousands: str = ""
    skip_rows: int = 0
    #: The table of a parquet file as it is stored.
    stored: Any = field(default=None, init=False, repr=False)
    #: Columns whose new numbers are texts, and the characters before their decimals.
    _respelled: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _told: set[str] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        self._ending = ending_of(self.path.name, list(ENDINGS))
        self.separator = self.separator or ENDINGS[self._ending]

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> TableFile:
        """Return the file of a command's words; refuse one that cannot be read."""
        file = cls(
            Path(arguments.input),
            missing=arguments.missing,
            default_missing=not arguments.no_default_missing,
            has_header=not arguments.no_header,
            categorical=arguments.categorical,
            target=arguments.target,
            separator=arguments.separator,
            decimal=arguments.decimal,
            thousands=arguments.thousands or "",
            skip_rows=arguments.skip_rows,
        )
        if not file.path.is_file():
            raise CommandError(f"{file.path} is no file: check the path.")
        if not file.is_text:
            given = {
                "--no-header": not file.has_header,
                "--separator": file.separator,
                "--skip-rows": file.skip_rows,
            }
            for option in filter(given.get, given):
                raise CommandError(
                    f"{option} is for texts, and {file.path} has names: leave it out."
                )
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
        self._check_size()
        self._check_signature()
        table = self._read_text() if self.is_text else self._read_parquet()
        if not len(table):
            raise CommandError(f"{self.path} has no rows: there is nothing to learn from.")
        for names in _groups(map(str, table.columns))[:_MAX_WORDS]:
            tell(
                f"note: the columns {names} of {self.path} differ only by case or white space: "
                "rename one, unless they are meant so."
            )
        target = self.target and self.column(self.target, table, "--target")
        self._respelled = convert(table, self, target)
        check_words(table, self, target)
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
            note = f"note: {option} {name} is read as the column {alike[0]!r} of {self.path}."
            if note not in self._told:
                tell(note)
            self._told.add(note)
            return str(alike[0])
        shown = ", ".join(map(_shown, columns[:_MAX_COLUMNS]))
        shown += ", ..." * (len(columns) > _MAX_COLUMNS)
        hint = nearest(name, columns)
        if self.has_header and any(is_number(column) for column in columns):
            hint += " Where the first line holds no names, say so with --no-header."
        if self.is_text:
            for line, cells, _ in islice(self._lines(), 1, _MAX_TRIED):
                if self.has_header and name in map(_utf8, cells):
                    hint += f" Where the names stand in line {line}, add --skip-rows {line - 1}."
                    break
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

    def _check_signature(self) -> None:
        """Refuse a file that is no text under the ending of one, and the other way round."""
        with open(self.path, "rb") as file:
            begin = file.read(_SIGNATURE_BYTES)
        if is_packed(self.path) and begin.startswith(_GZIP):
            with suppress(OSError, EOFError, zlib.error), self._open() as file:
                begin = file.read(_SIGNATURE_BYTES)
        if begin and not self.is_text and not begin.startswith(b"PAR1"):
            raise CommandError(
                f"{self.path} cannot be read as parquet: it does not begin as such a file does. "
                "If it is a text, give it the ending .csv or .tsv."
            )
        if not self.is_text or not _NO_TEXT.search(begin):
            return
        for signature, (what, remedy) in _SIGNATURES.items():
            if begin.startswith(signature) and not (is_packed(self.path) and signature == _GZIP):
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

    def respelled(self, new: Any) -> Any:
        """Return new rows with numbers as texts where the file has them so."""
        columns = {}
        for name, decimal in self._respelled.items():
            texts = new[name].astype("string").str.replace(".", decimal, regex=False)
            columns[name] = texts if self.is_text else texts.astype(self.stored[name].dtype)
        return new.assign(**columns)

    # ----------------------------------------------------------------------------------- text

    def _open(self) -> IO[bytes]:
        opened: Any = gzip.open if is_packed(self.path) else open
        file: IO[bytes] = opened(self.path, "rb")
        return file

    def _read_text(self) -> Any:
        import pandas as pd

        line, names = self._first_line()
        options: dict[str, Any] = {} if self.has_header else {"header": None}
        if not self.has_header:
            options["names"] = [f"c{k}" for k in range(len(names))]
        try:
            with warnings.catch_warnings(), self._open() as file:
                # Rows with more cells than the header are refused, not cut.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                _lines_above(file, self.skip_rows)
                table = pd.read_csv(
                    file,
                    sep=self.separator,
                    index_col=False,
                    dtype="string",  # every cell as it is spelled
                    na_filter=False,
                    **options,
                )
        except (ValueError, pd.errors.ParserWarning, OSError, EOFError, zlib.error) as error:
            if "EOF inside string" in str(error):
                raise CommandError(self._open_quote()) from error
            raise CommandError(self._wrong_line() or self._unreadable(error)) from error
        wrong = self._wrong_line()  # pandas fills rows up, and cuts empty cells at their end
        if wrong:
            raise CommandError(wrong)
        if self.has_header:
            self._check_names(line, names)
        return table

    def _first_line(self) -> tuple[int, list[str]]:
        """Return the first line and its cells, the names of the columns where it has them."""
        try:
            line, cells, _ = next(self._lines())
        except StopIteration:
            raise CommandError(f"{self.path} is empty: there is nothing to learn from.") from None
        except (OSError, EOFError, zlib.error, csv.Error) as error:
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
        with self._open() as file:
            above = _lines_above(file, self.skip_rows)
            text = io.TextIOWrapper(file, encoding="latin-1", newline="")
            read = [above]

            def lines() -> Iterator[str]:
                for k, line in enumerate(text):
                    read.append(line)
                    yield line if k or above else line.removeprefix(_BYTE_ORDER_MARK)

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
        except (OSError, EOFError, zlib.error, csv.Error):
            pass  # what pandas said is told
        return None

    def _layout(self) -> str:
        """Say how the file is to be read where its first rows look like another table."""
        found: list[tuple[int, str, int]] = []
        for separator in dict.fromkeys([self.separator or ",", *_SEPARATORS]):
            try:
                rows = list(islice(self._lines(separator), _MAX_TRIED))
            except (OSError, EOFError, zlib.error, csv.Error):
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
        options = [f"--skip-rows {line - 1}"] if begin else []
        if separator != self.separator:
            options.insert(0, option("separator", separator.replace("\t", "\\t")))
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

    def _open_quote(self) -> str:
        *_, (line, _, _) = self._lines()
        return (
            f"{self._place(line)}: a quotation mark is opened in this row and never closed: "
            "close it, or take it away."
        )

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
    for classes in _groups(map(str, labels.unique()))[:_MAX_WORDS]:
        tell(
            f"note: the labels {classes} of {target} differ only by case or white space, and are "
            "classes of their own: make them alike, unless they are meant so."
        )
    return table, labels


def write_table(table: Any, path: Path, ending: str, **options: Any) -> None:
    """Write a frame without its index, as the ending says; a path or, for a text, an open file."""
    if ENDINGS[ending] is not None:
        table.to_csv(path, index=False, **{"sep": ENDINGS[ending], **options})
        return
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise CommandError(_NO_PARQUET) from error


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


def _lines_above(file: IO[bytes], n: int) -> str:
    """Read what stands above a table."""
    return b"".join(islice(file, n)).decode("latin-1")


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def _unpacked_size(path: Path) -> int:
    """Size of what gzip packed: its last four bytes tell it, unless the file is damaged."""
    packed = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, packed - 4))
        size = int.from_bytes(file.read(4), "little")
    return size if packed <= size <= _MOST_PACKED * packed else packed
