"""The residual network for small images."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.networks._mlp import make_head
from imbdeep.networks._parts import documented

_WIDTHS = (16, 32, 64)
_SMALLEST_DEPTH = 8


def _convolution(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    # The batch normalisation that follows has a shift of its own.
    return nn.Conv2d(n_in, n_out, kernel_size=3, stride=stride, padding=1, bias=False)


class _Block(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _convolution(n_in, n_out, stride), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = _convolution(n_out, n_out), nn.BatchNorm2d(n_out)
        self.stride, self.n_new = stride, n_out - n_in

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(x)), inplace=True)
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self.shortcut(x), inplace=True)

    def shortcut(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.n_new:
            x = F.pad(x, (0, 0, 0, 0, 0, self.n_new))
        return x


@documented
class ResNet(nn.Module):
    """Residual network for small images (section 4.2 of [1]_), ResNet-32 by default.

    A convolution of 16 channels, then three stages of ``(depth - 2) / 6`` blocks with 16, 32 and
    64 channels, each block two convolutions of kernel 3 with batch normalisation and a shortcut
    around them. The second and third stage halve the side. Where a block changes the shape, its
    shortcut takes every second pixel and appends channels of zeros ("option A"): it has no
    parameters. The mean over all pixels goes to the head, so images may have any side from 4
    pixels.

    Parameters
    ----------
    n_channels : int
        Colours of an image.
    $n_classes
    depth : int, default=32
        Number of layers with weights: 6 m + 2 with m >= 1, that is 8, 14, 20, 26, 32, ... The
        default is what [2]_ trains on CIFAR.
    $head

    $refused

    Notes
    -----
    Convolutions and a linear head start from Kaiming's normal distribution (fan-in), biases from
    zero. While training, batch normalisation makes the rows of a batch depend on one another; in
    evaluation (``eval()``) they do not.

    References
    ----------
    .. [1] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
    .. [2] J. Kim, J. Jeong and J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ResNet
    >>> network = ResNet(3, 10)
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(p.numel() for p in network.parameters())
    464154
    """

    def __init__(
        self, n_channels: int, n_classes: int, depth: int = 32, head: str = "linear"
    ) -> None:
        super().__init__()
        n_blocks, rest = divmod(depth - 2, 6)
        if rest or depth < _SMALLEST_DEPTH:
            below = depth - rest
            near = f"{below} or {below + 6}" if below >= _SMALLEST_DEPTH else f"{_SMALLEST_DEPTH}"
            raise ValueError(
                f"depth is {depth}: a residual network of three stages has 6 m + 2 layers, "
                f"m >= 1. Use {near}."
            )
        first = _WIDTHS[0]
        layers: list[nn.Module] = [
            _convolution(n_channels, first),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        ]
        n_in = first
        for n_out in _WIDTHS:
            for block in range(n_blocks):
                stride = 2 if block == 0 and n_out != first else 1
                layers.append(_Block(n_in, n_out, stride))
                n_in = n_out
        self.body = nn.Sequential(*layers)
        self.head = make_head(head, n_in, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images (n, n_channels, height, width): logits or cosines (n, n_classes)."""
        logits: Tensor = self.head(self.body(x).mean(dim=(2, 3)))
        return logits
