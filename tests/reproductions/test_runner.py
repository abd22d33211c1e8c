"""The shared runner: equal training, thresholds from the training part alone, honest tables."""

import csv
import io
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from imbdeep.reproductions import _runner
from imbdeep.reproductions._runner import (
    METRICS,
    Method,
    Outcome,
    Results,
    Scale,
    Task,
    best_threshold,
    evaluate,
    markdown,
    reduced,
    scored,
    to_inputs,
    train_classifier,
    warned,
)

CPU = torch.device("cpu")
TINY = Scale(steps=30)


@pytest.fixture(autouse=True)
def one_thread():
    """Small nets; and on a busy machine two threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table(n=200, share=0.2, seed=0):
    random = np.random.default_rng(seed)
    y = (np.arange(n) < share * n).astype(np.int64)
    x = random.standard_normal((n, 4)) * [1, 10, 100, 1] + [0, 5, 0, 0]
    x[:, 0] += 1.5 * y
    order = random.permutation(n)
    return x[order], y[order]


@pytest.fixture
def task():
    return Task(*table(), *table(seed=1))


def doubled(task, inputs, scale, seed, device):
    x = inputs(task.x_train)
    return np.concatenate([x, x]), np.concatenate([task.y_train, task.y_train])


@pytest.mark.parametrize(
    "method",
    [
        Method(),
        Method(class_weights="balanced"),
        Method(class_weights="class_balanced"),
        Method(criterion="focal"),
        Method(criterion="ldam"),
        Method(tune_threshold=True),
        Method(resample=doubled),
    ],
    ids=["nothing", "weights", "cb weights", "focal", "ldam", "threshold", "twice the rows"],
)
def test_every_net_gets_the_same_steps(task, method):
    outcome = evaluate(task, method, TINY, 0, CPU)
    assert set(outcome.steps) == {TINY.steps}
    assert len(outcome.steps) == (4 if method.tune_threshold else 1)


def test_the_optimiser_steps_as_often_as_it_says(monkeypatch):
    calls = []
    inner = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *a, **k: calls.append(1) or inner(*a, **k))
    x, y = table()
    _, n = train_classifier(x.astype(np.float32), y, steps=55, seed=0, device=CPU)
    assert len(calls) == n == 55


def test_threshold_does_not_know_the_test_part(task):
    random = np.random.default_rng(0)
    other = task._replace(x_test=random.permutation(task.x_test) * 7, y_test=1 - task.y_test)
    method = Method(tune_threshold=True)
    first, second = (evaluate(t, method, TINY, 0, CPU) for t in (task, other))
    assert first.threshold == second.threshold != 0.0
    assert first.metrics != second.metrics


def test_threshold_comes_from_rows_the_net_did_not_see(monkeypatch):
    x, y = table(90)
    x = x.astype(np.float32)
    trained = []

    def spy(rows, labels, **settings):
        def log_odds(held):
            assert not {row.tobytes() for row in held} & {row.tobytes() for row in rows}
            return held[:, 0]

        trained.append(len(rows))
        return log_odds, settings["steps"]

    monkeypatch.setattr(_runner, "train_classifier", spy)
    threshold, done = _runner.tuned_threshold(x, y, steps=9, seed=0, device=CPU)
    assert trained == [60, 60, 60]
    assert done == [9, 9, 9]
    assert threshold == best_threshold(y, x[:, 0].astype(float))


def test_inputs_are_standardised_by_the_training_rows(task):
    inputs = to_inputs(task)
    x = inputs(task.x_train)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-5)
    expected = (task.x_test - task.x_train.mean(axis=0)) / task.x_train.std(axis=0)
    np.testing.assert_allclose(inputs(task.x_test), expected, rtol=1e-4, atol=1e-5)


def test_pixels_are_divided_by_255(task):
    x = np.array([[0, 51, 255]], dtype=np.uint8)
    inputs = to_inputs(task._replace(x_train=x, image_shape=(1, 1, 3)))
    assert inputs(x).dtype == np.float32
    np.testing.assert_allclose(inputs(x), [[0, 0.2, 1]], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_best_threshold_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, 40)
    scores = np.round(random.standard_normal(40) + y, 1)  # with ties
    found = balanced_accuracy_score(y, scores >= best_threshold(y, scores))
    every = [balanced_accuracy_score(y, scores >= t) for t in [*scores, math.inf]]
    assert found == max(every)


def test_best_threshold_lies_in_the_middle_of_the_gap():
    assert best_threshold(np.array([0, 0, 1]), np.array([-1.0, 1.0, 4.0])) == 2.5
    assert best_threshold(np.array([1, 0]), np.array([1.0, 1.0])) in (1.0, math.inf)


def test_scores_by_hand():
    y = np.array([0, 0, 0, 0, 1, 1])
    scores = np.array([-2.0, -1.0, -0.5, 1.0, 0.5, 2.0])
    metrics = scored(y, scores, 0.0)
    assert tuple(metrics) == METRICS
    assert metrics["balanced accuracy"] == pytest.approx((3 / 4 + 1) / 2)
    assert metrics["G-mean"] == pytest.approx(math.sqrt(3 / 4))
    assert metrics["ROC-AUC"] == pytest.approx(7 / 8)
    assert metrics["average precision"] == pytest.approx(1 / 2 + (2 / 3) / 2)
    assert scored(y, scores, 9.0)["G-mean"] == 0.0  # one class is never predicted


def test_class_weights_move_the_log_odds_to_the_minority():
    x, y = table(share=0.05)
    x = x.astype(np.float32)
    plain, weighted = (
        train_classifier(x, y, steps=60, seed=0, device=CPU, class_weights=weights)[0](x).mean()
        for weights in (None, "balanced")
    )
    assert weighted > plain + 0.5


def test_a_trial_repeats_exactly(task):
    first, second = (evaluate(task, Method(), TINY, 3, CPU) for _ in range(2))
    assert first.metrics == second.metrics


def test_reduced_keeps_classes_and_test_share(task):
    small = reduced(task, Scale(steps=1, train=(50, 10), test=40), 0)
    assert np.bincount(small.y_train).tolist() == [50, 10]
    assert np.bincount(small.y_test).tolist() == [32, 8]
    for x, y, pool in (
        (small.x_train, small.y_train, (task.x_train, task.y_train)),
        (small.x_test, small.y_test, (task.x_test, task.y_test)),
    ):
        label = {row.tobytes(): code for row, code in zip(*pool, strict=True)}
        assert [label[row.tobytes()] for row in x] == y.tolist()
    assert reduced(task, Scale(steps=1, test=10_000), 0).x_test is task.x_test


def outcome(value, seconds=2.0):
    return Outcome(dict.fromkeys(METRICS, value), seconds, 0.0, [1])


def test_csv_is_tidy_and_written_at_once():
    file = io.StringIO()
    results = Results(file)
    results.add("musk", "SMOTE", 1, outcome(0.75))
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [row["metric"] for row in rows] == list(METRICS)
    assert rows[0] == {
        "dataset": "musk",
        "method": "SMOTE",
        "trial": "1",
        "metric": "balanced accuracy",
        "value": "0.750000",
        "seconds": "2.00",
    }


def test_markdown_puts_ours_beside_the_published():
    results = Results()
    for trial, value in enumerate((0.7, 0.8)):
        results.add("d", "ours", trial, outcome(value, 1.0 + 2 * trial))
    results.add("d", "alone", 0, outcome(0.5))
    methods = {"ours": Method("RS"), "alone": Method(), "not run": Method("RW")}
    published = {name: {"ACSA": (61.0, 0.25)} for name in ("RS", "RW", "VAE")}
    beside = {"balanced accuracy": "ACSA", "G-mean": "GM"}
    text = markdown("d", methods, results, published, beside)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    header, _, ours, alone, not_run, paper_only = lines
    assert header == ["method", *METRICS, "seconds", "published ACSA", "published GM"]
    assert ours == ["ours", *["75.0 ± 7.1"] * 4, "2", "61.0 ± 0.2", ""]
    assert alone == ["alone", *["50.0"] * 4, "2", "", ""]  # one trial has no deviation
    assert not_run == ["not run", *[""] * 5, "61.0 ± 0.2", ""]  # visibly empty
    assert paper_only == ["VAE (paper only)", *[""] * 5, "61.0 ± 0.2", ""]
    assert len({len(line) for line in lines}) == 1


def test_markdown_shows_published_numbers_without_deviation_and_the_papers_rows_alone():
    published = {"VAE": {"ACSA": (61.25,), "GM": (60.0, 0.5)}}
    beside = {"balanced accuracy": "ACSA", "G-mean": "GM"}
    text = markdown("", {}, Results(), published, beside, metrics=(), title="Table 9")
    assert text.splitlines() == [
        "### Table 9",
        "",
        "| method | published ACSA | published GM |",
        "| --- | --- | --- |",
        "| VAE (paper only) | 61.2 | 60.0 ± 0.5 |",
    ]


def test_numbers_that_are_no_percentages_stay_as_they_are():
    results = Results()
    for trial, value in enumerate((1.1, 1.3)):
        results.add("d", "ours", trial, Outcome({"density": value}, 1.0))
    published = {"Our": {"density": (0.729,)}}
    text = markdown(
        "d",
        {"ours": Method("Our")},
        results,
        published,
        {"density": "density"},
        metrics=("density",),
        percent=False,
    )
    assert "| ours | 1.200 ± 0.141 | 1 | 0.729 |" in text


def test_weights_by_effective_numbers_lie_between_none_and_balanced():
    """1 - beta^N is almost linear in small N: there the two weights are nearly the same."""
    counts = torch.tensor([900, 100])
    logits, labels = torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1])
    plain, balanced, effective = (
        _runner._criterion("cross_entropy", weights, counts)(logits, labels).item()
        for weights in (None, "balanced", "class_balanced")
    )
    assert balanced < plain
    assert effective == pytest.approx(balanced, rel=0.02)
    assert balanced < effective < plain


def test_focal_and_ldam_are_those_of_the_losses_room():
    counts = torch.tensor([3, 1])
    logits, labels = torch.tensor([[0.2, -0.4]]), torch.tensor([1])
    p = torch.softmax(logits, dim=1)[0, 1]
    focal = _runner._criterion("focal", None, counts)(logits, labels)
    assert focal.item() == pytest.approx((-(1 - p) * p.log()).item(), rel=1e-6)
    moved = 30 * (logits - torch.tensor([[0.0, 0.5]]))
    ldam = _runner._criterion("ldam", None, counts)(logits, labels)
    assert ldam.item() == pytest.approx(
        torch.nn.functional.cross_entropy(moved, labels).item(), rel=1e-6
    )


@pytest.mark.parametrize(
    "steps, sizes, expected", [(7, [500, 20], 7), (None, [500, 20], 1000), (None, [70, 20], 200)]
)
def test_steps_are_those_of_the_scale_or_a_hundred_epochs_of_balanced_rows(steps, sizes, expected):
    y = np.repeat([0, 1], sizes)
    assert _runner.n_steps(Scale(steps=steps), y) == expected


def test_the_papers_rate_falls_after_each_hundredth(monkeypatch):
    rates = []
    inner = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *a, **k: rates.append(self.param_groups[0]["lr"]) or inner(self, *a, **k),
    )
    x, y = table()
    for decay in (True, False):
        rates.clear()
        train_classifier(x.astype(np.float32), y, steps=200, seed=0, device=CPU, decay=decay)
        expected = 1e-3 * 0.95 ** (np.arange(200) // 2 if decay else np.zeros(200))
        np.testing.assert_allclose(rates, expected)


def test_what_a_sampler_warns_of_is_kept(task):
    def warning(task, inputs, scale, seed, device):
        warnings.warn("It has collapsed.", UserWarning, stacklevel=2)
        return inputs(task.x_train), task.y_train

    found = evaluate(task, Method(resample=warning), TINY, 0, CPU)
    assert list(found.said) == ["It has collapsed."]
    told = warned({"MGVAE": [found, found], "nothing": [outcome(0.5)]})
    assert told == "\nWarnings:\n\n- MGVAE, 2 in all, the first: It has collapsed.\n"
    assert warned({"nothing": [outcome(0.5)]}) == ""
