"""The benchmarks are commands and no tests: only that the program starts and prints is tested."""

import sys

from tests.benchmarks import __main__ as program


def test_the_program_prints_a_line_a_measurement(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tests.benchmarks", "import", "--quick"])
    program.main()
    header, seconds, loads_torch = capsys.readouterr().out.splitlines()
    assert header.startswith("torch ")
    assert float(seconds.split()[2]) < 5
    assert loads_torch.split() == ["import", "imbdeep", "loads", "torch", "0.000"]
