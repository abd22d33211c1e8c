"""Likelihoods and Gaussian densities against scipy's distributions, column by column."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from imbdeep.losses import ObservationLikelihood, gaussian_log_density, standard_normal_kl
from imbdeep.losses._generative import _LOG_SCALE_BOUNDS

LOWEST, HIGHEST = _LOG_SCALE_BOUNDS

numbers = st.floats(-10, 10, allow_subnormal=False)


@pytest.fixture(autouse=True)
def local_randomness():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def doubles(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@given(
    hnp.arrays(float, (4, 3), elements=numbers),
    hnp.arrays(float, (3,), elements=numbers),
    hnp.arrays(float, (3,), elements=st.floats(-3, 3)),
)
def test_gaussian_log_density(x, mean, log_variance):
    expected = stats.norm.logpdf(x, mean, np.exp(log_variance / 2)).sum(axis=1)
    found = gaussian_log_density(*map(torch.tensor, (x, mean, log_variance)))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(
    hnp.arrays(float, (2, 3, 4), elements=st.floats(-4, 4)),
    hnp.arrays(float, (2, 3, 4), elements=st.floats(-4, 4)),
)
def test_divergence_is_that_of_gaussians(mean, log_variance):
    mean, log_variance = torch.from_numpy(mean), torch.from_numpy(log_variance)
    own = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    standard = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    expected = torch.distributions.kl_divergence(own, standard).sum(dim=-1)
    found = standard_normal_kl(mean, log_variance)
    torch.testing.assert_close(found, expected)
    assert (found >= 0).all()


def test_gaussian_columns_have_a_noise_each():
    likelihood = ObservationLikelihood(3, 0).double()
    likelihood.log_scale.data = torch.tensor([-1.0, 0.0, 0.7], dtype=torch.float64)
    x, outputs = doubles(5, 3), doubles(5, 3)
    expected = stats.norm.logpdf(x, outputs, np.exp([-1.0, 0.0, 0.7])).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(x, outputs).detach(), expected, rtol=1e-12)


@pytest.mark.parametrize("value, bound", [(-50.0, LOWEST), (50.0, HIGHEST), (0.5, 0.5)])
def test_noise_stays_within_its_bounds(value, bound):
    likelihood = ObservationLikelihood(1, 0)
    likelihood.log_scale.data.fill_(value)
    assert likelihood.scale().item() == pytest.approx(math.exp(bound))
    found = likelihood.log_prob(torch.tensor([[0.3]]), torch.tensor([[0.2]])).item()
    assert found == pytest.approx(stats.norm.logpdf(0.3, 0.2, math.exp(bound)), rel=1e-4)


def test_bernoulli_columns():
    likelihood = ObservationLikelihood(0, 3)
    x, logits = (doubles(6, 3) > 0).double(), 3 * doubles(6, 3)
    expected = stats.bernoulli.logpmf(x, torch.sigmoid(logits)).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(x, logits), expected, rtol=1e-9)


GROUPS = [2, 5, 1, 3]


def one_hot(levels, sizes):
    parts = [np.eye(k)[level] for level, k in zip(np.transpose(levels), sizes, strict=True)]
    return torch.tensor(np.concatenate(parts, axis=1))


def random_levels(n, sizes, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(k, size=n) for k in sizes], axis=1)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 1000))
def test_groups_of_unequal_size_are_categoricals_each(sizes, seed):
    likelihood = ObservationLikelihood(0, 0, sizes)
    levels = random_levels(4, sizes, seed)
    logits = torch.tensor(np.random.default_rng(seed).normal(scale=5, size=(4, sum(sizes))))
    found = likelihood.log_prob(one_hot(levels, sizes), logits)
    for i in range(4):
        start, expected = 0, 0.0
        for level, size in zip(levels[i], sizes, strict=True):
            group = torch.distributions.Categorical(logits=logits[i, start : start + size])
            expected += group.log_prob(torch.tensor(level)).item()
            start += size
        assert found[i].item() == pytest.approx(expected, abs=1e-9)


def test_probabilities_of_all_rows_sum_to_one():
    """Two events and a group of three: twelve rows in all."""
    likelihood = ObservationLikelihood(0, 2, [3])
    logits = doubles(1, 5)
    rows = torch.tensor(
        [[a, b, *np.eye(3)[c]] for a in (0, 1) for b in (0, 1) for c in range(3)],
        dtype=torch.float64,
    )
    total = likelihood.log_prob(rows, logits.expand(12, 5)).exp().sum()
    assert total.item() == pytest.approx(1)


def test_missing_value_adds_nothing_but_its_indicator():
    likelihood = ObservationLikelihood(2, 2, missing=[(1, 3)]).double()
    x = doubles(4, 4)
    x[:, 2] = 1
    x[:, 3] = torch.tensor([0, 1, 0, 1])
    outputs = doubles(4, 4)
    noise = likelihood.scale().detach()
    log_density = stats.norm.logpdf(x[:, :2], outputs[:, :2], noise)
    log_density[:, 1] *= [1, 0, 1, 0]
    events = stats.bernoulli.logpmf(x[:, 2:], torch.sigmoid(outputs[:, 2:]))
    expected = log_density.sum(axis=1) + events.sum(axis=1)
    found = likelihood.log_prob(x, outputs)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-12)
    outputs = outputs.requires_grad_()
    likelihood.log_prob(x, outputs).sum().backward()
    assert (outputs.grad[:, 1] == 0).tolist() == [False, True, False, True]


def test_several_indicators_of_a_column_exclude_its_value():
    likelihood = ObservationLikelihood(2, 0, [3], missing=[(1, 3), (1, 4)]).double()
    x = torch.cat([doubles(3, 2), torch.eye(3).double()], dim=1)
    outputs = doubles(3, 5)
    noise = likelihood.scale().detach()
    log_density = stats.norm.logpdf(x[:, :2], outputs[:, :2], noise)
    log_density[:, 1] *= [1, 0, 0]
    levels = torch.log_softmax(outputs[:, 2:], dim=1).diagonal()
    expected = log_density.sum(axis=1) + levels.numpy()
    np.testing.assert_allclose(likelihood.log_prob(x, outputs).detach(), expected, rtol=1e-12)


def test_gradients_are_those_of_finite_differences():
    likelihood = ObservationLikelihood(2, 1, GROUPS, missing=[(0, 2)]).double()
    levels = one_hot(random_levels(3, GROUPS), GROUPS)
    x = torch.cat([doubles(3, 2), torch.tensor([[0.0], [1], [0]]).double(), levels], dim=1)
    outputs = doubles(3, likelihood.width).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: likelihood.log_prob(x, o), [outputs])
    assert torch.autograd.gradcheck(likelihood.mean, [outputs])


@pytest.mark.parametrize("mean", [False, True])
def test_events_are_drawn_even_where_the_mean_is_asked_for(mean):
    likelihood = ObservationLikelihood(0, 2)
    outputs = torch.logit(torch.tensor([[0.1, 0.7]])).expand(20_000, 2)
    rows = likelihood.sample(outputs, mean=mean)
    assert set(rows.unique().tolist()) == {0.0, 1.0}
    for column, p in zip(rows.T, (0.1, 0.7), strict=True):
        assert stats.binomtest(int(column.sum()), len(column), p).pvalue > 1e-3


def test_intensities_are_given_as_their_mean():
    likelihood = ObservationLikelihood(0, 2, intensities=True)
    outputs = torch.tensor([[0.3, -2.0]]).expand(2000, 2)
    torch.testing.assert_close(likelihood.sample(outputs, mean=True), torch.sigmoid(outputs))
    assert set(likelihood.sample(outputs).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("mean", [False, True])
def test_categories_are_drawn_with_their_probabilities_and_not_the_likeliest(mean):
    likelihood = ObservationLikelihood(0, 1, GROUPS)
    logits = torch.randn(1, likelihood.width).expand(20_000, -1)
    rows = likelihood.sample(logits, mean=mean)
    start = 1
    for size in GROUPS:
        group = rows[:, start : start + size]
        assert torch.equal(group.sum(dim=1), torch.ones(len(rows)))  # one level each, exactly
        assert set(group.unique().tolist()) <= {0.0, 1.0}
        if size > 1:
            expected = torch.softmax(logits[0, start : start + size].double(), dim=0) * len(rows)
            assert stats.chisquare(group.sum(dim=0).numpy(), expected.numpy()).pvalue > 1e-3
        start += size


KINDS = [(0, 0, GROUPS), (2, 3, GROUPS), (1, 0, [1]), (0, 0, ())]


@pytest.mark.parametrize("kinds", KINDS)
def test_means_keep_their_bounds(kinds):
    n_gaussian, n_bernoulli, sizes = kinds
    likelihood = ObservationLikelihood(*kinds)
    outputs = torch.cat([100 * doubles(50, likelihood.width), doubles(50, likelihood.width)])
    found = likelihood.mean(outputs)
    assert (found.shape, found.dtype) == (outputs.shape, outputs.dtype)
    assert torch.equal(found[:, :n_gaussian], outputs[:, :n_gaussian])
    assert ((found[:, n_gaussian:] >= 0) & (found[:, n_gaussian:] <= 1)).all()
    start = n_gaussian + n_bernoulli
    torch.testing.assert_close(
        found[:, n_gaussian:start], 1 / (1 + torch.exp(-outputs[:, n_gaussian:start]))
    )
    for size in sizes:
        group = slice(start, start + size)
        torch.testing.assert_close(found[:, group], torch.softmax(outputs[:, group], dim=1))
        torch.testing.assert_close(found[:, group].sum(dim=1), torch.ones(100).double())
        start += size


@pytest.mark.parametrize("intensities", [False, True])
def test_mean_is_that_of_samples_in_the_long_run(intensities):
    likelihood = ObservationLikelihood(1, 2, GROUPS, intensities=intensities)
    outputs = torch.randn(1, likelihood.width)
    n = 40_000
    found = likelihood.sample(outputs.expand(n, -1)).detach().double().mean(dim=0)
    expected = likelihood.mean(outputs)[0].double()
    error = torch.sqrt(expected * (1 - expected) / n)
    error[0] = 1 / math.sqrt(n)  # unit noise
    assert ((found - expected).abs() <= 5 * error + 1e-6).all()
