"""Generated rows of each class against its real ones."""

import numpy as np
import pytest
import torch

from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._rae_generated import GENERATED, Generated, GeneratedTrial, fidelity
from imbdeep.reproductions._rows import Task

CPU = torch.device("cpu")
LENGTH = Length(steps=2, own={"max_steps": 2, "batch_size": 4, "hidden_layer_sizes": (8,)})


@pytest.fixture
def task():
    random = np.random.default_rng(0)
    parts = []
    for sizes in ((14, 9, 6), (8, 8, 8)):
        y = np.repeat(np.arange(3), sizes)
        x = random.integers(0, 60, (len(y), 64)) + 60 * y[:, None]
        parts += [x.astype(np.uint8), y]
    return Task(*parts, (1, 8, 8))


class Spy:
    """A sampler that repeats the real rows that it was told of."""

    def __init__(self, task, sampling_strategy):
        self.task, self.sampling_strategy = task, sampling_strategy

    def fit_resample(self, x, y):
        counts = np.bincount(y)
        rows = [np.flatnonzero(self.task.y_test == code) for code in self.sampling_strategy]
        assert {c: int(counts[c] + len(r)) for c, r in zip((1, 2), rows, strict=True)} == (
            self.sampling_strategy
        )
        rows = np.concatenate(rows)
        made, labels = self.task.x_test[rows], self.task.y_test[rows]
        return np.concatenate([x, made]), np.concatenate([y, labels])


def test_the_real_rows_themselves_cover_all(task):
    """Each real row is its own neighbour, and inside the balls of those it is a neighbour of."""

    def make(n_least, latent_dim, length, *, sampling_strategy, **shared):
        assert (n_least, latent_dim, length) == (6, 3, LENGTH)
        assert shared == {"image_shape": (1, 8, 8), "device": CPU, "random_state": 5}
        return Spy(task, sampling_strategy)

    found = GeneratedTrial(task, 3, LENGTH, 5, CPU).evaluate(Generated(None, make)).metrics
    assert found["coverage"] == 1
    assert found["density"] >= 1


def test_a_class_is_compared_with_itself_alone(task):
    """Rows of the other class are far away: nothing is covered when the labels are exchanged."""
    x, y = task.x_test[8:], task.y_test[8:]
    assert fidelity(task.x_test, task.y_test, x, y)[1] == 1
    assert fidelity(task.x_test, task.y_test, x, 3 - y) == (0, 0)


@pytest.mark.parametrize("name", GENERATED)
def test_every_sampler_makes_what_is_asked_for(task, name):
    trial = GeneratedTrial(task, 4, LENGTH, 0, CPU)
    first, again = (trial.evaluate(GENERATED[name]).metrics for _ in range(2))
    assert first == again
    assert set(first) == {"density", "coverage"}
    assert 0 <= first["coverage"] <= 1
    assert first["density"] >= 0
