"""``python -m imbdeep``: the command line.

``demo`` sets a sampler beside the simple remedies on images that come with scikit-learn;
``compare`` sets every method beside them on a table in a file; ``resample`` balances such a table;
``reproduce`` runs a paper's table again. What was asked for goes to the standard output, progress
and errors to the standard error. The exit status is 0, 2 after an error, 130 after Ctrl-C, 143
after SIGTERM. Files are written before anything is said of them, so that a reader who closes the
pipe (``| head``) loses nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from imbdeep import __version__
from imbdeep._interrupts import abort_on_interrupt

# The standard library is all that these import above their functions: --help waits for no torch.
from ._compare import PICTURES, run_compare
from ._demo import run_demo
from ._reproduce import run_reproduce
from ._resample import METHODS, run_resample
from ._table import ENDINGS
from ._terminal import (
    CommandError,
    lasting_streams,
    plain_warnings,
    stopped_by_signals,
    tell,
)

__all__ = ["main"]

_MAX_SEED = 2**31 - 1


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors as the commands do."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message}; see {self.prog} --help.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of ``python -m imbdeep``.

    Parameters
    ----------
    argv : sequence of str, default=None
        The words behind ``python -m imbdeep``; by default those of this process.

    Returns
    -------
    int
        The exit status: 0, 2 after an error (told in one line), 130 after Ctrl-C, 143 after
        SIGTERM.
    """
    with lasting_streams() as out:
        status = _status(argv)
        out.flush()
        if out.error:
            tell(f"the standard output cannot be written: {out.error}")
        return 2 if out.error else status


def _status(argv: Sequence[str] | None) -> int:
    with stopped_by_signals() as signal_number:
        try:
            arguments = _parser().parse_args(argv)
            with plain_warnings(), abort_on_interrupt():
                return arguments.command(arguments) or 0
        except KeyboardInterrupt as stop:
            tell(str(stop) or "interrupted: nothing was written.")
            return 128 + signal_number()
        except (CommandError, OSError, MemoryError) as error:
            tell(error)
            return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m imbdeep", description="Deep generative over-sampling, as easy as SMOTE."
    )
    parser.add_argument("--version", action="version", version=f"imbdeep {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_compare(commands)
    _add_resample(commands)
    about = "run a paper's table again: published numbers beside measured ones"
    # The paper's own command reads the words, --help included: here none of them is an option.
    reproduce = commands.add_parser("reproduce", help=about, add_help=False, prefix_chars="\0")
    reproduce.set_defaults(command=run_reproduce)
    reproduce.add_argument("words", nargs="*")
    return parser


def _add_demo(commands: Any) -> None:
    about = "set a sampler beside the simple remedies on small images: a table and a picture"
    demo = commands.add_parser("demo", help=about, description=about.capitalize() + ".")
    demo.set_defaults(command=run_demo)
    demo.add_argument(
        "--output",
        metavar="PNG",
        default="imbdeep-demo.png",
        help="where the picture goes; replaced if it is there (default: %(default)s)",
    )
    demo.add_argument(
        "--folds", type=_integer(2, 20), default=5, help="parts to test on in turn (default: 5)"
    )
    _add_seed(demo)


def _add_compare(commands: Any) -> None:
    about = "set every method beside the simple ones on a table: a ranking, a verdict, a picture"
    compare = commands.add_parser("compare", help=about, description=about.capitalize() + ".")
    compare.set_defaults(command=run_compare)
    _add_input(compare)
    names = "; names with spaces also with hyphens (default: %s)"
    compare.add_argument(
        "--methods",
        nargs="+",
        metavar="NAME",
        help="what is compared, such as nothing class-weights SMOTE MGVAE" + names % "all",
    )
    compare.add_argument(
        "--classifiers",
        nargs="+",
        metavar="NAME",
        help="what learns from the rows: logistic, gradient-boosting, mlp" + names % "all",
    )
    compare.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="what is scored, such as balanced_accuracy average_precision; the first one ranks "
        "(default: six)",
    )
    compare.add_argument(
        "--folds", type=_integer(2, 20), default=5, help="parts to test on in turn (default: 5)"
    )
    compare.add_argument(
        "--max-rows",
        type=_integer(20, 10**9),
        default=20_000,
        metavar="N",
        help="of a longer table a random sample, of every class its share (default: %(default)s)",
    )
    compare.add_argument(
        "--output",
        metavar="OUTPUT",
        help=f"where the scores of every fold go: {', '.join(ENDINGS)}",
    )
    compare.add_argument("--force", action="store_true", help="replace the --output if it is there")
    compare.add_argument(
        "--picture",
        metavar="PICTURE",
        default="imbdeep-compare.png",
        help=f"where the picture goes ({', '.join(PICTURES)}); replaced if it is there "
        "(default: %(default)s)",
    )
    cache = compare.add_mutually_exclusive_group()
    cache.add_argument(
        "--cache",
        metavar="FOLDER",
        help="where finished parts are kept, so that the same command goes on where it was "
        "stopped (default: imbdeep/compare in $XDG_CACHE_HOME or ~/.cache)",
    )
    cache.add_argument("--no-cache", action="store_true", help="keep nothing")
    compare.add_argument(
        "--jobs",
        type=_integer(1, 1024),
        default=-1,
        metavar="N",
        help="processes at a time (default: one a processor core)",
    )
    _add_training(compare)


