"""What the displays draw on."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from imbdeep.displays import SamplesDisplay
from imbdeep.displays._canvas import canvas, colors_of


def test_canvas_takes_the_place_of_the_axes_and_adds_a_layout():
    given, axes = plt.subplots(1, 2)
    figure, part = canvas(axes[1], 3, 2)
    assert figure is given
    assert part in given.subfigs
    assert (axes[0].axison, axes[1].axison) == (True, False)
    assert type(given.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"


def test_the_layout_of_the_user_stays_and_the_figure_is_the_root_of_subfigures():
    given = plt.figure(layout="tight")
    engine = given.get_layout_engine()
    axes = given.subfigures(1, 2)[0].subplots()
    display = SamplesDisplay([[1.0], [2.0]], [[1.0]]).plot(axes)
    assert display.figure_ is given
    assert given.get_layout_engine() is engine


@pytest.mark.parametrize("n", [1, 7, 8, 40])
def test_colors_are_distinct(n):
    assert len({mpl.colors.to_hex(color) for color in colors_of(n)}) == n
