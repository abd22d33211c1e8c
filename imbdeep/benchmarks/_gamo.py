"""What GAMO costs: a mini-batch beside its matrix products, classes, anchors, the paper's fit."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imbdeep.benchmarks._classifiers import _Task, _where
from imbdeep.benchmarks._measuring import (
    MIB,
    Line,
    Sizes,
    devices,
    in_turns,
    median_ratio,
    peak_bytes,
    peak_mib,
    run_python,
    seconds_of,
)
from imbdeep.benchmarks._mgvae import _table
from imbdeep.benchmarks._rae import Products, look_into
from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.net import GAMONet

#: Mini-batches of the paper's experiments, in the authors' code, and rows in one.
PAPER_STEPS, _PAPER_ROWS = 25_000, 32
#: Columns of MNIST's images, which GAMO without a feature extractor takes as a row.
_PIXELS = 784
#: Training of the class with many anchors, whose mini-batches all hold the same.
_FEW_STEPS = 3
#: Rows that are drawn of it afterwards.
_DRAWN = 1000


@contextmanager
def no_advice() -> Iterator[None]:
    """Hide that the generator has collapsed: after a few steps it always has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The generator has collapsed", UserWarning)
        yield


def look_into_gamo(
    task: _Task, device: torch.device, look: Callable[[GAMONet, Tensor, Tensor], None]
) -> None:
    """Call ``look(net, x, codes)`` within a fit of the classifier."""
    with no_advice():
        look_into(task, device, look, GAMOClassifier)


