"""An epoch is beside the same epoch, and a translating step has the cost that is counted."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from imbdeep.benchmarks import _classifiers
from imbdeep.benchmarks._classifiers import (
    epochs_of,
    long_tail,
    translation_count,
    translation_memory_lines,
    translation_turn,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["30 columns", "1000 words", "ResNet-32"])
def test_the_bare_loop_is_the_same_training(name, tiny):
    """Same start, optimiser, order and loss: the same weights at the end, but for rounding."""
    task = _classifiers._epoch_tasks(tiny, CPU)[name]
    epochs = epochs_of(task, 2, CPU)
    ours, theirs = (list(module.parameters()) for module in epochs.modules)
    start = [weight.detach().clone() for weight in ours]
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        assert a is not b
    epochs.net()
    epochs.bare()
    assert not any(torch.equal(a, before) for a, before in zip(ours, start, strict=True))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_epochs_are_those_of_the_papers():
    sizes = _classifiers.Sizes()
    tasks = _classifiers._epoch_tasks(sizes._replace(image_batches=1), CPU)
    assert tasks["30 columns"].x.shape == (20_000, 30)
    words = tasks["1000 words"]
    assert words.x.shape == (6436, 1000)
    assert set(np.unique(words.x)) == {0, 1}
    assert len(np.unique(words.y)) == 36
    assert tasks["ResNet-32"].x.shape == (128, 3, 32, 32)
    table = _classifiers._erm(tasks["30 columns"], CPU)
    assert (table.optimizer, table.batch_size) == ("adam", 128)
    text = _classifiers._erm(words, CPU)
    assert (text.optimizer, text.batch_size) == ("sgd", 64)


def test_an_epoch_on_a_gpu_has_more_batches(tiny):
    few, more = (_classifiers._n_images(tiny, torch.device(name)) for name in ("cpu", "cuda"))
    assert more > few == tiny.image_batch


@pytest.mark.parametrize("n", [16, 128, 12_406])
def test_classes_are_those_of_the_long_tail(n):
    y = long_tail(n)
    assert len(y) == n
    assert len(np.unique(y)) == 10


def test_the_long_tail_marks_three_quarters():
    """CIFAR-LT-10: 5000 rows in the largest class, 50 in the smallest."""
    counts = np.bincount(long_tail(12_406))
    expected = 5000 * 100 ** (-np.arange(10) / 9)
    assert counts == pytest.approx(expected, abs=2)
    assert np.mean(1 - counts / counts.max()) == pytest.approx(0.752, abs=1e-3)


def test_count_by_hand():
    # 30 translated rows of 40, two networks, ten steps: 40 forwards and input gradients and a
    # forward a row, in thirds of a plain step.
    assert translation_count(0.75, 10, 0.1) == pytest.approx(1 + 0.75 * 41 / 3)
    assert translation_count(0.75, 10, 0.0) == pytest.approx(1 + 0.75 * 21 / 3)
    assert translation_count(0.0, 10, 0.1) == 1


@pytest.fixture(scope="module")
def task_and_teacher():
    n = 16
    task = _classifiers._Task(_classifiers._images(n), long_tail(n), {"batch_size": n})
    return task, _classifiers._erm(task, CPU, max_epochs=1).fit(task.x, task.y)


class Operations(TorchDispatchMode):
    """Floating-point operations, by torch's own table.

    Its FlopCounterMode follows modules too, and cannot where gradients by the input are asked for.
    """

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


def operations(classifier, task):
    """Floating-point operations of a training."""
    with Operations() as counter:
        classifier.fit(task.x, task.y)
    return counter.total


@pytest.mark.parametrize("logit_lambda", [0.1, 0.0])
def test_a_step_costs_what_is_counted(task_and_teacher, logit_lambda):
    """The operations that torch counts in a training's last epoch, by those of a plain one."""
    task, teacher = task_and_teacher
    one, two = (operations(_classifiers._erm(task, CPU, max_epochs=e), task) for e in (1, 2))
    m2m = _classifiers._m2m(
        task,
        CPU,
        teacher,
        max_epochs=2,
        defer=1,
        translation_steps=2,
        logit_lambda=logit_lambda,
    )
    ratio = (operations(m2m, task) - one) / (two - one)
    share = m2m.translations_["accepted"].sum() / len(task.y)
    assert m2m.acceptance_ == 1
    assert ratio == pytest.approx(translation_count(share, 2, logit_lambda), rel=0.02)


def test_a_turn_holds_both_epochs(task_and_teacher):
    task, teacher = task_and_teacher
    turn = translation_turn(task, CPU, teacher, 1, 0.0)
    assert turn.plain > 0
    assert turn.translating > 0
    assert 0 < turn.share <= 1
    assert turn.share * len(task.y) == pytest.approx(round(turn.share * len(task.y)))


def test_translation_keeps_no_more_than_a_plain_step(tiny):
    """Bytes, not seconds: the limit holds at this size too."""
    plain, _, ratio = translation_memory_lines(tiny)
    # The results of the 31 convolutions before their normalisation are kept at least.
    pixels = 11 * 16 * 32**2 + 10 * 32 * 16**2 + 10 * 64 * 8**2
    assert plain.measured * 2**20 > 4 * tiny.image_batch * pixels
    assert ratio.measured <= ratio.limit
