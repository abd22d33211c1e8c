"""The reproduction of MGVAE: numbers, rows, equal training, thresholds of the training part."""

import csv
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from imbdeep.reproductions import mgvae
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._rows import Task
from imbdeep.reproductions.mgvae import (
    ABLATIONS,
    DATASETS,
    METHODS,
    METRICS,
    PUBLISHED,
    SWEEP,
    PaperClassifier,
    Trial,
    best_threshold,
    main,
)

CPU = torch.device("cpu")
TINY = Length(steps=30)
ROWS = {"ERM", "FOCAL", "RW", "CBRW", "LDAM", "RS", "SMOTE", "OCVAE", "MGVAE"}
MORE = {
    "mnist": {"VAE w/ PT+EWC", "MGVAE w/o PT", "MGVAE w/o EWC"},
    "fashion": {f"MGVAE, lambda {value}" for value in ("5e2", "5e4", "5e6", "5e8")},
}


def test_published_tables_are_complete():
    assert set(PUBLISHED) == set(DATASETS) - {"mammography"}
    for name, rows in PUBLISHED.items():
        assert set(rows) == ROWS | MORE.get(name.partition("-")[0], set())
        for metrics in rows.values():
            assert list(metrics) == ["B-ACC", "ACSA", "GM"]
            # The geometric mean of both recalls is never above their arithmetic mean.
            assert metrics["GM"][0] <= metrics["ACSA"][0]
    for ratio in (100, 600):  # MGVAE of Table 3 is the best lambda of Table 9
        rows = PUBLISHED[f"fashion-{ratio}"]
        assert rows["MGVAE"] == rows["MGVAE, lambda 5e4"]


@pytest.mark.parametrize(
    "real, name, expected",
    [
        ("mnist", "mnist-100", ([29_723, 300], [5139, 4861])),
        ("musk2", "musk", ([3906, 712], [1675, 305])),
        ("water_quality", "water", ([4959, 638], [2125, 274])),
    ],
    indirect=["real"],
)
def test_real_counts(real, name, expected):
    task = DATASETS[name].load(real, 0)
    assert tuple(np.bincount(y).tolist() for y in (task.y_train, task.y_test)) == expected


