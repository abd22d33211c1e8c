"""What the classifiers cost: an epoch beside a bare loop, and a translating step of M2m."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from imbdeep.benchmarks._measuring import (
    MIB,
    Line,
    Sizes,
    devices,
    in_turns,
    median_ratio,
    peak_bytes,
)
from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.training import seeded

#: Every epoch is like the others: the full learning rate throughout.
_CONSTANT_RATE: dict[str, Any] = {"warmup_epochs": 0, "milestones": (), "random_state": 0}
_SGD = {"optimizer": "sgd"}
#: An epoch of images has so many times more batches on a GPU: a few would be over before the clock
#: and the hooks of the epoch are.
_GPU_EPOCH = 20
#: Largest over smallest class, and number of classes, of CIFAR-LT-10.
_IMBALANCE, _N_CLASSES = 100, 10


class _Task(NamedTuple):
    """Rows, labels and the parameters of the classifier that is trained on them."""

    x: NDArray[Any]
    y: NDArray[np.int64]
    parameters: dict[str, Any]


def long_tail(n: int) -> NDArray[np.int64]:
    """Return n >= 16 labels in the class shares of CIFAR-LT-10, N_k proportional to 100^(-k/9)."""
    shares = _IMBALANCE ** (-np.arange(_N_CLASSES) / (_N_CLASSES - 1))
    counts = np.maximum(np.round(n * shares / shares.sum()), 1).astype(np.int64)
    counts[0] += n - counts.sum()
    return np.repeat(np.arange(_N_CLASSES), counts)


def _table(n: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((n, 30), dtype=np.float32)


def _images(n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def _n_images(sizes: Sizes, device: torch.device) -> int:
    more = _GPU_EPOCH if device.type == "cuda" else 1
    return sizes.image_batch * sizes.image_batches * more


def _epoch_tasks(sizes: Sizes, device: torch.device) -> dict[str, _Task]:
    """The default classifier on a table, and those of M2m's paper on Reuters and on images."""
    words = np.random.default_rng(0).random((sizes.texts, 1000), dtype=np.float32) < 0.05
    n = _n_images(sizes, device)
    return {
        "30 columns": _Task(_table(sizes.rows), np.arange(sizes.rows) % 2, {}),
        "1000 words": _Task(
            words.astype(np.float32),
            np.arange(sizes.texts) % 36,
            {**_SGD, "batch_size": 64, "encode": False},
        ),
        "ResNet-32": _Task(
            _images(n), np.arange(n) % 10, {**_SGD, "batch_size": sizes.image_batch}
        ),
    }


def _where(task: _Task, device: torch.device) -> str:
    n = 1 if task.x.ndim == 2 else torch.get_num_threads()  # as the classifiers have it
    return f"{n} thread{'s' * (n > 1)}" if device.type == "cpu" else device.type


def _erm(task: _Task, device: torch.device, **parameters: Any) -> ERMClassifier:
    given = {**task.parameters, **_CONSTANT_RATE, **parameters}
    return ERMClassifier(**given, device=str(device))


def _m2m(
    task: _Task, device: torch.device, teacher: ERMClassifier, **parameters: Any
) -> M2mClassifier:
    """M2m that translates all rows that it marks."""
    given = {**task.parameters, **_CONSTANT_RATE, **parameters}
    return M2mClassifier(**given, teacher=teacher, gamma=0.0, rejection=False, device=str(device))


class Epochs(NamedTuple):
    """The same epochs twice, from the same weights: by the classifier's net and by a bare loop."""

    net: Callable[[], None]
    bare: Callable[[], None]
    modules: tuple[nn.Module, nn.Module]


def epochs_of(task: _Task, n_epochs: int, device: torch.device) -> Epochs:
    """Return calls that train ``n_epochs`` epochs each: all that an epoch does, hooks included.

    A first epoch has been trained, so that neither call initialises anything. The bare loop draws
    the rows as the net does, under the same seed.
    """
    classifier = _erm(task, device, max_epochs=1).fit(task.x, task.y)
    net = classifier.net_
    x = classifier._to_device(classifier._encode(task.x))
    y = classifier._to_device(task.y)
    n_threads = classifier._n_threads(x)
    # Together, so that the copied optimiser holds the copied weights; its options and its state
    # (fused, the moments) are those of the net.
    module, optimizer = copy.deepcopy((net.module_, net.optimizer_))

    def by_net() -> None:
        with seeded(0, device, n_threads):
            net.go_on(x, y, epochs=n_epochs)

    def by_bare_loop() -> None:
        with seeded(0, device, n_threads):
            module.train()
            for _ in range(n_epochs):
                for rows in torch.randperm(len(x)).to(device).split(classifier.batch_size):
                    optimizer.zero_grad()
                    F.cross_entropy(module(x[rows]), y[rows]).backward()
                    optimizer.step()

    return Epochs(by_net, by_bare_loop, (net.module_, module))


