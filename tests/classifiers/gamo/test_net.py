"""The net of GAMO: its batches, each player's loss, gradient and reach, and what it records."""

import copy
import dataclasses
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from scipy import stats
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from imbdeep.classifiers._gamo import net as module
from imbdeep.classifiers._gamo.losses import LeastSquaresLoss, OneVsRestCrossEntropyLoss
from imbdeep.classifiers._gamo.net import GameBatches, GAMONet, Schedule, Settings, minority_of
from imbdeep.classifiers._gamo.players import GAMO, Architecture
from imbdeep.classifiers._net import Blueprint, EvaluationBatches, ScaledSoftmax

LEVEL = 1e-4
#: Rows of each class: class 0 is the largest, and the others come smallest first.
COUNTS = (12, 6, 2)
MINORITY = (2, 1)
ARCHITECTURE = Architecture(
    shape=(4,),
    n_classes=3,
    convolutional=False,
    minority=MINORITY,
    n_anchors=(2, 6),
    generator="convex",
    discriminator=True,
    without=(),
    latent_dim=3,
    hidden=(6,),
    generator_hidden=(7, 5),
    discriminator_hidden=(6,),
    n_extracted=5,
    columns=(4, 0, (), (), False),
)
SETTINGS = Settings(
    least_squares=True,
    generated_lambda=1.0,
    discriminator_lambda=1.0,
    label_smoothing=0.1,
    ema_decay=0.0,
    weight_decay=0.0,
)
IMAGES = {"shape": (1, 8, 8), "columns": (0, 64, (), (), True), "convolutional": True}
PLAYERS = ("features", "generator", "discriminator", "classifier", "averaged")
LOSSES = {True: LeastSquaresLoss, False: OneVsRestCrossEntropyLoss}


def data(shape=(4,), counts=COUNTS):
    """Rows by class, of a mean each."""
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return torch.rand(len(y), *shape) + 0.3 * y.view(-1, *[1] * len(shape)), y


def net_of(schedule=(0, 4, 8), batch_size=6, settings=None, valid=None, lr=0.01, **sizes):
    """A net before its first step."""
    sizes = dataclasses.replace(ARCHITECTURE, **sizes)
    settings = dataclasses.replace(SETTINGS, **(settings or {}))
    schedule = Schedule(*schedule)
    y = data()[1]
    anchors = [torch.nonzero(y == code).flatten() for code in sizes.minority]
    return GAMONet(
        Blueprint(partial(GAMO, sizes)),
        settings=settings,
        anchors=torch.cat(anchors) if anchors else torch.empty(0, dtype=torch.int64),
        criterion=partial(LOSSES[settings.least_squares], reduction="none"),
        lr=lr,
        max_epochs=schedule.n_epochs,
        batch_size=batch_size,
        iterator_train=GameBatches,
        iterator_train__schedule=schedule,
        iterator_train__n_classes=sizes.n_classes,
        iterator_train__balanced=False,
        iterator_train__shares=np.array([10.0, 6.0]) if sizes.minority else np.empty(0),
        iterator_valid=EvaluationBatches,
        iterator_valid__batch_size=16,
        train_split=None if valid is None else predefined_split(Dataset(*valid)),
        classes=list(range(sizes.n_classes)),
        predict_nonlinearity=ScaledSoftmax(),
        device="cpu",
        verbose=0,
    ).initialize()


def ready(**params):
    """A net whose generator has its anchors, in evaluation mode, as the game begins."""
    net = net_of(**params)
    x, y = data(net.module_.sizes.shape)
    return net, net._extract(x), y


def places_of(*counts):
    """Generated rows of the minority classes, as the batches say it."""
    return list(counts), torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def snapshot(game):
    return {
        name: {key: value.clone() for key, value in player.state_dict().items()}
        for name in PLAYERS
        if (player := getattr(game, name)) is not None
    }


def changed(before, after):
    """The tensors that differ, by player."""
    return {
        name: keys
        for name, part in before.items()
        if (
            keys := {key for key, value in part.items() if not torch.equal(value, after[name][key])}
        )
    }


def made(net, spy):
    """Let `spy` see what the generator makes."""
    generate = net.module_.generate

    def seen(*args):
        rows = generate(*args)
        spy(rows)
        return rows

    net.module_.generate = seen


# The schedule