def test_all_methods_run(folder, tmp_path, capsys, monkeypatch):
    """On a table and on images, which alone have ablations and lambdas."""
    layers = {"hidden_layer_sizes": (8,)}
    own = {"pretrain_steps": 3, "finetune_steps": 2, **layers}
    scale = Length(steps=4, most=(60, 20, 60), own=own, rival={"max_steps": 3, **layers})
    monkeypatch.setitem(mgvae.SCALES, "smoke", scale)
    output = tmp_path / "results.csv"
    arguments = ["mnist-600", "mammography", "--trials", "1", "--scale", "smoke", "--device", "cpu"]
    options = ["--ablations", "--sweep", "--data", str(folder), "--output", str(output)]
    assert main([*arguments, *options]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(METRICS) * (2 * len(METHODS) + len(ABLATIONS) + len(SWEEP))
    assert all(0 <= float(row["value"]) <= 1 for row in rows)
    digits, table = capsys.readouterr().out.split("### mammography")
    assert all(f"| {name} |" in digits for name in METHODS | ABLATIONS | SWEEP)
    assert not any(f"| {name} |" in table for name in ABLATIONS | SWEEP)
    assert "published" not in table  # the paper does not have it


def test_what_cannot_be_had_stays_empty(tmp_path, capsys):
    """No folder, no cache and no network: the paper's numbers, and why there are none of ours."""
    assert main(["fashion-600", "--trials", "1", "--methods", "MGVAE", *SWEEP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| MGVAE |  |  |  |  |  | 84.8 ± 0.4 | 83.6 ± 0.4 |" in lines
    assert "| MGVAE, lambda 100 |  |  |  |  |  |  |  |" in lines
    assert "| MGVAE, lambda 5e8 (paper only) |  |  |  |  |  | 83.8 ± 0.6 | 82.0 ± 0.9 |" in lines
    assert not any(line.startswith(("| ERM", "| nothing", "| VAE")) for line in lines)
    (why,) = (line for line in lines if line.startswith("Not run: "))
    assert str(tmp_path / "imbdeep" / "fashion_mnist") in why
    assert "no network in tests" in why


def test_ablations_of_tables_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["musk", "--methods", "MGVAE, no EWC"])
    assert "MGVAE, no EWC: not for these data sets" in capsys.readouterr().err


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


def trial(task, length=TINY, seed=0):
    return Trial(task, length, seed, CPU)


def test_threshold_does_not_depend_on_the_test_part(task):
    random = np.random.default_rng(0)
    other = task._replace(x_test=random.permutation(task.x_test) * 7, y_test=1 - task.y_test)
    approach = Approach(parameters={"tune_threshold": True})
    first, second = (trial(t).trained(approach).classifier for t in (task, other))
    assert first.threshold_ == second.threshold_ != 0.0
    x = trial(task).x_test
    np.testing.assert_array_equal(first.predict(x), first.decision_function(x) >= 0)


def test_inputs_are_scaled_by_the_training_rows(task):
    one = trial(task)
    assert one.x_train.dtype == np.float32
    np.testing.assert_allclose(one.x_train.mean(axis=0), 0, atol=1e-6)
    expected = (task.x_test - task.x_train.mean(axis=0)) / task.x_train.std(axis=0)
    np.testing.assert_allclose(one.x_test, expected, rtol=1e-4, atol=1e-5)
    pixels = np.array([[0, 51, 255]], dtype=np.uint8)
    images = trial(Task(pixels, np.zeros(1, int), pixels, np.zeros(1, int), (1, 1, 3)))
    np.testing.assert_allclose(images.x_train, [[0, 0.2, 1]], rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_best_threshold_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, 40)
    scores = np.round(random.standard_normal(40) + y, 1)  # with ties
    found = balanced_accuracy_score(y, scores >= best_threshold(y, scores))
    assert found == max(balanced_accuracy_score(y, scores >= t) for t in [*scores, math.inf])
    assert best_threshold(np.array([0, 0, 1]), np.array([-1.0, 1.0, 4.0])) == 2.5


def test_scores_by_hand():
    class Scores:
        def decision_function(self, x):
            return np.array([-2.0, -1.0, -0.5, 1.0, 0.5, 2.0])

    x, y = np.zeros((6, 1)), np.array([0, 0, 0, 0, 1, 1])
    metrics = trial(Task(x, y, x, y)).scores(Scores(), Approach())
    assert metrics["balanced accuracy"] == pytest.approx((3 / 4 + 1) / 2)
    assert metrics["G-mean"] == pytest.approx(math.sqrt(3 / 4))
    assert metrics["ROC-AUC"] == pytest.approx(7 / 8)
    assert metrics["average precision"] == pytest.approx(1 / 2 + (2 / 3) / 2)


@pytest.mark.parametrize("steps, sizes, expected", [(7, [500, 20], 7), (None, [70, 20], 200)])
def test_steps_are_those_of_the_scale_or_a_hundred_epochs_of_balanced_rows(steps, sizes, expected):
    y = np.repeat([0, 1], sizes)
    task = Task(np.zeros((len(y), 4), np.uint8), y, np.zeros((1, 4), np.uint8), y[:1], (1, 2, 2))
    made = trial(task, Length(steps=steps)).estimator(Approach(), 9)
    assert (made.steps, made.decay) == (expected, steps is None)  # images


def test_the_papers_rate_falls_after_each_hundredth(monkeypatch):
    rates, inner = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *a, **k: rates.append(self.param_groups[0]["lr"]) or inner(self, *a, **k),
    )
    x, y = table()
    PaperClassifier(200, CPU, 0, decay=True).fit(x.astype(np.float32), y)
    np.testing.assert_allclose(rates, 1e-3 * 0.95 ** (np.arange(200) // 2))


def test_what_a_sampler_warns_of_is_kept(task):
    def warning(trial, x, y):
        warnings.warn("It has collapsed.", UserWarning, stacklevel=2)
        return x, y

    assert list(trial(task).evaluate(Approach(resample=warning)).said) == ["It has collapsed."]
