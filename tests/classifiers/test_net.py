"""Batches, the training loop and its hooks: what skorch promises, and nothing drawn wrongly."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from torch import nn

from imbdeep.classifiers import ERMClassifier
from imbdeep.classifiers._net import (
    ClassRows,
    TrainingBatches,
)
from imbdeep.networks import MLP
from imbdeep.seeding import seeded
from imbdeep.training import DivergedError
from tests.test_common import made

CPU = torch.device("cpu")
N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 2 * Y[:, None]


def quick(**params):
    few = {"max_epochs": 3, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


def batches_of(codes, batch_size=16, n_classes=None):
    codes = torch.as_tensor(codes)
    x = torch.arange(len(codes), dtype=torch.float32)[:, None]
    return TrainingBatches(Dataset(x, codes), batch_size, n_classes or int(codes.max()) + 1)


# ------------------------------------------------------------------------------ rows of classes


@given(
    codes=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    size=st.integers(0, 7),
    most=st.none() | st.integers(1, 5),
    seed=st.integers(0, 999),
)
def test_rows_of_a_group_are_of_its_class_and_distinct(codes, size, most, seed):
    asked = torch.tensor(codes * 6).view(6, -1)
    with seeded(seed, CPU):
        rows = ClassRows(torch.tensor(codes), 5, max_rows=most)
        groups = rows.draw_groups(asked, size)
    assert groups.dtype == torch.int64
    assert groups.shape == (6, len(codes), size)
    assert torch.equal(torch.tensor(codes)[groups], asked[..., None].expand_as(groups))
    for k, group in zip(asked.flatten().tolist(), groups.flatten(0, 1).tolist(), strict=True):
        pool = rows.order[rows.starts[k] :][: rows.sizes[k]].tolist()
        assert set(group) <= set(pool)
        if len(pool) >= size:
            assert len(set(group)) == size


# Classes of 4, 5 and 2 rows, side by side: what one class may repeat another may not.


# ------------------------------------------------------------------------------------------ batches


@given(n=st.integers(2, 60), batch_size=st.integers(2, 70))
def test_an_epoch_is_a_shuffled_pass(n, batch_size):
    batches = batches_of(torch.arange(n) % 2, batch_size)
    found = list(batches)
    assert len(found) == len(batches)
    assert [len(y) for _, y in found] == batches.sizes()
    assert sum(batches.sizes()) == n
    assert all(size == batch_size for size in batches.sizes()[:-1])
    assert 2 <= batches.sizes()[-1] <= batch_size + 1  # never one row alone
    rows = torch.cat([x[:, 0] for x, _ in found]).long()
    assert sorted(rows.tolist()) == list(range(n))
    assert torch.equal(torch.cat([y for _, y in found]), rows % 2)


@pytest.mark.parametrize("weights", [[1.0, 1, 1], [1, 3, 30], [0.0, 2, 1], [1e-9, 1e-9, 2e-8]])
def test_weighted_draws_follow_counts_times_weights(weights):
    counts = np.array([30, 9, 1])
    codes = np.repeat([0, 1, 2], counts)
    batches = batches_of(codes, batch_size=7)
    batches.weights = torch.tensor(weights, dtype=torch.float64)
    draws = torch.cat([batches.draw() for _ in range(500)]).numpy()
    assert len(draws) == 500 * N  # an epoch keeps its length
    share = counts * weights
    expected = 500 * N * share / share.sum()
    found = np.bincount(codes[draws], minlength=3)
    there = expected > 0
    assert (found[~there] == 0).all()
    assert chisquare(found[there], expected[there]).pvalue > 0.001
    for k in np.flatnonzero(there)[:2]:  # uniformly within a class
        per_row = np.bincount(draws, minlength=N)[codes == k]
        assert chisquare(per_row).pvalue > 0.001 if len(per_row) > 1 else True


# -------------------------------------------------------------------------------- the callbacks


class Diary(Callback):
    """Notes every hook, and what batches it is handed."""

    def initialize(self):
        self.hooks, self.rows = [], []
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.hooks.append("train begin")

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.hooks.append("train end")

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.hooks.append(f"epoch {net.history[-1, 'epoch']} begin")

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.hooks.append(f"epoch {net.history[-1, 'epoch']} end")

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.hooks.append(f"batch of {len(batch[0])} begin {training}")

    def on_batch_end(self, net, batch=None, training=False, loss=None, y_pred=None, **kwargs):
        assert len(y_pred) == len(batch[1])
        assert loss.ndim == 0
        self.rows.append((training, *(part.clone() for part in batch)))
        self.hooks.append(f"batch of {len(batch[0])} end {training}")

    def on_grad_computed(self, net, named_parameters, batch=None, training=False, **kwargs):
        assert all(parameter.grad is not None for _, parameter in named_parameters)
        self.hooks.append(f"gradient of {len(batch[0])} {training}")


def test_hooks_are_called_as_in_skorch():
    diary, expected = Diary(), Diary()
    quick(callbacks=[diary], early_stopping=True, validation_fraction=0.25).fit(X, Y)
    twin = NeuralNetClassifier(
        MLP,
        module__n_features=3,
        module__n_classes=2,
        criterion=nn.CrossEntropyLoss,
        max_epochs=3,
        batch_size=16,
        train_split=lambda data, y: (
            Dataset(X[:30].astype("f4"), Y[:30]),
            Dataset(X[30:].astype("f4"), Y[30:]),
        ),
        callbacks=[expected],
        verbose=0,
    )
    twin.fit(X.astype("f4"), Y)
    assert diary.hooks == expected.hooks
    assert len(diary.hooks) == 2 + 3 * (2 + 2 * 3 + 2)


def test_records_are_in_the_words_of_the_house():
    classifier = quick(early_stopping=True, callbacks=[Diary()]).fit(X, Y)
    assert [epoch["epoch"] for epoch in classifier.history_] == [1, 2, 3]
    for epoch in classifier.history_:
        assert set(epoch) == {
            "epoch",
            "loss",
            "learning_rate",
            "validation",
            "validation_balanced_accuracy",
        }
        assert all(type(value) in (int, float) for value in epoch.values())
    assert set(quick().fit(X, Y).history_[0]) == {"epoch", "loss", "learning_rate"}


def test_a_line_an_epoch_is_printed_if_asked_for(capsys):
    quick().fit(X, Y)
    assert capsys.readouterr().out == ""
    quick(verbose=True, early_stopping=True).fit(X, Y)
    printed = capsys.readouterr().out
    assert "train_loss" in printed
    assert "valid_balanced_accuracy" in printed
    assert "learning_rate" in printed
    numbers = [line.split()[0] for line in printed.splitlines() if line.split()]
    assert numbers[2:5] == ["1", "2", "3"]


# ------------------------------------------------------------------------------ stops and failures


class StopAfter(Callback):
    def __init__(self, hook, epoch):
        self.hook, self.epoch = hook, epoch

    def _maybe(self, hook, net):
        if hook == self.hook and net.history[-1, "epoch"] == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        self._maybe("epoch end", net)

    def on_batch_begin(self, net, **kwargs):
        self._maybe("batch begin", net)

    def on_grad_computed(self, net, **kwargs):
        self._maybe("gradient", net)


@pytest.mark.parametrize("hook", ["epoch end", "batch begin", "gradient"])
def test_a_callback_may_stop_the_training_early(hook):
    classifier = quick(callbacks=[StopAfter(hook, 2)]).fit(X, Y)
    assert len(classifier.history_) == 2
    assert classifier.predict(X).shape == (N,)
    assert ("loss" in classifier.history_[-1]) == (hook == "epoch end")


def test_a_validation_loss_that_explodes_is_an_error():
    with pytest.raises(DivergedError, match="The valid loss became nan in epoch 1"):
        quick(module=NoSense, early_stopping=True, max_epochs=1).fit(X, Y)


class NoSense(nn.Module):
    """Finite logits in training, none after it."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layer = nn.Linear(n_features, n_classes)

    def forward(self, x):
        return self.layer(x) * (1.0 if self.training else float("nan"))
