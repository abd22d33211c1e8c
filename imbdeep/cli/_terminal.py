"""What the commands share: messages, refusals, streams and signals, and files put in place."""

from __future__ import annotations

import difflib
import errno
import io
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

#: A reader that went away, a terminal that was closed, a descriptor that is not there.
_NO_READER = (None, errno.EPIPE, errno.EIO, errno.EBADF)


class CommandError(Exception):
    """A mistake that the user can mend: reported in one line, without a traceback."""


@contextmanager
def refusals() -> Iterator[None]:
    """Report an error of the library, whose message says what to change, as one of the command."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, RuntimeError, OSError) as error:
        raise CommandError(error) from error


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
    # Other white space stays: it may be what the message is about.
    sys.stderr.write(f"imbdeep: {' '.join(map(str.strip, text.splitlines())).strip()}\n")


class Outlet:
    """A stream that can always be written to.

    Characters that its encoding lacks are written as escapes. When the stream fails, what follows
    is dropped, and ``error`` says why unless there is just no reader any more.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = io.StringIO() if stream is None else stream
        self._is_open = stream is not None
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, or as much of it as the stream can show."""
        try:
            self._attempt("write", text)
        except UnicodeEncodeError:
            code = self._stream.encoding
            plain = text.replace("±", "+-").encode(code, "backslashreplace").decode(code)
            self._attempt("write", plain)
        return len(text)

    def flush(self) -> None:
        """Hand what is buffered on."""
        self._attempt("flush")

    def _attempt(self, what: str, *text: str) -> None:
        try:
            if self._is_open:
                getattr(self._stream, what)(*text)
        except UnicodeEncodeError:
            raise
        except (OSError, ValueError) as error:  # of a closed file it is a ValueError
            self._is_open = False
            if getattr(error, "errno", None) not in _NO_READER:
                self.error = error
            if self._stream in (sys.__stdout__, sys.__stderr__):
                # Python flushes it once more at its end, and would complain.
                with suppress(OSError, ValueError):
                    _lead_nowhere(self._stream.fileno())


def _lead_nowhere(descriptor: int) -> None:
    """Drop what is written to a descriptor, in processes that are started later too."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == descriptor:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


@contextmanager
def lasting_streams() -> Iterator[Outlet]:
    """Make the standard streams such that writing to them cannot fail; yield the output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: else the next file that is opened would get what is written there
            _lead_nowhere(descriptor)
    out, err = Outlet(sys.stdout), Outlet(sys.stderr)
    streams: tuple[Any, Any] = out, err
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        try:
            yield out
        finally:
            out.flush()
            err.flush()


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[], int]]:
    """Let signals that end a program stop a command as Ctrl-C does, so that no trace is left.

    Yields a function that returns the number of the signal, of Ctrl-C too.
    """
    received = signal.SIGINT.value

    def stop(number: int, _: object) -> None:
        nonlocal received
        received = number
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores one
                before[number] = signal.signal(number, stop)
    try:
        yield lambda: received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that is too long
        raise CommandError(f"{option} {name}: {error.strerror}: name another file.") from error
    if is_folder:
        raise CommandError(f"{option} {name} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise CommandError(f"{option} {name}: there is no folder {path.parent}: make it first.")
    if not os.access(path.parent, os.W_OK):
        raise CommandError(
            f"{option} {name}: the folder {path.parent} may not be written to: name another one."
        )
    return path


def refuse_to_replace(name: str, output: Path, source: str, *, force: bool) -> None:
    """Refuse an output that is there already, unless it may be replaced."""
    if output.exists() and not force:
        what = "is the input" if output == Path(os.path.realpath(source)) else "is there already"
        raise CommandError(
            f"--output {name} {what}: name another file, or replace it with --force."
        )


def state_of(path: Path) -> tuple[int, ...] | None:
    """Return what differs after any change of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def refuse_changed(path: Path, state: tuple[int, ...] | None) -> None:
    """Refuse an input that was written to while it was read: its rows may be of two tables."""
    if state_of(path) != state:
        raise CommandError(
            f"{path} changed while it was read: run the command again when it is whole."
        )


@contextmanager
def replacing(path: Path, may_replace: Callable[[], bool] = lambda: True) -> Iterator[Path]:
    """Yield a file beside ``path`` that takes its place at the end, or leaves no trace.

    It is made at once, so that a folder which takes no file is found before the work. At the end
    ``may_replace`` says whether a file at ``path`` is replaced; if not, the new one is put beside
    it, and the error says where.
    """
    # Short, since the name itself may be as long as a name can be. The ending stays: matplotlib
    # and pandas go by it.
    temporary = path.with_name(f".imbdeep-{uuid.uuid4().hex}{path.suffix}")
    try:
        temporary.open("x").close()
        yield temporary
        place = path
        if not may_replace():
            place = _put_anew(temporary, path)
        else:
            if path.exists():
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    if place != path:
        raise CommandError(
            f"{path} was written by another program meanwhile, and is not replaced: the result is "
            f"in {place}."
        )


def _put_anew(temporary: Path, path: Path) -> Path:
    """Put a file at ``path``, or at the next name with a number that is free; return which it was.

    An empty file reserves the name, as one program only can: to look first and write then would
    leave a moment in which another file appears.
    """
    parts = re.fullmatch(r"(.*?)((?:\.csv)?\.[^.]*)", path.name, re.IGNORECASE | re.DOTALL)
    stem, ending = parts.groups() if parts else (path.name, "")
    numbered = (path.with_name(f"{stem[:60]}.{k}{ending}") for k in count(1))
    for place in chain([path], numbered):
        try:
            place.open("x").close()
        except FileExistsError:
            continue
        try:
            os.replace(temporary, place)
        except BaseException:
            place.unlink()
            raise
        break
    return place
