"""Encoders, decoders and mixer of a class-preserving regularised auto-encoder (RAE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.2  # of every leaky ReLU, as in the authors' code; the tables leave it open


def _check_at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} is {value!r}: give a whole number of at least {least}.")


def _check_layers(sizes: Sequence[int]) -> None:
    for i, size in enumerate(sizes):
        _check_at_least(1, **{f"hidden_layer_sizes[{i}]": size})


def _check_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}: it must be at least 0 and below 1; 0 drops none.")


def _check_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[0] < 1 or any(side < 4 or side % 4 for side in shape[1:]):
        raise ValueError(
            f"shape is {tuple(shape)}: give (channels, height, width) with a height and a width "
            "that can be halved twice, multiples of 4. Pad or resize the images."
        )
    channels, height, width = shape
    return channels, height, width


def _one_hot(y: Tensor, n_classes: int, like: Tensor) -> Tensor:
    """Indicators of the classes `y`, in the dtype of `like`, for each of its rows."""
    if y.shape != (len(like),) or y.dtype != torch.int64:
        raise ValueError(
            f"y has the shape {tuple(y.shape)} and the dtype {y.dtype}: give the class of each of "
            f"the {len(like)} rows as an index, int64."
        )
    return F.one_hot(y, n_classes).to(like.dtype)


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
    stages.append(nn.LeakyReLU(_SLOPE, inplace=True) if leaky else nn.ReLU(inplace=True))
    return [*stages, _Dropout(dropout)] if dropout else stages


def _dense(sizes: Sequence[int], leaky: bool, dropout: float = 0.0) -> list[nn.Module]:
    stages: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        stages += _normalised(nn.Linear(n_in, n_out, bias=False), n_out, leaky, dropout)
    return stages


class CodeEncoder(nn.Module):
    """Rows to their latent codes (Table 18 of [1]_): points, without a variance.

    Each hidden layer is followed by batch normalisation, a leaky ReLU of slope 0.2 and dropout; a
    linear layer makes the code.

    Parameters
    ----------
    n_features : int
        Number of values of a row; of an image, channels times height times width.
    latent_dim : int
        Number of latent dimensions, m.
    hidden_layer_sizes : sequence of int, default=(512, 256)
        Units of the hidden layers, those of the paper.
    dropout : float, default=0.4
        Share of the hidden units that are dropped in training, in [0, 1).

    Raises
    ------
    ValueError
        If a size is below 1 or `dropout` outside [0, 1).

    Notes
    -----
    In training, a batch must hold at least two rows: one alone has no variance to normalise by.

    References
    ----------
    .. [1] A. K. Mondal, L. Singhal, P. Tiwary, P. Singla and Prathosh AP, "Minority Oversampling
       for Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.

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
        _check_at_least(1, n_features=n_features, latent_dim=latent_dim)
        _check_layers(hidden_layer_sizes)
        _check_dropout(dropout)
        sizes = [n_features, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=True, dropout=dropout))
        self.head = nn.Linear(sizes[-1], latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode rows.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Rows or images, flattened to (n, n_features).

        Returns
        -------
        Tensor of shape (n, latent_dim)
            Codes.
        """
        codes: Tensor = self.head(self.body(x.flatten(1)))
        return codes


class ConditionalDecoder(nn.Module):
    """Latent codes and classes to the means and logits of rows (Table 18 of [1]_).

    The code is joined to the indicators of its class. Each hidden layer is followed by batch
    normalisation and a ReLU. The widths are *not* the encoder's in reverse: the paper's decoder
    narrows towards its output.

    Parameters
    ----------
    latent_dim : int
        Number of latent dimensions, m.
    n_features : int
        Number of values of a row.
    n_classes : int
        Number of classes.
    hidden_layer_sizes : sequence of int, default=(512, 256)
        Units of the hidden layers from the code to the row, those of the paper.

    Raises
    ------
    ValueError
        If a size is below 1 or there are fewer than two classes.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

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
        _check_at_least(1, latent_dim=latent_dim, n_features=n_features)
        _check_at_least(2, n_classes=n_classes)
        _check_layers(hidden_layer_sizes)
        self.n_classes = n_classes
        sizes = [latent_dim + n_classes, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=False), nn.Linear(sizes[-1], n_features))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode latent codes.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.
        y : int64 Tensor of shape (n,)
            Their classes.

        Returns
        -------
        Tensor of shape (n, n_features)
            Means and logits.
        """
        decoded: Tensor = self.body(torch.cat([z, _one_hot(y, self.n_classes, z)], dim=1))
        return decoded


class ConvCodeEncoder(nn.Module):
    """Images to their latent codes (Table 16 of [1]_): points, without a variance.

    Two convolutions (kernel 4, stride 2) halve the sides, a dense layer of 16 `width` units and a
    linear one make the code. Batch normalisation, a leaky ReLU of slope 0.2 and dropout follow
    every layer but the last.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, height and width of an image; the sides are multiples of 4.
    latent_dim : int
        Number of latent dimensions, m.
    width : int, default=64
        Kernels of the first convolution, those of the paper; the second has twice as many.
    dropout : float, default=0.4
        Share of the hidden values that are dropped in training, in [0, 1).

    Raises
    ------
    ValueError
        If the sides are no multiples of 4, a size is below 1 or `dropout` outside [0, 1).

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

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
        channels, high, wide = _check_shape(shape)
        _check_at_least(1, latent_dim=latent_dim, width=width)
        _check_dropout(dropout)
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
        """Encode images.

        Parameters
        ----------
        x : Tensor of shape (n, channels, height, width)
            Images.

        Returns
        -------
        Tensor of shape (n, latent_dim)
            Codes.
        """
        codes: Tensor = self.head(self.body(x))
        return codes


