"""Encoders, decoders and mixer of a class-preserving regularised auto-encoder (RAE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from imbdeep.networks._parts import (
    check_at_least,
    check_dropout,
    check_layers,
    check_shape,
    documented,
    one_hot,
)

SLOPE = 0.2  # of every leaky ReLU, as in the authors' code; the tables leave it open


class _Dropout(nn.Dropout):
    """Dropout that draws its mask faster than torch's on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        """Leave units out, while training."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        keep = 1 - self.p
        return x * (torch.rand(x.shape, dtype=torch.float32) < keep).to(x.dtype).mul_(1 / keep)


def _normalised(layer: nn.Module, width: int, leaky: bool, dropout: float = 0.0) -> list[nn.Module]:
    """A layer without a bias (the normalisation would take it out again), and what follows it."""
    image = isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    stages: list[nn.Module] = [layer, (nn.BatchNorm2d if image else nn.BatchNorm1d)(width)]
    stages.append(nn.LeakyReLU(SLOPE, inplace=True) if leaky else nn.ReLU(inplace=True))
    return [*stages, _Dropout(dropout)] if dropout else stages


def _dense(sizes: Sequence[int], leaky: bool, dropout: float = 0.0) -> list[nn.Module]:
    stages: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        stages += _normalised(nn.Linear(n_in, n_out, bias=False), n_out, leaky, dropout)
    return stages


@documented
class CodeEncoder(nn.Module):
    """Rows to their latent codes (Table 18 of [1]_): points, without a variance.

    Each hidden layer is followed by batch normalisation, a leaky ReLU of slope 0.2 and dropout; a
    linear layer makes the code.

    Parameters
    ----------
    $n_features
    $latent_dim
    hidden_layer_sizes : sequence of int, default=(512, 256)
        Units of the hidden layers, those of the paper.
    $dropout

    $refused

    Notes
    -----
    In training, a batch must hold at least two rows: one alone has no variance to normalise by.

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import CodeEncoder
    >>> CodeEncoder(5, 2)(torch.zeros(3, 5)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_features: int,
        latent_dim: int,
        hidden_layer_sizes: Sequence[int] = (512, 256),
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        check_at_least(1, n_features=n_features, latent_dim=latent_dim)
        check_layers(hidden_layer_sizes)
        check_dropout(dropout)
        sizes = [n_features, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=True, dropout=dropout))
        self.head = nn.Linear(sizes[-1], latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode rows or images (n, ...), flattened, as codes (n, latent_dim)."""
        codes: Tensor = self.head(self.body(x.flatten(1)))
        return codes


