"""Scores against the size of the smallest class."""

from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex
from scipy.stats import sem, ttest_rel

from imbdeep.displays import ClassSizeDisplay

SIZES = [5, 10, 50]
LONG = [f"{k} is a method of a name that is far too long" for k in range(8)]
SHARES = arrays(np.float64, (3, 6), elements=st.floats(0, 1))


def scores_of(names=("nothing", "SMOTE", "MGVAE"), n_sizes=3, n_repeats=6, seed=0):
    stream = np.random.default_rng(seed)
    return {name: stream.uniform(0.3, 0.9, (n_sizes, n_repeats)) for name in names}


def table(methods=("nothing", "SMOTE"), sizes=(50, 5), n_datasets=3, n_trials=2):
    """Scores in long form, in no order of the sizes."""
    stream = np.random.default_rng(1)
    keys = [
        {"dataset": f"d{d}", "trial": t, "size": size, "method": method}
        for size in sizes
        for d in range(n_datasets)
        for t in range(n_trials)
        for method in methods
    ]
    frame = pd.DataFrame(keys)
    return frame.assign(AP=stream.random(len(frame)), AUC=stream.random(len(frame)))


def names_of(panel):
    """The names at the right of a panel, from the lowest on."""
    return [text for text in panel.texts if text.get_text()]


def ticks_of(panel):
    return [label.get_text() for label in panel.get_xticklabels()]


def assert_readable(display):
    """Nothing that is written in the picture covers something else, or leaves it."""
    display.figure_.canvas.draw()
    for panel in display.axes_:
        boxes = [text.get_window_extent() for text in names_of(panel)]
        assert all(below.y1 <= above.y0 + 0.5 for below, above in pairwise(boxes))
        assert all(box.x0 > panel.get_window_extent().x1 for box in boxes)
    for left, right in combinations(display.axes_, 2):
        assert left.get_tightbbox().x1 <= right.get_tightbbox().x0
    for panel in display.axes_:
        assert panel.get_tightbbox().x0 >= 0
        assert panel.get_tightbbox().x1 <= display.figure_.bbox.x1
        assert panel.get_window_extent().width > 0.45 * panel.get_tightbbox().width


def test_draws_the_means_in_percent():
    scores = scores_of()
    display = ClassSizeDisplay(SIZES, {"AP": scores}).plot()
    (panel,) = display.axes_
    assert list(display.lines_["AP"]) == ["nothing", "SMOTE", "MGVAE"]
    for name, values in scores.items():
        line = display.lines_["AP"][name]
        assert line.get_xdata().tolist() == SIZES
        assert line.get_ydata() == pytest.approx(100 * values.mean(axis=1))
    assert display.standard_errors == {}
    assert not panel.collections  # no bands: they would tell of the data, not of the methods
    assert panel.get_xscale() == "log"
    assert ticks_of(panel) == ["5", "10", "50"]
    assert panel.get_xlabel() == "training rows of the smallest class"
    assert panel.get_ylabel() == "percent"
    assert panel.get_title(loc="left") == "AP"


def test_with_a_baseline_draws_paired_differences_in_points():
    scores = scores_of()
    display = ClassSizeDisplay(SIZES, {"AP": scores}, baseline="SMOTE").plot()
    (panel,) = display.axes_
    assert list(display.lines_["AP"]) == ["nothing", "MGVAE"]
    for name, line in display.lines_["AP"].items():
        gains = scores[name] - scores["SMOTE"]
        assert line.get_ydata() == pytest.approx(100 * gains.mean(axis=1))
        errors = display.standard_errors["AP"][name]
        assert errors == pytest.approx(sem(gains, axis=1))
        # Mean and error are those of the paired t-test.
        t = ttest_rel(scores[name], scores["SMOTE"], axis=1).statistic
        assert display.means["AP"][name] / errors == pytest.approx(t)
    assert [line.get_ydata() for line in panel.lines if line.get_linestyle() == ":"] == [[0, 0]]
    assert sorted(text.get_text() for text in names_of(panel)) == ["MGVAE", "SMOTE", "nothing"]
    assert panel.get_ylabel() == "points above SMOTE\n(± standard error)"


