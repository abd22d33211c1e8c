"""An empty cache for each test, and a network with only what a test puts there."""

import io

import numpy as np
import pytest
import requests


class Server(dict):
    """Contents by address, to fill in. ``asked`` are the addresses of the requests.

    A content may be an error, which is raised after half a file.
    """

    def __init__(self):
        self.asked = []

    def get_file(self, url, **_):
        self.asked.append(url)
        if url not in self:
            raise requests.ConnectionError("no network")
        response = requests.Response()
        response.status_code = 200
        content = self[url]
        broken = isinstance(content, BaseException)
        response.raw = HalfFile(content) if broken else io.BytesIO(content)
        return response


class HalfFile:
    """A file that breaks off."""

    def __init__(self, error):
        self.error = error

    def stream(self, size, **_):
        yield b"half a file"
        raise self.error


@pytest.fixture(autouse=True)
def server(tmp_path, monkeypatch):
    """No data folder, an empty cache, no network but the server."""
    server = Server()

    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("requests.get", server.get_file)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", unreachable)
    monkeypatch.setattr("imblearn.datasets.fetch_datasets", unreachable)
    return server


@pytest.fixture
def cache(tmp_path):
    """The folder that downloads go to."""
    return tmp_path / "xdg" / "imbdeep"


@pytest.fixture(scope="session")
def write():
    """Write a text, bytes or arrays below a folder, which is returned."""

    def write(folder, name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            np.savez(path, **content)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return write
