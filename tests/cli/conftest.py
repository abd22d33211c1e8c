"""What the tests of the commands share."""

import gzip
from pathlib import Path

import pytest

from imbdeep.cli._table import TableFile


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a text and read it as a table."""
    monkeypatch.chdir(tmp_path)

    def run(text, name="data.csv", **how):
        data = text if isinstance(text, bytes) else text.encode()
        Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return TableFile(Path(name), **how).read()

    return run


@pytest.fixture
def read_parquet(tmp_path, monkeypatch):
    """Write a frame and read it as a table."""
    monkeypatch.chdir(tmp_path)

    def run(frame, **how):
        frame.to_parquet("data.parquet")
        return TableFile(Path("data.parquet"), **how).read()

    return run
