"""Convolutional networks for images of 28, 32 and 64 pixels."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.networks._parts import documented

#: Side length -> channels after each halving. 64 pixels as in appendix E.1 of the MGVAE paper; the
#: smaller sizes stop at 4 x 4 or, where 28 can no longer be halved, at 7 x 7.
IMAGE_SIZES: dict[int, tuple[int, ...]] = {
    28: (64, 128),
    32: (64, 128, 256),
    64: (64, 128, 256, 512),
}


#: Images of more values than this get convolutional networks where network="auto".
_MLP_VALUES = 1024


def choose_network(network: str, shape: tuple[int, ...] | None, smallest: int | None = None) -> str:
    """Choose between fully connected and convolutional networks.

    Parameters
    ----------
    network : {"auto", "mlp", "cnn"}
        What the user asks for. "auto" takes the fully connected networks for tables and for images
        of up to 1024 values, the convolutional ones for larger images.
    shape : tuple of int or None
        Shape of an image, (channels, height, width); anything shorter, or None, is a table's row.
    smallest : int, default=None
        Pixels a side that the convolutional networks need. None stands for those of
        :class:`ConvEncoder`, which take squares of certain sides alone.

    Returns
    -------
    {"mlp", "cnn"}
        The kind that fits.

    Raises
    ------
    ValueError
        If the convolutional networks are asked for and the rows are no images, or the images do
        not suit them.

    Examples
    --------
    >>> from imbdeep.networks import choose_network
    >>> choose_network("auto", (1, 28, 28)), choose_network("auto", (3, 32, 32))
    ('mlp', 'cnn')
    """
    if shape is None or len(shape) < 3:
        if network == "cnn":
            raise ValueError(
                "network='cnn' needs images: X of shape (n_samples, channels, height, width), or "
                "image_shape for flattened ones."
            )
        return "mlp"
    sides = tuple(shape[1:])
    if network == "mlp" or (network == "auto" and math.prod(shape) <= _MLP_VALUES):
        return "mlp"
    if smallest is None:
        if sides[0] != sides[1] or sides[0] not in IMAGE_SIZES:
            raise ValueError(
                f"No convolutional network fits images of shape {tuple(shape)} (channels, height, "
                f"width): resize them to squares of {', '.join(map(str, IMAGE_SIZES))} pixels, or "
                "take the fully connected one with network='mlp'."
            )
    elif min(sides) < smallest:
        if network == "auto":
            return "mlp"
        raise ValueError(
            f"network='cnn' halves images twice, and these are {sides} pixels: take network='mlp'."
        )
    return "cnn"


def _check_size(size: int) -> tuple[int, ...]:
    if size not in IMAGE_SIZES:
        raise ValueError(
            f"No convolutional network for images of {size} x {size} pixels: resize to one of "
            f"{', '.join(map(str, IMAGE_SIZES))}."
        )
    return IMAGE_SIZES[size]


@documented
class ConvEncoder(nn.Module):
    """Images to the mean and the log variance of their latent code (appendix E.1 of [1]_).

    Each stage halves the side by a convolution of kernel 4, stride 2 and padding 1, followed by a
    ReLU. There is no batch normalisation: exemplars, real rows and generated rows pass through
    the same network, and its statistics would mix them.

    Parameters
    ----------
    channels : int
        Colours of an image.
    size : {28, 32, 64}
        Side length in pixels.
    $latent_dim

    $mgvae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvEncoder
    >>> mean, log_variance = ConvEncoder(1, 28, 4)(torch.zeros(2, 1, 28, 28))
    >>> mean.shape
    torch.Size([2, 4])
    """

    def __init__(self, channels: int, size: int, latent_dim: int) -> None:
        super().__init__()
        widths = _check_size(size)
        stages: list[nn.Module] = []
        for n_in, n_out in zip((channels, *widths), widths, strict=False):
            stages += [nn.Conv2d(n_in, n_out, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        side = size // 2 ** len(widths)
        self.body = nn.Sequential(*stages, nn.Flatten())
        self.head = nn.Linear(widths[-1] * side * side, 2 * latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images (n, channels, size, size) as mean and log variance (n, latent_dim)."""
        mean, log_variance = self.head(self.body(x)).chunk(2, dim=-1)
        return mean, log_variance


class _DoublingConv2d(nn.Conv2d):
    """A convolution of kernel 3 behind a doubling of the side, nearest neighbour, in one.

    Of the nine pixels below the kernel, several are copies of one: their weights are summed, in a
    transposed convolution of kernel 4 and stride 2. That is the same map with 4/9 of the products.
    """

    sums: Tensor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sums = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
        self.register_buffer("sums", sums, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, side, side) to (n, n_out, 2 side, 2 side)."""
        kernel = self.sums @ self.weight.transpose(0, 1) @ self.sums.T  # (n_in, n_out, 4, 4)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


@documented
class ConvDecoder(nn.Module):
    """Latent codes to the logits of images (appendix E.1 of [1]_).

    A linear layer makes the smallest picture; each stage doubles its side (nearest neighbour) and
    convolves (kernel 3) into the encoder's widths in reverse, the last into the colours.

    Parameters
    ----------
    $latent_dim
    channels : int
        Colours of an image.
    size : {28, 32, 64}
        Side length in pixels.

    $mgvae

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvDecoder
    >>> ConvDecoder(4, 1, 28)(torch.zeros(2, 4)).shape
    torch.Size([2, 1, 28, 28])
    """

    def __init__(self, latent_dim: int, channels: int, size: int) -> None:
        super().__init__()
        widths = _check_size(size)
        side = size // 2 ** len(widths)
        first = widths[-1]
        outs = (*reversed(widths[:-1]), widths[0])
        stages: list[nn.Module] = []
        for n_in, n_out in zip((first, *outs), outs, strict=False):
            stages += [_DoublingConv2d(n_in, n_out, kernel_size=3, padding=1), nn.ReLU()]
        self.body = nn.Sequential(
            nn.Linear(latent_dim, math.prod((first, side, side))),
            nn.ReLU(),
            nn.Unflatten(1, (first, side, side)),
            *stages,
            nn.Conv2d(outs[-1], channels, kernel_size=3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Decode codes (n, latent_dim) to logits of pixels (n, channels, size, size)."""
        decoded: Tensor = self.body(z)
        return decoded
