"""The networks of GAMO: which there are, what they see, what is drawn and how it is settled."""

import dataclasses

import pytest
import torch
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