def epoch_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of an epoch of ERMClassifier's net against those of a bare loop of PyTorch."""
    for device in devices():
        for name, task in _epoch_tasks(sizes, device).items():
            epochs = epochs_of(task, sizes.epochs, device)
            turns = in_turns([epochs.net, epochs.bare], sizes.repetitions, device)
            net, bare = (
                1e3 * statistics.median(column) / sizes.epochs
                for column in zip(*turns, strict=True)
            )
            what = f"{name}, {_where(task, device)}"
            yield Line(f"{what}: epoch of a bare loop", bare, "ms")
            yield Line(f"{what}: epoch of the classifier", net, "ms")
            yield Line(f"{what}: the same / bare loop", median_ratio(turns, 0, 1), "", 1.4)


def translation_count(share: float, n_steps: int, logit_lambda: float) -> float:
    """Return what a translating step should cost, in plain steps.

    A plain step is 3 units a row: forward, gradient by the activations, gradient by the weights. A
    translated row costs a forward and a gradient (2 units) for each step and network, the teacher
    and, unless λ = 0, the student, and at last a forward of the teacher. The first layer's gradient
    by its input, which a plain step does not need, is left out: it is small in a deep network.

    Parameters
    ----------
    share : float
        Translated rows per row of the batch.
    n_steps : int
        Number of steps T.
    logit_lambda : float
        Weight λ of the student's logit.
    """
    networks = 2 if logit_lambda else 1
    return 1 + share * (2 * networks * n_steps + 1) / 3


def _translation_tasks(sizes: Sizes, device: torch.device) -> dict[str, _Task]:
    n = _n_images(sizes, device)
    return {
        "30 columns": _Task(_table(sizes.rows), long_tail(sizes.rows), {}),
        "ResNet-32": _Task(_images(n), long_tail(n), {**_SGD, "batch_size": sizes.image_batch}),
    }


class Turn(NamedTuple):
    """Seconds of an epoch before and after the translation begins, and the share translated."""

    plain: float
    translating: float
    share: float


def translation_turn(
    task: _Task, device: torch.device, teacher: ERMClassifier, n_steps: int, logit_lambda: float
) -> Turn:
    """Train for three epochs: one to warm up, a plain one, and one that translates."""
    classifier = _m2m(
        task,
        device,
        teacher,
        max_epochs=3,
        defer=2,
        translation_steps=n_steps,
        logit_lambda=logit_lambda,
    ).fit(task.x, task.y)
    _, before, after = classifier.net_.history[:, "dur"]
    share = classifier.translations_["accepted"].sum() / len(task.y)
    return Turn(before, after, float(share))


def translation_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of a step that translates against a plain one, and both against their count.

    A fit holds both, and fits with and without λ take turns.
    """
    for device in devices():
        for name, task in _translation_tasks(sizes, device).items():
            teacher = _erm(task, device, max_epochs=1).fit(task.x, task.y)
            lambdas = (0.1, 0.0)
            turns: dict[float, list[Turn]] = {value: [] for value in lambdas}
            for _ in range(sizes.fits):
                for value in lambdas:
                    turns[value].append(
                        translation_turn(task, device, teacher, sizes.translation_steps, value)
                    )
            n_batches = len(task.y) / teacher.batch_size
            for value in lambdas:
                counts = [
                    translation_count(turn.share, sizes.translation_steps, value)
                    for turn in turns[value]
                ]
                yield from _translation_lines(
                    f"{name}, lambda {value:g}, {_where(task, device)}",
                    turns[value],
                    counts,
                    n_batches,
                    1.1 if task.x.ndim == 4 else None,
                )


def _translation_lines(
    what: str, turns: list[Turn], counts: list[float], n_batches: float, limit: float | None
) -> Iterator[Line]:
    ratios = [turn.translating / turn.plain for turn in turns]
    per_step = 1e3 / n_batches
    yield Line(f"{what}: plain step", per_step * statistics.median(t.plain for t in turns), "ms")
    yield Line(f"{what}: M2m's", per_step * statistics.median(t.translating for t in turns), "ms")
    yield Line(f"{what}: the same / plain", statistics.median(ratios), "")
    yield Line(f"{what}: count of that", statistics.median(counts), "")
    over = statistics.median(r / count for r, count in zip(ratios, counts, strict=True))
    yield Line(f"{what}: measured / count", over, "", limit)


def translation_memory_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Peak memory of a training of one step, translating against plain."""
    n = sizes.image_batch
    task = _Task(_images(n), long_tail(n), {**_SGD, "batch_size": n, "max_epochs": 1})
    for device in devices():
        teacher = _erm(task, device).fit(task.x, task.y)
        m2m = _m2m(task, device, teacher, defer=0, translation_steps=sizes.translation_steps)
        without, with_translation = (
            peak_bytes(partial(classifier.fit, task.x, task.y), device)
            for classifier in (_erm(task, device), m2m)
        )
        what = f"ResNet-32, batch {n}, {device.type}"
        yield Line(f"{what}: memory of a plain step", without / MIB, "MiB")
        yield Line(f"{what}: memory of M2m's", with_translation / MIB, "MiB")
        yield Line(f"{what}: the same / plain", with_translation / without, "", 1.2)
