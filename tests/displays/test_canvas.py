"""What the displays draw on."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from imbdeep.displays._canvas import (
    axes_or_new,
    canvas,
    colors_of,
    draw_lines,
    draw_mosaic,
    lines_size,
    share,
    shorten,
)


def test_canvas_is_a_new_figure_or_the_place_of_the_axes():
    figure, part = canvas(None, 3, 2)
    assert figure is part
    assert figure.get_size_inches().tolist() == [3, 2]

    given, axes = plt.subplots(1, 2)
    figure, part = canvas(axes[1], 3, 2)
    assert figure is given
    assert part in given.subfigs
    assert not axes[1].axison
    assert axes[0].axison
    assert type(given.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"


def test_canvas_keeps_the_layout_of_the_user_and_finds_the_root_of_subfigures():
    given = plt.figure(layout="tight")
    engine = given.get_layout_engine()
    axes = given.subfigures(1, 2)[0].subplots()
    figure, _ = canvas(axes, 3, 2)
    assert figure is given
    assert given.get_layout_engine() is engine


@pytest.mark.parametrize("ax", ["free", 3])
def test_canvas_refuses_what_is_no_subplot(ax):
    if ax == "free":
        ax = plt.figure().add_axes((0.1, 0.1, 0.2, 0.2))
    with pytest.raises(ValueError, match="must be one subplot"):
        canvas(ax, 3, 2)


def test_axes_or_new():
    ax = plt.subplots()[1]
    assert axes_or_new(ax, 1, 1) is ax
    assert axes_or_new(None, 3, 1).figure.get_size_inches().tolist() == [3, 1]


@pytest.mark.parametrize("n", [1, 7, 8, 40])
def test_colors_are_distinct(n):
    assert len({mpl.colors.to_hex(color) for color in colors_of(n)}) == n


def test_texts():
    assert shorten("a" * 30, 10) == "a" * 9 + "…"
    assert shorten(5, 10) == "5"
    assert [share(part) for part in (0, 0.001, 0.256)] == ["0 %", "< 1 %", "26 %"]


def test_mosaic_places_images_line_by_line_and_groups_apart():
    ax = plt.subplots()[1]
    images = np.arange(5 * 2 * 3, dtype=float).reshape(5, 1, 2, 3)
    draw_mosaic(ax, [("first", images), ("second", images[:1])], 4, "gray")
    boxes = np.array([picture.get_extent() for picture in ax.images])  # left, right, bottom, top
    assert len(set(boxes[:4, 3])) == 1
    assert boxes[4, 0] == boxes[0, 0]
    assert boxes[3, 2] < boxes[4, 3] < boxes[4, 2] < boxes[5, 3]
    assert np.all(np.diff(boxes[:4, 0]) > 3)
    # One scale for all: the last image of the first group is the brightest.
    assert [picture.get_array().max() for picture in ax.images] == pytest.approx(
        [5 / 29, 11 / 29, 17 / 29, 23 / 29, 1, 5 / 29]
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    # The lines point down, and everything is inside.
    low, high = ax.get_ylim()
    assert high < boxes[:, 3].min() < boxes[:, 2].max() < low


@pytest.mark.parametrize("channels, shape", [(1, (4, 5)), (2, (4, 5)), (3, (4, 5, 3))])
def test_mosaic_shows_three_channels_as_colors(channels, shape):
    ax = plt.subplots()[1]
    draw_mosaic(ax, [("a", np.zeros((1, channels, 4, 5)))], 1, "gray")
    assert ax.images[0].get_array().shape == shape


def test_bytes_keep_their_full_range():
    ax = plt.subplots()[1]
    draw_mosaic(ax, [("a", np.full((1, 1, 2, 2), 51, np.uint8))], 1, "gray")
    assert ax.images[0].get_array().max() == pytest.approx(0.2)


def test_lines_of_images_stand_in_parts_with_heads_and_captions():
    ax = plt.subplots()[1]
    images = np.arange(4 * 2 * 3, dtype=float).reshape(4, 1, 2, 3)
    parts = [("left", [images[:2], images[:1]]), ("right", [images[2:3], images[3:]])]
    draw_lines(ax, ["a", "b"], parts, "gray", [["1", "2", "3"], ["4", "5", "6"]])
    boxes = np.array([picture.get_extent() for picture in ax.images])  # left, right, bottom, top
    # In the order of drawing: two and one of the left part, then one and one of the right.
    assert boxes[0, 0] == boxes[2, 0] < boxes[1, 0] < boxes[3, 0] == boxes[4, 0]
    assert boxes[3, 0] - boxes[1, 1] > boxes[1, 0] - boxes[0, 1] > 0
    assert boxes[0, 3] == boxes[1, 3] == boxes[3, 3] < boxes[0, 2] < boxes[2, 3] == boxes[4, 3]
    # One scale for all, and the place of the missing image is empty but has its caption.
    assert [picture.get_array().max() for picture in ax.images] == pytest.approx(
        np.array([5, 11, 5, 17, 23]) / 23
    )
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4", "5", "6"]
    places = np.array([text.get_position() for text in ax.texts])
    assert places[[0, 1, 2], 0] == pytest.approx(boxes[[0, 1, 3], :2].mean(axis=1))
    assert np.all(places[:3, 1] > boxes[0, 2])
    assert np.all(places[:3, 1] < boxes[2, 3])
    assert ax.get_xticks() == pytest.approx([boxes[:2, :2].mean(), boxes[3, :2].mean()])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    low, high = ax.get_ylim()
    assert high < boxes[:, 3].min() < boxes[:, 2].max() < places[:, 1].max() < low


def test_lines_take_more_room_the_more_there_are():
    one = lines_size([("a", [np.zeros((3, 1, 4, 4))])])
    more = lines_size([("a", [np.zeros((3, 1, 4, 4))] * 5)])
    assert one[0] == more[0]
    assert one[1] < more[1]
    assert lines_size([("a", [np.zeros((3, 1, 4, 4))])], captions=True) > one
