"""An empty cache for each test, and a network that is not there."""

import io
from urllib.error import URLError

import pytest

from imbdeep.datasets import _cache, _tables


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