steps = st.integers(1, 30)


# The batches


@pytest.mark.parametrize(
    "counts, expected",
    [
        ((5, 3, 9), (1, 0)),
        ((9, 9, 3), (2,)),
        ((4, 4), ()),
        ((3, 9, 3, 1), (3, 0, 2)),
        ((1, 1, 2), (0, 1)),
    ],
)
def test_minority_classes_are_all_smaller_ones_smallest_first(counts, expected):
    assert minority_of(np.array(counts)) == expected


# The losses and gradients, as the paper writes them


@pytest.fixture
def taken(monkeypatch):
    """Instead of steps of the optimisers, keep their sizes and the gradients of what they move."""
    found = []

    def keep(optimizer):
        (group,) = optimizer.param_groups
        slopes = {p: p.grad.clone() for p in group["params"] if p.grad is not None}
        found.append((group["lr"], slopes))
        optimizer.zero_grad()

    monkeypatch.setattr(module, "step", keep)
    return found


def noted(net):
    terms = {}
    net.note = lambda name, value: terms.setdefault(name, float(value.detach()))
    return terms


def check(gradients, loss, parameters):
    expected = torch.autograd.grad(loss, parameters, retain_graph=True)
    for parameter, slope in zip(parameters, expected, strict=True):
        torch.testing.assert_close(gradients[parameter], slope, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("least_squares", [True, False])
def test_m_and_d_minimise_eq_4_and_5_or_maximise_eq_2_and_3(taken, least_squares):
    settings = {"least_squares": least_squares, "generated_lambda": 0.7, "label_smoothing": 0.0}
    net, x, y = ready(settings=settings)
    fakes, terms = [], noted(net)
    made(net, fakes.append)
    moved = net._rivals_step(x, y, places_of(5, 3))
    rows = torch.cat([x, fakes[0]])
    classes = torch.cat([y, torch.tensor([2] * 5 + [1] * 3)])
    own = torch.eye(3)[classes].bool()
    p = net.module_.classifier(rows).softmax(dim=1)
    d = torch.sigmoid(net.module_.discriminator(rows, classes))
    real = torch.arange(len(rows)) < len(x)
    if least_squares:  # L_i1 to L_i4, and L_i5 and L_i6
        of_rows = torch.where(own, 1 - p, p).square().sum(dim=1)
        of_scores = torch.where(real, 1 - d, d).square()
    else:  # J_i1 to J_i4, and Q_i1 and Q_i2
        of_rows = -torch.where(own, p, 1 - p).log().sum(dim=1)
        of_scores = -torch.where(real, d, 1 - d).log()
    m, d_loss = (some[real].mean() + 0.7 * some[~real].mean() for some in (of_rows, of_scores))
    assert float(moved["loss"]) == pytest.approx(m.item(), rel=1e-5)
    expected = {
        "classification": of_rows[real].mean().item(),
        "classification_generated": of_rows[~real].mean().item(),
        "discriminator": d_loss.item(),
    }
    assert terms == pytest.approx(expected, rel=1e-5)
    assert len(moved["y_pred"]) == len(rows)
    ((_, gradients),) = taken
    check(gradients, m, [*net.module_.classifier.parameters()])
    check(gradients, d_loss, [*net.module_.discriminator.parameters()])


@pytest.mark.parametrize("least_squares", [True, False])
@pytest.mark.parametrize("without", [(), (0,)])
def test_g_minimises_eq_6_or_has_the_complement_of_algorithm_1(taken, least_squares, without):
    settings = {"least_squares": least_squares, "discriminator_lambda": 0.7}
    net, _, _ = ready(settings=settings, without=without)
    terms, game = noted(net), net.module_
    # A step on each, through rows in training mode, with M and D fixed; both gradients are those
    # of one and the same G.
    generator = copy.deepcopy(game.generator).train()
    torch.manual_seed(1)
    net._generator_step(*places_of(4, 4))
    torch.manual_seed(1)
    rows = generator(torch.randn(8, 3), *places_of(4, 4))
    y = torch.tensor([2] * 4 + [1] * 4)
    p = game.classifier(rows).softmax(dim=1)
    d = torch.sigmoid(game.discriminator(rows, y))
    own, counts = torch.eye(3)[y].bool(), torch.ones(8, 3)
    counts[:, list(without)] = 0
    if least_squares:
        losses = [(torch.where(own, p, 1 - p).square() * counts).sum() / 8]
        losses.append((1 - d).square().mean())
    else:
        losses = [(-torch.where(own, 1 - p, p).log() * counts).sum() / 8, -d.log().mean()]
    names = ("generator_classifier", "generator_discriminator")
    expected = {name: loss.item() for name, loss in zip(names, losses, strict=True)}
    assert terms == pytest.approx(expected, rel=1e-5)
    assert [size for size, _ in taken] == pytest.approx([0.01, 0.007])
    for (_, gradients), loss in zip(taken, losses, strict=True):
        slopes = torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True)
        for parameter, slope in zip(game.generator.parameters(), slopes, strict=True):
            torch.testing.assert_close(gradients[parameter], slope, rtol=1e-3, atol=1e-6)


