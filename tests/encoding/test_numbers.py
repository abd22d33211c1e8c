"""Continuous columns: the grid of computed numbers, long integers, and atoms."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbdeep.encoding import Layout, TabularEncoder
from imbdeep.over_sampling import CGANSampler, CVAESampler, MGVAESampler


def decoded(x, n=2000, **params):
    """Rows that a network could generate, decoded, and the fitted encoder."""
    encoder = TabularEncoder(**params).fit(x[:, None])
    z = np.zeros((n, encoder.layout_.width))
    z[:, 0] = np.random.default_rng(1).normal(size=n)
    return encoder.inverse_transform(z)[:, 0], encoder


def amounts(rng, n):
    return np.round(rng.lognormal(2, 0.6, n), 2)


COMPUTED = {
    "price times count": (lambda r, n: amounts(r, n) * r.integers(1, 9, n), 0.01),
    "difference of amounts": (lambda r, n: 1e4 + amounts(r, n) - amounts(r, n), 0.01),
    "with a tax": (lambda r, n: amounts(r, n) * 1.19, 0.0001),
    "scaled twice": (lambda r, n: r.integers(0, 500, n) * 0.01 * 10, 0.1),
    "cumulated": (lambda r, n: np.cumsum(np.full(n, 0.1)), 0.1),
    "one stray": (lambda r, n: np.r_[np.round(r.uniform(0, 5, n - 1), 1), 0.1 + 0.2], 0.1),
    "float32": (
        lambda r, n: amounts(r, n).astype(np.float32) * r.integers(1, 9, n, dtype="i2"),
        0.01,
    ),
    "celsius": (lambda r, n: (r.integers(0, 110, n) - 32) * 5 / 9, 5 / 9),
    "hours": (lambda r, n: r.integers(0, 3000, n) / 60, 1 / 60),
}


@given(st.sampled_from(sorted(COMPUTED)), st.integers(0, 99), st.sampled_from([80, 1500]))
def test_computed_numbers_come_back_on_their_grid(name, seed, n):
    compute, step = COMPUTED[name]
    x = compute(np.random.default_rng(seed), n)
    new, encoder = decoded(x)
    assert new.dtype == x.dtype
    assert x.min() <= new.min() <= new.max() <= x.max()

    def off_grid(values):
        steps = (values - (x.min() if name == "celsius" else 0)) / step
        return np.abs(steps - np.rint(steps)).max()

    assert off_grid(new) <= max(2 * off_grid(x), 1e-9)
    if n <= 1000:  # the values themselves keep their rounding errors
        back = encoder.inverse_transform(encoder.transform(x[:, None]))[:, 0]
        np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("n", [20, 80, 5000])
def test_numbers_without_a_grid_get_none(n):
    rng = np.random.default_rng(0)
    near = 1e9 + np.round(rng.uniform(0, 1e-3, n), 6)  # small differences of large numbers
    for x in (rng.normal(size=n), np.exp(3 * rng.normal(size=n)), near):
        new, _ = decoded(x)
        assert np.unique(new).size > 500


@given(
    st.sampled_from([np.int64, np.uint64, np.int16, object, float]),
    st.integers(0, 2**63),
    st.integers(1, 10**15),
    st.booleans(),
    st.sampled_from(["quantile", "standard"]),
)
def test_integers_of_any_size_keep_range_and_step(dtype, start, step, negative, continuous):
    info = np.iinfo(np.int64 if dtype in (object, float) else dtype)
    low = max(-start if negative else start, info.min)
    low = min(low, info.max - 100)
    step = max(1, min(step, (info.max - low) // 100))
    whole = [low + step * k for k in np.random.default_rng(0).permutation(80).tolist()]
    x = np.array(whole, dtype=dtype)
    if dtype is float and any(int(value) != exact for value, exact in zip(x, whole, strict=True)):
        return  # not integers that a float64 column can hold
    new, encoder = decoded(x, 300, continuous=continuous)
    assert min(whole) <= min(new) <= max(new) <= max(whole)
    assert {(int(value) - low) % step for value in new} == {0}
    back = encoder.inverse_transform(encoder.transform(x[:, None]))
    np.testing.assert_array_equal(back[:, 0], x)


@pytest.mark.parametrize("dtype", ["Int64", "UInt64", "int64[pyarrow]"])
def test_long_integers_with_missing_values(dtype):
    x = pd.Series([2**60 + 3 * k for k in range(79)] + [None], dtype=dtype).to_frame("id")
    encoder = TabularEncoder().fit(x)
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoder.transform(x)), x)


def test_new_integers_of_another_dtype_are_clipped_to_the_range():
    x = np.arange(-40, 40) * 2**56
    encoder = TabularEncoder().fit(x[:, None])
    for value in (2**64 - 1, 2**63, 2**70):
        top = np.array([[value]], dtype=object if value == 2**70 else np.uint64)
        assert encoder.inverse_transform(encoder.transform(top)) == x.max()


# ---------------------------------------------------------------------------------------- atoms


def mixture(rng, n, atoms, shares):
    """A lognormal column of which some rows hold one of the atoms."""
    x = np.round(rng.lognormal(3, 1, n), 2) + 1
    which = rng.choice(len(atoms) + 1, n, p=[*shares, 1 - sum(shares)])
    for k, atom in enumerate(atoms):
        x[which == k] = atom
    return x


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("atoms", [(0,), (-1, 0), (0, 50, 999)])
def test_atoms_have_indicators_beside_missing_values(atoms, missing):
    x = mixture(np.random.default_rng(0), 500, atoms, [0.3 - 0.05 * k for k in range(len(atoms))])
    X = pd.DataFrame({"a": x})
    if missing:
        X.loc[::9, "a"] = np.nan
    encoder = TabularEncoder().fit(X)
    n = len(atoms) + missing
    names = [f"a_{float(atom)}" for atom in atoms] + ["a_missing"] * missing
    if n == 1:
        assert encoder.layout_ == Layout(1, 1, (), ((0, 1),))
        assert encoder.get_feature_names_out().tolist() == ["a", *names]
    else:
        assert encoder.layout_ == Layout(1, 0, (n + 1,), tuple((0, 2 + k) for k in range(n)))
        assert encoder.get_feature_names_out().tolist() == ["a", "a_other", *names]
    encoded = encoder.transform(X)
    for k, atom in enumerate(atoms):
        held = (X["a"] == atom).to_numpy()
        assert (encoded[held, 0] == 0).all()
        np.testing.assert_array_equal(encoded[:, k + 1 + (n > 1)], held)
    pd.testing.assert_frame_equal(encoder.inverse_transform(encoded), X)


def test_an_atom_of_a_small_class_is_found_by_its_labels():
    rng = np.random.default_rng(0)
    x, y = rng.lognormal(3, 1, 3000), np.arange(3000) >= 2950
    x[2950:2970] = 0
    assert TabularEncoder().fit(x[:, None]).layout_.n_bernoulli == 0
    for labels in (y, y.astype(str), pd.Series(y, dtype="boolean")):
        assert TabularEncoder().fit(x[:, None], labels).layout_.n_bernoulli == 1


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(0).normal(size=2000),
        np.random.default_rng(0).poisson(20, 2000),
        np.random.default_rng(0).integers(0, 20, 2000),
        np.round(np.random.default_rng(0).normal(size=2000), 1),
    ],
    ids=["distinct", "counts", "even", "rounded"],
)
def test_ties_of_all_values_are_no_atoms(x):
    assert TabularEncoder().fit(x[:, None]).layout_ == Layout(1, 0, (), ())


def test_chance_ties_of_a_small_class_are_no_atoms():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1000, 560)
    x[500:508] = 7  # 8 of 60 rows
    y = np.arange(560) >= 500
    assert TabularEncoder().fit(x[:, None], y).layout_ == Layout(1, 0, (), ())


@pytest.mark.parametrize(
    "sampler",
    [
        MGVAESampler(pretrain_steps=200, finetune_steps=100, row_filter=None, random_state=0),
        CVAESampler(max_steps=300, row_filter=None, random_state=0),
        CGANSampler(max_steps=300, row_filter=None, random_state=0),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_generated_rows_hold_an_atom_as_often_as_their_class(sampler):
    rng = np.random.default_rng(0)
    y = np.arange(800) >= 650
    x = np.where(y, mixture(rng, 800, [0], [0.42]), mixture(rng, 800, [0], [0.95]))
    X = np.column_stack([rng.normal(size=800) + y, x])
    new = sampler.fit_resample(X, y)[0][800:, 1]
    assert np.mean(new == 0) == pytest.approx(np.mean(x[y] == 0), abs=0.06)
    assert np.isclose(new * 100, np.rint(new * 100), atol=1e-6).all()
