"""Random changes to images that keep their class, on whole batches on the device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def crop_flip(x: Tensor, padding: int = 4) -> Tensor:
    """Shift each image by up to ``padding`` pixels and mirror half of them.

    The augmentation of CIFAR in He et al. (2016): zeros around the image, a random window of the
    original size, a flip with probability 1/2, each image by its own draw.
    """
    n, channels, height, width = x.shape
    device = x.device
    top, left = torch.randint(2 * padding + 1, (2, n, 1), device=device)
    rows = top + torch.arange(height, device=device)  # (n, height)
    columns = left + torch.arange(width, device=device)  # (n, width)
    flipped = torch.rand(n, 1, device=device) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    padded = F.pad(x, [padding] * 4)
    changed = padded[
        torch.arange(n, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    as_before = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
    return changed.contiguous(memory_format=as_before)


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
