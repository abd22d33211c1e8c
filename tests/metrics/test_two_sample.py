"""The area under the ROC curve of a forest that tells generated rows from real ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from imbdeep.encoding import TabularEncoder
from imbdeep.metrics import two_sample_auc


def auc(real, generated, **options):
    return two_sample_auc(real, generated, **{"n_estimators": 10, "random_state": 0, **options})


def tables(n_real=60, n_generated=60, width=3, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n_real, width)), random.normal(size=(n_generated, width))


def test_rows_of_one_distribution_are_told_apart_by_chance_only():
    """The mean is 0.5, for unequal numbers and for rows with ties too."""
    for n_generated, digits in ((40, 6), (70, 0)):
        found = [
            auc(*(table.round(digits) for table in tables(40, n_generated, seed=seed)))
            for seed in range(12)
        ]
        assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / np.sqrt(len(found))
        assert np.std(found) < 0.15


def test_the_farther_the_rows_the_higher_up_to_one():
    real, good = tables(150, 150)
    found = [auc(real, good + shift) for shift in (0, 0.7, 1.5, 9)]
    assert found == sorted(found)
    assert found[-1] == 1.0


def test_a_relation_of_columns_is_found():
    """Each column alone has the same distribution in both kinds."""
    random = np.random.default_rng(0)
    column = random.normal(size=(150, 1))
    apart = np.column_stack([column, random.permutation(column)])
    assert auc(np.repeat(column, 2, axis=1) + 0.05 * random.normal(size=(150, 2)), apart) > 0.75


def test_copies():
    """Of the given rows below 0.5, of others by chance, and what repeats is found."""
    real, others = tables(80, 80)
    assert auc(real, real[::-1]) < 0.2
    assert 0.35 < auc(real, others) < 0.65
    assert auc(real, np.repeat(others[:16], 5, axis=0)) > 0.85


@settings(max_examples=3)
@given(st.integers(0, 2**31), st.sampled_from([np.exp, lambda x: 1e300 * x, lambda x: x + 1e9]))
def test_only_the_order_in_each_column_counts(seed, increasing):
    """Scales and shifts that single precision does not hold too."""
    real, generated = (table.round(2) for table in tables(20, 30, seed=seed))
    assert auc(increasing(real), increasing(generated)) == auc(real, generated)


def test_a_seed_gives_the_value_and_processes_do_not_change_it():
    real, generated = tables(30, 90)
    kept = generated.copy()
    found = auc(real, generated, random_state=3)
    assert found == auc(real, generated, random_state=3, n_jobs=2)
    assert found == auc(real, generated, random_state=np.random.RandomState(3))
    assert found != auc(real, generated, random_state=4)
    assert (generated == kept).all()


def test_missing_values_are_seen():
    real, generated = tables()
    real[:, 1] = np.nan  # throughout in both
    generated[:, 1] = np.nan
    assert 0.3 < auc(real, generated) < 0.7
    generated[::2, 0] = np.nan
    assert auc(real, generated) > 0.6


@pytest.mark.parametrize("n_rows", [2, 3, 4])
def test_few_rows_have_fewer_folds(n_rows):
    found = auc(*tables(n_rows, 50))
    assert 0 <= found <= 1
    assert found == auc(*tables(n_rows, 50), cv=n_rows)


def test_tables_are_encoded_by_features_and_images_are_flattened():
    random = np.random.default_rng(0)
    people = pd.DataFrame(
        {"income": random.lognormal(10, 1, 120), "city": random.choice(["Oslo", "Lima"], 120)}
    )
    encode = TabularEncoder().fit(people).transform
    assert 0.3 < auc(people[:60], people[60:], features=encode) < 0.7
    assert auc(people[:60], people[60:].assign(city="Oslo"), features=encode) > 0.6
    real, generated = tables(width=4)
    found = auc(real, generated)
    assert found == auc(real.reshape(-1, 1, 2, 2), generated.reshape(-1, 1, 2, 2))
    assert found == auc(sparse.csr_array(real), pd.DataFrame(generated))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"real": [[1.0, 2.0, 3.0]]}, "real has 1 row, but .* give 2 or more"),
        ({"generated": np.zeros((1, 3))}, "generated has 1 row"),
        ({"generated": np.zeros((0, 3))}, "one row or more"),
        ({"generated": np.zeros((4, 2))}, "generated has 2 columns, but real has 3"),
        ({"real": [["a", "b", "c"]] * 4}, "real is no table of numbers .*trees need numbers"),
        ({"real": np.full((4, 3), np.inf)}, "real contains infinity"),
        ({"cv": 1}, "cv=1, but it must be a whole number, 2 or more"),
        ({"cv": 2.5}, "cv=2.5"),
        ({"n_estimators": 0}, "n_estimators=0, but it must be a whole number, 1 or more"),
        ({"features": lambda rows: rows[:2]}, "features made 2 rows of the 60 of real"),
    ],
)
def test_refused(changed, message):
    real, generated = tables()
    with pytest.raises(ValueError, match=message):
        auc(**{"real": real, "generated": generated, **changed})
