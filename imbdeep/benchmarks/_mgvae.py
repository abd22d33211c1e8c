"""What MGVAE costs: a step, the defaults, a grid search, the import and the memory."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from torch import Tensor, nn

from imbdeep.benchmarks._measuring import (
    MIB,
    Line,
    Sizes,
    devices,
    in_turns,
    median_ratio,
    peak_mib,
    run_python,
    seconds_of,
    torch_threads,
)
from imbdeep.over_sampling import MGVAESampler
from imbdeep.over_sampling._mgvae.ewc import EWCPenalty
from imbdeep.over_sampling._mgvae.model import MGVAE, build, fit_model
from imbdeep.reproductions.mgvae import DATASETS
from imbdeep.training import seeded

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


def step_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Cost of a training step against its matrix products alone.

    The two phases and the bare products take turns, and a ratio is the median over the turns'
    own ratios: a neighbour's load, which mostly lasts longer than a turn, falls out of it. All
    this on one thread, on the default number of threads, and on the GPU where there is one.
    """
    cpu, *gpus = devices()
    places = [(cpu, n) for n in sorted({1, torch.get_num_threads()})]
    places += [(gpu, torch.get_num_threads()) for gpu in gpus]
    for device, n in places:
        where = f"{n} thread{'s' * (n > 1)}" if device.type == "cpu" else device.type
        with torch_threads(n), seeded(0, device):
            a, b = torch.randn(2, sizes.gemm, sizes.gemm, device=device)
            best = min(seconds_of(partial(torch.mm, a, b), device) for _ in range(5))
            yield Line(f"peak, {where}", 2 * sizes.gemm**3 / best / 1e9, "GFLOP/s")
            for name, spec in SPECS.items():
                yield from _turns(name, spec, sizes, device, where)


def _turns(
    name: str, spec: dict[str, Any], sizes: Sizes, device: torch.device, where: str
) -> Iterator[Line]:
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
    turns = in_turns(calls, sizes.repetitions, device)
    pre, fine, bare = (
        statistics.median(column) / sizes.steps for column in zip(*turns, strict=True)
    )
    yield Line(f"{name}, {where}: products alone", 1e3 * bare, "ms")
    yield Line(f"{name}, {where}: products alone", operations / bare / 1e9, "GFLOP/s")
    for phase, seconds, column in (("pre-training", pre, 0), ("fine-tuning", fine, 1)):
        ratio = median_ratio(turns, column, 2)
        yield Line(f"{name}, {where}: step of {phase}", 1e3 * seconds, "ms")
        yield Line(f"{name}, {where}: the same / products", ratio, "", 1.6)


def _table(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x, y = make_classification(
        n, 30, n_informative=10, n_redundant=5, weights=[0.95], flip_y=0, random_state=0
    )
    return x, y


def default_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds that the default sampler takes.

    A table and images; a large table is the part of :func:`memory_lines`.
    """
    x, y = _table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    seconds = seconds_of(partial(sampler.fit_resample, x, y))
    yield Line(f"defaults: {len(x)} x {x.shape[1]}", seconds, "s", 60.0)
    sampler.set_params(acceptance=None)
    seconds = seconds_of(partial(sampler.fit_resample, x, y))
    yield Line(f"unjudged: {len(x)} x {x.shape[1]}", seconds, "s", 30.0)

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
    seconds = seconds_of(partial(sampler.fit_resample, images, labels))
    yield Line(f"defaults: {name}, {len(images)} x 784", seconds, "s", 90.0)


def resample_large(n: int, n_columns: int, parameters: dict[str, Any]) -> str:
    """Resample a large table; its megabytes, the seconds and the process's peak of megabytes."""
    random = np.random.default_rng(0)
    y = (random.random(n) < 0.05).astype(np.int64)
    x = random.standard_normal((n, n_columns))
    x[y == 1, : n_columns // 2] += 1.0
    sampler = MGVAESampler(random_state=0, **parameters)
    seconds = seconds_of(partial(sampler.fit_resample, x, y))
    return f"{(x.nbytes + y.nbytes) / MIB} {seconds} {peak_mib()}"


def memory_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds and peak memory of the default sampler on a large table, in a process of its own.

    The limit of memory is 3 times the data's own and 1 GiB, the interpreter's part included.
    """
    n, n_columns = sizes.large
    program = (
        "import sys; from imbdeep.benchmarks._mgvae import resample_large; "
        f"sys.stdout.write(resample_large({n}, {n_columns}, {sizes.sampler!r}))"
    )
    megabytes, seconds, peak = map(float, run_python(program).split())
    yield Line(f"defaults: {n} x {n_columns}", seconds, "s", 360.0)
    what = f"peak memory, {n} x {n_columns} ({megabytes:.0f} MiB)"
    yield Line(what, peak, "MiB", 3 * megabytes + 1024)


def grid_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Five values of ``ewc_lambda`` that share one pre-training, against one fit without memory."""
    x, y = _table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    one = seconds_of(partial(sampler.fit_resample, x, y))
    with tempfile.TemporaryDirectory() as folder:
        total = 0.0
        for weight in sizes.lambdas:
            sampler = MGVAESampler(
                ewc_lambda=weight, memory=folder, random_state=0, **sizes.sampler
            )
            total += seconds_of(partial(sampler.fit_resample, x, y))
    yield Line("grid: one fit", one, "s")
    yield Line(f"grid: {len(sizes.lambdas)} lambdas with memory", total, "s")
    yield Line("grid: the same / one fit", total / one, "", 2.5)


def import_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of ``import imbdeep`` in a new interpreter, and whether (1) it loads torch."""
    program = (
        "import sys, time; start = time.perf_counter(); import imbdeep; "
        "sys.stdout.write(f\"{time.perf_counter() - start} {int('torch' in sys.modules)}\")"
    )
    found = [list(map(float, run_python(program).split())) for _ in range(sizes.imports)]
    yield Line("import imbdeep", min(seconds for seconds, _ in found), "s", 0.2)
    yield Line("import imbdeep loads torch", max(torch_too for _, torch_too in found), "", 0.0)
