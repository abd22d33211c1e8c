"""What the methods cost, against limits: steps, epochs, cycles, defaults, the memory.

``python -m imbdeep.benchmarks [names] [--quick]`` prints a line a measurement; ``--help`` lists the
names. Run it on a quiet machine: a neighbour's load can multiply any of the numbers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import torch

from imbdeep.benchmarks._classifiers import (
    epoch_lines,
    translation_lines,
    translation_memory_lines,
)
from imbdeep.benchmarks._comparison import compare_lines, harness_lines
from imbdeep.benchmarks._conditional import cgan_lines, cvae_lines
from imbdeep.benchmarks._gamo import (
    PAPER_STEPS,
    class_lines,
    game_lines,
    gamo_fit_lines,
    gamo_memory_lines,
)
from imbdeep.benchmarks._measuring import FULL, QUICK, Line
from imbdeep.benchmarks._mgvae import (
    default_lines,
    grid_lines,
    import_lines,
    memory_lines,
    step_lines,
)
from imbdeep.benchmarks._rae import (
    cycle_lines,
    rae_fit_lines,
    rae_memory_lines,
    tape_lines,
)

__all__ = ["main"]

MEASUREMENTS: dict[str, tuple[Callable[..., Iterator[Line]], ...]] = {
    "step": (step_lines,),
    "defaults": (default_lines, memory_lines),
    "grid": (grid_lines,),
    "import": (import_lines,),
    "memory": (memory_lines,),
    "epoch": (epoch_lines,),
    "translation": (translation_lines, translation_memory_lines),
    "translation-memory": (translation_memory_lines,),
    "cycle": (cycle_lines, tape_lines),
    "tapes": (tape_lines,),
    "rae-fit": (rae_fit_lines,),
    "rae-memory": (rae_memory_lines,),
    "gamo-game": (game_lines,),
    "gamo-classes": (class_lines,),
    "gamo-memory": (gamo_memory_lines,),
    "gamo-fit": (gamo_fit_lines,),
    "cvae": (cvae_lines,),
    "cgan": (cgan_lines,),
    "compare-all": (compare_lines,),
    "compare-harness": (harness_lines,),
}


def _verdict(line: Line, quick: bool) -> str:
    if line.limit is None:
        return ""
    if quick:
        return "not judged"
    return "ok" if line.measured <= line.limit else "TOO MUCH"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write the table to the standard output.

    Parameters
    ----------
    argv : sequence of str, default=None
        Command-line arguments; None takes those of the process.

    Returns
    -------
    int
        1 if a limit was exceeded, else 0. Quick runs are too small to be judged.
    """
    parser = argparse.ArgumentParser(
        prog="python -m imbdeep.benchmarks",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("what", nargs="*", default="all", choices=[*MEASUREMENTS, "all"])
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="tiny sizes, limits not judged")
    extent.add_argument(
        "--full",
        action="store_true",
        help=f"gamo-fit: all {PAPER_STEPS} mini-batches, instead of some that stand for them",
    )
    parser.add_argument(
        "--data",
        default=os.environ.get("IMBDEEP_DATA"),
        help="folder with the data, for MNIST (default: environment variable IMBDEEP_DATA)",
    )
    options = parser.parse_args(argv)
    asked = list(MEASUREMENTS) if "all" in options.what else options.what
    parts = dict.fromkeys(part for name in asked for part in MEASUREMENTS[name])  # each once
    sizes = QUICK if options.quick else FULL
    if options.full:
        sizes = sizes._replace(budget=PAPER_STEPS)
    row = "{:58} {:>12} {:8} {:>9}  {}\n"
    sys.stdout.write(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{os.cpu_count()} processors\n"
    )
    sys.stdout.write(row.format("what", "measured", "", "limit", "verdict"))
    failed = False
    for part in parts:
        for line in part(sizes, options.data):
            limit = "" if line.limit is None else f"{line.limit:g}"
            verdict = _verdict(line, options.quick)
            failed |= verdict == "TOO MUCH"
            text = row.format(line.what, f"{line.measured:.3f}", line.unit, limit, verdict)
            sys.stdout.write(text.rstrip() + "\n")
            sys.stdout.flush()
    return int(failed)
