"""The reproduction of RAE: published numbers, methods, and the command, on small made-up rows."""

import csv

import numpy as np
import pytest
import torch

from imbdeep.classifiers import RAEClassifier
from imbdeep.reproductions import rae
from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._results import Outcome
from imbdeep.reproductions._rows import Task
from imbdeep.reproductions.rae import (
    ABLATIONS,
    DATASETS,
    METHODS,
    PUBLISHED,
    main,
)

#: Data sets that there are no loaders of.
ABSENT = ("svhn", "celeba", "cifar100", "imagenet100", "protein_homo")
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
        if name in ABSENT:
            continue
        made = dataset._replace(load=lambda _, seed, name=name: load(name, seed))
        monkeypatch.setitem(rae.DATASETS, name, made)
    return str(tmp_path)


class Spy:
    """A trial that trains nothing; tasks and approaches are noted."""

    tasks, approaches = [], []

    def __init__(self, task, latent_dim, length, seed, device):
        self.task = task
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


def test_rows_stand_beside_rows_that_the_paper_has():
    ours = {method.paper for method in (METHODS | ABLATIONS).values()} - {None}
    theirs = set().union(*PUBLISHED.values())
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
        (["--generated"], "--generated: for mnist, fashion, svhn, cifar10, celeba"),
        (["--generated", "--development"], "--generated has no ablations, and nothing to choose"),
        (["--methods", "OCVAE"], "--methods OCVAE: rows of the other kind of table"),
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


def test_what_cannot_be_had_stays_empty(capsys, tmp_path):
    """With the paper's numbers of the same table, and why there are none of ours."""
    assert main([*rae.TABLES["table4"][1:], "--trials", "1", "--data", str(tmp_path)]) == 0
    colours, faces = capsys.readouterr().out.split("### CelebA")
    assert "| RAE, no decoder |  |  |  |  |  | 52.2 | 50.9 | 69.0 |" in colours
    assert "| RAE, Beta(2, 2) |  |  |  |  |  | 52.4 |  |  |" in colours
    assert "cifar10_jpeg" in colours.split("\nNot run: ")[1]
    assert "| RAE, no over-sampling |  |  |  |  |  | 63.9 | 57.0 | 67.8 |" in faces
    assert "\nNot run: CelebA is not among the data sets of imbdeep.datasets.\n" in faces
    for text in (colours, faces):
        assert "DeepSMOTE" not in text
        assert "code of" not in text


def test_table_5_has_the_widths_alone(folder, capsys, spy):
    words = [*rae.TABLES["table5"], "--trials", "1", "--data", folder, "--device", "cpu"]
    assert main(words) == 0
    digits = capsys.readouterr().out.split("### Fashion-MNIST")[0]
    assert "| RAE, code of half | 50.0 | 50.0 | 50.0 | 50.0 | 2 | 97.4 |" in digits
    assert "| DeepSMOTE" not in digits
    assert "| RAE, no decoder" not in digits


def test_generated_rows_have_a_table_of_their_own(folder, capsys, monkeypatch, tmp_path):
    asked = []

    def evaluate(trial, source):
        asked.append((source, trial.latent_dim, trial.seed))
        return Outcome({"density": 1.5, "coverage": 0.25}, 3.0)

    monkeypatch.setattr(rae.GeneratedTrial, "evaluate", evaluate)
    output = tmp_path / "r.csv"
    words = ["mnist", "celeba", "--generated", "--trials", "2", "--data", folder]
    assert main([*words, "--device", "cpu", "--csv", str(output)]) == 0
    digits, faces = capsys.readouterr().out.split("### CelebA")
    assert "| RAE | 1.500 ± 0.000 | 0.250 ± 0.000 | 3 | 0.729 | 0.511 |" in digits
    assert "| SMOTE | 1.500 ± 0.000 | 0.250 ± 0.000 | 3 |  |  |" in digits
    assert "| BAGAN (paper only) |  |  |  | 0.257 | 0.338 |" in digits
    assert "| GAMO2pix |  |  |  | 0.743 | 0.229 |" in faces
    assert len(asked) == 2 * len(rae.GENERATED)
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["metric"] for row in rows} == {"density", "coverage"}
