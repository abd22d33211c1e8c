"""A brief ensemble and small forests: what they are worth is not the question here."""

import pytest

from imbdeep.classifiers import _voting
from imbdeep.comparison import _new_rows


@pytest.fixture(autouse=True)
def _brief_ensemble(monkeypatch):
    for name, value in {"_N_TREES": 5, "_N_ROUNDS": 3, "_MOST_EPOCHS": 10}.items():
        monkeypatch.setattr(_voting, name, value)
    monkeypatch.setattr(_new_rows, "_TREES", 5)
