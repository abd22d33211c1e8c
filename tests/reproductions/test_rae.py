"""The reproduction of RAE: published numbers, methods, and the command, on small made-up rows."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from imbdeep.classifiers import RAEClassifier
from imbdeep.reproductions import rae
from imbdeep.reproductions._runner import Outcome, Task
from imbdeep.reproductions._trial import Length
from imbdeep.reproductions.rae import (
    ABLATIONS,
    DATASETS,
    METHODS,
    PROTOCOL,
    PUBLISHED,
    PUBLISHED_ABLATIONS,
    SCALES,
    main,
)

COLUMNS = ("balanced accuracy", "macro F1", "macro G-mean", "average precision")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is not read: the data sets are random rows, small images."""

    def load(name, seed):
        random = np.random.default_rng(seed)
        sizes = ((14, 9, 4), (3, 3, 3)) if name == "mnist" else ((30, 10), (6, 6))
        parts = []
        for counts in sizes:
            y = np.repeat(np.arange(len(counts)), counts)
            x = random.integers(0, 256, (len(y), 64), dtype=np.uint8)
            parts += [x if name == "mnist" else (x[:, :5] + 50 * y[:, None]) / 7, y]
        return Task(*parts, (1, 8, 8) if name == "mnist" else None)

    for name, dataset in DATASETS.items():
        made = dataset._replace(load=lambda _, seed, name=name: load(name, seed))
        monkeypatch.setitem(rae.DATASETS, name, made)
    return str(tmp_path)


class Spy:
    """A trial that trains nothing; tasks and approaches are noted."""

    tasks, approaches = [], []

    def __init__(self, task, latent_dim, length, seed, device):
        Spy.tasks.append(task)
        self.score = 0.5 + 0.1 * seed

    def evaluate(self, approach):
        Spy.approaches.append(approach)
        metrics = {**dict.fromkeys(COLUMNS, self.score), "steps": 7.0}
        if approach.method == "rae":
            metrics |= {"alpha_entropy": 0.031, "separability": 0.984, "steps": 5.0}
        return Outcome(metrics, 2.0)


@pytest.fixture
def spy(monkeypatch):
    monkeypatch.setattr(rae, "Trial", Spy)
    monkeypatch.setattr(Spy, "tasks", [])
    monkeypatch.setattr(Spy, "approaches", [])
    return Spy


@pytest.mark.parametrize(
    "dataset, row, metric, expected",
    [
        ("mnist", "Our", "ACSA", (96.79, 0.09)),  # Table 1
        ("mnist", "Our", "GM", (98.20, 0.05)),
        ("mnist", "DeepSMOTE", "F1", (92.44, 0.54)),
        ("mnist", "GAMO", "ACSA", (94.97, 0.32)),
        ("mnist", "BAGAN", "GM", (95.92, 0.26)),
        ("mnist", "DGC", "F1", (94.53, 0.33)),
        ("mnist", "SMOTE", "ACSA", (87.98,)),  # Table 15
        ("mnist", "MC-RBO", "GM", (94.62,)),
        ("mnist", "Our", "AURPC", (99.71,)),  # Table 12
        ("mnist", "code of twice", "ACSA", (97.53,)),  # Table 5
        ("optical_digits", "GAMO", "ACSA", (98.19,)),  # Table 13
        ("isolet", "Our", "F1", (97.77,)),
        ("webpage", "BAGAN", "F1", (68.02,)),
        ("webpage", "DGC", "GM", (87.91,)),
    ],
)
def test_published_numbers(dataset, row, metric, expected):
    assert PUBLISHED[dataset][row][metric] == expected


@pytest.mark.parametrize(
    "row, column, expected",
    [
        ("no classifier, no mixer", "CIFAR10 ACSA", 20.58),
        ("no over-sampling", "CelebA GM", 67.83),
        ("no decoder", "CIFAR10 F1", 50.93),
        ("no mixer", "CelebA ACSA", 74.38),
        ("Our", "CelebA F1", 74.02),
    ],
)
def test_published_ablations(row, column, expected):
    assert PUBLISHED_ABLATIONS[row][column] == (expected,)


def test_published_tables_obey_the_definition_of_gm():
    assert set(PUBLISHED) == set(DATASETS)
    for name, published in PUBLISHED.items():
        n_classes = 10 if name == "mnist" else 2
        for metrics in published.values():
            if "GM" not in metrics:
                continue
            # On equal classes the specificities average 1 - (1 - ACSA) / (K - 1), and the mean of
            # roots is at most that of the means.
            share = metrics["ACSA"][0] / 100
            most = 100 * np.sqrt(share * (1 - (1 - share) / (n_classes - 1)))
            assert metrics["GM"][0] <= most + 0.06
    for row in PUBLISHED_ABLATIONS.values():
        assert all(0 < value < 100 for (value,) in row.values())
    assert [len(row) for row in PUBLISHED_ABLATIONS.values()] == [6, 6, 6, 6, 6, 1]


