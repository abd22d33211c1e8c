"""The program measures everything once, judges it, and says so by its exit status."""

import runpy

import pytest

from imbdeep import benchmarks
from imbdeep.benchmarks import main
from imbdeep.benchmarks._measuring import Line
from imbdeep.benchmarks._mgvae import SPECS


def table_of(text):
    """The lines below the header, by what they measure."""
    lines = text.splitlines()[2:]
    return {line[:58].strip(): float(line[58:].split()[0]) for line in lines}


def test_everything_is_measured_once(capsys):
    assert main(["all", "--quick"]) == 0
    text = capsys.readouterr().out
    found = table_of(text)
    assert len(found) < len(text.splitlines())
    for name in SPECS:
        for phase in ("pre-training", "fine-tuning"):
            assert found[f"{name}, 1 thread: step of {phase}"] > 0
    assert found["defaults: 400 x 30"] > 0
    assert found["defaults: synthetic images, 132 x 784"] > 0
    assert text.count("defaults: 2000 x 4") == 1  # although two measurements ask for it
    assert found["peak memory, 2000 x 4 (0 MiB)"] > 50
    one, some = found["grid: one fit"], found["grid: 2 lambdas with memory"]
    assert found["grid: the same / one fit"] == pytest.approx(some / one, rel=0.05)
    assert 0 <= found["import imbdeep"] < 5
    assert found["import imbdeep loads torch"] == 0
    for name in ("30 columns", "1000 words", "ResNet-32"):
        assert found[f"{name}, 1 thread: the same / bare loop"] > 0
    for name in ("30 columns", "ResNet-32"):
        for weight in ("0.1", "0"):
            assert found[f"{name}, lambda {weight}, 1 thread: measured / count"] > 0
    assert text.count("ResNet-32, batch 16, cpu: the same / plain") == 1
    for name in ("30 columns", "28 x 28"):
        assert found[f"{name}, 1 thread: the same / products"] > 0
        assert text.count(f"{name}: tape of a step of the critic") == 1
    assert found["RAE's defaults: 400 x 30"] > 0
    assert found["RAE, 2000 x 4 (0 MiB): peak memory in predict"] > 50
    for name in ("30 columns", "784 pixels"):
        assert found[f"{name}, 1 thread: mini-batch of GAMO"] > 0
    assert found["784 columns, 70 rows, cpu: 6 / 3"] > 0
    for name in ("all anchors", "default anchors"):
        assert found[f"100 x 3, {name}, cpu: of the generator"] > 0
        assert found[f"100 x 3, {name} (0 MiB): added peak in fit"] >= 0
    assert found["GAMO, 74 x 784, 25000 mini-batches, of 2"] > 0
    for name in ("CVAE", "CGAN"):
        assert found[f"{name}'s defaults: 400 x 30"] > 0
    assert found["compare, 300 x 30, 16 methods, 2 folds"] > 0
    assert found["compare, 300 x 30: methods that failed"] == 0
    assert found["compare, 300 x 30, 9 methods: the rest / training"] > 0
    assert "TOO MUCH" not in text
    assert text.count("not judged") == 43


def test_an_exceeded_limit_is_the_exit_status(monkeypatch, capsys):
    measured = [Line("slow", 2.0, "s", 1.0), Line("fine", 1.0, "s", 1.0), Line("free", 9.0, "s")]
    monkeypatch.setitem(benchmarks.MEASUREMENTS, "grid", (lambda sizes, data: iter(measured),))
    assert main(["grid"]) == 1
    slow, fine, free = capsys.readouterr().out.splitlines()[2:]
    assert slow.endswith("TOO MUCH")
    assert fine.endswith("ok")
    assert free.endswith("s")
    assert main(["grid", "--quick"]) == 0


def test_it_is_a_program(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "import", "--quick"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("imbdeep.benchmarks", run_name="__main__")
    assert stopped.value.code == 0
    assert "import imbdeep" in capsys.readouterr().out
