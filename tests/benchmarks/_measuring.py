"""What the measurements share: sizes, the clock, turns, other processes, the memory."""

import os
import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from imbdeep.comparison import METHODS, SIMPLE
from imbdeep.seeding import resolve_device

MIB = 2**20
ROOT = Path(__file__).resolve().parents[2]
#: Each size, full and quick. The dicts are parameters other than the defaults.
_SIZES = {
    "rows": (20_000, 1000),
    "repetitions": (9, 2),
    "imports": (5, 1),
    # MGVAE: steps in a repetition, the product that shows the machine's peak, rows of data sets
    "steps": (200, 5),
    "gemm": (2048, 128),
    "images": ((30_000, 300), (300, 30)),
    "large": ((1_000_000, 50), (4000, 5)),
    "sampler": ({}, {"pretrain_steps": 20, "finetune_steps": 10}),
    "lambdas": ((0.0, 0.1, 1.0, 10.0, 100.0), (0.0, 1.0)),
    "words": (20_000, 100),
    # The classifiers
    "texts": (6436, 200),
    "epochs": (2, 1),
    "image_batch": (128, 16),
    "image_batches": (2, 1),
    "fits": (5, 1),
    "translation_steps": (10, 2),
    # RAE: cycles in a repetition
    "rae": ({}, {"batch_size": 8, "max_steps": 20}),
    "cycles": (20, 2),
    "image_cycles": (2, 1),
    # GAMO: mini-batches in a repetition, mini-batches that stand for all
    "gamo": ({}, {"batch_size": 8}),
    "games": (100, 2),
    "digits": ((4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40), (40, 20, 10, 4)),
    "anchors": (100_000, 1000),
    "anchor_columns": ((30, 100), (3,)),
    "budget": (500, 5),
    # The conditional generators and the comparison
    "conditional": ({}, {"max_steps": 10}),
    "compared": (10_000, 300),
    "folds": (5, 2),
    "learner": ("gradient boosting", "logistic"),
    "processes": (2, 1),
    "methods": (METHODS, SIMPLE),
}
FULL, QUICK = (
    SimpleNamespace(**{name: pair[i] for name, pair in _SIZES.items()}) for i in range(2)
)


class Line(NamedTuple):
    """One line of the table; the unit of a ratio is empty."""

    what: str
    measured: float
    unit: str = ""


def table(n):
    """A table of n rows and 30 columns, 5 % of them in the rare class."""
    return make_classification(
        n, 30, n_informative=10, n_redundant=5, weights=[0.95], flip_y=0, random_state=0
    )


def devices():
    """The processor and, where there is one, the CUDA device."""
    best = resolve_device("auto")
    return [torch.device("cpu"), *([best] if best.type == "cuda" else [])]


def place(device, n_threads):
    """Device and number of threads in words."""
    return f"{n_threads} thread{'s' * (n_threads > 1)}" if device.type == "cpu" else device.type


def seconds_of(call, device=None):
    """The wall time of a call, the work it left on a GPU included."""
    on_gpu = device is not None and device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # After a few steps, the generator of GAMO and the mixer of RAE always have.
        warnings.filterwarnings("ignore", ".*collapsed", UserWarning)
        call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def in_turns(calls, repetitions, device):
    """Seconds of the calls, a row a turn: other load falls out of a ratio within a turn."""
    for call in calls:  # the first call of each is slower
        call()
    return [[seconds_of(call, device) for call in calls] for _ in range(repetitions)]


def median_ratio(rows, column, base):
    """The median over the turns of a column's seconds divided by the base column's."""
    return statistics.median(row[column] / row[base] for row in rows)


def run_python(program):
    """What a program writes in an interpreter of its own, as numbers."""
    command = [sys.executable, "-c", f"import sys, time; {program}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return list(map(float, done.stdout.split()))


def output_of(python, program, *, checkout=None):
    """What a program writes in an interpreter with one thread, with the imbdeep of a checkout."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if checkout:
        environment["PYTHONPATH"] = str(checkout)
    done = subprocess.run(
        [python, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=checkout,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def in_process(call, *given):
    """The numbers that a function of these modules returns, in an interpreter of its own."""
    text = f"from {call.__module__} import {call.__name__} as call; values = call(*{given!r}); "
    return run_python(f"{text}sys.stdout.write(' '.join(map(str, values)))")


def peak_mib():
    """The largest resident memory of this process so far, in MiB."""
    # Of Linux: ru_maxrss begins with the parent's memory, this counts from the program's start.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def fit_large(module, name, calls, n, n_columns, parameters):
    """Megabytes of a large table of noise; seconds and the process's peak after each call.

    5 % of the rows are in the rare class, which is moved in half of the columns.
    """
    random = np.random.default_rng(0)
    y = (random.random(n) < 0.05).astype(np.int64)
    x = random.standard_normal((n, n_columns))
    x[y == 1, : n_columns // 2] += 1.0
    made = getattr(import_module(module), name)(random_state=0, device="cpu", **parameters)
    found = [(x.nbytes + y.nbytes) / MIB]
    for call in calls:
        given = (x,) if call == "predict" else (x, y)
        found += [seconds_of(partial(getattr(made, call), *given)), peak_mib()]
    return found


def large_lines(what, estimator, calls, sizes, parameters):
    """Seconds and peak memory of the calls on a large table, in a process of its own."""
    given = (estimator.__module__, estimator.__name__, calls, *sizes.large, parameters)
    megabytes, *found = in_process(fit_large, *given)
    what = "{}, {} x {}".format(what, *sizes.large)
    for call, seconds, peak in zip(calls, found[::2], found[1::2], strict=True):
        yield Line(f"{what}: {call}", seconds, "s")
        yield Line(f"{what}: peak memory in {call}", peak, "MiB")
        yield Line(f"{what}: the same / data", peak / megabytes)


class Products(TorchDispatchMode):
    """Products and convolutions that are called within, backward passes too, to do them alone."""

    def __init__(self):
        super().__init__()
        self.calls, self.operations = [], 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Do an operation, and keep it if it is a product."""
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.operations += count(*args, **(kwargs or {}), out_val=result)
            given = [a.detach() if isinstance(a, torch.Tensor) else a for a in args]
            self.calls.append(_alone(func, given))
        return result

    @torch.no_grad()
    def again(self):
        """Do the products once more, on the same tensors."""
        for product, given in self.calls:
            product(*given)


def _alone(func, given):
    """The product within an operation, without the bias, and into memory of its own."""
    aten = torch.ops.aten
    if func._overloadname == "out":
        func = func.overloadpacket.default
    if func.overloadpacket is aten.addmm:
        return aten.mm.default, given[1:3]
    if func.overloadpacket is aten.convolution:
        given[2] = None
    elif func.overloadpacket is aten.convolution_backward:
        given[3], given[-1] = None, [*given[-1][:2], False]
    return func, given
