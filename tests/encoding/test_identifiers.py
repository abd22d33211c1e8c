"""Columns in which nearly every row has a value of its own."""

import numpy as np
import pandas as pd
import pytest

from imbdeep.encoding import (
    ImageScaler,
    TabularEncoder,
    advice_on_numbers,
    identifiers,
    warn_of_identifiers,
)

V = np.round(np.random.default_rng(0).lognormal(8, 1, 80), 2)
NUMERIC = {
    "decimal comma": [f"{v:.2f}".replace(".", ",") for v in V],
    "apostrophes": [f"{v:,.2f}".replace(",", "'") for v in V],
    "currency": [f"-€ {v:.2f}" for v in V],
    "percent": [f"{v:.2f} %" for v in V],
    "minus": [f"\u2212{v:.2f}" for v in V],
    "unknown": ["unknown" if i % 13 == 0 else str(v) for i, v in enumerate(V)],
    "missing": [None if i % 4 == 0 else str(v) for i, v in enumerate(V)],
    "categories": pd.Categorical([str(v) for v in V]),
}
WORDS = {"names": [f"x{i}" for i in range(80)], "dates": [f"2020-01-{i}" for i in range(80)]}
USEFUL = {
    "cities": ["Rome", "Oslo"] * 40,
    "sixty of eighty": [f"x{i % 60}" for i in range(80)],
    "numbers": V,
    "mostly missing": [f"x{i}" if i < 10 else None for i in range(80)],
}


def found(column, **params):
    return identifiers(TabularEncoder(**params).fit(pd.DataFrame({"a": column})))


@pytest.mark.parametrize("kind", NUMERIC)
def test_numbers_in_text_are_found(kind):
    (column,) = found(NUMERIC[kind])
    assert column.label == "'a'"
    assert column.looks_numeric
    assert any(char.isdigit() for char in column.example)
    assert "pandas.to_numeric" in advice_on_numbers([column])


@pytest.mark.parametrize("kind", WORDS)
def test_words_are_found(kind):
    (column,) = found(WORDS[kind])
    assert not column.looks_numeric
    assert advice_on_numbers([column]) == ""


@pytest.mark.parametrize("kind", USEFUL)
def test_other_columns_are_not(kind):
    assert found(USEFUL[kind]) == []


def test_few_rows_and_columns_that_the_user_named_are_not():
    assert found(WORDS["names"][:19]) == []
    assert len(found(WORDS["names"][:20])) == 1
    assert found(WORDS["names"], categorical_features=["a"]) == []


def test_the_warning_points_to_the_caller():
    encoder = TabularEncoder().fit(np.array(WORDS["names"])[:, None])
    with pytest.warns(UserWarning, match=r"in the columns 0 \(such as 'x0'\)") as caught:
        warn_of_identifiers(encoder)
    assert caught[0].filename == __file__
    warn_of_identifiers(ImageScaler().fit(np.ones((2, 1, 2, 2))))
