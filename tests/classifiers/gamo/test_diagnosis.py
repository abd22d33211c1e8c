"""What is said of a generator: closed forms, and what counts as a collapse."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from imbdeep.classifiers._gamo.diagnosis import diagnose
from imbdeep.classifiers._gamo.players import GAMO, Architecture

ARCHITECTURE = Architecture(
    shape=(2,),
    n_classes=3,
    convolutional=False,
    minority=(1, 2),
    n_anchors=(4, 6),
    generator="convex",
    discriminator=True,
    without=(),
    latent_dim=2,
    hidden=(),
    generator_hidden=(3,),
    discriminator_hidden=(),
    n_extracted=2,
    columns=(2, 0, (), (), False),
)


def players(**changes):
    """Networks of zeros: even weights, and no opinion."""
    game = GAMO(dataclasses.replace(ARCHITECTURE, **changes))
    with torch.no_grad():
        for parameter in game.parameters():
            parameter.zero_()
    if game.sizes.generator == "convex":
        game.generator.anchors.copy_(torch.randn(game.generator.anchors.shape))
    return game


def one_hot(game, *chosen):
    """A generator that copies one anchor of each class."""
    starts = np.cumsum([0, *game.sizes.n_anchors])
    with torch.no_grad():
        for start, which in zip(starts, chosen, strict=False):
            game.generator.units.bias[start + which] = 1000


# Diagnoses


def test_even_weights_are_the_mean_of_the_class():
    game = players()
    found = diagnose(game, game.generator.anchors.clone())
    assert found.values == pytest.approx(
        {
            "classifier_confidence": 1 / 3,
            "discriminator_real": 0.5,
            "discriminator_generated": 0.5,
            "effective_anchors": (4 + 6) / 2,
            "effective_share": 1.0,
            "generated_spread": 0.0,
        },
        abs=1e-6,
    )
    assert found.copied == []
    assert found.merged == [1, 2]


def test_a_copied_anchor_is_both_a_copy_and_one_row():
    game = players()
    one_hot(game, 2, 5)
    found = diagnose(game, game.generator.anchors.clone())
    assert found.values["effective_anchors"] == pytest.approx(1)
    assert found.values["effective_share"] == pytest.approx((1 / 4 + 1 / 6) / 2)
    assert found.copied == found.merged == [1, 2]


def test_spread_is_the_share_of_the_total_variance():
    game = players(minority=(1,), n_anchors=(2,))
    # Weights s and 1 - s of two anchors at distance d: variance d² Var(s), of anchors d² / 4.
    game.generator.anchors.copy_(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    with torch.no_grad():
        game.generator.first.weight.normal_()
        game.generator.mapping[1].weight.fill_(1)
        game.generator.units.weight.normal_()
        torch.manual_seed(5)
        found = diagnose(game, game.generator.anchors.clone())
        torch.manual_seed(5)
        ((_, weights),) = game.draw(1, 256)
    expected = float(weights[:, 0].double().var(correction=0)) / 0.25
    assert found.values["generated_spread"] == pytest.approx(expected, rel=1e-4)
    assert found.values["effective_anchors"] == pytest.approx(
        float(np.exp(stats.entropy(weights.numpy(), axis=1)).mean()), rel=1e-4
    )


def test_a_class_of_one_row_has_no_spread_and_is_no_collapse():
    game = players(n_anchors=(1, 6))
    with torch.no_grad():
        game.generator.first.weight.normal_(std=5)
        game.generator.mapping[1].weight.fill_(1)
        game.generator.units.weight.normal_(std=5)
    found = diagnose(game, game.generator.anchors.clone())
    assert found.copied == found.merged == []
    assert found.values["generated_spread"] > 0.01
    alone = players(minority=(1,), n_anchors=(1,))
    found = diagnose(alone, alone.generator.anchors.clone())
    assert "generated_spread" not in found.values
    assert found.values["effective_anchors"] == found.values["effective_share"] == 1
    assert found.copied == found.merged == []
