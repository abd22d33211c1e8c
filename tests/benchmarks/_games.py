"""What RAE and GAMO cost: a cycle beside its matrix products, classes, fits, the memory."""

import statistics
from functools import partial

import numpy as np

from imbdeep.classifiers import GAMOClassifier, RAEClassifier

from ._classifiers import Task
from ._measuring import (
    MIB,
    Line,
    Products,
    devices,
    in_process,
    in_turns,
    large_lines,
    median_ratio,
    peak_mib,
    seconds_of,
    table,
)

#: Mini-batches of GAMO's experiments, in the authors' code, and rows in one.
PAPER_STEPS, _PAPER_ROWS = 25_000, 32
#: Columns of MNIST's images, which GAMO without a feature extractor takes as a row.
_PIXELS = 784
#: Steps of RAE on a million rows, and of GAMO with many anchors: a step's memory does not grow.
_RAE_STEPS, _GAMO_STEPS = 100, 3


def look_into(method, task, device, look):
    """Call ``look(net, x, codes)`` within a fit, where the net has all that training needs."""
    classifier = method(**task.parameters, random_state=0, device=str(device))
    run = classifier._run

    def looked_into(net, x, codes):
        net.go_on(x, codes)  # the first steps make the optimisers' moments
        look(net, x, codes)
        return run(net, x, codes)

    classifier._run = looked_into
    seconds_of(partial(classifier.fit, task.x, task.y))


def _noise(counts, n_columns):
    """Noise with so many rows a class: what is measured does not depend on the values."""
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).random((len(y), n_columns), dtype=np.float32), y


def _beside_products(method, what, task, device, products_of, n, repetitions):
    """A training of ``n`` cycles beside the matrix products of its steps, on the same tensors."""
    lines = []

    def look(net, x, codes):
        found = products_of(net, x, codes)

        def bare():
            for _ in range(n):
                for products in found:
                    products.again()

        turns = in_turns([partial(net.go_on, x, codes), bare], repetitions, device)
        whole, alone = (statistics.median(column) / n for column in zip(*turns, strict=True))
        speed = sum(products.operations for products in found) / alone / 1e9
        lines.append(Line(f"{what}: products alone", 1e3 * alone, "ms"))
        lines.append(Line(f"{what}: products alone", speed, "GFLOP/s"))
        lines.append(Line(f"{what}: cycle of {method.__name__}", 1e3 * whole, "ms"))
        lines.append(Line(f"{what}: the same / products", median_ratio(turns, 0, 1)))

    look_into(method, task, device, look)
    return lines


def _cycle_tasks(sizes):
    """RAE's defaults on a table and on small images, and the cycles of a repetition."""
    images = np.random.default_rng(0).integers(0, 256, (500, 1, 28, 28), dtype=np.uint8)
    each = RAEClassifier(**sizes.rae).encoder_steps
    rows = {"30 columns": table(sizes.rows), "28 x 28": (images, np.arange(500) % 10)}
    cycles = (sizes.cycles, sizes.image_cycles)
    return {
        name: (Task(x, y, {**sizes.rae, "max_steps": n * each}), n)
        for (name, (x, y)), n in zip(rows.items(), cycles, strict=True)
    }


def _rae_products(net, x, codes):
    """Products of each step of a cycle of RAE, on rows as the training draws them."""
    groups, labels = next(iter(net.get_iterator(net.get_dataset(x, codes), training=True)))
    found = []
    for i, player in enumerate(net.schedule.order):
        with Products() as products:
            getattr(net, f"_{player}_step")(groups[i], labels[i])
        found.append(products)
    return found


def cycle_lines(sizes, data=None):
    """A cycle of RAE's updates, with all that surrounds them, beside its matrix products."""
    for device in devices():
        for name, (task, n) in _cycle_tasks(sizes).items():
            what = f"{name}, {task.place(device)}"
            yield from _beside_products(
                RAEClassifier, what, task, device, _rae_products, n, sizes.repetitions
            )