def _rows(counts: Sequence[int], n_columns: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Noise with so many rows a class: what is measured does not depend on the values."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).random((len(y), n_columns), dtype=np.float32), y


def game_tasks(sizes: Sizes, **parameters: Any) -> dict[str, _Task]:
    """Return the default classifier on a table, and on the paper's long-tailed MNIST in shape."""
    given = {**sizes.gamo, "max_steps": sizes.games, **parameters}
    x, y = _table(sizes.rows)
    pixels, digits = _rows(sizes.digits, _PIXELS)
    return {
        "30 columns": _Task(x, y, given),
        "784 pixels": _Task(pixels, digits, {**given, "encode": False}),
    }


def batch_of(net: GAMONet, x: Tensor, codes: Tensor) -> Any:
    """Return a mini-batch as the training draws them; the networks are ready to learn from it."""
    batch = next(iter(net.get_iterator(net.get_dataset(x, codes), training=True)))
    net.module_.train()
    return batch


def products_of(net: GAMONet, x: Tensor, codes: Tensor) -> Products:
    """Return the products of a mini-batch: of the step of M and D, and of that of G."""
    batch = batch_of(net, x, codes)
    with Products() as found:
        net.train_step(batch)
    return found


def game_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of a mini-batch of the game against those of its matrix products alone.

    The mini-batches are the training's own, with all that surrounds the steps: draws of rows and
    of classes, the record of an epoch. The products are those that a mini-batch called, on the
    same tensors.
    """
    for device in devices():
        for name, task in game_tasks(sizes).items():
            lines: list[Line] = []
            what = f"{name}, {_where(task, device)}"
            look_into_gamo(
                task,
                device,
                lambda *given, what=what, device=device, lines=lines: lines.extend(
                    _game_lines(what, sizes, device, *given)
                ),
            )
            yield from lines


def _game_lines(
    what: str, sizes: Sizes, device: torch.device, net: GAMONet, x: Tensor, codes: Tensor
) -> Iterator[Line]:
    found = products_of(net, x, codes)

    def products() -> None:
        for _ in range(sizes.games):
            found.again()

    turns = in_turns([partial(net.go_on, x, codes), products], sizes.repetitions, device)
    game, bare = (1e3 * statistics.median(c) / sizes.games for c in zip(*turns, strict=True))
    yield Line(f"{what}: products of a game alone", bare, "ms")
    yield Line(f"{what}: products of a game alone", found.operations / bare / 1e6, "GFLOP/s")
    yield Line(f"{what}: mini-batch of GAMO", game, "ms")
    yield Line(f"{what}: the same / products", median_ratio(turns, 0, 1), "", 2.0)


def class_tasks(sizes: Sizes) -> dict[str, dict[int, _Task]]:
    """Return, for each way to grow, a table for each number of classes.

    The largest class has twice the rows of each other one, all of which are generated.
    """
    given = {**sizes.gamo, "max_steps": sizes.games, "encode": False}
    ways = {
        f"{sizes.class_rows} rows": lambda k: sizes.class_rows // (k + 1),
        f"{sizes.own_rows} a class": lambda k: sizes.own_rows,
    }
    return {
        f"{columns} columns, {way}": {
            k: _Task(*_rows([2 * each(k)] + [each(k)] * (k - 1), columns), given)
            for k in sizes.classes
        }
        for columns in (30, _PIXELS)
        for way, each in ways.items()
    }


def class_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of a mini-batch with some and with many classes, which take turns.

    With as many rows in all, or with as many of each class; then the anchors grow with the classes.
    """
    for device in devices():
        for name, tasks in class_tasks(sizes).items():
            some, *_, many = sizes.classes
            rows = _class_turns(list(tasks.values()), sizes.fits, device)
            limit = 1.3 if name.endswith(" rows") else None
            for k, column in zip(tasks, zip(*rows, strict=True), strict=True):
                each = 1e3 * statistics.median(column) / sizes.games
                yield Line(f"{name}, {device.type}: {k} classes", each, "ms")
            ratio = median_ratio(rows, len(tasks) - 1, 0)
            yield Line(f"{name}, {device.type}: {many} / {some}", ratio, "", limit)


def _class_turns(
    tasks: Sequence[_Task], repetitions: int, device: torch.device
) -> list[list[float]]:
    """Seconds of trainings of these tasks: a row a turn, a column a task."""
    rows: list[list[float]] = []
    _with_nets(tasks, device, lambda calls: rows.extend(in_turns(calls, repetitions, device)))
    return rows


def _with_nets(
    tasks: Sequence[_Task],
    device: torch.device,
    look: Callable[[list[Callable[[], Any]]], Any],
    trainings: tuple[Callable[[], Any], ...] = (),
) -> None:
    """Call ``look`` with a call for each task that trains its net on, all within their fits."""
    if not tasks:
        look(list(trainings))
        return

    def deeper(net: GAMONet, x: Tensor, codes: Tensor) -> None:
        _with_nets(tasks[1:], device, look, (*trainings, partial(net.go_on, x, codes)))

    look_into_gamo(tasks[0], device, deeper)


def held_bytes(device: torch.device, net: GAMONet, x: Tensor, codes: Tensor) -> dict[str, int]:
    """Bytes that the generator holds in a mini-batch: its own, and what graphs keep of it.

    The graphs keep anchors and weights too, which are counted with them.
    """
    batch = batch_of(net, x, codes)
    assert net.module_.generator is not None
    weights = sum(p.nbytes for p in net.module_.generator.parameters())
    moments = sum(
        value.nbytes
        for optimizer in net.generator_optimizers_
        for state in optimizer.state.values()
        for value in state.values()
    )
    # Those of M's and of D's loss are there together, between the backward passes and the steps.
    gradients = len(net.generator_optimizers_) * weights
    found = {"parameters": weights, "gradients": gradients, "state of Adam": moments}
    return {**found, "activations": peak_bytes(partial(net.train_step, batch), device)}


def fit_anchors(n: int, n_columns: int, parameters: dict[str, Any]) -> str:
    """Fit a class of n rows beside a larger one, and draw rows of it.

    Returns the megabytes of the anchors, and for either call its seconds and the megabytes that it
    added to the peak of the process, which has the data before.
    """
    x, y = _rows((n + 1, n), n_columns)
    classifier = GAMOClassifier(random_state=0, device="cpu", **parameters)
    before, found = peak_mib(), []
    for call in (partial(classifier.fit, x, y), partial(classifier.generate, _DRAWN, 1)):
        with no_advice():
            found += [seconds_of(call), peak_mib() - before]
    generator = classifier.net_.module_.generator
    return " ".join(map(str, [generator.anchors.nbytes / MIB, *found]))


def gamo_memory_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Bytes of a generator with many anchors in a mini-batch, and the peak of a fit with them.

    The peak is that of a process of its own, beyond what it had with the libraries and the data.
    """
    given = {**sizes.gamo, "max_steps": _FEW_STEPS, "encode": False}
    for columns in sizes.anchor_columns:
        for cap in ({"max_anchors": None}, {}):
            name = "all anchors" if cap else "default anchors"
            what = f"{sizes.anchors} x {columns}, {name}"
            task = _Task(*_rows((sizes.anchors + 1, sizes.anchors), columns), {**given, **cap})
            for device in devices():
                found: dict[str, int] = {}
                look_into_gamo(
                    task,
                    device,
                    lambda *nets, device=device, found=found: found.update(
                        held_bytes(device, *nets)
                    ),
                )
                for part, n_bytes in found.items():
                    yield Line(f"{what}, {device.type}: {part}", n_bytes / MIB, "MiB")
                total = sum(found.values()) / MIB
                yield Line(f"{what}, {device.type}: of the generator", total, "MiB", 1024)
            program = (
                "import sys; from imbdeep.benchmarks._gamo import fit_anchors; "
                f"sys.stdout.write(fit_anchors({sizes.anchors}, {columns}, {task.parameters!r}))"
            )
            own, *peaks = map(float, run_python(program).split())
            what = f"{what} ({own:.0f} MiB)"
            for call, seconds, peak in zip(("fit", "rows"), peaks[::2], peaks[1::2], strict=True):
                yield Line(f"{what}: {call}", seconds, "s")
                yield Line(f"{what}: added peak in {call}", peak, "MiB", own + 1024)


def gamo_fit_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of the paper's mini-batches on rows shaped as its MNIST.

    A fit of ``sizes.budget`` of them stands for all; what a fit costs besides is that of one.
    """
    task = game_tasks(sizes)["784 pixels"]

    def seconds(steps: int) -> float:
        parameters = {"batch_size": _PAPER_ROWS, **task.parameters, "max_steps": steps}
        classifier = GAMOClassifier(random_state=0, device="cpu", **parameters)
        with no_advice():
            return seconds_of(partial(classifier.fit, task.x, task.y))

    what = f"GAMO, {len(task.x)} x {task.x.shape[1]}"
    if sizes.budget >= PAPER_STEPS:
        yield Line(f"{what}, {PAPER_STEPS} mini-batches", seconds(PAPER_STEPS), "s", 600.0)
        return
    once = seconds(1)
    each = max(0.0, seconds(1 + sizes.budget) - once) / sizes.budget
    yield Line(f"{what}: fit but for the game", once - each, "s")
    whole = once + (PAPER_STEPS - 1) * each
    yield Line(f"{what}, {PAPER_STEPS} mini-batches, of {sizes.budget}", whole, "s", 600.0)
