"""The curves of the training."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from sklearn.exceptions import NotFittedError

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


def legend_of(display):
    figure = display.figure_
    legends = [ax.get_legend() for ax in figure.axes] + figure.legends
    (legend,) = [found for found in legends if found is not None]
    return [text.get_text() for text in legend.get_texts()]


def test_a_panel_a_phase_and_term_a_line_a_class():
    display = TrainingHistoryDisplay.from_estimator(SimpleNamespace(history_=PRE + FINE))
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


def test_without_pretraining_and_validation():
    display = TrainingHistoryDisplay(FINE).plot(figsize=(5, 2))
    assert display.axes_.shape == (1, 3)
    assert display.figure_.get_size_inches().tolist() == [5, 2]
    assert legend_of(display) == ["class b", "class c"]


def test_a_single_epoch_is_a_point():
    display = TrainingHistoryDisplay(FINE[:1]).plot()
    assert display.axes_[0, 0].lines[0].get_marker() == "o"
    assert TrainingHistoryDisplay(FINE).plot().axes_[0, 0].lines[0].get_marker() == "None"


def test_history_of_another_method_needs_epochs_and_terms_only():
    display = TrainingHistoryDisplay([{"epoch": 1, "generator": 2}, {"epoch": 2, "critic": 1}])
    display.plot()
    assert [ax.get_title() for ax in display.axes_[0]] == ["generator", "critic"]
    assert display.axes_[0, 0].get_xlabel() == "epoch"
    assert not display.figure_.legends


def test_legend_of_many_classes_names_some():
    history = [{"step": 1, "loss": c, "class": c} for c in range(100)]
    assert len(legend_of(TrainingHistoryDisplay(history).plot())) <= 14


def test_takes_the_place_of_the_axes():
    figure, axes = plt.subplots(1, 2, figsize=(16, 5))
    display = TrainingHistoryDisplay(PRE).plot(axes[0])
    assert display.figure_ is figure
    figure.canvas.draw()
    assert all(ax.bbox.x1 < figure.bbox.width / 2 for ax in display.axes_.flat)


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


def test_refuses_a_sampler_without_history():
    with pytest.raises(NotFittedError, match="history_"):
        TrainingHistoryDisplay.from_estimator(object())
