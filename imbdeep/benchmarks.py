"""What MGVAE costs, against limits: a step, the defaults, a grid search, the import, the memory.

``python -m imbdeep.benchmarks [step | defaults | grid | import | memory | all] [--quick]`` prints a
line a measurement. Run it on a quiet machine: a neighbour's load can multiply any of the numbers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from torch import Tensor, nn

from imbdeep.ewc import EWCPenalty
from imbdeep.over_sampling import MGVAESampler
from imbdeep.over_sampling._mgvae.model import MGVAE, build, fit_model
from imbdeep.reproductions.mgvae import DATASETS
from imbdeep.training import resolve_device, seeded

__all__ = ["main"]

_MIB = 2**20

#: The sampler's default model for a table of 30 continuous columns and for 28 x 28 images.
_NETWORK = {"network": "mlp", "hidden_layer_sizes": (300, 300), "prior": "exemplar"}
SPECS: dict[str, dict[str, Any]] = {
    "30 columns": {
        "shape": (30,),
        "likelihood": {"n_gaussian": 30, "n_bernoulli": 0, "group_sizes": (), "missing": ()},
        "latent_dim": 10,
        **_NETWORK,
    },
    "784 pixels": {
        "shape": (1, 28, 28),
        "likelihood": {"n_gaussian": 0, "n_bernoulli": 784, "intensities": True},
        "latent_dim": 40,
        **_NETWORK,
    },
}
#: The sampler's default batch, and its number of exemplars in a step.
BATCH_SIZE = N_EXEMPLARS = 100


class _Line(NamedTuple):
    """One line of the table; ``limit`` is what the value must not exceed."""

    what: str
    measured: float
    unit: str  # empty for ratios
    limit: float | None = None


class _Sizes(NamedTuple):
    """How much to measure, full or quick."""

    rows: int = 20_000
    repetitions: int = 9
    steps: int = 200
    gemm: int = 2048
    images: tuple[int, int] = (30_000, 300)
    large: tuple[int, int] = (1_000_000, 50)
    sampler: dict[str, Any] = {}  # other than the defaults; read only
    lambdas: tuple[float, ...] = (0.0, 0.1, 1.0, 10.0, 100.0)
    imports: int = 5


_FULL = _Sizes()
_QUICK = _Sizes(
    rows=1000,
    repetitions=2,
    steps=5,
    gemm=128,
    images=(300, 30),
    large=(4000, 5),
    sampler={"pretrain_steps": 20, "finetune_steps": 10},
    lambdas=(0.0, 1.0),
    imports=1,
)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(call: Callable[[], Any], device: torch.device | None = None) -> float:
    """Wall time of a call, the work it left on a GPU included."""
    on_gpu = device is not None and device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if on_gpu:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _products(model: MGVAE, device: torch.device) -> tuple[Callable[[], None], int]:
    """The matrix products of one training step alone, and their floating-point operations.

    Those are the forward product of each linear layer and both of its backward ones (but for the
    encoder's first layer, whose input needs no gradient), on B + S rows in the encoder and B in the
    decoder.
    """
    layers = []
    for network, n in ((model.encoder, BATCH_SIZE + N_EXEMPLARS), (model.decoder, BATCH_SIZE)):
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                x = torch.randn(n, layer.in_features, device=device)
                gradient = torch.randn(n, layer.out_features, device=device)
                layers.append((x, layer.weight.detach().clone(), gradient))
    operations = sum(6 * x.shape[0] * weight.numel() for x, weight, _ in layers)
    operations -= 2 * layers[0][0].shape[0] * layers[0][1].numel()

    def multiply() -> None:
        for x, weight, _ in layers:
            x @ weight.T
        for i, (x, weight, gradient) in reversed(list(enumerate(layers))):
            gradient.T @ x
            if i:
                gradient @ weight

    return multiply, operations


def _training(
    spec: dict[str, Any], x: Tensor, steps: int, device: torch.device, fine: bool
) -> Callable[[], Any]:
    """A call of the sampler's own training, pre-training or fine-tuning."""
    model = build(spec, device)
    weights = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    penalty = EWCPenalty(weights, torch.rand_like(weights), 1.0) if fine else None

    def train() -> None:
        # Training takes the gradients off at its end; the next repetition wants them again.
        fit_model(
            model.requires_grad_(True).train(),
            x[: len(x) // 20] if fine else x,
            x,
            is_majority=not fine,
            beta=1.0,
            penalty=penalty,
            max_steps=steps,
            batch_size=BATCH_SIZE,
            n_exemplars=N_EXEMPLARS,
            learning_rate=1e-3,
            validation_fraction=0.1,
            patience=None,
            verbose=False,
            description="benchmark",
        )

    return train


def _step_lines(sizes: _Sizes, data: str | None = None) -> Iterator[_Line]:
    """Cost of a training step against its matrix products alone.

    The two phases and the bare products take turns, and a ratio is the median over the turns'
    own ratios: a neighbour's load, which mostly lasts longer than a turn, falls out of it. All
    this on one thread, on the default number of threads, and on the GPU where there is one.
    """
    places = [(torch.device("cpu"), n) for n in sorted({1, torch.get_num_threads()})]
    gpu = resolve_device("auto")
    if gpu.type == "cuda":
        places.append((gpu, torch.get_num_threads()))
    for device, threads in places:
        where = f"{threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else device.type
        with _threads(threads), seeded(0, device):
            a, b = torch.randn(2, sizes.gemm, sizes.gemm, device=device)
            best = min(_seconds(partial(torch.mm, a, b), device) for _ in range(5))
            yield _Line(f"peak, {where}", 2 * sizes.gemm**3 / best / 1e9, "GFLOP/s")
            for name, spec in SPECS.items():
                yield from _turns(name, spec, sizes, device, where)


def _turns(
    name: str, spec: dict[str, Any], sizes: _Sizes, device: torch.device, where: str
) -> Iterator[_Line]:
    x = torch.rand(sizes.rows, int(np.prod(spec["shape"])), device=device)
    multiply, operations = _products(build(spec, device), device)

    def products() -> None:
        for _ in range(sizes.steps):
            multiply()

    calls = [
        _training(spec, x, sizes.steps, device, fine=False),
        _training(spec, x, sizes.steps, device, fine=True),
        products,
    ]
    for call in calls:  # the first call of each is slower
        call()
    turns = [
        [_seconds(call, device) / sizes.steps for call in calls] for _ in range(sizes.repetitions)
    ]
    pre, fine, bare = (statistics.median(column) for column in zip(*turns, strict=True))
    yield _Line(f"{name}, {where}: products alone", 1e3 * bare, "ms")
    yield _Line(f"{name}, {where}: products alone", operations / bare / 1e9, "GFLOP/s")
    for phase, seconds, column in (("pre-training", pre, 0), ("fine-tuning", fine, 1)):
        ratio = statistics.median(turn[column] / turn[2] for turn in turns)
        yield _Line(f"{name}, {where}: step of {phase}", 1e3 * seconds, "ms")
        yield _Line(f"{name}, {where}: the same / products", ratio, "", 1.6)


def _table(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x, y = make_classification(
        n, 30, n_informative=10, n_redundant=5, weights=[0.95], flip_y=0, random_state=0
    )
    return x, y


def _default_lines(sizes: _Sizes, data: str | None = None) -> Iterator[_Line]:
    """Seconds that the default sampler takes.

    A table and images; a large table is the part of :func:`_memory_lines`.
    """
    x, y = _table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    seconds = _seconds(partial(sampler.fit_resample, x, y))
    yield _Line(f"defaults: {len(x)} x {x.shape[1]}", seconds, "s", 30.0)

    many, few = sizes.images
    if data is not None and (Path(data) / "mnist").is_dir():
        name = "MNIST"
        task = DATASETS["mnist-100"](Path(data), 0)
        rows = np.concatenate(
            [np.flatnonzero(task.y_train == code)[:most] for code, most in enumerate(sizes.images)]
        )
        images, labels = task.x_train[rows], task.y_train[rows]
    else:
        name = "synthetic images"
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (many + few, 784), dtype=np.uint8)
        images[random.random(images.shape, dtype=np.float32) < 0.8] = 0  # as dark as MNIST
        labels = np.repeat([0, 1], [many, few])
    sampler = MGVAESampler(random_state=0, image_shape=(1, 28, 28), **sizes.sampler)
    seconds = _seconds(partial(sampler.fit_resample, images, labels))
    yield _Line(f"defaults: {name}, {len(images)} x 784", seconds, "s", 90.0)


def _resample_large(n: int, n_columns: int, parameters: dict[str, Any]) -> str:
    """Resample a large table; its megabytes, the seconds and the process's peak of megabytes."""
    random = np.random.default_rng(0)
    y = (random.random(n) < 0.05).astype(np.int64)
    x = random.standard_normal((n, n_columns))
    x[y == 1, : n_columns // 2] += 1.0
    sampler = MGVAESampler(random_state=0, **parameters)
    seconds = _seconds(partial(sampler.fit_resample, x, y))
    return f"{(x.nbytes + y.nbytes) / _MIB} {seconds} {_peak_mib()}"


def _peak_mib(status: Path = Path("/proc/self/status")) -> float:
    """Largest resident memory of this process so far."""
    if status.exists():
        # On Linux ru_maxrss begins with the parent's memory; this counts from the program's start.
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == "darwin" else 1024)


def _memory_lines(sizes: _Sizes, data: str | None = None) -> Iterator[_Line]:
    """Seconds and peak memory of the default sampler on a large table, in a process of its own.

    The limit of memory is 3 times the data's own and 1 GiB, the interpreter's part included.
    """
    n, n_columns = sizes.large
    program = (
        "import sys; from imbdeep.benchmarks import _resample_large; "
        f"sys.stdout.write(_resample_large({n}, {n_columns}, {sizes.sampler!r}))"
    )
    megabytes, seconds, peak = map(float, _run_python(program).split())
    yield _Line(f"defaults: {n} x {n_columns}", seconds, "s", 360.0)
    what = f"peak memory, {n} x {n_columns} ({megabytes:.0f} MiB)"
    yield _Line(what, peak, "MiB", 3 * megabytes + 1024)


def _run_python(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _grid_lines(sizes: _Sizes, data: str | None = None) -> Iterator[_Line]:
    """Five values of ``ewc_lambda`` that share one pre-training, against one fit without memory."""
    x, y = _table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    one = _seconds(partial(sampler.fit_resample, x, y))
    with tempfile.TemporaryDirectory() as folder:
        total = 0.0
        for weight in sizes.lambdas:
            sampler = MGVAESampler(
                ewc_lambda=weight, memory=folder, random_state=0, **sizes.sampler
            )
            total += _seconds(partial(sampler.fit_resample, x, y))
    yield _Line("grid: one fit", one, "s")
    yield _Line(f"grid: {len(sizes.lambdas)} lambdas with memory", total, "s")
    yield _Line("grid: the same / one fit", total / one, "", 2.5)


def _import_lines(sizes: _Sizes, data: str | None = None) -> Iterator[_Line]:
    """Seconds of ``import imbdeep`` in a new interpreter, and whether (1) it loads torch."""
    program = (
        "import sys, time; start = time.perf_counter(); import imbdeep; "
        "sys.stdout.write(f\"{time.perf_counter() - start} {int('torch' in sys.modules)}\")"
    )
    found = [list(map(float, _run_python(program).split())) for _ in range(sizes.imports)]
    yield _Line("import imbdeep", min(seconds for seconds, _ in found), "s", 0.2)
    yield _Line("import imbdeep loads torch", max(torch_too for _, torch_too in found), "", 0.0)


MEASUREMENTS: dict[str, tuple[Callable[..., Iterator[_Line]], ...]] = {
    "step": (_step_lines,),
    "defaults": (_default_lines, _memory_lines),
    "grid": (_grid_lines,),
    "import": (_import_lines,),
    "memory": (_memory_lines,),
}


def _verdict(line: _Line, quick: bool) -> str:
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
    parser.add_argument("--quick", action="store_true", help="tiny sizes, limits not judged")
    parser.add_argument(
        "--data",
        default=os.environ.get("IMBDEEP_DATA"),
        help="folder with the data, for MNIST (default: environment variable IMBDEEP_DATA)",
    )
    options = parser.parse_args(argv)
    asked = list(MEASUREMENTS) if "all" in options.what else options.what
    parts = dict.fromkeys(part for name in asked for part in MEASUREMENTS[name])  # each once
    sizes = _QUICK if options.quick else _FULL
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


if __name__ == "__main__":
    raise SystemExit(main())
