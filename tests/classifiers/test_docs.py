"""Docstrings with shared entries: whole, and true about the defaults."""

import ast
import inspect

import pytest
from numpydoc.docscrape import ClassDoc

from imbdeep import classifiers


@pytest.mark.parametrize("name", sorted({*classifiers.__all__} - {"VotingEnsembleClassifier"}))
def test_every_entry_is_there_with_its_default(name):
    cls = getattr(classifiers, name)
    assert "$" not in cls.__doc__
    doc = ClassDoc(cls, config={"show_class_members": False})
    defaults = {n: p.default for n, p in inspect.signature(cls).parameters.items()}
    told = {}
    for entry in doc["Parameters"]:
        assert entry.desc
        value = ast.literal_eval(entry.type.split("default=")[1])
        told |= dict.fromkeys(entry.name.split(", "), value)
    assert told == defaults
    fitted = " ".join(entry.name for entry in doc["Attributes"])
    for attribute in ("classes_", "class_counts_", "encoder_", "net_", "history_", "device_"):
        assert attribute in fitted
