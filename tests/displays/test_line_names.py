"""Names at the right ends of lines."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.text import Annotation

from imbdeep.displays._line_names import marker_size, name_lines


def named_axes(ends, height=3.0, length=22):
    """Axes with lines to these ends and their names, laid out."""
    figure, ax = plt.subplots(figsize=(5, height), layout="constrained")
    for y in ends:
        ax.plot([0, 1], [0, y])
    styles = {f"line {k}": (("k", "o"), (1.0, float(y))) for k, y in enumerate(ends)}
    name_lines(ax, styles, length)
    figure.canvas.draw()
    return figure, ax


def names_of(ax):
    return [text for text in ax.texts if text.get_text()]


@settings(max_examples=12)  # each draws a picture
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.sampled_from([1.5, 4.0]))
@example([0.5] * 30, 1.5)
@example([0.0, 0.0], 4.0)
def test_names_do_not_overlap_and_keep_the_order_of_the_ends(ends, height):
    figure, ax = named_axes(ends, height)
    texts = names_of(ax)
    boxes = [text.get_window_extent() for text in texts]
    assert all(below.y1 <= above.y0 + 0.5 for below, above in pairwise(boxes))
    drawn = [int(text.get_text().removeprefix("line ")) for text in texts]
    assert sorted(drawn) == list(range(len(ends)))
    assert (np.diff(np.array(ends)[drawn]) >= 0).all()
    plt.close(figure)


@settings(max_examples=12)  # each draws a picture
@given(st.lists(st.floats(0, 1), min_size=2, max_size=8, unique=True))
def test_names_stand_right_of_the_axes_and_within_the_figure(ends):
    figure, ax = named_axes(ends)
    for text in names_of(ax):
        box = text.get_window_extent()
        assert box.x0 > ax.get_window_extent().x1
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= 0
        assert box.y1 <= figure.bbox.y1
    plt.close(figure)


def test_names_of_ends_far_apart_stand_at_their_height():
    _, ax = named_axes([0.0, 0.5, 1.0])
    low, high = ax.get_ylim()
    places = [text.get_position()[1] for text in names_of(ax)]
    assert places == pytest.approx([(y - low) / (high - low) for y in (0, 0.5, 1)])


def test_a_line_leads_from_each_end_and_stays_with_it():
    _, ax = named_axes([0.2, 0.4])
    leaders = [text for text in ax.texts if isinstance(text, Annotation)]
    assert [leader.xy for leader in leaders] == [(1, 0.2), (1, 0.4)]
    assert all(leader.xycoords == "data" for leader in leaders)


def test_the_limits_of_the_axes_stay():
    figure, ax = plt.subplots()
    ax.plot([3, 4], [5, 6])
    before = ax.get_xlim(), ax.get_ylim()
    name_lines(ax, {"a": (("k", "s"), (4, 6))}, 5)
    figure.canvas.draw()
    assert (ax.get_xlim(), ax.get_ylim()) == before


def test_long_names_are_cut():
    _, ax = named_axes([1.0], length=4)
    assert [text.get_text() for text in names_of(ax)] == ["lin…"]


def test_thin_markers_are_larger():
    assert marker_size("P") > marker_size("o")
