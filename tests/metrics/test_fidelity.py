"""Density, coverage, Fréchet distance and copies, against brute force and closed forms."""

from math import prod

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from torchmetrics.image.fid import _compute_fid

from imbdeep.encoding import TabularEncoder
from imbdeep.metrics import (
    density_coverage,
    frechet_distance,
    memorisation,
    nearest_distances,
)

FEW = settings(max_examples=12)
numbers = st.floats(-100, 100, allow_subnormal=False, width=16)
#: Real and generated rows, with ties and copies.
two_tables = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        *(
            hnp.arrays(float, st.tuples(st.integers(4, 12), st.just(width)), elements=numbers)
            for _ in range(2)
        )
    )
)
seeds = st.integers(0, 2**32 - 1)


def normal_tables(seed, n_real=30, n_generated=20, width=3):
    random = np.random.default_rng(seed)
    return random.normal(size=(n_real, width)), random.normal(0.3, 1.2, size=(n_generated, width))


def rotation(seed, width):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


def brute_density_coverage(real, generated, k):
    """The definition, ball by ball."""
    counts = []
    for row, others in zip(real, cdist(real, real), strict=True):
        radius = np.sort(others)[k]  # the row itself comes first
        counts.append(np.sum(np.linalg.norm(generated - row, axis=1) < radius * (1 - 1e-9)))
    return sum(counts) / (k * len(generated)), np.mean(np.array(counts) > 0)


@FEW
@given(two_tables, st.integers(1, 3))
def test_density_and_coverage_are_those_of_brute_force(tables, k):
    assert density_coverage(*tables, k=k) == pytest.approx(brute_density_coverage(*tables, k))


@FEW
@given(seeds, st.integers(1, 5))
def test_copies_of_all_real_rows_have_density_and_coverage_one(seed, k):
    """Inside the ball of each row: itself and all but the last of its k neighbours."""
    real, _ = normal_tables(seed)
    assert density_coverage(real, real[::-1], k=k) == (1.0, 1.0)


@pytest.mark.parametrize("n_generated", [5, 40])
def test_means_under_the_true_distribution(n_generated):
    """The formulas of the docstring: ranks of exchangeable rows, whatever the distribution."""
    random = np.random.default_rng(0)
    n_real, k = 20, 3
    found = [
        density_coverage(random.normal(size=(n_real, 2)), random.normal(size=(n_generated, 2)), k=k)
        for _ in range(150)
    ]
    missed = prod((n_real - i) / (n_real + n_generated - i) for i in range(1, k + 1))
    errors = np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(np.mean(found, axis=0) - [1, 1 - missed]) < 4 * errors)


@FEW
@given(seeds, st.sampled_from([1e-6, 1.0, 1e6]), st.sampled_from([0.0, 1e4]))
def test_only_distances_count(seed, scale, shift):
    """Moved, turned and scaled together, from far away too, where squares lose their digits."""
    tables = normal_tables(seed)
    turned = [scale * (table @ rotation(seed, 3) + shift) for table in tables]
    assert density_coverage(*turned) == pytest.approx(density_coverage(*tables))
    assert frechet_distance(*turned) == pytest.approx(
        scale**2 * frechet_distance(*tables), rel=1e-6
    )
    np.testing.assert_allclose(
        nearest_distances(*turned), scale * nearest_distances(*tables), rtol=1e-6
    )


def test_rows_repeated_more_than_k_times_have_an_empty_ball():
    real = np.array([[1e3, 0.1]] * 4 + [[0.0, 0.0], [1.0, 1.0]])
    assert density_coverage(real, real, k=2)[1] == pytest.approx(2 / 6)


