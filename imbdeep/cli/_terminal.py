"""What the commands share: how they speak, how they refuse, how they put a file in its place."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class CommandError(Exception):
    """What the user can put right: told in one line, without a traceback."""


def say(text: str, *, indent: str = "", wrap: bool = True) -> None:
    """Write a paragraph to the standard output, wrapped unless it holds a path to copy."""
    if wrap:
        text = textwrap.fill(text, 96, subsequent_indent=indent, break_on_hyphens=False)
    sys.stdout.write(f"{text}\n")


def say_table(lines: Sequence[Sequence[str]]) -> None:
    """Write a table: the first column at the left, the others at the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        sys.stdout.write("  ".join(cells) + "\n")


def tell(message: object) -> None:
    """Write one line to the standard error."""
    text = str(message) or type(message).__name__
    sys.stdout.flush()  # where both are the same file, in the order of writing
    # Other white space stays: it may be the word in question.
    sys.stderr.write(f"imbdeep: {' '.join(map(str.strip, text.splitlines())).strip()}\n")


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings without the lines of our source, which a user of the commands cannot change."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tell(f"note: {message}")
        yield


def nearest(name: str, names: Sequence[str]) -> str:
    """Return a question after the name that was probably meant, in any case, if there is one."""
    by_letters = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0.5)
    return f" Did you mean {by_letters[found[0]]!r}?" if found else ""


def ending_of(name: str, endings: Sequence[str]) -> str:
    """Return which of the endings a file has; refuse any other."""
    for ending in endings:
        if name.lower().endswith(ending):
            return ending
    raise CommandError(f"{name} must end in {' or '.join(endings)}: name such a file.")


def checked_output(name: str, endings: Sequence[str], option: str = "--output") -> Path:
    """Return where an output goes; refuse, before any work, one that cannot be written after it."""
    ending_of(name, endings)
    # Through a link, the file that it points to is written, not the link.
    path = Path(os.path.realpath(name))
    if path.is_dir():
        raise CommandError(f"{option} {name} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise CommandError(f"{option} {name}: there is no folder {path.parent}: make it first.")
    if not os.access(path.parent, os.W_OK):
        raise CommandError(
            f"{option} {name}: the folder {path.parent} may not be written to: name another one."
        )
    return path


def refuse_to_replace(name: str, output: Path, source: Path, *, force: bool) -> None:
    """Refuse an output that is there already, unless it may be replaced."""
    if output.exists() and not force:
        what = "is the input" if output == Path(os.path.realpath(source)) else "is there already"
        raise CommandError(
            f"--output {name} {what}: name another file, or replace it with --force."
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Hand out a name beside ``path`` that takes its place at the end, or leaves no trace."""
    # The ending stays: matplotlib and pandas go by it.
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
