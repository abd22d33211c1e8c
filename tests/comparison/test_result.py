import numpy as np
import pandas as pd
import pytest

from imbdeep.comparison import Comparison, bayesian_correlated_t


def comparison(values, *, simple=("nothing", "class weights"), own=(), classifiers=("a", "b")):
    """A comparison from the values of each method: a number, or an array a fold."""
    rows = []
    for method, value in values.items():
        for classifier in ["own model"] if method in own else classifiers:
            for fold in range(5):
                rows.append(
                    {
                        "method": method,
                        "classifier": classifier,
                        "fold": fold,
                        "balanced_accuracy": np.broadcast_to(value, 5)[fold],
                        "seconds": 1.0,
                        "memory": 10.0,
                    }
                )
    return Comparison(pd.DataFrame(rows), metrics=["balanced_accuracy"], simple=simple)


NOISE = np.array([0.0, 0.002, -0.002, 0.001, -0.001])


def test_ranks_and_ties():
    result = comparison({"nothing": 0.7, "class weights": 0.8, "new": 0.8, "other": 0.6})
    assert result.ranks["balanced_accuracy"].to_dict() == {
        "class weights": 1.5,
        "new": 1.5,
        "nothing": 3.0,
        "other": 4.0,
    }
    assert result.methods == ("class weights", "new", "nothing", "other")


def test_a_method_is_ranked_by_its_best_classifier():
    result = comparison({"nothing": 0.7, "class weights": 0.8, "new": 0.9}, own=("new",))
    weak = result.scores["classifier"] == "a"
    result.scores.loc[weak, "balanced_accuracy"] -= 0.3
    result.scores.loc[weak & (result.scores["method"] == "nothing"), "balanced_accuracy"] = 0.95
    assert result.classifiers["balanced_accuracy"].to_dict() == {
        "nothing": "a",
        "class weights": "b",
        "new": "own model",
    }
    assert result.methods == ("nothing", "new", "class weights")
    assert result.best("balanced_accuracy")["class weights"].tolist() == [0.8] * 5
    assert "nothing with a (0.950) has the best mean, of the others new (0.900)" in result.verdict
    assert result.table.index.names == ["method", "classifier"]
    assert result.table.loc[("new", "own model"), "balanced_accuracy"] == 0.9


def test_a_clear_winner_is_called_one():
    result = comparison(
        {"nothing": 0.7 + NOISE, "class weights": 0.8 - NOISE, "new": 0.9 + NOISE[::-1]}
    )
    assert result.ahead == {"balanced_accuracy": ["new"]}
    assert "Better than every simple method with 95% certainty: new (by 0.100" in result.verdict
    assert result.verdict.endswith("Use new.")
    pair = result.significance.set_index(["method", "against"]).loc[("new", "class weights")]
    assert pair["difference"] == pytest.approx(0.1)
    assert pair["t_better"] > 0.95
    assert pair[["t_worse", "t_equal", "t_better"]].sum() == pytest.approx(1)


def test_a_lucky_fold_is_no_winner():
    lucky = np.array([0.1, -0.02, 0.03, -0.01, 0.04])
    result = comparison({"nothing": 0.7, "class weights": 0.8 + NOISE, "new": 0.8 + lucky})
    assert result.ahead == {"balanced_accuracy": []}
    sure = bayesian_correlated_t(0.0 + lucky - NOISE, 0.01, test_share=0.2)[2]
    assert (
        "No other method is better than class weights with 95% certainty: the probability that "
        f"new is better by more than 0.01 is {sure:.0%}. "
        'Use class weights (class_weight="balanced").'
    ) in result.verdict


def test_the_simplest_that_is_good_enough_is_advised():
    values = {"nothing": 0.795, "class weights": 0.8, "new": 0.6}
    assert "Leave the data as they are: no method is needed." in comparison(values).verdict


def test_one_fold_says_nothing_of_certainty():
    scores = comparison({"nothing": 0.8, "new": 0.9}).scores.query("fold == 0")
    one = Comparison(scores, metrics=["balanced_accuracy"], simple=["nothing"])
    assert one.verdict.endswith(
        "one fold does not show how certain a difference is. "
        "Leave the data as they are: no method is needed."
    )


def test_plot():
    result = comparison({"nothing": 0.7, "class weights": 0.8, "new": 0.75})
    display = result.plot()
    assert display.ax_ is not None


def test_certainty_is_asked_of_methods_that_were_run():
    result = comparison({"nothing": 0.7, "class weights": 0.8})
    assert result.certainly_better("class weights", "nothing", "balanced_accuracy")
    assert not result.certainly_better("nothing", "class weights", "balanced_accuracy")
    assert not result.certainly_better("nothing", "nothing", "balanced_accuracy")
    with pytest.raises(ValueError, match="'new' did not run on every fold"):
        result.certainly_better("new", "nothing", "balanced_accuracy")


def test_a_fold_without_a_score_counts_for_nobody():
    """As ROC-AUC in test rows of one class."""
    absent = np.array([np.nan, 0, 0, 0, 0])
    result = comparison(
        {"nothing": 0.7 + absent, "class weights": 0.8 + absent, "new": 0.9 + absent}
    )
    assert result.methods == ("new", "class weights", "nothing")
    assert result.ahead == {"balanced_accuracy": ["new"]}
    partly = comparison({"nothing": 0.7 + absent, "class weights": 0.8})
    assert partly.methods == ("class weights",)


def test_where_no_method_has_a_score_nothing_is_said():
    result = comparison({"nothing": np.nan, "class weights": np.nan})
    assert "there is no comparison" in result.verdict
    assert result.significance["t_better"].isna().all()
    failed = comparison({"new": 0.5}, simple=())
    failed.failures["new"] = "why"
    assert "there is no comparison" in repr(failed)


def test_missing_class_weights_are_named():
    result = comparison({"nothing": 0.7, "new": 0.7}, simple=("nothing",))
    result.failures["class weights"] = "no weights"
    assert "Class weights could not be run." in result.verdict
