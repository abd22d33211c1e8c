"""An empty cache for each test, a network that is not there, and the real data where it is."""

import gzip
import io
import os
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from imbdeep.datasets import _cache, _tables

REAL = os.environ.get("IMBDEEP_DATA")  # before own_places takes it away


class Response(io.BytesIO):
    """What ``urlopen`` gives: bytes, after which something may go wrong."""

    def __init__(self, content, length=None, error=None):
        super().__init__(content)
        self.headers = {} if length is None else {"Content-Length": str(length)}
        self.error = error

    def read(self, *size):
        if self.error is not None and self.tell() == len(self.getvalue()):
            raise self.error
        return super().read(*size)


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """No data folder, an empty cache, and no way out."""

    def unreachable(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(_cache, "urlopen", unreachable)
    monkeypatch.setattr(_tables, "fetch_openml", unreachable)
    monkeypatch.setattr(_tables, "fetch_datasets", unreachable)


@pytest.fixture
def cache(tmp_path):
    """The folder that downloads go to."""
    return tmp_path / "xdg" / "imbdeep"


@pytest.fixture
def server(monkeypatch):
    """Answers by address, to fill in, and the addresses that were asked for."""
    answers, asked = {}, []

    def urlopen(url, timeout):
        asked.append(url)
        if url not in answers:
            raise URLError("not found")
        answer = answers[url]
        return answer if isinstance(answer, Response) else Response(answer)

    monkeypatch.setattr(_cache, "urlopen", urlopen)
    return answers, asked


@pytest.fixture(scope="session")
def response():
    """The class of answers."""
    return Response


@pytest.fixture(scope="session")
def idx():
    """An array of bytes in the idx format, gzipped."""

    def make(array):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
        return gzip.compress(header + array.tobytes())

    return make


@pytest.fixture
def real(request):
    """The folder with the real data; without it the test is skipped."""
    if REAL is None or not (Path(REAL) / request.param).is_dir():
        pytest.skip(f"needs the real {request.param}: set IMBDEEP_DATA to the folder with the data")
    return Path(REAL)