def test_rows_stand_beside_rows_that_the_paper_has():
    ours = {method.paper for method in (METHODS | ABLATIONS).values()} - {None}
    theirs = set().union(*PUBLISHED.values(), PUBLISHED_ABLATIONS)
    assert ours <= theirs
    assert METHODS["RAE"].paper == "Our"
    assert METHODS["SMOTE + MLP"].paper == METHODS["SMOTE + RAE's network"].paper == "SMOTE"


def test_ablations_are_what_they_say():
    assert {name: dict(a.parameters) for name, a in ABLATIONS.items()} == {
        "RAE, no classifier": {"clf_lambda": 0.0},
        "RAE, no classifier, no mixer": {"clf_lambda": 0.0, "mixing": 1.0},
        "RAE, no over-sampling": {"sampling": None, "mixing": None},
        "RAE, no decoder": {"decoder": False},
        "RAE, no mixer": {"mixing": 1.0},
        "RAE, Beta(2, 2)": {"mixing": 2.0},
        "RAE, permuted target": {"mixer_target": "permuted"},
        "RAE, raw weights": {"ema_decay": 0.0},
        "RAE, t = 3": {"n_mixed": 3},
        "RAE, t = 4": {"n_mixed": 4},
        **{f"RAE, code of {share}": {} for share in ("a quarter", "half", "twice")},
    }
    assert [a.latent for a in ABLATIONS.values()][-3:] == [0.25, 0.5, 2.0]
    known = set(RAEClassifier().get_params())
    for approach in (*METHODS.values(), *ABLATIONS.values()):
        assert (approach.method == "rae") <= (set(approach.parameters) <= known)
    assert {a.method for a in ABLATIONS.values()} == {"rae"}


def test_full_scale_is_the_authors_schedule():
    full = SCALES["full"]
    assert full.steps == full.own["max_steps"] == 20_000
    cycle = {name: full.own[f"{name}_steps"] for name in ("encoder", "decoder", "critic")}
    assert cycle == {"encoder": 1, "decoder": 4, "critic": 5}
    assert full.own["learning_rate"] == 2e-4
    assert SCALES["short"] == Length(steps=3000)
    RAEClassifier(**full.own)
    for told in ("20 000 encoder updates", "4 decoder updates", "5 of the critic", "3000 steps"):
        assert told in " ".join(PROTOCOL.split())