def test_the_bands_reach_one_standard_error_to_either_side():
    display = ClassSizeDisplay(SIZES, {"AP": scores_of()}, baseline="SMOTE").plot()
    bands = display.axes_[0].collections
    for band, name in zip(bands, ["nothing", "MGVAE"], strict=True):
        mean, error = display.means["AP"][name], display.standard_errors["AP"][name]
        corners = band.get_paths()[0].vertices
        for place, size in enumerate(SIZES):
            ends = corners[corners[:, 0] == size, 1]
            assert ends.min() == pytest.approx(100 * (mean - error)[place])
            assert ends.max() == pytest.approx(100 * (mean + error)[place])


@given(SHARES, SHARES, arrays(np.float64, (3, 6), elements=st.floats(-0.5, 0.5)))
def test_what_a_repeat_does_to_all_methods_cancels(first, second, shift):
    """Harder data sets and luckier splits move the means, and not the differences."""
    plain = {"a": first / 2, "b": second / 2}
    moved = {name: values + shift for name, values in plain.items()}
    one, other = (ClassSizeDisplay(SIZES, {"m": scores}, baseline="a") for scores in (plain, moved))
    assert one.means["m"]["b"] == pytest.approx(other.means["m"]["b"], abs=1e-12)
    assert one.standard_errors["m"]["b"] == pytest.approx(other.standard_errors["m"]["b"], abs=1e-7)


@given(SHARES, st.floats(-0.9, 0.9))
def test_a_method_that_is_always_better_by_as_much_has_no_error(values, gain):
    scores = {"a": values / 10, "b": values / 10 + gain}
    display = ClassSizeDisplay(SIZES, {"m": scores}, baseline="a")
    assert display.means["m"]["b"] == pytest.approx(np.full(3, gain))
    assert display.standard_errors["m"]["b"] == pytest.approx(np.zeros(3), abs=1e-7)


@given(SHARES, SHARES)
def test_the_baseline_of_the_other_turns_the_sign(first, second):
    scores = {"m": {"a": first, "b": second}}
    up, down = (ClassSizeDisplay(SIZES, scores, baseline=name) for name in "ab")
    assert up.means["m"]["b"] == pytest.approx(-down.means["m"]["a"])
    assert up.standard_errors["m"]["b"] == pytest.approx(down.standard_errors["m"]["a"])


def test_repeats_without_a_score_are_left_out():
    scores = {
        "a": [[0.5, 0.6, np.nan], [0.5, np.nan, 0.3], [0.7, 0.8, 0.9]],
        "b": [[0.6, 0.8, 0.9], [np.nan, 0.9, 0.5], [np.nan, np.nan, np.nan]],
    }
    means = ClassSizeDisplay(SIZES, {"m": scores}).means["m"]
    assert means["a"] == pytest.approx([0.55, 0.4, 0.8])
    assert means["b"] == pytest.approx([2.3 / 3, 0.7, np.nan], nan_ok=True)
    display = ClassSizeDisplay(SIZES, {"m": scores}, baseline="a").plot()
    assert display.means["m"]["b"] == pytest.approx([0.15, 0.2, np.nan], nan_ok=True)
    # One repeat in common has a difference, but no error.
    errors = display.standard_errors["m"]["b"]
    assert errors == pytest.approx([0.05, np.nan, np.nan], nan_ok=True)
    # The leader starts at the last point there is.
    leads = [text.xy for text in display.axes_[0].texts if not text.get_text()]
    assert (10.0, pytest.approx(20)) in leads


def test_a_method_may_lack_a_metric():
    scores = scores_of()
    less = {name: scores[name] for name in ("nothing", "MGVAE")}
    empty = {**less, "SMOTE": np.full((3, 6), np.nan)}
    for other in (less, empty):
        display = ClassSizeDisplay(SIZES, {"AP": scores, "AUC": other}).plot()
        assert list(display.lines_["AUC"]) == ["nothing", "MGVAE"]
        colors = [to_hex(display.lines_[metric]["MGVAE"].get_color()) for metric in ("AP", "AUC")]
        assert colors[0] == colors[1]
        assert "SMOTE" not in [text.get_text() for text in names_of(display.axes_[1])]


