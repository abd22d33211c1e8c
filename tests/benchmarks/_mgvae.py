"""What MGVAE costs: a step, the defaults, a grid search, the import and the memory."""

import statistics
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from imbdeep.over_sampling import CGANSampler, CVAESampler, MGVAESampler
from imbdeep.over_sampling._mgvae.ewc import EWCPenalty
from imbdeep.over_sampling._mgvae.model import build, fit_model
from imbdeep.reproductions.mgvae import DATASETS
from imbdeep.seeding import seeded

from ._measuring import (
    Line,
    Products,
    devices,
    in_turns,
    large_lines,
    median_ratio,
    place,
    run_python,
    seconds_of,
    table,
)

#: The sampler's default model for a table of 30 continuous columns and for 28 x 28 images.
_NETWORK = {"network": "mlp", "hidden_layer_sizes": (300, 300), "prior": "exemplar"}
SPECS = {
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


def _training(spec, x, steps, device, fine):
    """A call of the sampler's own training, pre-training or fine-tuning."""
    model = build(spec, device)
    weights = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    penalty = EWCPenalty(weights, torch.rand_like(weights), 1.0) if fine else None

    def train():
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


def step_lines(sizes, data=None):
    """A training step beside its matrix products alone: on one thread, the default, the GPU."""
    cpu, *gpus = devices()
    places = [(cpu, n) for n in sorted({1, torch.get_num_threads()})]
    places += [(gpu, torch.get_num_threads()) for gpu in gpus]
    for device, n in places:
        where = place(device, n)
        with seeded(0, device, n):
            a, b = torch.randn(2, sizes.gemm, sizes.gemm, device=device)
            best = min(seconds_of(partial(torch.mm, a, b), device) for _ in range(5))
            yield Line(f"peak, {where}", 2 * sizes.gemm**3 / best / 1e9, "GFLOP/s")
            for name, spec in SPECS.items():
                yield from _turns(f"{name}, {where}", spec, sizes, device)


def _turns(what, spec, sizes, device):
    x = torch.rand(sizes.rows, int(np.prod(spec["shape"])), device=device)
    with Products() as found:
        _training(spec, x, 1, device, fine=False)()

    def products():
        for _ in range(sizes.steps):
            found.again()

    calls = [_training(spec, x, sizes.steps, device, fine) for fine in (False, True)]
    turns = in_turns([*calls, products], sizes.repetitions, device)
    *phases, bare = (statistics.median(column) / sizes.steps for column in zip(*turns, strict=True))
    yield Line(f"{what}: products alone", 1e3 * bare, "ms")
    yield Line(f"{what}: products alone", found.operations / bare / 1e9, "GFLOP/s")
    for column, phase in enumerate(("pre-training", "fine-tuning")):
        yield Line(f"{what}: step of {phase}", 1e3 * phases[column], "ms")
        yield Line(f"{what}: the same / products", median_ratio(turns, column, 2))


def _fit_line(what, sampler, x, y):
    seconds = seconds_of(partial(sampler.fit_resample, x, y))
    return Line(f"{what}, {len(x)} x {x.shape[1]}", seconds, "s")


def default_lines(sizes, data=None):
    """The default sampler on a table and on images."""
    x, y = table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    yield _fit_line("MGVAE's defaults", sampler, x, y)
    yield _fit_line("the same without filter", sampler.set_params(row_filter=None), x, y)

    many, few = sizes.images
    if data is not None and (Path(data) / "mnist").is_dir():
        name, task = "MNIST", DATASETS["mnist-100"].load(Path(data), 0)
        rows = np.concatenate(
            [np.flatnonzero(task.y_train == k)[:most] for k, most in enumerate((many, few))]
        )
        images, labels = task.x_train[rows], task.y_train[rows]
    else:
        name, random = "synthetic images", np.random.default_rng(0)
        images = random.integers(0, 256, (many + few, 784), dtype=np.uint8)
        images[random.random(images.shape, dtype=np.float32) < 0.8] = 0  # as dark as MNIST
        labels = np.repeat([0, 1], [many, few])
    sampler = MGVAESampler(random_state=0, image_shape=(1, 28, 28), **sizes.sampler)
    yield _fit_line(f"MGVAE's defaults, {name}", sampler, images, labels)


def conditional_lines(sizes, data=None):
    """The default CVAE and CGAN on a table."""
    for sampler in (CVAESampler, CGANSampler):
        made = sampler(random_state=0, **sizes.conditional)
        yield _fit_line(f"{sampler.__name__}'s defaults", made, *table(sizes.rows))


def memory_lines(sizes, data=None):
    """Seconds and peak memory of the default sampler on a large table, in a process of its own."""
    calls = ("fit_resample",)
    yield from large_lines("MGVAE's defaults", MGVAESampler, calls, sizes, sizes.sampler)


def grid_lines(sizes, data=None):
    """Values of ``ewc_lambda`` that share one pre-training, beside one fit without memory."""
    x, y = table(sizes.rows)
    sampler = MGVAESampler(random_state=0, **sizes.sampler)
    one = seconds_of(partial(sampler.fit_resample, x, y))
    with tempfile.TemporaryDirectory() as folder:
        total = sum(
            seconds_of(
                partial(sampler.set_params(ewc_lambda=weight, memory=folder).fit_resample, x, y)
            )
            for weight in sizes.lambdas
        )
    yield Line("grid: one fit", one, "s")
    yield Line(f"grid: {len(sizes.lambdas)} lambdas with memory / one fit", total / one)


def import_lines(sizes, data=None):
    """Seconds of ``import imbdeep`` in a new interpreter, and whether (1) it loads torch."""
    program = (
        "start = time.perf_counter(); import imbdeep; "
        "sys.stdout.write(f\"{time.perf_counter() - start} {int('torch' in sys.modules)}\")"
    )
    found = [run_python(program) for _ in range(sizes.imports)]
    yield Line("import imbdeep", min(seconds for seconds, _ in found), "s")
    yield Line("import imbdeep loads torch", max(torch_too for _, torch_too in found))
