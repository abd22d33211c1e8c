"""What a fit costs, beside another checkout of the repository: CPU seconds and their ratio.

``python -m tests.benchmarks.costs --old CHECKOUT [names] [--repeats 3] [--data DIR]``, where
CHECKOUT is a worktree of an older commit. Each fit is in a process of its own with one thread, old
and new in turn; imports are not counted. Printed are the medians.
"""

import argparse
import os
import statistics
import sys

from ._measuring import output_of

HEAD = """
import time, warnings
import numpy as np
import torch
warnings.simplefilter("ignore")
torch.set_num_threads(1)
from sklearn.datasets import load_breast_cancer, make_classification
def table(n, d=30, share=0.95):
    return make_classification(n, d, n_informative=10, weights=[share], random_state=0)
def small():
    return load_breast_cancer(return_X_y=True, as_frame=True)
def images(few):
    import gzip, os
    from pathlib import Path
    folder = Path(os.environ["IMBDEEP_DATA"]) / "mnist"
    def raw(name, skip):
        return np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8, offset=skip)
    x = raw("train-images-idx3-ubyte.gz", 16).reshape(-1, 784)
    y = (raw("train-labels-idx1-ubyte.gz", 8) > 4).astype(int)
    rows = np.concatenate([np.flatnonzero(y == 0)[:5000], np.flatnonzero(y == 1)[:few]])
    return x[rows], y[rows]
def many(n_classes):
    x, y = make_classification(
        20000, 30, n_informative=12, n_classes=100, n_clusters_per_class=1, random_state=0
    )
    # A long tail of the same rows: the largest class has 100 times the rows of the smallest.
    sizes = np.exp(-np.linspace(0, np.log(100), n_classes))
    edges = np.cumsum(sizes) / sizes.sum() * len(x)
    return x, np.searchsorted(edges, np.arange(len(x)), side="right").clip(max=n_classes - 1)
from imbdeep.over_sampling import *
"""
TAIL = """
start = time.process_time()
fit()
print(time.process_time() - start)
"""
SAMPLER = "X, y = {data}\nfit = lambda: {made}.fit_resample(X, y)\n"
CLASSIFIER = "from imbdeep.classifiers import *\nX, y = {data}\nfit = lambda: {made}.fit(X, y)\n"
#: By name: the program that defines ``fit``.
FITS = {
    "MGVAE, 569 rows": SAMPLER.format(data="small()", made="MGVAESampler(random_state=0)"),
    "MGVAE, 20 000 x 30": SAMPLER.format(data="table(20000)", made="MGVAESampler(random_state=0)"),
    "MGVAE, MNIST at ratio 100": SAMPLER.format(
        data="images(50)", made="MGVAESampler(random_state=0, image_shape=(1, 28, 28))"
    ),
    "CVAE, 569 rows": SAMPLER.format(data="small()", made="CVAESampler(random_state=0)"),
    "CVAE, 20 000 x 30": SAMPLER.format(data="table(20000)", made="CVAESampler(random_state=0)"),
    "CGAN, 20 000 x 30": SAMPLER.format(data="table(20000)", made="CGANSampler(random_state=0)"),
    "RAE, 20 000 x 30": CLASSIFIER.format(
        data="table(20000)", made="RAEClassifier(random_state=0)"
    ),
    "GAMO, 20 000 x 30": CLASSIFIER.format(
        data="table(20000)", made="GAMOClassifier(random_state=0)"
    ),
    "M2m, 20 000 x 30": CLASSIFIER.format(
        data="table(20000)", made="M2mClassifier(random_state=0)"
    ),
    "MGVAE, 2 classes": SAMPLER.format(data="many(2)", made="MGVAESampler(random_state=0)"),
    "MGVAE, 100 classes": SAMPLER.format(data="many(100)", made="MGVAESampler(random_state=0)"),
}
#: What takes long in old checkouts is asked for by name.
USUAL = tuple(FITS)[:-2]


def main():
    """Print a line for each fit: old, new, and new as a share of old."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.costs", description=__doc__)
    parser.add_argument("names", nargs="*", choices=["usual", *FITS], default="usual")
    parser.add_argument("--old", help="a worktree of the commit to compare with")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", default=os.environ.get("IMBDEEP_DATA"), help="for MNIST")
    options = parser.parse_args()
    if options.data:
        os.environ["IMBDEEP_DATA"] = options.data
    checkouts = [os.getcwd(), *([options.old] if options.old else [])]
    for name in USUAL if "usual" in options.names else options.names:
        if "MNIST" in name and not options.data:
            continue
        seconds = {checkout: [] for checkout in checkouts}
        for _ in range(options.repeats):
            for checkout in checkouts:
                program = HEAD + FITS[name] + TAIL
                seconds[checkout].append(
                    float(output_of(sys.executable, program, checkout=checkout))
                )
        new, *old = (statistics.median(seconds[checkout]) for checkout in checkouts)
        line = f"{name:28} {new:8.2f} CPU s"
        if old:
            line += f"; old {old[0]:8.2f}; ratio {new / old[0]:.3f}, old / new {old[0] / new:.1f}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