@pytest.mark.parametrize("n", [2, 7, 8, 13])
def test_methods_differ_in_colour_and_marker(n):
    scores = scores_of([f"m{k}" for k in range(n)])
    lines = ClassSizeDisplay(SIZES, {"AP": scores}).plot().lines_["AP"].values()
    assert len({to_hex(line.get_color()) for line in lines}) == n
    assert len({line.get_marker() for line in lines}) == n


def test_few_methods_look_the_same_with_and_without_a_baseline():
    scores = {"AP": scores_of()}
    plain = ClassSizeDisplay(SIZES, scores).plot().lines_["AP"]
    above = ClassSizeDisplay(SIZES, scores, baseline="nothing").plot().lines_["AP"]
    for name, line in above.items():
        assert line.get_color() == plain[name].get_color()
        assert line.get_marker() == plain[name].get_marker()


@pytest.mark.parametrize("baseline", [None, LONG[3]])
@pytest.mark.parametrize("metrics", [["AP"], ["AP", "AUC"], ["AP", "AUC", "balanced accuracy"]])
def test_eight_long_names_do_not_overlap(metrics, baseline):
    scores = {metric: scores_of(LONG, n_sizes=2) for metric in metrics}
    display = ClassSizeDisplay([5, 50], scores, baseline=baseline).plot()
    assert len(display.axes_) == len(metrics)
    assert_readable(display)
    assert [len(names_of(panel)) for panel in display.axes_] == [8] * len(metrics)


def test_methods_that_do_the_same_are_all_named():
    scores = dict.fromkeys(LONG, np.full((3, 2), 0.5))
    assert_readable(ClassSizeDisplay(SIZES, {"AP": scores}).plot())
    assert_readable(ClassSizeDisplay(SIZES, {"AP": scores}, baseline=LONG[0]).plot())


@settings(max_examples=12)  # each draws a picture
@given(
    st.lists(st.integers(1, 5000), min_size=2, max_size=9, unique=True).map(sorted),
    st.integers(1, 4),
    st.booleans(),
)
def test_draws_any_sizes(sizes, n_methods, is_compared):
    names = [f"m{k}" for k in range(n_methods + 1)]
    scores = {"AP": scores_of(names, len(sizes))}
    display = ClassSizeDisplay(sizes, scores, baseline="m0" if is_compared else None).plot()
    (panel,) = display.axes_
    low, high = panel.get_xlim()
    assert low < sizes[0]
    assert sizes[-1] < high
    assert panel.get_xticks().tolist() == sizes
    labels = [label for label in panel.get_xticklabels() if label.get_text()]
    drawn = [f"{size:,}" for size in sizes]
    assert labels[0].get_text() == drawn[0]
    assert all(label.get_text() in drawn for label in labels)
    assert_readable(display)
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    plt.close(display.figure_)


def test_draws_in_given_axes():
    scores = scores_of()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3))
    display = ClassSizeDisplay(SIZES, {"AP": scores}).plot(axes[1])
    assert list(display.axes_) == [axes[1]]
    assert display.figure_ is figure
    assert not axes[0].lines
    both = ClassSizeDisplay(SIZES, {"AP": scores, "AUC": scores}).plot(axes[[0, 2]])
    assert list(both.axes_) == [axes[0], axes[2]]
    assert len(plt.get_fignums()) == 1
    # The names of the left panel end before the next begins.
    assert_readable(both)
    with pytest.raises(ValueError, match=r"3 axes for the 2 metrics \['AP', 'AUC'\]"):
        both.plot(axes)


def test_the_layout_of_the_user_stays():
    figure, ax = plt.subplots(layout="tight")
    engine = figure.get_layout_engine()
    ClassSizeDisplay(SIZES, {"AP": scores_of()}).plot(ax)
    assert figure.get_layout_engine() is engine
    free = plt.figure()
    ClassSizeDisplay(SIZES, {"AP": scores_of()}).plot(free.add_axes((0.1, 0.1, 0.5, 0.8)))
    assert free.get_layout_engine() is None