def rae_fit_lines(sizes, data=None):
    """The default RAE on a table."""
    x, y = table(sizes.rows)
    classifier = RAEClassifier(random_state=0, **sizes.rae)
    seconds = seconds_of(partial(classifier.fit, x, y))
    yield Line(f"RAE's defaults, {len(x)} x {x.shape[1]}", seconds, "s")


def rae_memory_lines(sizes, data=None):
    """Seconds and peak memory of RAE on a large table, in a process of its own."""
    given = {"max_steps": _RAE_STEPS, **sizes.rae}
    yield from large_lines("RAE", RAEClassifier, ("fit", "predict"), sizes, given)


def _game_tasks(sizes):
    """GAMO's defaults on a table, and on the paper's long-tailed MNIST in shape."""
    given = {**sizes.gamo, "max_steps": sizes.games}
    return {
        "30 columns": Task(*table(sizes.rows), given),
        "784 pixels": Task(*_noise(sizes.digits, _PIXELS), {**given, "encode": False}),
    }


def _gamo_products(net, x, codes):
    """Products of a mini-batch of GAMO, as the training draws it."""
    batch = next(iter(net.get_iterator(net.get_dataset(x, codes), training=True)))
    net.module_.train()
    with Products() as products:
        net.train_step(batch)
    return [products]


def game_lines(sizes, data=None):
    """A mini-batch of GAMO, with all that surrounds its steps, beside its matrix products."""
    for device in devices():
        for name, task in _game_tasks(sizes).items():
            what = f"{name}, {task.place(device)}"
            yield from _beside_products(
                GAMOClassifier, what, task, device, _gamo_products, sizes.games, sizes.repetitions
            )


def fit_anchors(n, n_columns, parameters):
    """MiB of n anchors; seconds and added peak of a fit, and of drawing 1000 rows."""
    x, y = _noise((n + 1, n), n_columns)
    classifier = GAMOClassifier(random_state=0, device="cpu", **parameters)
    before, found = peak_mib(), []
    for call in (partial(classifier.fit, x, y), partial(classifier.generate, 1000, 1)):
        found += [seconds_of(call), peak_mib() - before]
    return classifier.net_.module_.generator.anchors.nbytes / MIB, *found


def gamo_memory_lines(sizes, data=None):
    """Peak of a fit of GAMO with many anchors, beyond that of the libraries and the data."""
    given = {**sizes.gamo, "max_steps": _GAMO_STEPS, "encode": False}
    for columns in sizes.anchor_columns:
        for name, cap in (("all anchors", {"max_anchors": None}), ("default anchors", {})):
            own, *peaks = in_process(fit_anchors, sizes.anchors, columns, {**given, **cap})
            what = f"{sizes.anchors} x {columns}, {name} ({own:.0f} MiB)"
            for call, seconds, peak in zip(("fit", "rows"), peaks[::2], peaks[1::2], strict=True):
                yield Line(f"{what}: {call}", seconds, "s")
                yield Line(f"{what}: added peak in {call}", peak, "MiB")


def gamo_fit_lines(sizes, data=None):
    """Seconds of the paper's mini-batches on rows shaped as its MNIST, by some of them."""
    task = _game_tasks(sizes)["784 pixels"]

    def seconds(steps):
        parameters = {"batch_size": _PAPER_ROWS, **task.parameters, "max_steps": steps}
        classifier = GAMOClassifier(random_state=0, device="cpu", **parameters)
        return seconds_of(partial(classifier.fit, task.x, task.y))

    once = seconds(1)
    each = max(0.0, seconds(1 + sizes.budget) - once) / sizes.budget
    what = f"GAMO, {len(task.x)} x {task.x.shape[1]}"
    yield Line(f"{what}: fit but for the game", once - each, "s")
    whole = once + (PAPER_STEPS - 1) * each
    yield Line(f"{what}, {PAPER_STEPS} mini-batches, of {sizes.budget}", whole, "s")
