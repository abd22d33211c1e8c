"""The benchmarks are commands and no tests: only that the program starts and prints is tested."""

import subprocess
import sys
from pathlib import Path


def test_the_program_prints_a_line_a_measurement():
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.benchmarks", "import", "--quick"]
    text = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    header, seconds, loads_torch = text.splitlines()
    assert header.startswith("torch ")
    assert float(seconds.split()[2]) < 5
    assert loads_torch.split() == ["import", "imbdeep", "loads", "torch", "0.000"]
