"""The reproduction of RAE: numbers, rows, what each method is given, and the command."""

import csv

import numpy as np
import pytest
import torch

from imbdeep.reproductions import rae
from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._rows import Task
from imbdeep.reproductions.rae import (
    ABLATIONS,
    DATASETS,
    GENERATED,
    METHODS,
    METRICS,
    RAE,
    CodeClassifier,
    GeneratedRAE,
    GeneratedTrial,
    fidelity,
    main,
)

CPU = torch.device("cpu")


# ------------------------------------------------------------------------------ data sets


# ------------------------------------------------------------------------------ the command


TINY = {
    "max_steps": 2,
    "encoder_steps": 2,
    "batch_size": 4,
    "network": "mlp",
    **{f"{name}_layer_sizes": (8,) for name in ("hidden", "mixer", "critic")},
}


def test_all_methods_run(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(rae.SCALES, "smoke", Length(steps=1, own=TINY, most=(14, 3)))
    output = tmp_path / "results.csv"
    arguments = ["isolet", "--trials", "1", "--scale", "smoke", "--ablations", "--data"]
    assert main([*arguments, str(folder), "--device", "cpu", "--csv", str(output)]) == 0
    with output.open() as file:
        rows = list(csv.DictReader(file))
    for name, approach in (METHODS | ABLATIONS).items():
        metrics = [row["metric"] for row in rows if row["method"] == name]
        assert set(metrics) >= {*METRICS, "G-mean", "steps"}
        assert ("separability" in metrics) == (approach.method == "rae")
    shares = [float(row["value"]) for row in rows if row["metric"] in METRICS]
    assert all(0 <= value <= 1 for value in shares)
    text = capsys.readouterr().out
    assert "trained 14, 2; scored 3, 3. Steps: 1. Encoder updates of RAE: 2." in text


@pytest.fixture
def noted(spy):
    """A trial that trains nothing, with RAE's diagnostics."""

    def more(trial, approach):
        if approach.method != "rae":
            return {"steps": 7.0}
        return {"alpha_entropy": 0.031, "separability": 0.984, "steps": 5.0}

    return spy(RAE, more=more)


def test_tables_show_ours_beside_the_papers(folder, capsys, noted, monkeypatch):
    load = DATASETS["webpage"].load
    monkeypatch.setitem(DATASETS, "mnist", DATASETS["mnist"]._replace(load=load))
    assert main(["webpage", "mnist", "--trials", "2", "--data", str(folder)]) == 0
    table, images = capsys.readouterr().out.split("### MNIST")
    ours = " | ".join(["55.0 ± 7.1"] * 4)
    assert f"| RAE | {ours} | 2 | 94.8 | 96.9 | 94.8 |" in table
    assert "| GAMO (paper only) |  |  |  |  |  | 89.8 | 89.7 | 89.8 |" in table
    assert "published AURPC" not in table
    assert "80/20 split" in table
    assert "- RAE: 3.1%, 3.1%; 98.4%, 98.4%\n" in table
    assert "Steps: 7. Encoder updates of RAE: 5." in table
    assert "| 96.8 ± 0.1 | 96.8 ± 0.1 | 98.2 ± 0.1 | 99.7 |" in images
    assert f"| SMOTE + MLP | {ours} | 2 | 88.0 |" in images
    assert len(noted.approaches) == 2 * 2 * len(METHODS)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--generated"], "--generated: for mnist, fashion, svhn, cifar10, celeba"),
        (["--generated", "--development"], "--generated has no ablations, and nothing to choose"),
        (["--methods", "OCVAE"], "--methods OCVAE: rows of the other kind of table"),
    ],
)
def test_what_would_do_nothing_is_refused(capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["isolet", *arguments])
    assert message in capsys.readouterr().err


def test_generated_rows_have_a_table_of_their_own(folder, capsys, spy, monkeypatch):
    noted = spy(GeneratedRAE)
    digits = DATASETS["mnist"]._replace(load=DATASETS["isolet"].load)
    monkeypatch.setitem(DATASETS, "mnist", digits)
    words = ["mnist", "celeba", "--generated", "--trials", "2", "--data", str(folder)]
    assert main([*words, "--device", "cpu"]) == 0
    digits, faces = capsys.readouterr().out.split("### CelebA")
    assert "### MNIST, 4000 to 40 a class, balanced test: generated images (Table 3)" in digits
    assert "| RAE | 0.550 ± 0.071 | 0.550 ± 0.071 | 2 | 0.729 | 0.511 |" in digits
    assert "| BAGAN (paper only) |  |  |  | 0.257 | 0.338 |" in digits
    assert "| GAMO2pix |  |  |  | 0.743 | 0.229 |" in faces
    assert len(noted.approaches) == 2 * len(GENERATED)


# ------------------------------------------------------------------------------ trials


@pytest.mark.parametrize("sizes, shape", [((5,), (4, 5)), ((128, (2, 8, 8)), (4, 2, 8, 8))])
def test_raes_network_is_its_encoder_and_a_linear_head(sizes, shape):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        n_features, *images = sizes
        module, x = CodeClassifier(n_features, 3, 2, *images).eval(), torch.randn(shape)
    codes = module.encoder(x)
    assert codes.shape == (4, 2)
    expected = codes @ module.head.weight.T + module.head.bias
    torch.testing.assert_close(module(x), expected)


LENGTH = Length(steps=2, own={"max_steps": 2, "batch_size": 4, "hidden_layer_sizes": (8,)})


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    parts = []
    for sizes in ((14, 9, 6), (8, 8, 8)):
        y = np.repeat(np.arange(3), sizes)
        x = random.integers(0, 60, (len(y), 64)) + 60 * y[:, None]
        parts += [x.astype(np.uint8), y]
    return Task(*parts, (1, 8, 8))


def test_a_class_is_compared_with_itself_alone(images):
    """Rows of the other class are far away: nothing is covered when the labels are exchanged."""
    x, y = images.x_test[8:], images.y_test[8:]
    assert fidelity(images.x_test, images.y_test, x, y)[1] == 1
    assert fidelity(images.x_test, images.y_test, x, 3 - y) == (0, 0)


@pytest.mark.parametrize("name", GENERATED)
def test_every_sampler_makes_what_is_asked_for(images, name):
    found = GeneratedTrial(images, LENGTH, 0, CPU, 4).evaluate(GENERATED[name]).metrics
    assert 0 <= found["coverage"] <= 1
    assert found["density"] >= 0
