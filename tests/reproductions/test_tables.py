"""Every table of every paper: its words are its command's, and it runs on the real data."""

import importlib
import re
from functools import partial

import pytest
import torch

from imbdeep.over_sampling import CGANSampler
from imbdeep.reproductions import (
    PAPERS,
    _gamo_trial,
    _rae_generated,
    _rows,
    gamo,
    m2m,
    mgvae,
    rae,
)
from imbdeep.reproductions._harness import Length

MODULES = {name: importlib.import_module(f"imbdeep.reproductions.{name}") for name in PAPERS}
TABLES = [(paper, table) for paper, module in MODULES.items() for table in module.TABLES]
IDS = ["-".join(names) for names in TABLES]

#: Smoke, and still smaller.
_LAYERS = {"hidden_layer_sizes": (8,)}
_MGVAE = Length(
    steps=4,
    most=(60, 20, 60),
    own={"pretrain_steps": 3, "finetune_steps": 2, **_LAYERS},
    rival={"max_steps": 3, **_LAYERS},
)
_RAE = Length(
    steps=2,
    own={"max_steps": 2, "encoder_steps": 2, "batch_size": 4, "network": "mlp", **_LAYERS},
    most=(14, 6),
)
_GAMO = Length(
    steps=2,
    own={
        **{f"{name}layer_sizes": (8,) for name in ("hidden_", "generator_", "discriminator_")},
        "n_extracted": 8,
        "latent_dim": 4,
    },
    most=(14, 3),
)
_LOADED = {}  # of a data set and a seed, for all tables


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    for scales, scale in (
        (mgvae.SCALES, _MGVAE),
        (rae.SCALES, _RAE),
        (gamo.SCALES, _GAMO),
        (m2m.SCALES, Length(most=(6, 1, 2), epochs=1)),
    ):
        monkeypatch.setitem(scales, "smoke", scale)

    def no_network(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.setattr("requests.get", no_network)
    # Wide convolutions: a step of a hundred images takes seconds.
    monkeypatch.setattr(_gamo_trial, "CGANSampler", partial(CGANSampler, batch_size=4))
    for name in ("CVAESampler", "CGANSampler", "GAMO2PixSampler"):
        sampler = getattr(_rae_generated, name)
        monkeypatch.setattr(_rae_generated, name, partial(sampler, batch_size=4))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def remembering(paper, name, load):
    def once(*arguments):
        key = (paper, name, *arguments)
        if key not in _LOADED:
            _LOADED[key] = load(*arguments)
        return _LOADED[key]

    return once


@pytest.fixture
def remembered(monkeypatch):
    """Each data set is read once for all tables, a tenth of CIFAR's JPEG files."""
    fetch = _rows.fetch

    def thinned(name, **options):
        if name == "cifar10":
            choose = options["choose"]
            options["choose"] = lambda y: choose(y)[::10]
        return fetch(name, **options)

    monkeypatch.setattr(_rows, "fetch", thinned)
    for name, load in mgvae.DATASETS.items():
        monkeypatch.setitem(mgvae.DATASETS, name, remembering("mgvae", name, load))
    for module in (rae, m2m, gamo):
        for name, dataset in module.DATASETS.items():
            load = remembering(module.__name__, name, dataset.load)
            monkeypatch.setitem(module.DATASETS, name, dataset._replace(load=load))


def test_the_papers_tables_are_all_there():
    assert {paper: list(module.TABLES) for paper, module in MODULES.items()} == {
        "mgvae": ["table2", "table3", "table5", "table6", "table7", "table8", "table9"],
        "m2m": ["table1", "table2", "table3", "table4", "table5"],
        "rae": ["table1", "table3", "table4", "table5", "table13"],
        "gamo": ["table1", "table2"],
    }
    for module in MODULES.values():
        assert list(module.TITLES) == list(module.TABLES)
        assert all(module.TITLES.values())


@pytest.mark.parametrize("paper, table", TABLES, ids=IDS)
def test_a_table_is_words_of_its_command(paper, table):
    """With the options that a user may add behind them."""
    module = MODULES[paper]
    words = [*module.TABLES[table], "--trials", "2", "--scale", "short"]
    options = module._parser().parse_args(words)
    assert options.scale == "short"
    assert set(options.datasets) <= set(module.DATASETS)
    assert set(options.datasets) <= {*module.PUBLISHED, "optical_digits"}


@pytest.mark.parametrize("paper", PAPERS)
def test_help_states_the_protocol(paper, capsys):
    with pytest.raises(SystemExit) as stopped:
        MODULES[paper].main(["--help"])
    assert stopped.value.code == 0
    assert MODULES[paper].PROTOCOL in capsys.readouterr().out


@pytest.mark.parametrize("paper", PAPERS)
def test_earlier_results_are_not_overwritten(paper, tmp_path, capsys):
    output = tmp_path / "results.csv"
    output.write_text("precious")
    name = next(iter(MODULES[paper].DATASETS))
    with pytest.raises(SystemExit):
        MODULES[paper].main([name, "--data", str(tmp_path), "--output", str(output)])
    assert output.read_text() == "precious"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_has_the_three_scales(paper):
    scales = MODULES[paper].SCALES
    assert {"smoke", "short", "full"} <= set(scales)
    told = " ".join(MODULES[paper].PROTOCOL.split())
    assert all(f"{name}: " in told or f"{name} (the default" in told for name in scales)
    assert "docs/results.md was made with" in told


@pytest.mark.parametrize("paper, table", TABLES, ids=IDS)
@pytest.mark.parametrize("real", ["mnist"], indirect=True)
def test_a_table_runs(paper, table, real, remembered, capsys, tmp_path):
    module, output = MODULES[paper], tmp_path / "results.csv"
    asked = ["--scale", "smoke", "--trials", "1", "--device", "cpu", "--data", str(real)]
    words = [*module.TABLES[table], *asked, "--output", str(output)]
    assert module.main(words) == 0
    text = capsys.readouterr().out
    header, *rows = output.read_text().splitlines()
    assert header == "dataset,method,trial,metric,value,seconds"
    run = {row.split(",")[0] for row in rows}
    asked_for = set(module._parser().parse_args(words).datasets)
    tables = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(tables) == len(asked_for)
    # What could not be had stands there with the paper's numbers, and with the reason.
    assert sum("\nNot run: " in part for part in tables) == len(asked_for - run)
    for part in tables:
        assert "published" in part.lower() or "(not in the paper)" in part
        if "\nNot run: " in part:
            assert all(not cell.strip() for cell in first_row(part)[1:3])
            assert any(character.isdigit() for character in part)


def first_row(table):
    """The cells of the first method's row."""
    return [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")][2]
