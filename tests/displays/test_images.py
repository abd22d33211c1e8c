"""Images in lines."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from imbdeep.displays._images import draw_images

IMAGES = np.arange(5 * 2 * 3, dtype=float).reshape(5, 1, 2, 3)


def boxes_of(ax):
    """Left, right, bottom and top of each image, in the order of drawing."""
    return np.array([picture.get_extent() for picture in ax.images])


def test_lines_stand_under_one_another_and_the_first_name_apart():
    ax = plt.subplots()[1]
    lines = [[IMAGES[:4]], [IMAGES[4:]], [IMAGES[:1]], [IMAGES[:1]]]
    middles = draw_images(ax, ["first", None, "second", "third"], lines, "gray")
    boxes = boxes_of(ax)
    assert len(set(boxes[:4, 3])) == 1
    assert boxes[4, 0] == boxes[0, 0]
    down = boxes[4:, 3] - boxes[[3, 4, 5], 2]
    assert down[0] == pytest.approx(down[2])
    assert down[1] == pytest.approx(4 * down[0])
    assert middles == pytest.approx(boxes[:4, :2].mean(axis=1))
    # One scale for all: the last image of the first group is the brightest.
    brightest = [picture.get_array().max() for picture in ax.images]
    assert brightest == pytest.approx(np.array([5, 11, 17, 23, 29, 5, 5]) / 29)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second", "third"]
    assert ax.get_yticks()[0] == pytest.approx(boxes[[0, 4], 2:].mean())
    low, high = ax.get_ylim()
    assert high < boxes[:, 3].min() < boxes[:, 2].max() < low


@pytest.mark.parametrize("channels, shape", [(1, (4, 5)), (2, (4, 5)), (3, (4, 5, 3))])
def test_three_channels_are_colors(channels, shape):
    ax = plt.subplots()[1]
    draw_images(ax, ["a"], [[np.zeros((1, channels, 4, 5))]], "gray")
    assert ax.images[0].get_array().shape == shape


def test_bytes_keep_their_full_range():
    ax = plt.subplots()[1]
    draw_images(ax, ["a"], [[np.full((1, 1, 2, 2), 51, np.uint8)]], "gray")
    assert ax.images[0].get_array().max() == pytest.approx(0.2)


def test_parts_with_heads_and_captions():
    ax = plt.subplots()[1]
    lines = [[IMAGES[:2], IMAGES[2:3]], [IMAGES[:1], IMAGES[3:4]]]
    texts = [["1", "2", "3"], ["4", "5", "6"]]
    draw_images(ax, ["a", "b"], lines, "gray", heads=["left", "right"], captions=texts)
    boxes = boxes_of(ax)  # two and one of the left part, then one and one of the right
    assert boxes[0, 0] == boxes[2, 0] < boxes[1, 0] < boxes[3, 0] == boxes[4, 0]
    assert boxes[3, 0] - boxes[1, 1] > boxes[1, 0] - boxes[0, 1] > 0
    assert boxes[0, 3] == boxes[1, 3] == boxes[3, 3] < boxes[0, 2] < boxes[2, 3] == boxes[4, 3]
    # The place of the missing image is empty but has its caption.
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4", "5", "6"]
    places = np.array([text.get_position() for text in ax.texts])
    assert places[:3, 0] == pytest.approx(boxes[[0, 1, 3], :2].mean(axis=1))
    assert np.all(places[:3, 1] > boxes[0, 2])
    assert np.all(places[:3, 1] < boxes[2, 3])
    assert ax.get_xticks() == pytest.approx([boxes[:2, :2].mean(), boxes[3, :2].mean()])
    low, high = ax.get_ylim()
    assert high < boxes[:, 3].min() < boxes[:, 2].max() < places[:, 1].max() < low
