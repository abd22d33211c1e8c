"""``python -m imbdeep``: the command line.

``demo`` compares a sampler with the simple remedies on images that come with scikit-learn;
``compare`` does so with every method on a table in a file; ``resample`` balances such a table;
``reproduce`` runs the experiments of a paper's table. Results go to the standard output, progress
and errors to the standard error. The exit status is 0, 2 after an error, 130 after Ctrl-C, 143
after SIGTERM. Files are written before anything is printed, so that nothing is lost when the reader
closes the pipe (``| head``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from imbdeep import __version__
from imbdeep._interrupts import abort_on_interrupt

# At their top these import the standard library alone, so that --help does not wait for torch.
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
        The arguments behind ``python -m imbdeep``; by default those of this process.

    Returns
    -------
    int
        The exit status: 0, 2 after an error (one line), 130 after Ctrl-C, 143 after SIGTERM.
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


def _command(commands: Any, name: str, run: Callable[[Any], Any], about: str) -> Any:
    parser = commands.add_parser(name, help=about, description=about.capitalize() + ".")
    parser.set_defaults(command=run)
    parser.add_argument(
        "--seed",
        type=_integer(0, _MAX_SEED),
        default=0,
        help="seed of all randomness (default: 0)",
    )
    return parser


def _add_demo(commands: Any) -> None:
    about = "compare a sampler with the simple remedies on small images: a table and a picture"
    demo = _command(commands, "demo", run_demo, about)
    demo.add_argument(
        "--output",
        metavar="PNG",
        default="imbdeep-demo.png",
        help="where the picture goes; replaced if it is there (default: %(default)s)",
    )
    _add_folds(demo)


def _add_compare(commands: Any) -> None:
    about = "compare every method with the simple ones on a table: a ranking, a verdict, a picture"
    compare = _command(commands, "compare", run_compare, about)
    _add_input(compare)
    chosen = {
        "--methods": "what is compared, such as nothing class-weights SMOTE MGVAE; names with "
        "spaces also with hyphens (default: all)",
        "--classifiers": "what learns from the rows: logistic, gradient-boosting, mlp (default: "
        "all)",
        "--metrics": "what is scored, such as balanced_accuracy average_precision; the first one "
        "ranks (default: six)",
    }
    for option, text in chosen.items():
        compare.add_argument(option, nargs="+", metavar="NAME", help=text)
    _add_folds(compare, default=None, shown="5, with --quick 3")
    compare.add_argument(
        "--quick",
        action="store_true",
        help="a quick look, of a minute or two for some hundred rows: the simple methods that do "
        "best, MGVAE and CVAE, with logistic and gradient-boosting, on 3 folds; --methods, "
        "--classifiers and --folds still choose others",
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


def _add_resample(commands: Any) -> None:
    about = "balance the classes of a table: the original rows first, unchanged, then new ones"
    resample = _command(commands, "resample", run_resample, about)
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
        help="a parameter of the method, such as finetune_steps=2000; may be repeated",
    )
    resample.add_argument("--force", action="store_true", help="replace the output if it is there")


def _add_input(parser: argparse.ArgumentParser) -> None:
    """Add which table is read, and how, and what each training takes."""
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
        help="a word that stands for a missing value, such as '?'; may be repeated. Empty cells "
        "are missing everywhere, and the usual words, such as NA, in columns of numbers",
    )
    parser.add_argument(
        "--no-default-missing",
        dest="default_missing",
        action="store_false",
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
        help="columns whose numbers are names, such as codes; columns of words always are",
    )
    parser.add_argument(
        "--no-header",
        dest="has_header",
        action="store_false",
        help="the first line is a row; columns are called c0, c1 and so on, or by their number",
    )
    parser.add_argument(
        "--separator",
        type=_character,
        metavar="C",
        help="the character between the cells of a text, such as ';' or '\\t' (default: by the "
        "ending); an output with an ending of the same kind has it too",
    )
    parser.add_argument(
        "--decimal",
        type=_character,
        default=".",
        metavar="C",
        help="the character before the decimals, such as ',' (default: %(default)s)",
    )
    parser.add_argument(
        "--thousands",
        type=_character,
        metavar="C",
        help="the character between groups of three digits, such as ',' or ' ' (default: none)",
    )
    parser.add_argument(
        "--skip-rows",
        type=_integer(0, 10**9),
        default=0,
        metavar="N",
        help="lines above the table, such as a title or comments (default: 0)",
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _add_folds(
    parser: argparse.ArgumentParser, *, default: int | None = 5, shown: str = "5"
) -> None:
    parser.add_argument(
        "--folds",
        type=_integer(2, 20),
        default=default,
        help=f"parts to test on in turn (default: {shown})",
    )


def _word(text: str) -> str:
    # argparse gives no way to say "--" itself.
    return text.strip() if text.strip() == "--" else text


def _character(text: str) -> str:
    """Return a mark between cells or digits: one character of ASCII, or the name of the tab."""
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