def test_all_data_sets_and_methods_run(folder, tmp_path, capsys, monkeypatch):
    """With the real classifiers, on next to no rows."""
    sizes = {"hidden_layer_sizes": (8,), "mixer_layer_sizes": (8,), "critic_layer_sizes": (8,)}
    tiny = {"max_steps": 2, "encoder_steps": 2, "batch_size": 4, "network": "mlp", **sizes}
    monkeypatch.setitem(rae.SCALES, "smoke", Length(steps=1, own=tiny, most=(14, 3)))
    output = tmp_path / "results.csv"
    arguments = ["optical_digits", "mnist", "--trials", "1", "--scale", "smoke", "--ablations"]
    assert main([*arguments, "--data", folder, "--device", "cpu", "--csv", str(output)]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    for name, approach in (METHODS | ABLATIONS).items():
        metrics = [row["metric"] for row in rows if row["method"] == name]
        assert set(metrics) >= {*COLUMNS, "G-mean", "steps"}
        assert ("separability" in metrics) == (approach.method == "rae")
        assert metrics.count("macro G-mean") == 2
    shares = [float(row["value"]) for row in rows if row["metric"] in COLUMNS]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    assert "trained 14, 5; scored 3, 3. Steps: 1. Encoder updates of RAE: 2." in text
    assert "### Ablations on CIFAR10 and CelebA (Table 4)" in text
    assert "1 trials, whose numbers are the seeds, scale smoke; " in text


def test_tables_show_ours_beside_the_papers(folder, capsys, spy):
    assert main(["webpage", "mnist", "--trials", "2", "--data", folder, "--device", "cpu"]) == 0
    table, images = capsys.readouterr().out.split("### MNIST")
    assert (
        "| RAE | 55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 ± 7.1 | 2 | 94.8 | 96.9 | 94.8 |"
        in table
    )
    assert "| GAMO (paper only) |  |  |  |  |  | 89.8 | 89.7 | 89.8 |" in table
    assert "published AURPC" not in table
    assert "80/20 split" in table
    assert "- RAE: 3.1%, 3.1%; 98.4%, 98.4%\n" in table
    assert "Rows by class, in each trial: trained 30, 10; scored 6, 6." in table
    assert "Steps: 7. Encoder updates of RAE: 5." in table
    assert "| 96.8 ± 0.1 | 96.8 ± 0.1 | 98.2 ± 0.1 | 99.7 |" in images
    assert (
        "| SMOTE + MLP | 55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 ± 7.1 | 2 | 88.0 |" in images
    )
    assert "Table 4" not in images
    assert len(spy.approaches) == 2 * 2 * len(METHODS)


def test_some_methods_only(folder, capsys, monkeypatch, spy):
    monkeypatch.setenv("IMBDEEP_DATA", folder)
    chosen = ["--methods", "ERM", "RAE, no over-sampling"]
    assert main(["isolet", "--trials", "1", "--device", "cpu", *chosen]) == 0
    assert spy.approaches == [METHODS["ERM"], ABLATIONS["RAE, no over-sampling"]]


def test_short_is_the_default(folder, capsys, spy):
    assert main(["isolet", "--trials", "1", "--data", folder, "--methods", "RAE"]) == 0
    assert "scale short; " in capsys.readouterr().out


def test_development_scores_training_rows_and_takes_other_parameters(folder, capsys, spy):
    arguments = ["isolet", "--trials", "1", "--data", folder, "--development", "--ablations"]
    varied = ["--vary", "mae_lambda=0.1 n_mixed=3", "hidden_layer_sizes=(8,)", "mixing=mixer"]
    assert main([*arguments, *varied]) == 0
    (task,) = spy.tasks
    whole = rae.DATASETS["isolet"].load(None, 0)
    rows = {row.tobytes() for row in whole.x_train}
    assert all(row.tobytes() in rows for part in (task.x_train, task.x_test) for row in part)
    assert [dict(a.parameters) for a in spy.approaches[-3:]] == [
        {"mae_lambda": 0.1, "n_mixed": 3},
        {"hidden_layer_sizes": (8,)},
        {"mixing": "mixer"},
    ]
    text = capsys.readouterr().out
    assert "a part of the training rows" in text
    assert "| RAE, mae_lambda=0.1 n_mixed=3 | 50.0 |" in text
    assert "published" not in text
    assert "Table 4" not in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--trials", "0"], "--trials 0: at least 1"),
        (["--vary", "n_mixed=3"], "add --development"),
        (["--development", "--vary", "mixed=3"], "--vary 'mixed=3': give NAME=VALUE"),
        (["--development", "--vary", "n_mixed"], "--vary 'n_mixed': give NAME=VALUE"),
        (["--development", "--vary", "random_state=3"], "'random_state=3': give NAME=VALUE"),
        (["--development", "--vary", ""], "--vary '': give NAME=VALUE"),
    ],
)
def test_what_would_do_nothing_is_refused(folder, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["isolet", *arguments, "--data", folder])
    assert message in capsys.readouterr().err


def test_without_data_it_says_what_to_give(monkeypatch, capsys):
    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    with pytest.raises(SystemExit):
        main(["isolet"])
    assert "--data DIR" in capsys.readouterr().err


def test_help_states_the_protocol(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rae", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(rae.__file__, run_name="__main__")
    assert stopped.value.code == 0
    assert PROTOCOL in capsys.readouterr().out


def test_earlier_results_are_not_overwritten(folder, tmp_path, capsys):
    output = tmp_path / "results.csv"
    output.write_text("precious")
    with pytest.raises(SystemExit):
        main(["isolet", "--data", folder, "--output", str(output)])
    assert output.read_text() == "precious"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("real", ["isolet", "webpage", "mnist"], indirect=True)
def test_real_data_sets_run(real, capsys, request):
    name = request.node.callspec.params["real"]
    chosen = ["--scale", "smoke", "--trials", "1", "--methods", "SMOTE + MLP", "RAE"]
    assert main([name, *chosen, "--data", str(real), "--device", "cpu"]) == 0
    assert f"### {DATASETS[name].title}" in capsys.readouterr().out


def test_optical_digits_run_without_any_file(tmp_path, capsys):
    chosen = ["--scale", "smoke", "--trials", "1", "--methods", "SMOTE + MLP", "RAE"]
    data = str(Path(tmp_path) / "empty")
    assert main(["optical_digits", *chosen, "--data", data, "--device", "cpu"]) == 0
    assert "1797 of 5620 rows" in capsys.readouterr().out
