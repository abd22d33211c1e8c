"""Random numbers of each test by itself."""

import pytest
import torch

from imbdeep.seeding import seeded


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, torch.device("cpu")):
        yield
