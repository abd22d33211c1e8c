"""The curves of the training."""

from types import SimpleNamespace

import pytest

from imbdeep.displays import TrainingHistoryDisplay

PRE = [
    {"phase": "pre-training", "class": "a", "epoch": i, "step": 50 * i, "loss": 9 / i, "kl": i}
    | {"validation": abs(i - 2)}
    for i in (1, 2, 3)
]
FINE = [
    {"phase": "fine-tuning", "class": c, "epoch": i, "step": 50 * i, "loss": i, "kl": 0, "ewc": i}
    for c in ("b", "c")
    for i in (1, 2)
]


#: An epoch of an RAE, in the order in which its players move.
RAE = {
    "epoch": 1,
    "loss": 0.9,
    "validation": 0.3,
    "validation_balanced_accuracy": 0.7,
    "gradient_penalty": 0.1,
    "critic_gap": 1.7,
    "decoder": -0.8,
    "decoder_classification": 0.7,
    "alpha_entropy": 0.4,
    "mixer": 7.0,
    "classification": 0.2,
    "reconstruction": 0.3,
    "validation_raw_balanced_accuracy": 0.6,
}
RAES = [
    RAE,
    RAE | {"epoch": 2, "validation": 0.2, "validation_balanced_accuracy": 0.8},
    RAE | {"epoch": 3, "validation_balanced_accuracy": 0.75},
]


def legend_of(display):
    figure = display.figure_
    legends = [ax.get_legend() for ax in figure.axes] + figure.legends
    (legend,) = [found for found in legends if found is not None]
    return [text.get_text() for text in legend.get_texts()]


def test_a_panel_a_phase_and_term_a_line_a_class():
    trained = SimpleNamespace(history_=PRE + FINE)
    display = TrainingHistoryDisplay.from_estimator(SimpleNamespace(estimator_=trained))
    axes = display.axes_
    assert axes.shape == (2, 3)
    assert axes[0, 2] is None
    loss, validation, lowest = axes[0, 0].lines
    assert loss.get_xydata().tolist() == [[50, 9], [100, 4.5], [150, 3]]
    assert validation.get_linestyle() == "--"
    assert lowest.get_xydata().tolist() == [[100, 0]]
    assert len(axes[0, 1].lines) == 1
    assert [len(ax.lines) for ax in axes[1]] == [2, 2, 2]
    assert axes[1, 2].lines[1].get_xydata().tolist() == [[50, 1], [100, 2]]
    # A class keeps its colour from panel to panel.
    colors = [[line.get_color() for line in ax.lines] for ax in axes[1]]
    assert colors[0] == colors[1] == colors[2]
    assert len({*colors[0], loss.get_color()}) == 3
    assert [ax.get_title() for ax in (axes[0, 0], axes[1, 2])] == ["loss", "EWC penalty"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["pre-training", "fine-tuning"]
    assert axes[1, 0].get_xlabel() == "step"
    assert legend_of(display)[:4] == ["class a", "class b", "class c", "training rows"]


def test_many_terms_of_one_phase_stand_in_lines_in_a_fixed_order():
    display = TrainingHistoryDisplay(RAES).plot()
    assert display.terms_ == [
        "loss", "classification", "reconstruction", "validation_balanced_accuracy", "mixer",
        "alpha_entropy", "critic_gap", "gradient_penalty", "decoder", "decoder_classification",
    ]  # fmt: skip
    assert display.axes_.shape == (1, 10)
    grid = display.axes_[0, 0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (3, 4)
    panels = dict(zip(display.terms_, display.axes_[0], strict=True))
    # Each term has a panel of its own, hence a scale of its own; of a share all of it is shown.
    assert panels["alpha_entropy"].get_ylim() == pytest.approx((0, 1), abs=0.05)
    assert panels["mixer"].lines[0].get_ydata().tolist() == [7, 7, 7]
    # A likelihood is what the reconstruction of MGVAE is.
    assert panels["reconstruction"].get_title() == "reconstruction\n(mean absolute error)"
    # The unit stands below what has nothing below it.
    lowest = [term for term, panel in panels.items() if panel.get_xlabel() == "epoch"]
    assert lowest == ["critic_gap", "gradient_penalty", "decoder", "decoder_classification"]


def test_held_out_rows_stand_beside_what_they_compare_with():
    display = TrainingHistoryDisplay(RAES).plot()
    panels = dict(zip(display.terms_, display.axes_[0], strict=True))
    assert len(panels["loss"].lines) == 1
    training, held_out, best = panels["classification"].lines
    assert training.get_ydata().tolist() == [0.2, 0.2, 0.2]
    assert held_out.get_ydata().tolist() == [0.3, 0.2, 0.3]
    assert held_out.get_linestyle() == "--"
    assert best.get_xydata().tolist() == [[2, 0.2]]
    averaged, best, raw = panels["validation_balanced_accuracy"].lines
    assert averaged.get_ydata().tolist() == [0.7, 0.8, 0.75]
    assert best.get_xydata().tolist() == [[2, 0.8]]
    assert raw.get_ydata().tolist() == [0.6, 0.6, 0.6]
    assert raw.get_color() != averaged.get_color()
    assert legend_of(display)[-1] == "weights that are\nnot averaged"


@pytest.mark.parametrize(
    "history, message",
    [
        ([], "history is empty"),
        ([{"loss": 1.0}], "must hold 'step' or 'epoch'"),
        ([{"step": 1, "validation": 2.0}], "at least one term"),
    ],
)
def test_refuses_what_is_no_history(history, message):
    with pytest.raises(ValueError, match=message):
        TrainingHistoryDisplay(history)
