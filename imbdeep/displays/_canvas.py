"""What the displays draw on and with: axes, panels, colours, legends, short texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from imbdeep import _docs

documented = _docs.documented(
    {
        "ax": """\
ax : matplotlib Axes, default=None
    Axes to draw in; by default those of a new figure.""",
        "axes": """\
ax_ : matplotlib Axes
    The axes.
figure_ : matplotlib Figure
    The figure that holds them.""",
        "cmap": """\
cmap : str or matplotlib Colormap, default="gray"
    Colours of images that have not three channels.""",
        "drawn": """\
Returns
-------
display
    An object of this class, drawn.""",
        "feature_names": """\
feature_names : list of str, default=None
    Names of the columns of a table; x0, x1, ... by default.""",
        "figure": """\
figure_ : matplotlib Figure
    The figure that holds them.""",
        "gamo": """\
References
----------
.. [1] S. S. Mullick, S. Datta, S. Das, "Generative Adversarial Minority Oversampling", ICCV
   2019.""",
        "itself": """\
Returns
-------
display
    This object.""",
        "m2m": """\
References
----------
.. [1] J. Kim et al., "M2m: Imbalanced Classification via Major-to-minor Translation", CVPR
   2020.""",
        "plot_params": """\
**plot_params : dict
    Passed to :meth:`plot`.""",
        "random_state": """\
random_state : int, RandomState instance or None, default=None
    Seed of what is drawn at random: rows, generated rows, t-SNE.""",
        "seed": """\
random_state : int, RandomState instance or None, default=0
    Seed of what is drawn at random: rows, generated rows.""",
        "subplot": """\
ax : matplotlib Axes, default=None
    A subplot whose place the panels take; by default a new figure.""",
        "unfitted": """\
sklearn.exceptions.NotFittedError
    If the estimator is not fitted.""",
        "y": """\
y : array-like of shape (n_samples,)
    Their labels.""",
    }
)

#: Colours that remain distinct for colour-blind readers (Okabe and Ito, 2008), yellow left out.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#8C8C8C"
#: Every display draws the data in one colour and what was generated in the other.
REAL, GENERATED = BLUE, VERMILION
#: Classes with distinct colours; more of them have shades, and markers in turn.
_DISTINCT, _MARKERS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK), "os^D"
#: Entries of a legend at the most.
MAX_IN_LEGEND = 14


class Display:
    """Base of the displays: numbers in the constructor, drawn by ``plot``."""

    ax_: Any
    axes_: Any
    figure_: Any

    def plot(self, ax: Any = None) -> Any:
        """Draw, again or elsewhere.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in, or the subplot whose place several panels take; by default those of a
            new figure.

        Returns
        -------
        display
            This object.
        """
        self._draw(ax)
        return self

    def _draw(self, ax: Any) -> None:
        raise NotImplementedError

    def _begin(self, ax: Any, width: float, height: float, layout: str = "constrained") -> Any:
        """Set ``ax_`` and ``figure_``, and return the axes: ``ax``, or those of a new figure.

        A new figure has this size in inches; "compressed" is the layout for a fixed aspect.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(figsize=(width, height), layout=layout)[1]
        self.ax_, self.figure_ = ax, ax.figure.figure  # the second step leaves a subfigure
        return ax


def canvas(ax: Any, width: float, height: float, layout: str = "constrained") -> tuple[Any, Any]:
    """Return (figure, the part of it to fill with panels): a new one, or the place of ``ax``."""
    if ax is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(width, height), layout=layout)
        return figure, figure
    place = ax.get_subplotspec() if hasattr(ax, "get_subplotspec") else None
    if place is None:
        raise ValueError(
            f"ax={ax!r} must be one subplot, as plt.subplots() makes it: its place is divided "
            "among the panels. Leave ax out for a new figure."
        )
    ax.set_axis_off()
    figure = ax.figure.figure
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    return figure, ax.figure.add_subfigure(place)


def panels_of(part: Any, n: int, n_columns: int) -> Any:
    """Return n panels in lines of n_columns; the last line may be short."""
    grid = part.subplots(-(-n // n_columns), n_columns, squeeze=False).ravel()
    for panel in grid[n:]:
        panel.remove()
    return grid[:n]


def legend_beside(ax: Any, **options: Any) -> None:
    """Put the legend beside the axes, not on what they show."""
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    ax.legend(**{**place, "frameon": False, "fontsize": 9, **options})


def colors_of(n: int) -> list[Any]:
    """Return a colour for each of n classes: distinct ones for up to 7, else shades in order."""
    if n <= len(_DISTINCT):
        return list(_DISTINCT[:n])
    import matplotlib as mpl

    return list(mpl.colormaps["viridis"](np.linspace(0, 0.93, n)))


def markers_of(n: int) -> str:
    """Return a marker for each of n classes: one for all where the colours are distinct."""
    return "o" * n if n <= len(_DISTINCT) else (_MARKERS * n)[:n]


def shorten(text: Any, length: int = 22) -> str:
    """Return the text, with an ellipsis in place of what is beyond the length."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def share(part: float) -> str:
    """Return a share of rows as a percentage; a small one does not become 0 %."""
    return f"{part:.0%}".replace("%", " %") if part >= 0.01 or part == 0 else "< 1 %"


def count(n: int, what: str = "row") -> str:
    """Return a number and what is counted: "1 row", "2,000 rows"."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def turn_long(names: list[str], limit: int) -> dict[str, Any]:
    """Return options of tick labels that turn long names so that they do not overlap."""
    if sum(map(len, names)) <= limit:
        return {}
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
