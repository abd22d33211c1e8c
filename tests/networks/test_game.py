"""GAMO's feature extractor and discriminator: sizes, closed forms, refusals."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from imbdeep.networks import ConvFeatures


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def layers_of(module):
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def test_extractor_is_that_of_the_authors():
    with torch.device("meta"):
        extractor = ConvFeatures((1, 28, 28))
    stage = ["Conv2d", "LeakyReLU", "AvgPool2d"]
    assert layers_of(extractor) == [*stage, *stage, "Flatten", "Linear", "Tanh"]
    by_hand = (25 * 32 + 32) + (32 * 25 * 32 + 32) + (7 * 7 * 32 * 512 + 512)
    assert size_of(extractor) == by_hand
    slopes = [m.negative_slope for m in extractor.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.1, 0.1]


def pooled(image):
    """Means of the cells of 2 x 2 pixels; at an odd end, of what there is."""
    high, wide = (math.ceil(side / 2) for side in image.shape)
    return np.array(
        [
            [image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(wide)]
            for i in range(high)
        ]
    )


@pytest.mark.parametrize("sides", [(4, 4), (5, 7), (6, 10), (9, 4)])
def test_extractor_that_convolves_nothing_pools_twice(sides):
    """One kernel with a single 1 in its middle: what is left is the pooling and the head."""
    extractor = ConvFeatures((1, *sides), 3, width=1).double()
    for layer in extractor.body:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)
    head = extractor.head[0]
    image = np.random.default_rng(0).normal(size=sides)
    leaked = np.where(image > 0, image, 0.1 * image)
    twice = pooled(leaked)
    twice = pooled(np.where(twice > 0, twice, 0.1 * twice))
    expected = np.tanh(head.weight.detach().numpy() @ twice.ravel() + head.bias.detach().numpy())
    found = extractor(torch.tensor(image)[None, None]).detach().numpy()
    np.testing.assert_allclose(found, expected[None], rtol=1e-12)


def joined(discriminator, n_features, n_classes):
    """The same discriminator as dense layers on the row and the indicators joined."""
    first = nn.Linear(n_features + n_classes, discriminator.of_row.out_features)
    first.to(discriminator.of_row.weight.dtype)
    with torch.no_grad():
        columns = [discriminator.of_row.weight, discriminator.of_class.weight.T]
        first.weight.copy_(torch.cat(columns, dim=1))
        first.bias.copy_(discriminator.of_row.bias)
    return nn.Sequential(first, *discriminator.body)
