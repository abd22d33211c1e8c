"""Prior densities against scipy's mixtures, and their samples against the densities."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.special import logsumexp, softmax

from imbdeep.over_sampling._mgvae.priors import ExemplarPrior, GaussianPrior
from imbdeep.seeding import seeded

CPU = torch.device("cpu")


def log_mixture(z, means, variance):
    dimension = means.shape[1]
    components = [
        stats.multivariate_normal(m, variance * np.eye(dimension)).logpdf(z).reshape(len(z))
        for m in means
    ]
    return logsumexp(components, axis=0) - np.log(len(means))


numbers = st.floats(-20, 20, allow_subnormal=False)


@st.composite
def mixtures(draw, smallest=1):
    dimension = draw(st.integers(1, 4))
    z = draw(hnp.arrays(float, (draw(st.integers(1, 5)), dimension), elements=numbers))
    means = draw(hnp.arrays(float, (draw(st.integers(smallest, 6)), dimension), elements=numbers))
    return z, means, draw(st.floats(-6, 4))


@given(mixtures())
def test_exemplar_density_is_that_of_the_mixture(case):
    z, means, log_variance = case
    prior = ExemplarPrior(torch.tensor(means), torch.tensor(log_variance, dtype=torch.float64))
    expected = log_mixture(z, means, np.exp(log_variance))
    np.testing.assert_allclose(prior.log_prob(torch.tensor(z)), expected, rtol=1e-9, atol=1e-9)


@given(mixtures(smallest=2), st.data())
def test_exemplar_left_out_is_as_if_it_had_never_been_there(case, data):
    z, means, log_variance = case
    shape = (len(z), len(means))
    own = data.draw(hnp.arrays(bool, shape, elements=st.booleans()))
    own[own.all(axis=1), 0] = False  # at least one other
    prior = ExemplarPrior(torch.tensor(means), torch.tensor(log_variance, dtype=torch.float64))
    found = prior.log_prob(torch.tensor(z), torch.tensor(own))
    for i in range(len(z)):
        expected = log_mixture(z[i : i + 1], means[~own[i]], np.exp(log_variance))
        np.testing.assert_allclose(found[i], expected[0], rtol=1e-9, atol=3e-7)


def test_row_without_another_exemplar_keeps_them_all():
    means = torch.tensor([[0.0], [3.0]])
    prior = ExemplarPrior(means, torch.tensor(0.0))
    z = torch.tensor([[1.0], [1.0]])
    own = torch.tensor([[True, True], [False, False]])
    first, second = prior.log_prob(z, own)
    assert first == second
    alone = ExemplarPrior(means[:1], torch.tensor(0.0)).log_prob(z, own[:, :1])
    assert torch.isfinite(alone).all()


@pytest.mark.parametrize("log_variance", [-10.0, -6.0, 0.0])
def test_float32_is_accurate_far_from_the_origin_with_a_tiny_variance(log_variance):
    """Where |z|^2 - 2 z.m + |m|^2 gives negative squared distances."""
    rng = np.random.default_rng(0)
    means = (100 + rng.normal(size=(50, 10))).astype(np.float32)
    scale = np.exp(0.5 * log_variance)
    z = (means[:20] + scale * rng.normal(size=(20, 10))).astype(np.float32)
    prior = ExemplarPrior(torch.tensor(means), torch.tensor(log_variance))
    expected = log_mixture(z.astype(float), means.astype(float), np.exp(log_variance))
    found = prior.log_prob(torch.tensor(z))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    highest = -0.5 * 10 * (np.log(2 * np.pi) + log_variance)
    assert (found <= highest + 1e-3).all()


def test_gradient_reaches_codes_means_and_variance():
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    means = z[:3] * 0.5 + 1
    log_variance = torch.tensor(0.3, dtype=torch.float64)
    own = torch.eye(4, 3, dtype=torch.bool)
    inputs = [tensor.clone().requires_grad_() for tensor in (z, means, log_variance)]
    assert torch.autograd.gradcheck(
        lambda z, means, log_variance: ExemplarPrior(means, log_variance).log_prob(z, own), inputs
    )


def test_gradient_is_finite_where_a_code_meets_its_own_exemplar():
    z = torch.zeros(2, 3, requires_grad=True)
    means = torch.zeros(2, 3, requires_grad=True)
    ExemplarPrior(means, torch.tensor(-10.0)).log_prob(z).sum().backward()
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(means.grad).all()


@given(mixtures())
def test_responsibilities_are_bayes_rule(case):
    z, means, log_variance = case
    prior = ExemplarPrior(torch.tensor(means), torch.tensor(log_variance, dtype=torch.float64))
    found = prior.responsibilities(torch.tensor(z))
    squared = ((z[:, None] - means) ** 2).sum(axis=2)
    np.testing.assert_allclose(
        found, softmax(-0.5 * squared / np.exp(log_variance), axis=1), rtol=1e-6, atol=1e-12
    )


def test_code_around_an_exemplar_is_of_its_component():
    means = torch.tensor([[5.0, -2.0]]).expand(10_000, 2)
    with seeded(0, CPU):
        codes = ExemplarPrior(torch.zeros(1, 2), torch.tensor(np.log(0.25))).around(means)
    for column, mean in zip(codes.numpy().T, (5.0, -2.0), strict=True):
        assert stats.kstest(column, stats.norm(mean, 0.5).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(codes.numpy().T)[0, 1]) < 0.05


def test_samples_have_the_density_of_the_mixture():
    means = torch.tensor([[-1.0], [0.0], [3.0]])
    with seeded(0, CPU):
        codes = ExemplarPrior(means, torch.tensor(np.log(0.25))).sample(30_000).numpy().ravel()

    def cdf(z):
        return stats.norm.cdf(np.asarray(z)[:, None], means.numpy().T, 0.5).mean(axis=1)

    assert stats.kstest(codes, cdf).pvalue > 1e-3


@given(hnp.arrays(float, (3, 2), elements=numbers))
def test_gaussian_density_is_the_standard_normal(z):
    expected = stats.multivariate_normal(np.zeros(2), np.eye(2)).logpdf(z)
    np.testing.assert_allclose(GaussianPrior(2).log_prob(torch.tensor(z)), expected, rtol=1e-9)


def test_gaussian_samples_are_standard_normal():
    with seeded(0, CPU):
        codes = GaussianPrior(2).sample(20_000)
    assert codes.shape == (20_000, 2)
    assert stats.kstest(codes.numpy().ravel(), stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(codes.T.numpy())[0, 1]) < 0.03
