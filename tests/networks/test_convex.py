"""The convex generator: hulls, blocks of classes, gradients by class, and what it refuses."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from imbdeep.networks import ConvexGenerator
from imbdeep.networks import _convex as module

FEW = settings(max_examples=12)


def generator_of(sizes=(3, 1, 5), n_features=2, latent_dim=3, hidden=(7, 4), seed=0):
    """A generator with anchors of each class, in double precision."""
    torch.manual_seed(seed)
    anchors = [torch.randn(n, n_features) + 3 * i for i, n in enumerate(sizes)]
    generator = ConvexGenerator(latent_dim, anchors, hidden).double()
    with torch.no_grad():  # units of any size: weights far from even
        generator.units.weight.mul_(10)
    return generator


def latent(generator, n):
    return torch.randn(n, generator.latent_dim, dtype=torch.float64)


# Sizes on both sides of what shares a product of matrices.
LIMIT = module._BLOCK_ANCHORS
SOME = st.sampled_from([1, 2, 3, 50, 255, 256, 257, LIMIT - 1, LIMIT, LIMIT + 1])
MIXES = st.lists(st.tuples(SOME, st.integers(0, 4)), min_size=1, max_size=6).filter(
    lambda mix: sum(count for _, count in mix) > 0
)


@FEW
@given(MIXES, st.integers(0, 99))
def test_rows_are_convex_combinations_of_the_anchors_of_their_class(mix, seed):
    # Eq. 1, for one row, for many classes at once, and for any mix of class sizes.
    sizes, counts = zip(*mix, strict=True)
    generator = generator_of(sizes, seed=seed).eval()
    z = latent(generator, sum(counts))
    with torch.no_grad():
        rows = generator(z, counts)
        parts = zip(z.split(counts), rows.split(counts), strict=True)
        for position, (own_z, own_rows) in enumerate(parts):
            weights, anchors = generator.weights(own_z, position), generator.own(position)
            assert weights.shape == (counts[position], sizes[position])
            assert (weights >= 0).all()
            torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(own_z)).double())
            torch.testing.assert_close(own_rows, weights @ anchors)
            # of the hull, its bounding box
            low, high = anchors.amin(dim=0) - 1e-9, anchors.amax(dim=0) + 1e-9
            assert ((low <= own_rows) & (own_rows <= high)).all()


def test_the_ctmu_is_a_network_on_latent_vectors_and_indicators_joined():
    generator = generator_of((3, 4)).train()
    first = nn.Linear(3 + 2, 7, dtype=torch.float64)
    with torch.no_grad():
        columns = [generator.first.weight, generator.condition.weight.T]
        first.weight.copy_(torch.cat(columns, dim=1))
        first.bias.copy_(generator.first.bias)
    joined = nn.Sequential(first, *copy.deepcopy(generator.mapping))
    assert [type(stage).__name__ for stage in joined] == [
        "Linear",
        *["ReLU", "BatchNorm1d", "Linear"],
        *["ReLU", "BatchNorm1d"],
    ]
    z, y = latent(generator, 6), torch.tensor([0, 0, 0, 1, 1, 1])
    expected = joined(torch.cat([z, F.one_hot(y, 2).double()], dim=1))
    torch.testing.assert_close(generator.transient(z, y), expected)


def test_a_batch_of_all_classes_has_the_sum_of_the_gradients_of_a_batch_a_class():
    sizes, counts = (3, 300, 1, 250, 5), (4, 2, 3, 5, 0)
    generator = generator_of(sizes).eval()
    target = torch.randn(sum(counts), 2, dtype=torch.float64)
    z = latent(generator, sum(counts))

    def gradients(z, counts, target):
        generator.zero_grad()
        (generator(z, counts) - target).square().sum().backward()
        return [p.grad.clone() for p in generator.parameters()]

    whole = gradients(z, counts, target)
    parts = []
    for position, (own, its) in enumerate(zip(z.split(counts), target.split(counts), strict=True)):
        if len(own):
            alone = [0] * len(sizes)
            alone[position] = counts[position]
            parts.append(gradients(own, alone, its))
    for found, each in zip(whole, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(found, sum(each))


@pytest.mark.parametrize("most, sizes", [(1, [1] * 7), (2, [2, 2, 2, 1]), (2**23, [7])])
def test_drawn_rows_come_with_their_weights_some_at_a_time(monkeypatch, most, sizes):
    generator = generator_of((3, 5)).eval()
    widest = max(generator.first.out_features, *generator.own(1).shape)
    monkeypatch.setattr(module, "_ELEMENTS", most * widest)
    with torch.no_grad():
        parts = list(generator.draw(1, 7))
    assert [len(rows) for rows, _ in parts] == sizes
    rows, weights = map(torch.cat, zip(*parts, strict=True))
    assert len(rows.unique(dim=0)) == 7
    torch.testing.assert_close(rows, weights @ generator.own(1))


@pytest.mark.parametrize(
    "shapes", [[(0, 2)], [(2, 2), (3, 3)], [(2,)], [(2, 2, 1)], [(2, 2), (0, 2)]], ids=str
)
def test_anchors_must_be_rows_of_the_same_columns(shapes):
    with pytest.raises(ValueError, match=r"anchors have the shapes \[.*give rows of the same"):
        ConvexGenerator(2, [torch.zeros(shape) for shape in shapes])


@pytest.mark.parametrize("counts", [(4,), (2, 1), (2, 3), (2, 1, 1)], ids=str)
def test_counts_must_fit_the_vectors_and_the_classes(counts):
    generator = generator_of((3, 2))
    with pytest.raises(ValueError, match=r"counts is \[.*\] for 4 latent vectors and 2 classes"):
        generator(latent(generator, 4), counts)
