"""What the methods cost: steps, epochs, cycles, defaults, the memory.

``python -m tests.benchmarks [names] [--quick]``, from the root of the repository, prints a line a
measurement; ``--help`` lists the names. Run it on a quiet machine: other work can multiply any of
the numbers. Ratios within a run suffer least.
"""

import argparse
import os
import sys

import torch

from . import _classifiers, _comparison, _games, _mgvae, _wide
from ._measuring import FULL, QUICK

MEASUREMENTS = {
    "import": _mgvae.import_lines,
    "step": _mgvae.step_lines,
    "defaults": _mgvae.default_lines,
    "grid": _mgvae.grid_lines,
    "memory": _mgvae.memory_lines,
    "wide": _wide.wide_lines,
    "conditional": _mgvae.conditional_lines,
    "epoch": _classifiers.epoch_lines,
    "translation": _classifiers.translation_lines,
    "cycle": _games.cycle_lines,
    "rae-fit": _games.rae_fit_lines,
    "rae-memory": _games.rae_memory_lines,
    "gamo-game": _games.game_lines,
    "gamo-memory": _games.gamo_memory_lines,
    "gamo-fit": _games.gamo_fit_lines,
    "compare-all": _comparison.compare_lines,
    "compare-harness": _comparison.harness_lines,
}


def main():
    """Measure and write the table to the standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", default="all", choices=[*MEASUREMENTS, "all"])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: only whether it runs")
    parser.add_argument(
        "--data",
        default=os.environ.get("IMBDEEP_DATA"),
        help="folder with the data, for MNIST (default: environment variable IMBDEEP_DATA)",
    )
    options = parser.parse_args()
    names = MEASUREMENTS if "all" in options.names else dict.fromkeys(options.names)
    sys.stdout.write(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{os.cpu_count()} processors\n"
    )
    for name in names:
        for line in MEASUREMENTS[name](QUICK if options.quick else FULL, options.data):
            sys.stdout.write(f"{line.what:66} {line.measured:12.3f} {line.unit}".rstrip() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