def _add_resample(commands: Any) -> None:
    about = "balance the classes of a table: the original rows first, unchanged, then new ones"
    resample = commands.add_parser("resample", help=about, description=about.capitalize() + ".")
    resample.set_defaults(command=run_resample)
    _add_input(resample)
    resample.add_argument(
        "--output", required=True, metavar="OUTPUT", help="where the result goes; the same endings"
    )
    resample.add_argument(
        "--method", default="mgvae", help=f"{', '.join(METHODS)} (default: %(default)s)"
    )
    resample.add_argument(
        "--sampling-strategy",
        default="auto",
        metavar="S",
        help="'auto' fills every class up to the largest; a ratio of two classes such as 0.5; a "
        "dict of wanted totals such as \"{'ill': 500}\" (default: %(default)s)",
    )
    resample.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of the method, such as finetune_steps=2000; as often as wanted",
    )
    resample.add_argument("--force", action="store_true", help="replace the output if it is there")
    _add_training(resample)


def _add_input(parser: argparse.ArgumentParser) -> None:
    """Add what says which table is read, and how."""
    parser.add_argument(
        "input", metavar="INPUT", help=f"the table, by its ending: {', '.join(ENDINGS)}"
    )
    parser.add_argument(
        "--target", required=True, metavar="COLUMN", help="the column of the labels"
    )
    parser.add_argument(
        "--missing",
        action="append",
        type=_word,
        default=[],
        metavar="WORD",
        help="a word that stands for a missing value, such as '?'; as often as wanted. Empty cells "
        "are so everywhere, and the usual words, such as NA, in columns that are numbers otherwise",
    )
    parser.add_argument(
        "--no-default-missing",
        action="store_true",
        help="only empty cells and the words of --missing are missing values",
    )
    parser.add_argument(
        "--drop-unlabelled", action="store_true", help="leave rows without a label out"
    )
    parser.add_argument(
        "--categorical",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="columns whose numbers are names, as codes are; columns of words are so by themselves",
    )
    parser.add_argument(
        "--no-header",
        action="store_true",
        help="the first line is a row; columns are called c0, c1 and so on, or by their number",
    )
    parser.add_argument(
        "--separator",
        type=_character,
        metavar="C",
        help="what is between the cells of a text, such as ';' or '\\t' (default: by the ending); "
        "an output with an ending of the same kind has it too",
    )
    parser.add_argument(
        "--decimal",
        type=_character,
        default=".",
        metavar="C",
        help="what is before the decimals, such as ',' (default: %(default)s)",
    )
    parser.add_argument(
        "--thousands",
        type=_character,
        metavar="C",
        help="what is between groups of three digits, such as ',' or ' ' (default: nothing)",
    )
    parser.add_argument(
        "--skip-rows",
        type=_integer(0, 10**9),
        default=0,
        metavar="N",
        help="lines above the table, such as a title or comments (default: 0)",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    _add_seed(parser)
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed",
        type=_integer(0, _MAX_SEED),
        default=0,
        help="seed of all randomness (default: 0)",
    )


def _word(text: str) -> str:
    # argparse gives no way to say "--" itself.
    return text.strip() if text.strip() == "--" else text


def _character(text: str) -> str:
    """Read what is between cells or digits: one character of ASCII, or the name of the tab."""
    character = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if (
        len(character) != 1
        or not character.isascii()
        or character.isalnum()
        or character in '"\r\n'
    ):
        raise argparse.ArgumentTypeError(
            f"{text!r} must be one character that is no letter, no digit and no quotation mark"
        )
    return character


def _integer(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of integers within these bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} must be an integer from {low} to {high}")
        return int(text)

    return read
