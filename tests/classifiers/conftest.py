"""Fixtures of the tests of classifiers."""

import pytest
import torch

from imbdeep.classifiers._net import ClassifierNet


@pytest.fixture(autouse=True)
def _local_stream():
    """What a test itself draws from torch is the same each time and leaves no trace."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(ClassifierNet, "fit_loop", lambda *_, **__: pytest.fail("it trained first"))