def test_panels_of_one_y_name_their_lines_at_its_height():
    scores = {"low": scores_of(seed=0), "high": {"SMOTE": np.full((3, 1), 1.0)}}
    _, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
    display = ClassSizeDisplay(SIZES, scores).plot(axes)
    low, high = axes[0].get_ylim()
    (name,) = names_of(display.axes_[1])
    assert name.get_position()[1] == pytest.approx((100 - low) / (high - low))


def test_draws_in_a_subfigure():
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    part = figure.subfigures(1, 2)[1]
    display = ClassSizeDisplay(SIZES, {"AP": scores_of()}).plot(part.subplots())
    assert display.figure_ is figure
    assert_readable(display)


def test_takes_the_scores_of_a_table():
    frame = table()
    mixed = frame.sample(frac=1, random_state=0)
    display = ClassSizeDisplay.from_scores(frame, metrics=["AP", "AUC"])
    assert not hasattr(display, "axes_")  # not drawn yet
    assert display.sizes.tolist() == [5, 50]
    assert list(display.scores) == ["AP", "AUC"]
    assert list(display.scores["AP"]) == ["nothing", "SMOTE"]
    assert display.scores["AP"]["SMOTE"].shape == (2, 6)
    expected = frame.groupby(["method", "size"])["AUC"].mean()
    for each in (display, ClassSizeDisplay.from_scores(mixed, metrics=["AP", "AUC"])):
        for name in ("nothing", "SMOTE"):
            assert each.means["AUC"][name] == pytest.approx(expected[name].to_numpy())


def test_pairs_the_rows_of_a_table_by_data_set_and_trial():
    frame = table().sample(frac=1, random_state=0)
    wide = frame.pivot_table(index=["size", "dataset", "trial"], columns="method", values="AP")
    gains = (wide["SMOTE"] - wide["nothing"]).groupby("size")
    display = ClassSizeDisplay.from_scores(frame, metrics="AP", baseline="nothing")
    assert display.means["AP"]["SMOTE"] == pytest.approx(gains.mean().to_numpy())
    assert display.standard_errors["AP"]["SMOTE"] == pytest.approx(gains.sem().to_numpy())


def test_rows_that_a_table_lacks_are_nan():
    frame = table()
    is_lost = (
        frame["method"].eq("SMOTE")
        & frame["size"].eq(5)
        & frame["dataset"].eq("d1")
        & frame["trial"].eq(0)
    )
    scores = ClassSizeDisplay.from_scores(frame[~is_lost], metrics="AP").scores["AP"]
    assert np.isnan(scores["SMOTE"]).sum() == 1
    assert np.isnan(scores["SMOTE"][0]).sum() == 1
    assert not np.isnan(scores["nothing"]).any()
    # A missing score does as much as a missing row.
    holed = frame.assign(AP=frame["AP"].astype("Float64").mask(is_lost))
    again = ClassSizeDisplay.from_scores(holed, metrics="AP").scores["AP"]
    np.testing.assert_array_equal(again["SMOTE"], scores["SMOTE"])


def test_columns_of_other_names():
    names = {"size": "n", "method": "sampler", "dataset": "data"}
    frame = table(n_trials=1).drop(columns="trial").rename(columns=names)
    display = ClassSizeDisplay.from_scores(
        frame, metrics="AP", size="n", method="sampler", repeat="data"
    )
    plain = ClassSizeDisplay.from_scores(table(n_trials=1), metrics="AP")
    np.testing.assert_array_equal(display.scores["AP"]["SMOTE"], plain.scores["AP"]["SMOTE"])


