"""Images in lines."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from imbdeep.displays._images import draw_images


@pytest.mark.parametrize("channels, shape", [(1, (4, 5)), (2, (4, 5)), (3, (4, 5, 3))])
def test_three_channels_are_colors(channels, shape):
    ax = plt.subplots()[1]
    draw_images(ax, ["a"], [[np.zeros((1, channels, 4, 5))]], "gray")
    assert ax.images[0].get_array().shape == shape


def test_bytes_keep_their_full_range():
    ax = plt.subplots()[1]
    draw_images(ax, ["a"], [[np.full((1, 1, 2, 2), 51, np.uint8)]], "gray")
    assert ax.images[0].get_array().max() == pytest.approx(0.2)
