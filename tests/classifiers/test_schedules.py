"""Learning rates and the epochs at which balancing begins, in real trainings."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Callback

from imbdeep.classifiers import ERMClassifier
from imbdeep.classifiers.schedules import (
    DeferredEarlyStopping,
    WarmupStepDecay,
    check_moment,
    epoch_of,
    start_of,
)
from tests.test_common import made

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 2 * Y[:, None]


def quick(**params):
    few = {"max_epochs": 10, "batch_size": 20, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


class Witness(Callback):
    """Notes, at the end of every epoch, what balancing was in force in it."""

    def initialize(self):
        self.loss_weights, self.row_weights = [], []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.loss_weights.append(net.criterion_.weight)
        self.row_weights.append(net.batches_.weights)


# ---------------------------------------------------------------------------------------- moments


@given(n=st.integers(1, 500), index=st.integers(0, 600), share=st.floats(0, 1))
def test_moments_are_indices_or_shares(n, index, share):
    assert epoch_of(index, n) == index
    assert epoch_of(np.int64(index), n) == index
    assert epoch_of(share, n) == round(share * n)
    assert 0 <= epoch_of(share, n) <= n
    assert 0 <= start_of(share, n) <= n - 1
    assert start_of(0, n) == start_of(0.0, n) == 0
    if index < n:
        assert start_of(index, n) == index
    else:
        with pytest.raises(ValueError, match=f"defer={index} never comes in a training of {n} "):
            start_of(index, n)


@pytest.mark.parametrize("when", [-1, -0.5, 1.5, float("nan"), float("inf"), "0.5", None, [1]])
def test_moments_that_are_not(when):
    with pytest.raises(ValueError, match=r"milestones holds .* a moment of the training is"):
        check_moment("milestones", when)
    with pytest.raises(ValueError, match="milestones holds"):
        quick(milestones=(0.5, when)).fit(X, Y)


# --------------------------------------------------------------------------------- learning rates


@given(
    rate=st.floats(1e-6, 10),
    warmup=st.integers(0, 6),
    milestones=st.lists(st.integers(0, 12), max_size=3),
    decay=st.floats(0.01, 1),
)
def test_rate_is_the_formula(rate, warmup, milestones, decay):
    schedule = WarmupStepDecay(rate, warmup=warmup, milestones=milestones, decay=decay)
    for epoch in range(13):
        warm = 1.0 if epoch >= warmup else (epoch + 1) / warmup
        m = len([t for t in milestones if t <= epoch])
        assert schedule.rate(epoch) == pytest.approx(rate * warm * decay**m)


# -------------------------------------------------------------------------------------- deferral


@pytest.mark.parametrize(
    "defer, start", [(0.0, 0), (0, 0), (0.8, 8), (3, 3), (1, 1), (0.99, 9), (0.04, 0), (9, 9)]
)
def test_balancing_begins_at_its_epoch(defer, start):
    witness = Witness()
    quick(class_weight="balanced", sampling="class_balanced", defer=defer, callbacks=[witness]).fit(
        X, Y
    )
    assert [weight is not None for weight in witness.loss_weights] == [
        t >= start for t in range(10)
    ]
    assert [weight is not None for weight in witness.row_weights] == [t >= start for t in range(10)]
    torch.testing.assert_close(witness.loss_weights[-1], torch.tensor([0.5, 1.5]))
    beta = 0.9999
    effective = (1 - beta ** np.array([30, 10])) / (1 - beta)
    expected = 2 / effective / (1 / effective).sum()
    np.testing.assert_allclose(witness.row_weights[-1], expected, rtol=1e-5)


def test_early_stopping_is_blind_before_the_deferred_epoch():
    # An untrained network that learns nothing: no epoch is better than the first that counts.
    common = {"early_stopping": True, "n_iter_no_change": 2, "learning_rate": 1e-12}
    assert len(quick(**common).fit(X, Y).history_) == 3
    late = quick(class_weight="balanced", defer=5, **common).fit(X, Y)
    assert len(late.history_) == 5 + 3
    stopper = next(c for _, c in late.net_.callbacks_ if isinstance(c, DeferredEarlyStopping))
    assert stopper.best_epoch_ == 6  # skorch counts from one