def test_smoothed_labels_are_uniform():
    # Square losses at a score of -infinity, where D says 0: the squared targets.
    net, _, _ = ready()
    losses = net._discrimination(torch.full((20_000,), -1000.0), 10_000, 0.2)
    real, made = losses.sqrt().numpy()[:10_000], losses.sqrt().numpy()[10_000:]
    assert stats.kstest(real, stats.uniform(0.8, 0.2).cdf).pvalue > LEVEL
    assert stats.kstest(made, stats.uniform(0.0, 0.2).cdf).pvalue > LEVEL


# Whom a step moves


@pytest.mark.parametrize("generator", ["convex", "conditional"])
@pytest.mark.parametrize(
    "player, images",
    [
        ("rivals", {}),
        ("generator", {}),
        ("features", IMAGES),
        ("rivals", IMAGES),
        ("generator", IMAGES),
    ],
    ids=["rivals", "generator", "features of images", "rivals of images", "generator of images"],
)
def test_each_step_moves_its_own_players_alone(player, images, generator):
    net, x, y = ready(generator=generator, **images)
    game = net.module_
    before = snapshot(game)
    if player == "features":
        images_of_classes = data(game.sizes.shape)
        net._features_step(*images_of_classes)
        expected = {"features"}
    elif player == "rivals":
        net._rivals_step(x, y, places_of(4, 4))
        expected = {"classifier", "discriminator"}
    else:
        net._generator_step(*places_of(4, 4))
        expected = {"generator"}
    found = changed(before, snapshot(game))
    assert set(found) == expected
    for name in expected:
        parameters = dict(getattr(game, name).named_parameters())
        moving = {key for key, p in parameters.items() if p.requires_grad}
        assert found[name] - moving == {
            key
            for key in before[name]
            if "running" in key or "num_batches" in key  # of G's batch normalisation, in its step
        }
        still = moving - found[name]
        assert not {key for key in still if "units" not in key and "condition" not in key}
    # No gradient is left for another step to take.
    assert all(p.grad is None or not p.grad.any() for p in game.parameters())


def test_anchors_follow_f():
    net = net_of((2, 3, 9), lr=1e-3, **IMAGES)
    x, y = data(net.module_.sizes.shape)
    before = net.module_.extract(x[net.anchors])
    net.partial_fit(x, y)
    found = net.module_.generator.anchors
    assert torch.equal(found, net.module_.extract(x[net.anchors]))
    assert not torch.equal(found, before)


def test_averages_over_mini_batches_of_the_game_start_warm():
    # Weights d_i = i / (i + 9): of the start there remains 1 / C(n + 9, 9), and the i-th weights
    # have the share C(i + 8, 8) / C(n + 9, 9).
    n = 7
    net, x, y = ready(settings={"ema_decay": 0.999})
    bias, averaged = (m.head.bias for m in (net.module_.classifier, net.module_.averaged))
    path = np.arange(n + 1) ** 2 + 1.0

    def rivals(*batch):
        bias.data.fill_(path[net._n_games + 1])
        return {"loss": torch.zeros(()), "y_pred": torch.zeros(1, 3)}

    averaged.data.fill_(path[0])
    net._rivals_step = rivals
    for _ in range(n):
        net.train_step((x, y, places_of(3, 3), places_of(3, 3)))
    share = [math.comb(j + 8, 8) / math.comb(n + 9, 9) for j in range(n + 1)]
    torch.testing.assert_close(averaged, torch.full((3,), float(np.dot(share, path))))
