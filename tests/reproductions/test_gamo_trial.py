"""A trial of GAMO's reproduction: the same network, loss and steps for everyone."""

import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.losses import LeastSquaresLoss
from imbdeep.networks import MLP
from imbdeep.reproductions._gamo_trial import (
    LOSSES,
    NETWORK,
    ConvClassifier,
    Trial,
)
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._rows import Task

CPU = torch.device("cpu")
TINY = Length(steps=4, own={"discriminator_layer_sizes": (8,), "generator_layer_sizes": (8,)})


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def task():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1, 2], [70, 20, 6]), np.repeat([0, 1, 2], 4)
    x, x_test = (random.normal(size=(n, 3)) + 2 for n in (96, 12))
    return Task(x + 2 * y[:, None], y, x_test + 2 * y_test[:, None], y_test)


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    y, y_test = np.repeat([0, 1], [40, 8]), np.repeat([0, 1], 4)
    x, x_test = (random.integers(0, 256, (n, 64), dtype=np.uint8) for n in (48, 8))
    return Task(x, y, x_test, y_test, (1, 8, 8))


def trial(task, convolutional=False, length=TINY, seed=3):
    return Trial(task, convolutional, length, seed, CPU)


def fitted(task, approach, convolutional=False):
    return trial(task, convolutional).trained(approach).classifier


@pytest.mark.parametrize("loss", LOSSES)
def test_everyone_trains_the_network_of_the_paper(task, loss):
    """256-128 with leaky rectifiers of 0.1: the same layers in the game and without it."""
    plain = fitted(task, Approach(loss=loss)).net_.module_
    game = fitted(task, Approach(method="gamo", loss=loss)).net_.module_.classifier
    for found in (plain, game):
        layers = [m for m in found.modules() if isinstance(m, nn.Linear)]
        assert [m.out_features for m in layers] == [256, 128, 3]
        slopes = [m.negative_slope for m in found.modules() if isinstance(m, nn.LeakyReLU)]
        assert slopes == [0.1, 0.1]
    assert [p.shape for p in plain.parameters()] == [p.shape for p in game.parameters()]


def test_with_f_everyone_has_the_same_layers(images):
    plain = fitted(images, Approach(), convolutional=True).net_.module_[-1]
    game = fitted(images, Approach(method="gamo"), convolutional=True).net_.module_
    assert isinstance(plain, ConvClassifier)
    for ours, its in ((plain.features, game.features), (plain.classifier, game.classifier)):
        assert [p.shape for p in ours.parameters()] == [p.shape for p in its.parameters()]


def test_losses_have_one_name_for_both_classifiers(task):
    assert {
        "CE": ("cross_entropy", "cross_entropy"),
        "LS": (LeastSquaresLoss, "least_squares"),
    } == LOSSES
    plain = fitted(task, Approach(loss="LS"))
    assert plain.criterion is LeastSquaresLoss
    assert (plain.module, plain.module_params) == (MLP, NETWORK)
    assert fitted(task, Approach(method="gamo", loss="LS")).loss == "least_squares"
    assert fitted(task, Approach(method="gamo")).loss == "cross_entropy"


@pytest.mark.parametrize(
    "approach",
    [
        Approach(),
        Approach(loss="LS"),
        Approach(resample=smote),
        Approach(method="gamo"),
        Approach(method="gamo", parameters={"generator": "conditional", "discriminator": False}),
    ],
    ids=["CE", "LS", "SMOTE", "GAMO", "cG + CN"],
)
@pytest.mark.parametrize("convolutional", [False, True])
def test_as_many_steps_of_m_are_done_as_are_told(images, approach, convolutional):
    """And as many of every other player; F, which moves in passes of two, has three of them."""
    calls = Counter()
    hook = register_optimizer_step_post_hook(lambda moved, *_: calls.update([moved]))
    try:
        outcome = trial(images, convolutional, Length(steps=6, own=TINY.own)).evaluate(approach)
    finally:
        hook.remove()
    assert outcome.metrics["steps"] == 6
    assert set(calls.values()) == {6}
    assert (len(calls) > 1) == (approach.method == "gamo")


def test_gamo_has_its_defaults_but_for_the_length(task):
    classifier = fitted(task, Approach(method="gamo", loss="LS", parameters={"latent_dim": 5}))
    given = {"batch_size": 32, "max_steps": 4, "network": "mlp", "loss": "least_squares"}
    changed = {**given, **TINY.own, "latent_dim": 5, "device": CPU, "random_state": 3}
    assert classifier.get_params() == GAMOClassifier().get_params() | changed


def test_plain_classifiers_of_the_two_losses_are_two(task):
    one = trial(task)
    plain, corrected, squared = (
        one.trained(a).classifier for a in (Approach(), Approach(prior=True), Approach(loss="LS"))
    )
    assert corrected is plain
    assert squared is not plain


def test_warnings_are_kept_and_not_shown(task):
    """A generator that has hardly moved makes one row a class, of which the classifier warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = trial(task).evaluate(Approach(method="gamo"))
        plain = trial(task).evaluate(Approach())
    assert outcome.said
    assert all("collapsed" in sentence for sentence in outcome.said)
    assert plain.said == ()
