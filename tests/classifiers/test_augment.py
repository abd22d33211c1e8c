"""Random shifts and mirror images: windows of the padded image, each as likely as any other."""

import numpy as np
import torch
from scipy.stats import binomtest, chisquare
from torch.nn import functional as F

from imbdeep.classifiers._augment import crop_flip
from imbdeep.seeding import seeded

CPU = torch.device("cpu")


def image_of(channels, height, width):
    """An image without two equal pixels or a zero, so that a window of it can be recognised."""
    n = channels * height * width
    return torch.arange(1.0, n + 1).view(channels, height, width)


def windows_of(image, padding):
    """Every result that is allowed, by its bytes: (top, left, mirrored)."""
    _, height, width = image.shape
    padded = F.pad(image, [padding] * 4)
    found = {}
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = padded[:, top : top + height, left : left + width]
            found[window.contiguous().numpy().tobytes()] = top, left, False
            found[window.flip(2).contiguous().numpy().tobytes()] = top, left, True
    return found


def test_each_shift_and_each_side_is_equally_likely():
    n, padding = 8100, 4
    image = image_of(1, 9, 9)
    windows = windows_of(image, padding)
    assert len(windows) == 2 * 81  # all can be told apart
    with seeded(0, CPU):
        changed = crop_flip(image.expand(n, -1, -1, -1))
    found = [windows[result.contiguous().numpy().tobytes()] for result in changed]
    shifts = np.bincount([9 * top + left for top, left, _ in found], minlength=81)
    assert chisquare(shifts).pvalue > 0.001
    n_mirrored = sum(mirrored for _, _, mirrored in found)
    assert binomtest(n_mirrored, n).pvalue > 0.001
    # ... and a side says nothing about a shift.
    of_mirrored = np.bincount([9 * top + left for top, left, m in found if m], minlength=81)
    assert chisquare(of_mirrored, n_mirrored * np.full(81, 1 / 81)).pvalue > 0.001
