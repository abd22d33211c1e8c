"""What all measurements share: lines and sizes, the clock, turns, other processes, the memory."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from imbdeep.training import resolve_device

MIB = 2**20


class Line(NamedTuple):
    """One line of the table; ``limit`` is what the value must not exceed."""

    what: str
    measured: float
    unit: str  # empty for ratios
    limit: float | None = None


class Sizes(NamedTuple):
    """How much to measure, full or quick."""

    rows: int = 20_000
    repetitions: int = 9
    # MGVAE
    steps: int = 200
    gemm: int = 2048
    images: tuple[int, int] = (30_000, 300)
    large: tuple[int, int] = (1_000_000, 50)
    sampler: dict[str, Any] = {}  # other than the defaults; read only
    lambdas: tuple[float, ...] = (0.0, 0.1, 1.0, 10.0, 100.0)
    imports: int = 5
    # The classifiers
    texts: int = 6436
    epochs: int = 2
    image_batch: int = 128
    image_batches: int = 2  # in an epoch
    fits: int = 5
    translation_steps: int = 10
    # RAE
    rae: dict[str, Any] = {}  # other than the defaults; read only
    cycles: int = 20  # in a repetition
    image_cycles: int = 2
    # GAMO
    gamo: dict[str, Any] = {}  # other than the defaults; read only
    games: int = 100  # mini-batches in a repetition
    digits: tuple[int, ...] = (4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40)
    classes: tuple[int, ...] = (10, 30, 100)
    class_rows: int = 5000  # of all classes
    own_rows: int = 50  # of a class
    anchors: int = 100_000
    anchor_columns: tuple[int, ...] = (30, 100)
    budget: int = 500  # mini-batches that stand for the paper's
    # The conditional generators
    conditional: dict[str, Any] = {}  # other than the defaults; read only
    # The comparison
    compared: int = 10_000  # rows
    folds: int = 5
    learner: str = "gradient boosting"
    processes: int = 2
    few_steps: bool = False  # of the deep methods, which train as the dicts above say


FULL = Sizes()
QUICK = Sizes(
    rows=1000,
    repetitions=2,
    steps=5,
    gemm=128,
    images=(300, 30),
    large=(4000, 5),
    sampler={"pretrain_steps": 20, "finetune_steps": 10},
    lambdas=(0.0, 1.0),
    imports=1,
    texts=200,
    epochs=1,
    image_batch=16,
    image_batches=1,
    fits=1,
    translation_steps=2,
    rae={"batch_size": 8, "max_steps": 20},
    cycles=2,
    image_cycles=1,
    gamo={"batch_size": 8},
    games=2,
    digits=(40, 20, 10, 4),
    classes=(3, 6),
    class_rows=70,
    own_rows=5,
    anchors=1000,
    anchor_columns=(3,),
    budget=5,
    conditional={"max_steps": 10},
    compared=300,
    folds=2,
    learner="logistic",
    processes=1,
    few_steps=True,
)


def devices() -> list[torch.device]:
    """Return the processor and, where there is one, the CUDA device."""
    best = resolve_device("auto")
    return [torch.device("cpu"), *([best] if best.type == "cuda" else [])]


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Let torch use ``n`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seconds_of(call: Callable[[], Any], device: torch.device | None = None) -> float:
    """Return the wall time of a call, the work it left on a GPU included."""
    on_gpu = device is not None and device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def in_turns(
    calls: Sequence[Callable[[], Any]], repetitions: int, device: torch.device
) -> list[list[float]]:
    """Return the seconds of the calls, which take turns: a row a turn, a column a call.

    A neighbour's load, which mostly lasts longer than a turn, falls out of a ratio within one.
    """
    for call in calls:  # the first call of each is slower
        call()
    return [[seconds_of(call, device) for call in calls] for _ in range(repetitions)]


def median_ratio(rows: Sequence[Sequence[float]], column: int, base: int) -> float:
    """Return the median over the turns of a column's seconds divided by the base column's."""
    return statistics.median(row[column] / row[base] for row in rows)


def run_python(program: str) -> str:
    """Return what a program writes in an interpreter of its own."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def peak_mib(status: Path = Path("/proc/self/status")) -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    if status.exists():
        # On Linux ru_maxrss begins with the parent's memory; this counts from the program's start.
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else 1024)


class SavedBytes:
    """Bytes that graphs keep for their backward passes, on the processor.

    Each storage counts once, however many operations keep it. Parameters that an operation keeps
    count too.

    Attributes
    ----------
    peak : int
        The most so far.
    """

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._keepers: Counter[int] = Counter()

    def hooks(self) -> torch.autograd.graph.saved_tensors_hooks:
        """Return the context in which graphs are watched."""
        return torch.autograd.graph.saved_tensors_hooks(
            partial(_Kept, self), lambda kept: kept.tensor
        )

    def take(self, address: int, n_bytes: int) -> None:
        """Count a storage that is kept once more."""
        if not self._keepers[address]:
            self.now += n_bytes
            self.peak = max(self.peak, self.now)
        self._keepers[address] += 1

    def drop(self, address: int, n_bytes: int) -> None:
        """Count a storage that is kept once less."""
        self._keepers[address] -= 1
        if not self._keepers[address]:
            self.now -= n_bytes


class _Kept:
    """What a graph holds in a tensor's place; the graph's end ends it."""

    def __init__(self, saved: SavedBytes, tensor: Tensor) -> None:
        # An operation's own result leads back to its graph, which would never end.
        self.saved, self.tensor = saved, tensor.detach()
        storage = tensor.untyped_storage()
        # The address is the storage's own as long as this object holds the tensor.
        self.storage = storage.data_ptr(), storage.nbytes()
        saved.take(*self.storage)

    def __del__(self) -> None:
        self.saved.drop(*self.storage)


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """Return the most memory that a call held at once.

    On a GPU all that it allocated; on the processor what the graphs kept.
    """
    if device.type == "cuda":
        gc.collect()  # what a cycle still holds would be subtracted
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    saved = SavedBytes()
    with saved.hooks():
        call()
    return saved.peak
