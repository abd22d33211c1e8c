"""Critics of generated rows, given their class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from imbdeep.networks._autoencoder import SLOPE
from imbdeep.networks._parts import (
    check_at_least,
    check_layers,
    check_shape,
    documented,
    one_hot,
)


class _PiecewiseLeakyReLU(nn.Module):
    """Leaky ReLU whose slope is a constant to autograd.

    Value and first derivative are those of ``nn.LeakyReLU``. That one's second derivative is zero
    as well, but torch carries the zeros through the whole forward graph again; here nothing is
    carried. On a processor that makes a gradient penalty and its gradient about a quarter (three
    layers of 256) to two fifths (images of 28 x 28) cheaper.
    """

    def __init__(self, negative_slope: float = SLOPE) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Scale the negative values."""
        # The fastest operation found that gives 1 where x is positive and the slope elsewhere.
        derivative = torch.ops.aten.leaky_relu_backward
        constant: Tensor = derivative(torch.ones_like(x), x.detach(), self.negative_slope, False)
        return x * constant

    def extra_repr(self) -> str:
        """Show the slope."""
        return f"negative_slope={self.negative_slope}"


@documented
class Critic(nn.Module):
    """Score of rows given their class (Table 19 of [1]_): high for real ones, low for made ones.

    Dense layers with a leaky ReLU of slope 0.2 each. There is no batch normalisation: the
    gradient penalty needs the gradient of each row's score by itself. The table lists the row
    alone as input; the indicators of its class are joined to it, as the authors' code does for
    images, without which a critic could not detect a row of the wrong class.

    Parameters
    ----------
    $n_features
    $n_classes
    hidden_layer_sizes : sequence of int, default=(512, 512, 512)
        Units of the hidden layers, those of the paper. Without any, the score is linear.

    $refused

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import Critic
    >>> Critic(5, 3)(torch.zeros(4, 5), torch.tensor([0, 1, 2, 2])).shape
    torch.Size([4])
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int] = (512, 512, 512),
    ) -> None:
        super().__init__()
        check_at_least(1, n_features=n_features)
        check_at_least(2, n_classes=n_classes)
        check_layers(hidden_layer_sizes)
        self.n_classes = n_classes
        sizes = [n_features + n_classes, *hidden_layer_sizes]
        stages: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            stages += [nn.Linear(n_in, n_out), _PiecewiseLeakyReLU()]
        self.body = nn.Sequential(*stages, nn.Linear(sizes[-1], 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score rows or images (n, ...), flattened, of classes (n,): (n,), on no fixed scale."""
        joined = torch.cat([x.flatten(1), one_hot(y, self.n_classes, x)], dim=1)
        scores: Tensor = self.body(joined).squeeze(1)
        return scores


@documented
class ConvCritic(nn.Module):
    """Score of images given their class (Table 17 of [1]_): high for real ones, low for made ones.

    Two convolutions (kernel 4, stride 2), a dense layer of 16 `width` units and a linear one; a
    leaky ReLU of slope 0.2 follows every layer but the last. The indicators of the class, which
    the table does not list, are joined after flattening, as in the authors' code. There is no
    batch normalisation, for the reason given at :class:`Critic`.

    Parameters
    ----------
    $shape
    $n_classes
    width : int, default=64
        Kernels of the first convolution, those of the paper; the second has twice as many.

    $refused

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvCritic
    >>> critic = ConvCritic((1, 28, 28), 3, width=8)
    >>> critic(torch.zeros(4, 1, 28, 28), torch.tensor([0, 1, 2, 2])).shape
    torch.Size([4])
    """

    def __init__(self, shape: Sequence[int], n_classes: int, width: int = 64) -> None:
        super().__init__()
        channels, high, wide = check_shape(shape)
        check_at_least(1, width=width)
        check_at_least(2, n_classes=n_classes)
        self.n_classes = n_classes
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
            _PiecewiseLeakyReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            _PiecewiseLeakyReLU(),
            nn.Flatten(),
        )
        n_flat = 2 * width * (high // 4) * (wide // 4)
        self.head = nn.Sequential(
            nn.Linear(n_flat + n_classes, 16 * width),
            _PiecewiseLeakyReLU(),
            nn.Linear(16 * width, 1),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score images (n, channels, height, width) of classes (n,): (n,), on no fixed scale."""
        joined = torch.cat([self.body(x), one_hot(y, self.n_classes, x)], dim=1)
        scores: Tensor = self.head(joined).squeeze(1)
        return scores