def test_tens_of_thousands_of_rows():
    """A whole matrix of these distances would take 20 GB."""
    random = np.random.default_rng(0)
    train, generated = random.random((2, 50_000, 2))
    distances = nearest_distances(train, generated)
    # Rows as a Poisson process on a square: the mean distance is 1 / (2 sqrt(density)).
    assert distances.mean() == pytest.approx(1 / (2 * np.sqrt(50_000)), rel=0.02)
    found = memorisation(train, generated, holdout=random.random((50_000, 2)))
    assert found["distance_ratio"] == pytest.approx(1, abs=0.02)
    assert found["nearer_to_train"] == pytest.approx(0.5, abs=0.02)
    density, coverage = density_coverage(train, generated[:500], n_jobs=2)
    assert density == pytest.approx(1, abs=0.15)
    expected = 1 - prod((50_000 - i) / (50_500 - i) for i in range(1, 6))
    assert coverage == pytest.approx(expected, rel=0.1)


def moments(rows):
    return torch.tensor(rows.mean(axis=0)), torch.tensor(np.cov(rows.T)).reshape(rows.shape[1], -1)


@FEW
@given(two_tables)
def test_frechet_distance_of_any_rank_is_that_of_torchmetrics(tables):
    """Copied columns and rows: the reference's roots of rounding errors set the tolerance."""
    tables = [np.hstack([table, table]) for table in tables]
    (mean, covariance), (other_mean, other_covariance) = map(moments, tables)
    expected = _compute_fid(mean, covariance, other_mean, other_covariance).item()
    size = float(covariance.trace() + other_covariance.trace())
    assert frechet_distance(*tables) == pytest.approx(expected, abs=1e-6 * (1 + size))