class ConvConditionalDecoder(nn.Module):
    """Latent codes and classes to the logits of images (Table 16 of [1]_).

    Two dense layers make a picture of a quarter of the sides, two transposed convolutions (kernel
    4, stride 2) double them, a convolution (kernel 3) makes the colours. Batch normalisation and
    a ReLU follow every layer but the last. The table prints "ELU" once, after the second
    transposed convolution; it is read as a ReLU like the others, which is what the authors' code
    has. Its sigmoid belongs to the likelihood.

    Parameters
    ----------
    latent_dim : int
        Number of latent dimensions, m.
    shape : (int, int, int)
        Channels, height and width of an image; the sides are multiples of 4.
    n_classes : int
        Number of classes.
    width : int, default=64
        Kernels of the last transposed convolution, those of the paper; the first has twice as
        many, the first dense layer 16 times.

    Raises
    ------
    ValueError
        If the sides are no multiples of 4, a size is below 1 or there are fewer than two classes.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

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
        channels, high, wide = _check_shape(shape)
        _check_at_least(1, latent_dim=latent_dim, width=width)
        _check_at_least(2, n_classes=n_classes)
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
        """Decode latent codes.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.
        y : int64 Tensor of shape (n,)
            Their classes.

        Returns
        -------
        Tensor of shape (n, channels, height, width)
            Logits of the pixels.
        """
        decoded: Tensor = self.body(torch.cat([z, _one_hot(y, self.n_classes, z)], dim=1))
        return decoded


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
    n_classes : int
        Number of classes.
    hidden_layer_sizes : sequence of int, default=(512, 512, 512, 512)
        Units of the hidden layers: those of the paper for tables. For images it has 1024 each.
    dropout : float, default=0.4
        Share of the hidden units that are dropped in training, in [0, 1).

    Raises
    ------
    ValueError
        If fewer than two codes are mixed, a size is below 1, there are fewer than two classes or
        `dropout` is outside [0, 1).

    Notes
    -----
    The noise is drawn in ``forward`` from torch's stream of the device, in evaluation too: the
    mix of given codes is random by design.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

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
        _check_at_least(1, latent_dim=latent_dim)
        _check_at_least(2, n_mixed=n_mixed, n_classes=n_classes)
        _check_layers(hidden_layer_sizes)
        _check_dropout(dropout)
        self.latent_dim, self.n_mixed, self.n_classes = latent_dim, n_mixed, n_classes
        sizes = [n_mixed * latent_dim + n_classes + latent_dim, *hidden_layer_sizes]
        self.body = nn.Sequential(*_dense(sizes, leaky=True, dropout=dropout))
        self.head = nn.Linear(sizes[-1], n_mixed)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Choose the weights of mixes.

        Parameters
        ----------
        z : Tensor of shape (n, n_mixed, latent_dim)
            Codes; those of a group are of one class.
        y : int64 Tensor of shape (n,)
            Classes of the groups.

        Returns
        -------
        Tensor of shape (n, n_mixed)
            Weights; each row is non-negative and sums to 1.
        """
        if z.shape[1:] != (self.n_mixed, self.latent_dim):
            raise ValueError(
                f"z has the shape {tuple(z.shape)}: give groups of codes as "
                f"(n, {self.n_mixed}, {self.latent_dim})."
            )
        noise = torch.randn(len(z), self.latent_dim, dtype=z.dtype, device=z.device)
        joined = torch.cat([z.flatten(1), _one_hot(y, self.n_classes, z), noise], dim=1)
        return torch.softmax(self.head(self.body(joined)), dim=1)
