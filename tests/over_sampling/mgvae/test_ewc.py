"""Fisher information and its penalty against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imbdeep.over_sampling._mgvae.ewc import EWCPenalty, fisher_diagonal, linear_squares

GENERATOR = torch.Generator()


@pytest.fixture(autouse=True)
def generator():
    return GENERATOR.manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def gaussian_loss(parameters, x):
    """Minus log density of N(m, exp(2 log_s)), without its constant."""
    log_s = parameters["log_s"]
    return (0.5 * ((x - parameters["m"]) * torch.exp(-log_s)).square() + log_s).sum()


def test_fisher_of_a_gaussian():
    """Of the mean 1 / s^2, of the log scale 2, when the samples are the model's own."""
    s = 0.5
    x = 3 + s * torch.special.ndtri((torch.arange(1000) + 0.5) / 1000)[:, None]
    parameters = {"m": torch.tensor([3.0]), "log_s": torch.tensor([np.log(s)]).float()}
    found = fisher_diagonal(gaussian_loss, parameters, (x,))
    np.testing.assert_allclose(found, [1 / s**2, 2], rtol=0.03)


def linear_loss(parameters, x, y):
    """y ~ N(W x + b, I)."""
    return 0.5 * (y - parameters["W"] @ x - parameters["b"]).square().sum()


def test_fisher_of_a_linear_gaussian_model():
    n, d, k = 37, 3, 2
    W, b, x = normal(k, d).float(), normal(k).float(), normal(n, d).float()
    y = x @ W.T + b + normal(n, k).float()
    found = fisher_diagonal(linear_loss, {"W": W, "b": b}, (x, y))
    residual = (y - x @ W.T - b).double()
    of_w = (residual.square()[:, :, None] * x.double().square()[:, None, :]).mean(0).flatten()
    expected = torch.cat([of_w, residual.square().mean(0)])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@settings(max_examples=25)
@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 9)
)
def test_squares_of_linear_gradients_are_those_of_the_gradients(n, n_in, n_out, n_shared, seed):
    GENERATOR.manual_seed(seed)
    zeros = torch.rand(4, 4, generator=GENERATOR).round()  # columns and gradients of zeros too
    x, shared = normal(n, n_in) * zeros[0, :n_in], normal(n_shared, n_in) * zeros[1, :n_in]
    g, g_shared = normal(n, n_out), normal(n, n_shared, n_out) * zeros[2, :n_out]
    gradients = g[:, :, None] * x[:, None] + g_shared.transpose(1, 2) @ shared
    found = linear_squares(x, g, shared, g_shared)
    torch.testing.assert_close(found, gradients.square().sum(dim=0))


vectors = st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=3, max_size=3)


@given(
    vectors,
    vectors,
    vectors.map(np.square).filter(lambda f: f.mean() > 1e-3),
    st.floats(0, 100),
)
def test_penalty_is_its_formula_and_its_gradient_is_autograds(at, reference, fisher, ewc_lambda):
    at = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    reference, fisher = torch.tensor(reference).double(), torch.tensor(fisher)
    penalty = EWCPenalty(reference, fisher, ewc_lambda)
    value = penalty(at)
    normalised = fisher / fisher.mean()
    expected = ewc_lambda * sum(normalised * (at.detach() - reference) ** 2)
    torch.testing.assert_close(value.detach(), torch.as_tensor(expected).double())
    value.backward()
    gradient = torch.full((3,), np.nan).double()
    written = penalty.write_gradient(at.detach(), gradient)
    torch.testing.assert_close(gradient, at.grad)
    torch.testing.assert_close(written, value.detach())


def test_no_information_holds_nothing():
    penalty = EWCPenalty(torch.zeros(4), torch.zeros(4), ewc_lambda=1e9)
    assert penalty(torch.ones(4)) == 0
    gradient = torch.ones(4)
    penalty.write_gradient(torch.ones(4), gradient)
    assert torch.equal(gradient, torch.zeros(4))
