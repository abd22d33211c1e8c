"""The networks of GAMO: which there are, what they see, what is drawn and how it is settled."""

import copy
import dataclasses
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imbdeep.classifiers._gamo.players import GAMO, Architecture
from imbdeep.networks import ConvexGenerator

LEVEL = 1e-4
ARCHITECTURE = Architecture(
    shape=(3,),
    n_classes=4,
    convolutional=False,
    minority=(2, 0),
    n_anchors=(3, 5),
    generator="convex",
    discriminator=True,
    without=(),
    latent_dim=2,
    hidden=(6, 5),
    generator_hidden=(7, 4),
    discriminator_hidden=(8,),
    n_extracted=9,
    columns=(3, 0, (), (), False),
)


def players(anchors=None, **changes):
    game = GAMO(dataclasses.replace(ARCHITECTURE, **changes)).eval()
    if isinstance(game.generator, ConvexGenerator):
        own = torch.randn(game.generator.anchors.shape) if anchors is None else anchors
        game.generator.anchors.copy_(own)
    return game


# Which networks there are


@pytest.mark.parametrize("without", [(), (3,)])
def test_the_targets_of_a_generator_are_the_ones_complement(without):
    game = players(without=without)
    assert torch.equal(game.targets, 1 - torch.eye(4))
    expected = torch.ones(4, 4)
    expected[:, list(without)] = 0
    assert torch.equal(game.counted, expected)
    assert game.codes.tolist() == [2, 0]


# What is drawn


def test_generated_rows_are_of_the_places_in_order():
    anchors = torch.cat([torch.zeros(3, 3), torch.ones(5, 3)])
    game = players(anchors)
    rows = game.generate([2, 3], torch.tensor([0, 0, 1, 1, 1]))
    torch.testing.assert_close(rows, torch.tensor([0.0, 0, 1, 1, 1])[:, None].expand(5, 3))
    # Drawn: the classes by their codes.
    for code, value in ((2, 0.0), (0, 1.0)):
        ((rows, weights),) = game.draw(code, 4)
        torch.testing.assert_close(rows, torch.full((4, 3), value))
        assert weights.shape == (4, {2: 3, 0: 5}[code])


@given(st.integers(1, 40), st.integers(0, 99))
def test_drawn_rows_are_their_weights_times_the_anchors(n, seed):
    torch.manual_seed(seed)
    game = players()
    for position, code in enumerate((2, 0)):
        ((rows, weights),) = game.draw(code, n)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(n))
        torch.testing.assert_close(rows, weights @ game.generator.own(position))
        assert not rows.requires_grad


# How rows of a table are settled

#: Two numbers, of which the second may be missing; an event; a group of three.
MIXED = (2, 2, [3], [(1, 2)], False)


def mixed_anchors():
    return torch.tensor(
        [
            # number, number, hole, event, group
            [1.0, 5.0, 0, 1, 1, 0, 0],
            [2.0, 0.0, 1, 0, 0, 1, 0],
            [4.0, 9.0, 0, 0, 0, 0, 1],
        ]
    )


def settled(weights, n):
    anchors = mixed_anchors()
    game = players(torch.cat([anchors, torch.zeros(5, 7)]), shape=(7,), columns=MIXED, hidden=(4,))
    weights = torch.tensor(weights).expand(n, 3)
    rows = weights @ anchors
    return game.settle(2, rows, weights), rows


def test_discrete_columns_are_those_of_one_anchor_as_often_as_its_weight():
    n, weights = 4000, [0.2, 0.3, 0.5]
    found, _ = settled(weights, n)
    kinds = mixed_anchors()[:, 2:]
    which = (found[:, None, 2:] == kinds).all(dim=2)
    assert (which.sum(dim=1) == 1).all()
    counts = which.sum(dim=0).numpy()
    assert stats.chisquare(counts, [n * w for w in weights]).pvalue > LEVEL


def test_numbers_are_means_over_the_anchors_that_have_them():
    found, rows = settled([0.2, 0.3, 0.5], 50)
    torch.testing.assert_close(found[:, 0], rows[:, 0])
    assert found[0, 0] == pytest.approx(0.2 + 0.6 + 2.0)
    present = found[found[:, 2] == 0, 1]
    assert 0 < len(present) < 50
    torch.testing.assert_close(present, torch.full_like(present, (0.2 * 5 + 0.5 * 9) / 0.7))


def test_a_number_with_several_indicators_is_a_mean_over_the_anchors_without_one():
    anchors = torch.eye(4)[[1, 1, 2]]  # a group: a value, an atom, missing
    anchors[:, 0] = torch.tensor([3.0, 7.0, 0.0])
    columns = (1, 0, [3], [(0, 2), (0, 3)], False)
    game = players(
        torch.cat([anchors, torch.zeros(5, 4)]), shape=(4,), columns=columns, hidden=(4,)
    )
    weights = torch.tensor([0.1, 0.3, 0.6]).expand(50, 3)
    found = game.settle(2, weights @ anchors, weights)
    value = found[:, 1] == 1
    assert 0 < value.sum() < 50
    torch.testing.assert_close(found[value, 0], torch.full_like(found[value, 0], 6.0))
    assert found[:, 1:].sum(dim=1).tolist() == [1.0] * 50


def test_conditional_rows_are_settled_as_they_are_distributed():
    n, p, levels = 4000, 0.3, [0.1, 0.2, 0.7]
    game = players(generator="conditional", shape=(5,), columns=(1, 1, [3], (), False))
    rows = torch.tensor([1.5, p, *levels]).expand(n, 5)
    found = game.settle(2, rows, None).double()
    assert (found[:, 0] == 1.5).all()
    assert set(found[:, 1:].unique().tolist()) == {0.0, 1.0}
    assert stats.binomtest(int(found[:, 1].sum()), n, p).pvalue > LEVEL
    counts = found[:, 2:].sum(dim=0).numpy()
    assert counts.sum() == n
    assert stats.chisquare(counts, [n * level for level in levels]).pvalue > LEVEL


# What remains of it


@pytest.mark.parametrize("generator", ["convex", "conditional"])
def test_released_networks_predict_and_generate_as_before(generator):
    game = players(generator=generator)
    with torch.no_grad():  # other weights than those that learn
        for parameter in game.averaged.parameters():
            parameter.add_(torch.randn_like(parameter))
    kept = copy.deepcopy(game)
    game.train()
    game.release()
    again = pickle.loads(pickle.dumps(game))
    assert not any(p.requires_grad for p in again.parameters())
    x = torch.randn(4, 3)
    for one in (game, again):
        assert not any(m.training for m in one.modules())
        torch.testing.assert_close(one(x), kept(x), rtol=0, atol=0)
        torch.manual_seed(1)
        found = torch.cat([rows for rows, _ in one.draw(0, 6)])
        torch.manual_seed(1)
        assert torch.equal(found, torch.cat([rows for rows, _ in kept.draw(0, 6)]))
