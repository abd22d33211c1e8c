"""What the classifiers cost: an epoch beside a bare loop, and a translating step of M2m."""

import copy
import statistics
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.seeding import seeded

from ._measuring import Line, devices, in_turns, median_ratio, place

#: Every epoch is like the others: the full learning rate throughout.
_CONSTANT_RATE = {"warmup_epochs": 0, "milestones": (), "random_state": 0}
_SGD = {"optimizer": "sgd"}


class Task(NamedTuple):
    """Rows, labels and the parameters of the classifier that is trained on them."""

    x: Any
    y: Any
    parameters: dict

    def place(self, device):
        """Device and threads: rows of a table are trained on one."""
        return place(device, 1 if self.x.ndim == 2 else torch.get_num_threads())


def long_tail(n):
    """Labels of n >= 16 rows in the class shares of CIFAR-LT-10, N_k ~ 100^(-k/9)."""
    shares = 100 ** (-np.arange(10) / 9)
    counts = np.maximum(np.round(n * shares / shares.sum()), 1).astype(np.int64)
    counts[0] += n - counts.sum()
    return np.repeat(np.arange(10), counts)


def _noise(n):
    return np.random.default_rng(0).standard_normal((n, 30), dtype=np.float32)


def _images(n):
    return np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def _epoch_tasks(sizes):
    """The default classifier on a table, and those of M2m's paper on Reuters and on images."""
    words = np.random.default_rng(0).random((sizes.texts, 1000), dtype=np.float32) < 0.05
    n = sizes.image_batch * sizes.image_batches
    text = {**_SGD, "batch_size": 64, "encode": False}
    image = {**_SGD, "batch_size": sizes.image_batch}
    return {
        "30 columns": Task(_noise(sizes.rows), np.arange(sizes.rows) % 2, {}),
        "1000 words": Task(words.astype(np.float32), np.arange(sizes.texts) % 36, text),
        "ResNet-32": Task(_images(n), np.arange(n) % 10, image),
    }


def _made(estimator, task, device, **parameters):
    given = {**task.parameters, **_CONSTANT_RATE, **parameters}
    return estimator(**given, device=str(device))


def _epochs_of(task, n_epochs, device):
    """The same epochs, from the same weights and seed: by the classifier's net, by a bare loop."""
    classifier = _made(ERMClassifier, task, device, max_epochs=1).fit(task.x, task.y)
    net = classifier.net_
    x = classifier._to_device(classifier._encode(task.x))
    y = classifier._to_device(task.y)
    n_threads = classifier._n_threads(x)
    # Together, so that the copied optimiser holds the copied weights; its options and its state
    # (fused, the moments) are those of the net.
    module, optimizer = copy.deepcopy((net.module_, net.optimizer_))

    def by_net():
        with seeded(0, device, n_threads):
            net.go_on(x, y, epochs=n_epochs)

    def by_bare_loop():
        with seeded(0, device, n_threads):
            module.train()
            for _ in range(n_epochs):
                for rows in torch.randperm(len(x)).to(device).split(classifier.batch_size):
                    optimizer.zero_grad()
                    F.cross_entropy(module(x[rows]), y[rows]).backward()
                    optimizer.step()

    return by_net, by_bare_loop


def epoch_lines(sizes, data=None):
    """An epoch of ERMClassifier's net beside one of a bare loop of PyTorch."""
    for device in devices():
        for name, task in _epoch_tasks(sizes).items():
            turns = in_turns(_epochs_of(task, sizes.epochs, device), sizes.repetitions, device)
            net, bare = (
                1e3 * statistics.median(column) / sizes.epochs
                for column in zip(*turns, strict=True)
            )
            what = f"{name}, {task.place(device)}"
            yield Line(f"{what}: epoch of a bare loop", bare, "ms")
            yield Line(f"{what}: epoch of the classifier", net, "ms")
            yield Line(f"{what}: the same / bare loop", median_ratio(turns, 0, 1))


def _translation_count(share, n_steps, logit_lambda):
    """What a translating step should cost, in plain steps of 3 units a row.

    A translated row costs a forward and a gradient (2 units) for each step and network, the teacher
    and, unless λ = 0, the student, and at last a forward of the teacher.
    """
    networks = 2 if logit_lambda else 1
    return 1 + share * (2 * networks * n_steps + 1) / 3


def _turn(task, device, teacher, n_steps, weight):
    """Seconds of a plain epoch and of one that translates all marked rows; what to expect."""
    classifier = M2mClassifier(
        _made(ERMClassifier, task, device, max_epochs=3),  # the first one warms up
        teacher=teacher,
        gamma=0.0,
        rejection=False,
        defer=2,
        translation_steps=n_steps,
        logit_lambda=weight,
    ).fit(task.x, task.y)
    _, before, after = classifier.net_.history[:, "dur"]
    share = classifier.translations_["accepted"].sum() / len(task.y)
    return before, after, _translation_count(float(share), n_steps, weight)


def translation_lines(sizes, data=None):
    """A step that translates beside a plain one of the same fit, and both beside their count."""
    n = sizes.image_batch * sizes.image_batches
    image = {**_SGD, "batch_size": sizes.image_batch}
    tasks = {
        "30 columns": Task(_noise(sizes.rows), long_tail(sizes.rows), {}),
        "ResNet-32": Task(_images(n), long_tail(n), image),
    }
    for device in devices():
        for name, task in tasks.items():
            teacher = _made(ERMClassifier, task, device, max_epochs=1).fit(task.x, task.y)
            turns = {0.1: [], 0.0: []}
            for _ in range(sizes.fits):
                for weight, found in turns.items():
                    found.append(_turn(task, device, teacher, sizes.translation_steps, weight))
            per_step = 1e3 * teacher.batch_size / len(task.y)
            for weight, found in turns.items():
                what = f"{name}, lambda {weight:g}, {task.place(device)}"
                plain, after, count = (statistics.median(c) for c in zip(*found, strict=True))
                yield Line(f"{what}: plain step", per_step * plain, "ms")
                yield Line(f"{what}: M2m's", per_step * after, "ms")
                yield Line(f"{what}: the same / plain", median_ratio(found, 1, 0))
                yield Line(f"{what}: count of that", count)
                over = statistics.median(after / (plain * count) for plain, after, count in found)
                yield Line(f"{what}: measured / count", over)
