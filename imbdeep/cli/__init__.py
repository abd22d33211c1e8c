"""``python -m imbdeep``: the command line.

``demo`` sets a sampler beside the simple remedies on images that come with scikit-learn;
``resample`` balances a table in a file. What was asked for goes to the standard output, progress
and errors to the standard error. The exit status is 0, 2 after an error, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from imbdeep import __version__

# The standard library is all that these import above their functions: --help waits for no torch.
from ._demo import run_demo
from ._resample import ENDINGS, METHODS, run_resample
from ._terminal import CommandError, plain_warnings, tell

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
        The exit status: 0, 2 after an error (told in one line), 130 after Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
        with plain_warnings():
            arguments.command(arguments)
    except KeyboardInterrupt:
        tell("interrupted: nothing was written.")
        return 130
    except (CommandError, OSError, MemoryError) as error:
        tell(error)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m imbdeep", description="Deep generative over-sampling, as easy as SMOTE."
    )
    parser.add_argument("--version", action="version", version=f"imbdeep {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    seed: dict[str, Any] = {"type": _integer(0, _MAX_SEED), "default": 0}
    seed["help"] = "seed of all randomness (default: 0)"

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
    demo.add_argument("--seed", **seed)

    about = "balance the classes of a table: the original rows first, unchanged, then new ones"
    resample = commands.add_parser("resample", help=about, description=about.capitalize() + ".")
    resample.set_defaults(command=run_resample)
    resample.add_argument(
        "input", metavar="INPUT", help=f"the table, by its ending: {', '.join(ENDINGS)}"
    )
    resample.add_argument(
        "--target", required=True, metavar="COLUMN", help="the column of the labels"
    )
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
    resample.add_argument("--seed", **seed)
    resample.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    resample.add_argument("--force", action="store_true", help="replace the output if it is there")
    resample.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser


def _integer(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of integers within these bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} must be an integer from {low} to {high}")
        return int(text)

    return read
