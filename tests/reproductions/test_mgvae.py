"""The reproduction of MGVAE on a small made-up data folder in the formats of the real one."""

import csv
import runpy

import numpy as np
import pytest
import torch

from imbdeep.reproductions import _runner, mgvae
from imbdeep.reproductions._runner import development
from imbdeep.reproductions.mgvae import (
    ABLATIONS,
    DATASETS,
    METHODS,
    PROTOCOL,
    PUBLISHED,
    VARIANTS,
    main,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Smoke, and still smaller."""
    sampler = {"pretrain_steps": 4, "finetune_steps": 2, "hidden_layer_sizes": (8,)}
    scale = _runner.Scale(steps=4, train=(60, 20), test=60, sampler=sampler)
    monkeypatch.setitem(_runner.SCALES, "smoke", scale)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_mnist):
    """Random rows, in files like the real ones."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name in ("musk2", "water_quality", "isolet", "mammography"):
        (root / name).mkdir()
    write_mnist(root / "mnist", 30, 9)

    x = random.integers(-400, 600, (200, 6)).astype(np.int16)
    y = np.repeat([1, 2], [160, 40])
    np.savez(root / "musk2" / "musk2.npz", X=x, y=y)

    lines = ["aluminium,ammonia,is_safe"]
    lines += [
        f"{a:.2f},{b:.2f},{int(i % 5 == 0)}" for i, (a, b) in enumerate(random.random((200, 2)))
    ]
    lines.insert(7, "0.1,#NUM!,#NUM!")
    (root / "water_quality" / "waterQuality1.csv").write_text("\n".join(lines) + "\n")

    letters = np.tile(np.arange(1, 27), 10)
    features = random.uniform(-1, 1, (260, 5)).astype(np.float32)
    np.savez(root / "isolet" / "isolet.npz", X=features, y=letters, group=np.ones(260))

    rows = [
        f"{a:.8f},{b:.8f},'{1 if i % 10 == 0 else -1}'"
        for i, (a, b) in enumerate(random.standard_normal((300, 2)))
    ]
    (root / "mammography" / "mammography.csv").write_text("\n".join(rows) + "\n")
    return root


COUNTS = {  # training part and test part
    "mnist-100": ([150, 150], [45, 45]),  # of 30 rows a digit all are taken
    "mnist-600": ([150, 50], [45, 45]),
    "musk": ([112, 28], [48, 12]),
    "water": ([112, 28], [48, 12]),
    "isolet": ([168, 14], [72, 6]),
    "mammography": ([189, 21], [81, 9]),
}


@pytest.mark.parametrize("name", DATASETS)
def test_loader_counts(folder, name):
    task = DATASETS[name](folder, 0)
    assert (np.bincount(task.y_train).tolist(), np.bincount(task.y_test).tolist()) == COUNTS[name]
    assert len(task.x_train) == len(task.y_train)
    assert len(task.x_test) == len(task.y_test)
    assert np.isfinite(task.x_train.astype(float)).all()
    assert task.image_shape == ((1, 28, 28) if name.startswith("mnist") else None)


@pytest.mark.parametrize("name", DATASETS)
def test_the_seed_draws_the_training_rows(folder, name):
    first, again, other = (DATASETS[name](folder, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)


def test_mnist_labels_follow_the_digits(folder):
    task = DATASETS["mnist-600"](folder, 0)
    np.testing.assert_array_equal(task.y_train, task.x_train[:, 0] >= 5)
    np.testing.assert_array_equal(task.y_test, task.x_test[:, 0] >= 5)
    assert task.x_train.dtype == np.uint8
    assert np.bincount(task.x_train[:, 0]).tolist() == [30] * 5 + [10] * 5


def test_test_rows_of_tables_are_not_training_rows(folder):
    task = DATASETS["isolet"](folder, 0)
    rows = {row.tobytes() for row in task.x_train}
    assert len(rows) == len(task.x_train)
    assert not rows & {row.tobytes() for row in task.x_test}


@pytest.mark.parametrize(
    "dataset, row, metric, expected",
    [
        ("mnist-100", "MGVAE", "B-ACC", (85.0, 0.2)),
        ("mnist-100", "SMOTE", "GM", (77.4, 0.1)),
        ("mnist-100", "MGVAE w/o EWC", "ACSA", (83.5, 0.5)),
        ("mnist-600", "MGVAE", "ACSA", (64.4, 1.1)),
        ("mnist-600", "VAE w/ PT+EWC", "GM", (42.7, 0.3)),
        ("musk", "OCVAE", "GM", (89.8, 0.2)),
        ("water", "RW", "ACSA", (57.6, 0.3)),
        ("isolet", "MGVAE", "B-ACC", (95.1, 0.6)),
        ("isolet", "ERM", "GM", (0.0, 0.0)),
    ],
)
def test_published_numbers(dataset, row, metric, expected):
    assert PUBLISHED[dataset][row][metric] == expected


def test_published_tables_are_complete():
    rows = {"ERM", "RW", "RS", "SMOTE", "OCVAE", "MGVAE"}
    ablations = {method.paper for method in ABLATIONS.values()}
    assert set(PUBLISHED) == set(DATASETS) - {"mammography"}
    for name, published in PUBLISHED.items():
        assert set(published) == (rows | ablations if name.startswith("mnist") else rows)
        for metrics in published.values():
            assert list(metrics) == ["B-ACC", "ACSA", "GM"]
            # The geometric mean of both recalls is never above their arithmetic mean.
            assert metrics["GM"][0] <= metrics["ACSA"][0]
    assert {method.paper for method in METHODS.values()} - {None} == rows - {"OCVAE"}


@pytest.mark.parametrize("name", ["random over-sampling", "SMOTE", "MGVAE"])
def test_resampling_balances_and_keeps_the_rows(folder, name):
    task = DATASETS["musk"](folder, 0)
    inputs = _runner.to_inputs(task)
    scale = _runner.SCALES["smoke"]
    x, y = METHODS[name].resample(task, inputs, scale, 0, torch.device("cpu"))
    assert np.bincount(y).tolist() == [112, 112]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[: len(task.x_train)], inputs(task.x_train))


def test_ablations_turn_off_what_they_say(folder, monkeypatch):
    asked = []

    class Spy:
        def __init__(self, **parameters):
            asked.append(parameters)

        def fit_resample(self, x, y):
            return x, y

    monkeypatch.setattr(mgvae, "MGVAESampler", Spy)
    task = DATASETS["mnist-600"](folder, 0)
    scale = _runner.SCALES["smoke"]
    for method in ABLATIONS.values():
        method.resample(task, _runner.to_inputs(task), scale, 5, torch.device("cpu"))
    gaussian, no_pretraining, no_ewc = asked
    assert gaussian["prior"] == "gaussian"
    assert (no_pretraining["pretrain_steps"], no_pretraining["ewc_lambda"]) == (0, 0.0)
    assert (no_ewc["pretrain_steps"], no_ewc["ewc_lambda"]) == (4, 0.0)
    assert {parameters["random_state"] for parameters in asked} == {5}
    assert {parameters["image_shape"] for parameters in asked} == {(1, 28, 28)}


def test_all_data_sets_run(folder, tmp_path, capsys):
    output = tmp_path / "results.csv"
    arguments = ["all", "--trials", "2", "--scale", "smoke", "--data", str(folder)]
    assert main([*arguments, "--output", str(output)]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(DATASETS) * len(METHODS) * 2 * 4
    assert {row["dataset"] for row in rows} == set(DATASETS)
    assert {row["trial"] for row in rows} == {"0", "1"}
    assert all(0 <= float(row["value"]) <= 1 for row in rows)
    text = capsys.readouterr().out
    for name in DATASETS:
        assert f"### {name}\n" in text
    assert text.count("| OCVAE (paper only) |") == len(PUBLISHED)
    assert "2 trials, scale smoke" in text
    assert f"torch {torch.__version__}, 1 threads, device " in text


def test_ablations_are_for_mnist_alone(folder, capsys):
    arguments = ["mnist-600", "musk", "--trials", "1", "--scale", "smoke", "--data", str(folder)]
    assert main([*arguments, "--ablations"]) == 0
    images, table = capsys.readouterr().out.split("### musk")
    assert all(f"| {name} |" in images for name in ABLATIONS)
    assert not any(f"| {name} |" in table for name in ABLATIONS)
    assert "| MGVAE, no EWC |" in images


def test_some_methods_only(folder, capsys, monkeypatch):
    monkeypatch.setenv("IMBDEEP_DATA", str(folder))
    chosen = ["--methods", "nothing", "MGVAE, no EWC"]
    assert main(["mnist-100", "--trials", "1", "--scale", "smoke", *chosen]) == 0
    lines = capsys.readouterr().out.splitlines()
    ours = [line for line in lines if line.startswith("| ") and "(paper only)" not in line]
    assert [line.split(" | ")[0] for line in ours[2:]] == ["| nothing", "| MGVAE, no EWC"]


def test_without_data_it_says_what_to_give(monkeypatch, capsys):
    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    with pytest.raises(SystemExit):
        main(["musk"])
    assert "--data DIR" in capsys.readouterr().err


def test_help_states_the_protocol(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mgvae", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(mgvae.__file__, run_name="__main__")
    assert stopped.value.code == 0
    assert PROTOCOL in capsys.readouterr().out


def test_full_scale_is_the_protocol():
    full = _runner.SCALES["full"]
    assert full == _runner.Scale(steps=6000)
    assert f"same {full.steps} steps" in PROTOCOL


def test_development_never_sees_the_test_part(folder, capsys, monkeypatch):
    """Choices are made on the training part: whatever stands in the test part changes nothing."""
    loaded = DATASETS["musk"](folder, 0)
    seen = development(loaded, 0)
    assert len(seen.y_train) + len(seen.y_test) == len(loaded.y_train)
    rows = {row.tobytes() for row in loaded.x_train}
    assert all(row.tobytes() in rows for row in np.concatenate([seen.x_train, seen.x_test]))
    arguments = ["musk", "--trials", "1", "--scale", "smoke", "--data", str(folder)]
    assert main([*arguments, "--development", "--methods", "MGVAE", *VARIANTS]) == 0
    text = capsys.readouterr().out
    assert all(f"| {name} |" in text for name in VARIANTS)
    assert "paper only" not in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["musk", "--trials", "0"], "--trials 0: at least 1"),
        (["musk", "--methods", "MGVAE, no EWC"], "MGVAE, no EWC: not for these data sets"),
        (["musk", "--methods", "MGVAE, beta=2.0"], "MGVAE, beta=2.0: not for these data sets"),
    ],
)
def test_what_would_do_nothing_is_refused(folder, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main([*arguments, "--data", str(folder)])
    assert message in capsys.readouterr().err


def test_earlier_results_are_not_overwritten(folder, tmp_path, capsys):
    output = tmp_path / "results.csv"
    output.write_text("precious")
    with pytest.raises(SystemExit):
        main(["musk", "--data", str(folder), "--output", str(output)])
    assert output.read_text() == "precious"
    assert "is there already" in capsys.readouterr().err
