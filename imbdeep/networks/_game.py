"""Players of GAMO's game that no other method has: the feature extractor and the discriminator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from imbdeep.networks._parts import (
    check_at_least,
    check_classes,
    check_layers,
    check_slope,
    documented,
)

_SLOPE = 0.1  # of every leaky ReLU, as in the authors' code; the paper leaves it open


@documented
class ConvFeatures(nn.Module):
    """Images to feature vectors (the network F of Figure 3 of [1]_, sizes as in the authors' code).

    Two convolutions (kernel 5, the side kept), each followed by a leaky ReLU of slope 0.1 and by
    average pooling that halves the side, then a linear layer and a tanh. Classifier,
    discriminator and generator of GAMO work on these features: between classes of images, convex
    combinations of features mean more than those of pixels.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, height and width of an image; sides of at least 4. Of an odd side, the last
        pixels are pooled by themselves.
    n_features : int, default=512
        Number of features, each in (-1, 1).
    width : int, default=32
        Kernels of each convolution.

    $refused

    $gamo

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvFeatures
    >>> ConvFeatures((1, 28, 28))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 512])
    """

    def __init__(self, shape: Sequence[int], n_features: int = 512, width: int = 32) -> None:
        super().__init__()
        if len(shape) != 3 or shape[0] < 1 or min(shape[1:]) < 4:
            raise ValueError(
                f"shape is {tuple(shape)}: give (channels, height, width) with a height and a "
                "width of at least 4. Pad or resize the images, or use an MLP."
            )
        check_at_least(1, n_features=n_features, width=width)
        channels, *sides = shape
        stages: list[nn.Module] = []
        for n_in in (channels, width):
            stages += [
                nn.Conv2d(n_in, width, kernel_size=5, padding=2),
                nn.LeakyReLU(_SLOPE, inplace=True),
                nn.AvgPool2d(2, ceil_mode=True),
            ]
        n_flat = width * math.prod(math.ceil(side / 4) for side in sides)
        self.body = nn.Sequential(*stages, nn.Flatten())
        self.head = nn.Sequential(nn.Linear(n_flat, n_features), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Extract features (n, n_features) in (-1, 1) from images (n, channels, height, width)."""
        features: Tensor = self.head(self.body(x))
        return features


@documented
class Discriminator(nn.Module):
    """Whether rows are real ones of their class (D of Figure 3 of [1]_, sizes as in its code).

    Dense layers on the row and the indicators of its class, a leaky ReLU after each but the last.
    The first one is computed as a linear layer of the row plus a learned vector of its class. A
    dense layer on the two joined together is the same function and starts alike, but copies all
    rows and multiplies the zeros of the indicators.

    Parameters
    ----------
    $n_features
    $n_classes
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Units of the hidden layers. Without any, the score is linear.
    negative_slope : float, default=0.1
        Slope of the leaky ReLU below zero, in [0, 1).

    $refused

    See Also
    --------
    Critic : The same without an upper end, for a Wasserstein distance and its gradient penalty.

    $gamo

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import Discriminator
    >>> Discriminator(5, 3)(torch.zeros(4, 5), torch.tensor([0, 1, 2, 2])).shape
    torch.Size([4])
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int] = (256, 128),
        negative_slope: float = _SLOPE,
    ) -> None:
        super().__init__()
        check_at_least(1, n_features=n_features)
        check_at_least(2, n_classes=n_classes)
        check_layers(hidden_layer_sizes)
        check_slope(negative_slope)
        sizes = [*hidden_layer_sizes, 1]
        self.of_row = nn.Linear(n_features, sizes[0])
        self.of_class = nn.Embedding(n_classes, sizes[0])
        # as nn.Linear would start on the row and the indicators joined
        bound = (n_features + n_classes) ** -0.5
        for parameter in (self.of_row.weight, self.of_row.bias, self.of_class.weight):
            nn.init.uniform_(parameter, -bound, bound)
        stages: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            stages += [nn.LeakyReLU(negative_slope, inplace=True), nn.Linear(n_in, n_out)]
        self.body = nn.Sequential(*stages)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return logits (n,) of the probability that rows (n, ...) of classes (n,) are real."""
        check_classes(y, x)
        first = self.of_row(x.flatten(1)).add_(self.of_class(y))
        logits: Tensor = self.body(first).squeeze(1)
        return logits