@documented
class ConditionalDecoder(nn.Module):
    """Latent codes and classes to the means and logits of rows (Table 18 of [1]_).

    The code is joined to the indicators of its class. Each hidden layer is followed by batch
    normalisation and a ReLU. The widths are *not* the encoder's in reverse: the paper's decoder
    narrows towards its output.

    Parameters
    ----------
    $latent_dim
    $n_features
    $n_classes
    hidden_layer_sizes : sequence of int, default=(512, 256)
        Units of the hidden layers from the code to the row, those of the paper.

    $refused

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConditionalDecoder
    >>> ConditionalDecoder(2, 5, 3)(torch.zeros(4, 2), torch.tensor([0, 1, 2, 2])).shape
    torch.Size([4, 5])
    """

    def __init__(
        self,
        latent_dim: int,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int] = (512, 256),
    ) -> None:
        super().__init__()
        check_at_least(1, latent_dim=latent_dim, n_features=n_features)
        check_at_least(2, n_classes=n_classes)
        check_layers(hidden_layer_sizes)
        self.n_classes = n_classes
        sizes = [latent_dim + n_classes, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=False), nn.Linear(sizes[-1], n_features))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode codes (n, latent_dim) of classes (n,) to means and logits (n, n_features)."""
        decoded: Tensor = self.body(torch.cat([z, one_hot(y, self.n_classes, z)], dim=1))
        return decoded


@documented
class ConvCodeEncoder(nn.Module):
    """Images to their latent codes (Table 16 of [1]_): points, without a variance.

    Two convolutions (kernel 4, stride 2) halve the sides, a dense layer of 16 `width` units and a
    linear one make the code. Batch normalisation, a leaky ReLU of slope 0.2 and dropout follow
    every layer but the last.

    Parameters
    ----------
    $shape
    $latent_dim
    width : int, default=64
        Kernels of the first convolution, those of the paper; the second has twice as many.
    $dropout

    $refused

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvCodeEncoder
    >>> ConvCodeEncoder((1, 28, 28), 2, width=8)(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, shape: Sequence[int], latent_dim: int, width: int = 64, dropout: float = 0.4
    ) -> None:
        super().__init__()
        channels, high, wide = check_shape(shape)
        check_at_least(1, latent_dim=latent_dim, width=width)
        check_dropout(dropout)
        stages: list[nn.Module] = []
        for n_in, n_out in ((channels, width), (width, 2 * width)):
            convolution = nn.Conv2d(n_in, n_out, kernel_size=4, stride=2, padding=1, bias=False)
            stages += _normalised(convolution, n_out, leaky=True, dropout=dropout)
        sizes = [2 * width * (high // 4) * (wide // 4), 16 * width]
        self.body = nn.Sequential(
            *stages, nn.Flatten(), *_dense(sizes, leaky=True, dropout=dropout)
        )
        self.head = nn.Linear(sizes[-1], latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (n, channels, height, width) as codes (n, latent_dim)."""
        codes: Tensor = self.head(self.body(x))
        return codes


@documented
class ConvConditionalDecoder(nn.Module):
    """Latent codes and classes to the logits of images (Table 16 of [1]_).

    Two dense layers make a picture of a quarter of the sides, two transposed convolutions (kernel
    4, stride 2) double them, a convolution (kernel 3) makes the colours. Batch normalisation and
    a ReLU follow every layer but the last. The table prints "ELU" once, after the second
    transposed convolution; it is read as a ReLU like the others, which is what the authors' code
    has. Its sigmoid belongs to the likelihood.

    Parameters
    ----------
    $latent_dim
    $shape
    $n_classes
    width : int, default=64
        Kernels of the last transposed convolution, those of the paper; the first has twice as
        many, the first dense layer 16 times.

    $refused

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvConditionalDecoder
    >>> decoder = ConvConditionalDecoder(2, (1, 28, 28), 3, width=8)
    >>> decoder(torch.zeros(4, 2), torch.tensor([0, 1, 2, 2])).shape
    torch.Size([4, 1, 28, 28])
    """

    def __init__(
        self, latent_dim: int, shape: Sequence[int], n_classes: int, width: int = 64
    ) -> None:
        super().__init__()
        channels, high, wide = check_shape(shape)
        check_at_least(1, latent_dim=latent_dim, width=width)
        check_at_least(2, n_classes=n_classes)
        self.n_classes = n_classes
        small = (2 * width, high // 4, wide // 4)
        stages: list[nn.Module] = []
        for n_in, n_out in ((2 * width, 2 * width), (2 * width, width)):
            doubling = nn.ConvTranspose2d(
                n_in, n_out, kernel_size=4, stride=2, padding=1, bias=False
            )
            stages += _normalised(doubling, n_out, leaky=False)
        self.body = nn.Sequential(
            *_dense([latent_dim + n_classes, 16 * width, math.prod(small)], leaky=False),
            nn.Unflatten(1, small),
            *stages,
            nn.Conv2d(width, channels, kernel_size=3, padding=1),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode codes (n, latent_dim) of classes (n,) to logits (n, channels, height, width)."""
        decoded: Tensor = self.body(torch.cat([z, one_hot(y, self.n_classes, z)], dim=1))
        return decoded


@documented
class Mixer(nn.Module):
    r"""Codes of one class to the weights of their mix (Tables 17 and 19 of [1]_).

    .. math::
        \alpha = \operatorname{softmax} M(z_1, \dots, z_t, y, n), \quad n \sim N(0, I_m), \qquad
        z' = \sum_{i=1}^{t} \alpha_i z_i

    (Equation 1.) Each hidden layer is followed by batch normalisation, a leaky ReLU of slope 0.2
    and dropout; in the authors' code it is a ReLU, in their tables a leaky one.

    Parameters
    ----------
    latent_dim : int
        Number of latent dimensions, m; also the number of noise values.
    n_mixed : int
        Number of codes in a mix, t, at least 2.
    $n_classes
    hidden_layer_sizes : sequence of int, default=(512, 512, 512, 512)
        Units of the hidden layers: those of the paper for tables. For images it has 1024 each.
    $dropout

    $refused

    Notes
    -----
    The noise is drawn in ``forward`` from torch's stream of the device, in evaluation too: the
    mix of given codes is random by design.

    $rae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import Mixer
    >>> alpha = Mixer(2, 3, 2)(torch.zeros(4, 3, 2), torch.tensor([0, 0, 1, 1]))
    >>> alpha.shape
    torch.Size([4, 3])
    """

    def __init__(
        self,
        latent_dim: int,
        n_mixed: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int] = (512,) * 4,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        check_at_least(1, latent_dim=latent_dim)
        check_at_least(2, n_mixed=n_mixed, n_classes=n_classes)
        check_layers(hidden_layer_sizes)
        check_dropout(dropout)
        self.latent_dim, self.n_mixed, self.n_classes = latent_dim, n_mixed, n_classes
        sizes = [n_mixed * latent_dim + n_classes + latent_dim, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=True, dropout=dropout))
        self.head = nn.Linear(sizes[-1], n_mixed)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Choose weights (n, n_mixed), non-negative with the sum 1 in each row.

        The codes are (n, n_mixed, latent_dim), those of a group of one class, y (n,).
        """
        if z.shape[1:] != (self.n_mixed, self.latent_dim):
            raise ValueError(
                f"z has the shape {tuple(z.shape)}: give groups of codes as "
                f"(n, {self.n_mixed}, {self.latent_dim})."
            )
        noise = torch.randn(len(z), self.latent_dim, dtype=z.dtype, device=z.device)
        joined = torch.cat([z.flatten(1), one_hot(y, self.n_classes, z), noise], dim=1)
        return torch.softmax(self.head(self.body(joined)), dim=1)
