"""The reproduction of MGVAE on a small made-up data folder in the formats of the real one."""

import csv
import warnings

import numpy as np
import pytest
import torch

from imbdeep.reproductions import mgvae
from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._mgvae_trial import Trial
from imbdeep.reproductions._rows import development
from imbdeep.reproductions.mgvae import (
    ABLATIONS,
    DATASETS,
    METHODS,
    SWEEP,
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
    layers = {"hidden_layer_sizes": (8,)}
    sampler = {"pretrain_steps": 4, "finetune_steps": 2, **layers}
    rival = {"max_steps": 3, **layers}
    scale = Length(steps=4, most=(60, 20, 60), own=sampler, rival=rival)
    monkeypatch.setitem(mgvae.SCALES, "smoke", scale)


@pytest.fixture
def folder(mgvae_folder):
    return mgvae_folder


@pytest.mark.parametrize("name", ["random over-sampling", "SMOTE", "OCVAE", "OCGAN", "MGVAE"])
def test_resampling_balances_and_keeps_the_rows(folder, name):
    task = DATASETS["musk"](folder, 0)
    trial = Trial(task, mgvae.SCALES["smoke"], 0, torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a generator of three steps has collapsed
        x, y = METHODS[name].resample(trial, trial.x_train, task.y_train)
    assert np.bincount(y).tolist() == [112, 112]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[: len(task.x_train)], trial.x_train)


def test_ablations_and_lambdas_are_what_they_say():
    given = {name: method.resample.keywords for name, method in (ABLATIONS | SWEEP).items()}
    assert given == {
        "MGVAE, Gaussian prior": {"prior": "gaussian"},
        "MGVAE, no pre-training": {"pretrain_steps": 0, "ewc_lambda": 0.0},
        "MGVAE, no EWC": {"ewc_lambda": 0.0},
        # As far apart as the paper's four, with the default 1.
        **{f"MGVAE, lambda {value:g}": {"ewc_lambda": value} for value in (0.01, 100, 10_000)},
    }


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
    assert "(paper only)" not in text
    assert "2 trials, scale smoke" in text
    assert f"torch {torch.__version__}, 1 threads, device " in text


def test_ablations_and_lambdas_are_for_images_alone(folder, capsys):
    arguments = ["mnist-600", "musk", "--trials", "1", "--scale", "smoke", "--data", str(folder)]
    assert main([*arguments, "--ablations", "--sweep"]) == 0
    images, table = capsys.readouterr().out.split("### musk")
    assert all(f"| {name} |" in images for name in ABLATIONS | SWEEP)
    assert not any(f"| {name} |" in table for name in ABLATIONS | SWEEP)
    assert "| MGVAE, no EWC |" in images


def test_what_cannot_be_had_stays_empty(monkeypatch, tmp_path, capsys):
    """No folder, no cache and no network: the paper's numbers, and why there are none of ours."""

    def no_network(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("requests.get", no_network)
    assert main(["fashion-600", "--trials", "1", "--methods", "MGVAE", *SWEEP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| MGVAE |  |  |  |  |  | 84.8 ± 0.4 | 83.6 ± 0.4 |" in lines
    assert "| MGVAE, lambda 100 |  |  |  |  |  |  |  |" in lines
    assert "| MGVAE, lambda 5e8 (paper only) |  |  |  |  |  | 83.8 ± 0.6 | 82.0 ± 0.9 |" in lines
    assert not any(line.startswith(("| ERM", "| nothing", "| VAE")) for line in lines)
    (why,) = (line for line in lines if line.startswith("Not run: "))
    assert str(tmp_path / "imbdeep" / "fashion_mnist") in why
    assert "no network in tests" in why


def test_tables_show_the_papers_rows_of_the_same_table(folder, capsys):
    arguments = ["mnist-100", "--trials", "1", "--scale", "smoke", "--data", str(folder)]
    assert main([*arguments, "--methods", "MGVAE", "MGVAE, no EWC"]) == 0
    text = capsys.readouterr().out
    assert "| VAE w/ PT+EWC (paper only) |" in text
    assert "| OCVAE (paper only) |" not in text
    assert main([*arguments, "--methods", "MGVAE"]) == 0
    text = capsys.readouterr().out
    assert "| OCVAE (paper only) |" in text
    assert "w/ PT+EWC" not in text


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
