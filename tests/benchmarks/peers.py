"""MGVAE beside TVAE of the ``ctgan`` package: CPU seconds of a fit, in one run.

``python -m tests.benchmarks.peers --python PYTHON``, where PYTHON is the interpreter of a virtual
environment with ``ctgan`` (and no imbdeep): ``pip install torch==2.13.0 ctgan==0.12.1``. Each fit
is in a process of its own with one thread; imports are not counted. TVAE has its defaults, 300
epochs, on all rows and on those of the minority alone; MGVAE has its defaults, row filter included.
"""

import argparse
import sys

from ._measuring import output_of

DATA = """
import time, warnings
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
warnings.simplefilter("ignore")
torch.set_num_threads(1)
X, y = make_classification({rows}, 30, n_informative=10, weights=[0.95], random_state=0)
frame = pd.DataFrame(X).add_prefix("c")
"""
OURS = """
import imbdeep
from imbdeep.over_sampling import MGVAESampler
start = time.process_time()
MGVAESampler(random_state=0).fit_resample(frame, y)
print(time.process_time() - start, "imbdeep", imbdeep.__version__, "torch", torch.__version__)
"""
THEIRS = """
import ctgan
from ctgan import TVAE
rows = frame[y == 1] if {minority} else frame.assign(y=y)
start = time.process_time()
model = TVAE(enable_gpu=False)
model.fit(rows, [] if {minority} else ["y"])
model.sample({rows})
print(time.process_time() - start, "ctgan", ctgan.__version__, "torch", torch.__version__)
"""


def measured(python, program):
    """CPU seconds of a program, and the versions that it names."""
    seconds, versions = output_of(python, program).split(maxsplit=1)
    return float(seconds), versions.strip()


def main():
    """Print a line for each fit, and the ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter that has ctgan")
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    data = DATA.format(rows=options.rows)
    ours, versions = measured(sys.executable, data + OURS)
    sys.stdout.write(f"MGVAE, all rows: {ours:.1f} CPU s ({versions})\n")
    for what, minority in (("the minority's rows", True), ("all rows", False)):
        program = data + THEIRS.format(minority=minority, rows=options.rows)
        theirs, versions = measured(options.python, program)
        sys.stdout.write(
            f"TVAE, {what}: {theirs:.1f} CPU s ({versions}); "
            f"MGVAE takes {ours / theirs:.3f} of it\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