@pytest.mark.parametrize(
    "change, options, message",
    [
        ({}, {"metrics": "F1"}, r"metrics names the column 'F1', which the table lacks.*'AUC'"),
        ({}, {"metrics": []}, "metrics names no column"),
        ({}, {"repeat": ()}, "repeat names no column"),
        ({}, {"repeat": ("dataset", "fold")}, "repeat names the column 'fold'"),
        ({}, {"size": "rows"}, "size names the column 'rows'"),
        ({}, {"method": "sampler"}, "method names the column 'sampler'"),
        ({}, {"baseline": "ROS"}, r"baseline='ROS' is not among .*\['nothing', 'SMOTE'\]"),
        ({}, {"repeat": "dataset"}, "'nothing' has several rows of size 50 and dataset='d0': sel"),
        ({"AP": 81.0}, {}, r"scores\['AP'\]\['nothing'\] holds 81, .*divide percentages"),
        ({"AP": "good"}, {}, "column 'AP' must hold numbers"),
        ({"AP": np.nan}, {}, "No method has a score of 'AP'"),
        ({"size": np.nan}, {}, "column 'size' lacks a number"),
        ({"size": 2.5}, {"repeat": ["dataset", "trial", "AUC"]}, "two sizes at least"),
        ({"method": None}, {}, "column 'method' lacks a value"),
        ({"trial": np.nan}, {}, "column 'trial' lacks a value"),
    ],
)
def test_refuses_a_table_that_says_too_little(change, options, message):
    with pytest.raises(ValueError, match=message):
        ClassSizeDisplay.from_scores(table().assign(**change), **{"metrics": "AP", **options})


def test_refuses_what_is_no_table():
    with pytest.raises(TypeError, match="frame is a dict: give a pandas DataFrame"):
        ClassSizeDisplay.from_scores({"AP": [0.5]}, metrics="AP")
    with pytest.raises(ValueError, match="frame has no row"):
        ClassSizeDisplay.from_scores(table()[:0], metrics="AP")


TWO = [[0.1], [0.2]]
NONE = [[np.nan], [np.nan]]


@pytest.mark.parametrize(
    "sizes, scores, baseline, message",
    [
        ([5], {"m": {"a": [[0.1]]}}, None, r"shape \(1,\).*ComparisonDisplay"),
        ([[5, 10]], {"m": {"a": TWO}}, None, r"sizes has shape \(1, 2\)"),
        ([10, 5], {"m": {"a": TWO}}, None, r"sizes=\[10, 5\] must increase"),
        ([5, 5], {"m": {"a": TWO}}, None, "must increase"),
        ([0, 5], {"m": {"a": TWO}}, None, "sizes holds 0, "),
        ([2.5, 5], {"m": {"a": TWO}}, None, "sizes holds 2.5"),
        ([5, np.inf], {"m": {"a": TWO}}, None, "sizes holds inf"),
        ([5, 10], {"m": TWO}, None, "scores must be a dict of metrics"),
        ([5, 10], TWO, None, "scores must be a dict of metrics"),
        ([5, 10], {}, None, "scores is an empty dict"),
        ([5, 10], {"m": {}}, None, "scores of 'm' is an empty dict"),
        ([5, 10], {"m": {"a": [0.1, 0.2]}}, None, r"\['m'\]\['a'\] has shape \(2,\).*\(2, n_rep"),
        ([5, 10], {"m": {"a": [[0.1]]}}, None, r"shape \(1, 1\).*a row a size"),
        ([5, 10], {"m": {"a": TWO, "b": [[0.1, 0.2]] * 2}}, None, "2 repeats, those before 1"),
        ([5, 10], {"m": {"a": [[10], [20]]}}, None, "holds 10, but scores are shares"),
        ([5, 10], {"m": {"a": [[0.1], [np.inf]]}}, None, "holds inf"),
        ([5, 10], {"m": {"a": TWO, "b": NONE}}, None, "'b' has no score at any size"),
        ([5, 10], {"m": {"a": NONE}}, None, "No method has a score of 'm'"),
        ([5, 10], {"m": {"a": TWO}}, "a", "No method has a repeat in common with 'a' of 'm'"),
        ([5, 10], {"m": {"a": TWO}}, "b", r"baseline='b' is not among .* of 'm', \['a'\]"),
        (
            [5, 10],
            {"m": {"a": [[0.1, np.nan]] * 2, "b": [[np.nan, 0.1]] * 2, "c": [[0.1, 0.1]] * 2}},
            "a",
            "'b' has no repeat in common with 'a'",
        ),
    ],
)
def test_refuses_what_does_not_match(sizes, scores, baseline, message):
    with pytest.raises(ValueError, match=message):
        ClassSizeDisplay(sizes, scores, baseline=baseline)