@pytest.mark.parametrize("n_rows, width", [(50, 4), (5, 40), (2, 300)])
def test_frechet_distance_of_a_positive_map(n_rows, width):
    """y = A x + b with A positive semi-definite is the optimal map: E |y - x|², of any rank."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n_rows, width))
    root = random.normal(size=(width, width)) / np.sqrt(width)
    y = x @ (root @ root.T) + 3
    moved = y - x
    expected = np.sum(moved.mean(axis=0) ** 2) + moved.var(axis=0, ddof=1).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


@FEW
@given(two_tables)
def test_nearest_distances_are_those_of_brute_force(tables):
    train, generated = tables
    found = nearest_distances(train, generated)
    np.testing.assert_allclose(found, cdist(generated, train).min(axis=1), rtol=1e-12)


@FEW
@given(two_tables, st.sampled_from([0.0, 1e9]))
def test_copies_are_at_distance_zero(tables, offset):
    train = np.hstack([tables[0] + offset, tables[0]])
    assert nearest_distances(train, train[::-1]).tolist() == [0.0] * len(train)
    assert memorisation(train, train)["duplicates"] == 1.0


@pytest.mark.parametrize("width", [3, 100])
def test_memorisation_is_that_of_brute_force(width):
    train, generated = normal_tables(0, width=width)
    holdout = normal_tables(1, 15, width=width)[0]
    generated[:5] = train[:5]
    to_train, to_holdout = (cdist(generated, rows).min(axis=1) for rows in (train, holdout))
    own = cdist(train, train) + np.diag(np.full(len(train), np.inf))
    median = np.median(to_train)
    assert memorisation(train, generated, holdout=holdout) == pytest.approx(
        {
            "duplicates": 5 / 20,
            "median_distance": median,
            "distance_ratio": median / np.median(own.min(axis=1)),
            "nearer_to_train": np.mean(to_train < to_holdout),
            "expected_nearer": 30 / 45,
        }
    )


@pytest.mark.parametrize("generated, expected", [([[0.0]], np.nan), ([[5.0]], np.inf)])
def test_ratio_where_training_rows_repeat(generated, expected):
    found = memorisation([[0.0], [0.0], [0.0], [1.0]], generated)
    assert found["distance_ratio"] == pytest.approx(expected, nan_ok=True)


def mixed(container):
    train = {
        "age": [30.0, None, 51.0, 28.0, 64.0, 45.0] * 2,
        "city": ["Oslo", "Lima", None, "Pune", "Oslo", "Lima"] * 2,
        "children": [0, 1, 2, 3, 4, 5] * 2,
    }
    generated = {
        "age": [30.0, None, 51.0, 51.0, 40.0],
        "city": ["Oslo", "Lima", None, "Oslo", "Oslo"],
        "children": [0, 1, 2, 2, 4],
    }
    return container(train), container(generated)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
def test_mixed_tables_through_an_encoder(container):
    train, generated = mixed(container)
    encode = TabularEncoder().fit(train).transform
    found = memorisation(train, generated, features=encode)
    assert found["duplicates"] == 3 / 5  # missing values are equal to one another
    distances = nearest_distances(train, generated, features=encode)
    np.testing.assert_array_equal(distances[:3], 0.0)
    assert np.all(distances[3:] > 0)
    assert found["median_distance"] == np.median(distances)
    encoded = encode(train), encode(generated)
    for measure in (density_coverage, frechet_distance):
        assert measure(train, generated, features=encode) == measure(*encoded)


def test_missing_values_and_zeros_of_either_sign_are_equal():
    train = np.array([[np.nan, 0.0], [1.0, 2.0]])
    generated = np.array([[-np.nan, -0.0], [np.nan, 1.0]], dtype=np.float32)
    found = memorisation(train, generated, features=np.nan_to_num)
    assert found["duplicates"] == 0.5


def test_equal_values_of_other_types_are_duplicates():
    train = pd.DataFrame({"id": [1, 2**60], "name": ["a", "b"], "flag": [True, False]})
    generated = pd.DataFrame(
        {
            "id": np.array([1.0, 2.0**60, 1.0]),
            "name": pd.Categorical(["a", "b", "1.0"]),
            "flag": [1, 0, 1],
        }
    )
    nothing = lambda rows: np.zeros((len(rows), 1))  # noqa: E731 - distances are not the matter
    assert memorisation(train, generated, features=nothing)["duplicates"] == pytest.approx(2 / 3)
    other = train.assign(id=[1, 2**60 + 1])
    assert memorisation(train, other, features=nothing)["duplicates"] == 0.5
    words = pd.DataFrame({"id": ["1", None], "name": ["a", "b"], "flag": ["True", "nan"]})
    assert memorisation(train, words, features=nothing)["duplicates"] == 0.0


X = np.arange(12.0).reshape(6, 2)
FRAME = pd.DataFrame(X, columns=["a", "b"])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: density_coverage(X, X, k=6), r"k=6 needs more than 6 real rows.*there are 6"),
        (lambda: density_coverage(X, X, k=0), r"k=0.*1 or more"),
        (lambda: density_coverage(X, X, k=1.5), r"k=1\.5.*whole number"),
        (lambda: frechet_distance(X, X[:1]), r"generated has 1 row.*2 or more"),
        (lambda: memorisation(X[:1], X), r"train has 1 row.*2 or more"),
        (lambda: nearest_distances(X, X[:, :1]), r"generated has 1 columns, but train has 2"),
        (lambda: nearest_distances(X[:0], X), r"train has the shape \(0, 2\).*one row or more"),
        (lambda: nearest_distances(X[0], X), r"train has the shape \(2,\).*reshape"),
        (lambda: nearest_distances(X, X * np.nan), r"generated holds missing.*TabularEncoder"),
        (lambda: nearest_distances(X, X + np.inf), r"generated contains infinity"),
        (lambda: nearest_distances(*mixed(pd.DataFrame)), r"train is no table of n.*TabularEnc"),
        (lambda: frechet_distance([["a"]], [["b"]]), r"real is no table of numbers.*dtype is <U1"),
        (
            lambda: nearest_distances(X, X, features=lambda rows: rows.astype(str)),
            r"no table of numbers after features",
        ),
        (
            lambda: nearest_distances(X, X, features=lambda rows: rows[:2]),
            r"made 2 rows of the 6 of train.*one for each",
        ),
        (lambda: nearest_distances(X, X, features=lambda rows: rows[:, 0]), r"shape \(6,\)"),
        (lambda: nearest_distances(FRAME, FRAME[["b", "a"]]), r"generated has the columns.*order"),
        (lambda: memorisation(X, X, holdout=X[:, :1]), r"holdout has 1 columns"),
    ],
)
def test_bad_input_says_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()
