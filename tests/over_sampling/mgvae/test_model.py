"""The objective of MGVAE against integrals that can be computed, and its two phases."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import trapezoid
from scipy.special import logsumexp, softmax
from torch import nn

from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import chains_of
from imbdeep.over_sampling._mgvae import model as module
from imbdeep.over_sampling._mgvae.model import (
    MGVAE,
    build,
    diagnose,
    exemplar_weights,
    fisher,
    fit_model,
)
from imbdeep.seeding import seeded
from imbdeep.training import flatten_parameters

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, CPU):
        yield


# ------------------------------------------------------ a case that is solvable: one dimension
#
# x | z ~ N(w z + c, s^2) and q(z | x) = N(a x + b, v), all linear, so that every term of Eq. 4 is
# an integral over the line, and log p(x) is known.

W, C, S = 1.3, -0.4, 0.7


class LinearEncoder(nn.Module):
    def __init__(self, a, b, v):
        super().__init__()
        self.a, self.b, self.log_v = a, b, float(np.log(v))

    def forward(self, x):
        return self.a * x + self.b, torch.full_like(x, self.log_v)


class LinearDecoder(nn.Module):
    def forward(self, z):
        return W * z + C


def linear_model(prior, a, b, v, sigma2=1.0):
    model = MGVAE(
        (1,),
        ObservationLikelihood(1, 0),
        network="mlp",
        latent_dim=1,
        hidden_layer_sizes=(2,),
        prior=prior,
    )
    model.encoder, model.decoder = LinearEncoder(a, b, v), LinearDecoder()
    model.double()
    model.likelihood.log_scale.data.fill_(np.log(S))
    model.prior_log_variance.data.fill_(np.log(sigma2))
    return model


def draws_of_the_bound(model, x, exemplars, n=100_000, beta=1.0):
    rows = torch.full((n, 1), x, dtype=torch.float64)
    noise = torch.randn(n, 1, dtype=torch.float64)
    with torch.no_grad():
        reconstruction, kl = model(
            rows, torch.tensor(exemplars, dtype=torch.float64)[:, None], noise
        )
    return (reconstruction - beta * kl).numpy()


def log_mixture(z, centres, sigma2):
    densities = stats.norm.logpdf(np.asarray(z)[..., None], centres, np.sqrt(sigma2))
    return logsumexp(densities, axis=-1) - np.log(len(centres))


def bound_by_quadrature(x, a, b, v, centres, sigma2, beta=1.0):
    mean, scale = a * x + b, np.sqrt(v)
    z = np.linspace(mean - 12 * scale, mean + 12 * scale, 20_001)
    log_q = stats.norm.logpdf(z, mean, scale)
    log_p = stats.norm.logpdf(x, W * z + C, S)
    integrand = np.exp(log_q) * (log_p - beta * (log_q - log_mixture(z, centres, sigma2)))
    return trapezoid(integrand, z)


def evidence(x, centres, sigma2):
    """log p(x): the mixture of the prior seen through the decoder."""
    return log_mixture(x, W * np.asarray(centres) + C, W**2 * sigma2 + S**2).item()


@pytest.mark.parametrize("x", [-1.0, 0.3, 2.5])
def test_bound_with_the_gaussian_prior_is_tight_at_the_posterior(x):
    v = 1 / (1 + (W / S) ** 2)
    a = v * W / S**2
    draws = draws_of_the_bound(linear_model("gaussian", a, -a * C, v), x, [0.0], n=1000)
    np.testing.assert_allclose(draws, evidence(x, [0.0], 1.0), rtol=1e-12)  # whatever the draw


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("x", [-1.0, 0.3, 2.5])
def test_bound_with_the_exemplar_prior_is_its_integral(x, beta):
    a, b, v, sigma2 = 0.5, 0.2, 0.3, 0.2
    exemplars = [-2.0, -0.5, 0.1, 3.0]
    centres = a * np.array(exemplars) + b
    draws = draws_of_the_bound(linear_model("exemplar", a, b, v, sigma2), x, exemplars, beta=beta)
    exact = bound_by_quadrature(x, a, b, v, centres, sigma2, beta)
    assert abs(draws.mean() - exact) < 5 * draws.std() / np.sqrt(len(draws))
    if beta == 1:
        assert exact < evidence(x, centres, sigma2)


@pytest.mark.parametrize("x", [-1.0, 0.3, 2.5])
def test_bound_with_one_exemplar_is_tight_at_the_posterior(x):
    sigma2, exemplar = 0.8, 0.9
    v = 1 / (1 / sigma2 + (W / S) ** 2)
    a = v * W / S**2
    # The mean of the posterior is a (x - C) + v m / sigma2, and m is the same map at the exemplar.
    m = a * (exemplar - C) / (1 - v / sigma2)
    b = v * m / sigma2 - a * C
    assert a * exemplar + b == pytest.approx(m)
    draws = draws_of_the_bound(linear_model("exemplar", a, b, v, sigma2), x, [exemplar], n=1000)
    np.testing.assert_allclose(draws, evidence(x, [m], sigma2), rtol=1e-12)


def test_row_that_is_an_exemplar_is_left_out_of_its_own_prior():
    model = linear_model("exemplar", 0.5, 0.2, 0.3, 0.1)
    x = torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64)
    own = torch.eye(3, dtype=torch.bool)
    noise = torch.randn(3, 1, dtype=torch.float64)
    reconstruction, kl = model(x, x, noise, own)
    for i in range(3):
        others = x[[j for j in range(3) if j != i]]
        alone = model(x[i : i + 1], others, noise[i : i + 1])
        assert reconstruction[i].item() == pytest.approx(alone[0].item())
        assert kl[i].item() == pytest.approx(alone[1].item())


# ------------------------------------------------------------------------------------ Algorithm 1


def test_generated_row_is_its_exemplar_through_the_code_with_both_noises():
    model = linear_model("exemplar", 0.5, 0.2, 0.3, 0.25).float()
    exemplars = torch.full((50_000, 1), 0.7)
    code = 0.5 * 0.7 + 0.2
    for mean, variance in ((True, W**2 * 0.25), (False, W**2 * 0.25 + S**2)):
        with torch.no_grad():
            rows = model.generate(exemplars, mean=mean).numpy().ravel()
        expected = stats.norm(W * code + C, np.sqrt(variance))
        assert stats.kstest(rows, expected.cdf).pvalue > 1e-3


def test_gaussian_prior_generates_without_looking_at_the_exemplars():
    model = linear_model("gaussian", 0.5, 0.2, 0.3).float()
    with torch.no_grad():
        rows = model.generate(torch.full((50_000, 1), 1e3), mean=False).numpy().ravel()
    assert stats.kstest(rows, stats.norm(C, np.hypot(W, S)).cdf).pvalue > 1e-3


def test_log_variances_stay_within_their_bounds():
    model = linear_model("exemplar", 1.0, 0.0, 1.0)
    for value, bound in ((1e6, 4.0), (-1e6, -10.0)):
        model.prior_log_variance.data.fill_(value)
        model.encoder.log_v = value
        assert model.log_sigma2().item() == bound
        assert model.encode(torch.zeros(1, 1).double())[1].item() == bound


@pytest.mark.parametrize("elements, candidates", [(2**23, 100_000), (8, 100_000), (8, 4)])
def test_weights_of_exemplars_are_their_mean_responsibility(monkeypatch, elements, candidates):
    """Against the integral over the codes of the minority's rows."""
    monkeypatch.setattr(module, "_ELEMENTS", elements)
    monkeypatch.setattr(module, "_CANDIDATES", candidates)
    monkeypatch.setattr(module, "_WEIGHT_CODES", 20_000)
    a, b, v, sigma2 = 0.5, 0.2, 0.3, 0.2
    exemplars = np.array([-2.0, -0.5, 0.1, 3.0])
    centres = a * exemplars + b
    rows, expected = np.array([-1.0, 0.3]), np.zeros(4)
    z = np.linspace(-10, 10, 20_001)
    shares = softmax(-0.5 * (z[:, None] - centres) ** 2 / sigma2, axis=1)
    for x in rows:
        density = stats.norm.pdf(z, a * x + b, np.sqrt(v))
        expected += trapezoid(density[:, None] * shares, z, axis=0) / len(rows)
    x, majority = (torch.tensor(part)[:, None] for part in (rows, exemplars))
    with torch.no_grad():
        rows, found = exemplar_weights(linear_model("exemplar", a, b, v, sigma2), x, majority)
    np.testing.assert_allclose(found, expected[rows], atol=0.02)
    assert found.sum().item() == pytest.approx(1)


# -------------------------------------------------------------------------------- the two phases

SPEC = {
    "shape": (3,),
    "likelihood": {"n_gaussian": 3, "n_bernoulli": 0},
    "network": "mlp",
    "latent_dim": 2,
    "hidden_layer_sizes": (8,),
    "prior": "exemplar",
}
HYPER = {
    "max_steps": 120,
    "batch_size": 16,
    "n_exemplars": 10,
    "learning_rate": 1e-2,
    "validation_fraction": 0.25,
    "patience": 5,
}


def train(model, x, majority, *, is_majority, beta=1.0, penalty=None, **hyper):
    settings = {**HYPER, "verbose": False, "description": "test", **hyper}
    return fit_model(
        model, x, majority, is_majority=is_majority, beta=beta, penalty=penalty, **settings
    )


def numbered_rows(n):
    """Rows that tell which they are by their first column."""
    x = torch.randn(n, 3)
    x[:, 0] = torch.arange(n) / n
    return x


class Spy:
    """Records what the model is called with, and whether that was to train."""

    def __init__(self, monkeypatch):
        self.calls = []
        forward = MGVAE.forward

        def spied(model, x, exemplars, noise, own=None):
            self.calls.append((x, exemplars, noise, own, torch.is_grad_enabled()))
            return forward(model, x, exemplars, noise, own)

        write = MGVAE.write_gradients

        def written(model, chains, x, exemplars, noise, own, beta):
            self.calls.append((x, exemplars, noise, own, True))
            return write(model, chains, x, exemplars, noise, own, beta)

        monkeypatch.setattr(MGVAE, "forward", spied)
        monkeypatch.setattr(MGVAE, "write_gradients", written)


def numbers(rows):
    return set(rows[:, 0].tolist())


def test_pretraining_never_mixes_rows_held_out_and_rows_trained_on(monkeypatch):
    spy, x = Spy(monkeypatch), numbered_rows(40)
    train(build(SPEC, CPU), x, x, is_majority=True)
    training = [call for call in spy.calls if call[4]]
    validation = [call for call in spy.calls if not call[4]]
    held = numbers(validation[0][0])
    assert len(held) == 10
    for rows, exemplars, _, own, _ in training:
        assert not held & numbers(rows)
        assert not held & numbers(exemplars)
        assert torch.equal(own, rows[:, :1] == exemplars[:, 0])  # a row is left out of its prior
    for rows, exemplars, noise, own, _ in validation:
        assert own is None
        assert not held & numbers(exemplars)
        for now, first in zip((rows, exemplars, noise), validation[0], strict=False):
            assert torch.equal(now, first)  # epochs differ by the weights alone
    assert set.union(*[numbers(call[0]) for call in training]) == numbers(x) - held


def test_finetuning_takes_its_exemplars_from_the_whole_majority(monkeypatch):
    spy, majority = Spy(monkeypatch), numbered_rows(30)
    minority = numbered_rows(7) + 5
    train(build(SPEC, CPU), minority, majority, is_majority=False, patience=None)
    assert set.union(*[numbers(call[0]) for call in spy.calls]) == numbers(minority)
    assert set.union(*[numbers(call[1]) for call in spy.calls]) == numbers(majority)
    assert all(call[3] is None and call[4] for call in spy.calls)


def test_exemplars_of_a_step_are_drawn_anew_and_are_not_more_than_there_are(monkeypatch):
    spy, x = Spy(monkeypatch), numbered_rows(12)
    train(build(SPEC, CPU), x, x, is_majority=True, patience=None, n_exemplars=5, max_steps=20)
    draws = [tuple(call[1][:, 0].tolist()) for call in spy.calls]
    assert {len(draw) for draw in draws} == {5}
    assert len(set(draws)) > 15
    spy.calls.clear()
    train(build(SPEC, CPU), x, x, is_majority=True, patience=None, n_exemplars=50, max_steps=3)
    assert all(numbers(call[1]) == numbers(x) for call in spy.calls)


LAYOUTS = [
    {"n_gaussian": 3, "n_bernoulli": 0},
    {"n_gaussian": 0, "n_bernoulli": 4, "intensities": True},
    {"n_gaussian": 3, "n_bernoulli": 2, "group_sizes": [3, 2], "missing": [(0, 3), (2, 4)]},
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("prior", ["exemplar", "gaussian"])
@pytest.mark.parametrize("shown", ["others", "rows"])
def test_gradients_in_closed_form_are_those_of_automatic_differentiation(layout, prior, shown):
    likelihood = ObservationLikelihood(**layout)
    n, width = 9, likelihood.width
    model = MGVAE(
        (width,), likelihood, network="mlp", latent_dim=3, hidden_layer_sizes=(7, 5), prior=prior
    ).double()
    vector = flatten_parameters(model)
    vector.data += 0.5 * torch.randn_like(vector)
    likelihood.log_scale.data[:1] = 5  # beyond its bound
    x = likelihood.sample(torch.randn(n, width).double()).detach()
    exemplars, own = (x[:4], torch.rand(n, 4) < 0.3) if shown == "others" else (None, torch.eye(n))
    own = own.bool()
    own[2] = True  # the only exemplars that it has: they stay
    noise = torch.randn(n, 3).double()

    reconstruction, kl = model(x, exemplars, noise, own)
    (1.7 * kl - reconstruction).mean().backward()
    expected = vector.grad.clone()
    vector.grad.zero_()
    with torch.inference_mode():
        found = model.write_gradients(chains_of(model), x, exemplars, noise, own, 1.7)
    torch.testing.assert_close(vector.grad, expected)
    torch.testing.assert_close(found, (reconstruction.detach(), kl.detach()))


# ------------------------------------------------------------------------------------ the Fisher


MIXED = {"n_gaussian": 2, "n_bernoulli": 2, "group_sizes": (2, 3), "missing": ((0, 2),)}
IMAGES = {"n_gaussian": 0, "n_bernoulli": 784, "intensities": True}


@pytest.mark.parametrize(
    "spec, n_rows, n_exemplars",
    [
        (SPEC, 150, 20),  # as many generated rows as are used at the most
        ({**SPEC, "hidden_layer_sizes": (6, 5, 4)}, 7, 7),
        ({**SPEC, "prior": "gaussian"}, 20, 5),
        ({**SPEC, "shape": (9,), "likelihood": MIXED}, 20, 1),
        ({**SPEC, "shape": (1, 28, 28), "likelihood": IMAGES, "network": "cnn"}, 3, 2),
    ],
)
def test_fisher_is_the_mean_squared_gradient_on_generated_rows(
    monkeypatch, spec, n_rows, n_exemplars
):
    """Against one backward pass a generated row, through rows that are data."""
    samples = []
    sample = ObservationLikelihood.sample

    def kept(likelihood, *args, **kwargs):
        samples.append(sample(likelihood, *args, **kwargs))
        return samples[-1]

    monkeypatch.setattr(ObservationLikelihood, "sample", kept)
    spy = Spy(monkeypatch)
    model = build(spec, CPU)
    majority = torch.rand(n_rows, int(np.prod(spec["shape"]))).round()
    found = fisher(model, majority, n_exemplars, mean=False)
    shown = spy.calls[0][1]
    noise = torch.cat([call[2] for call in spy.calls])
    (generated,) = samples
    assert len(generated) == len(noise) == min(n_rows, 128)
    assert shown.shape == (n_exemplars, majority.shape[1])
    expected = torch.zeros_like(found)
    for x, e in zip(generated, noise, strict=True):
        model.zero_grad()
        reconstruction, kl = model(x[None], shown, e[None])
        (kl - reconstruction).sum().backward()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
        expected += torch.cat([g.flatten() for g in gradients]).square()
    names = [n for n, p in model.named_parameters() for _ in range(p.numel())]
    used = torch.tensor([name != "likelihood.log_scale" for name in names])
    expected = expected[used] / len(generated)
    torch.testing.assert_close(found[used], expected, rtol=1e-3, atol=1e-6 * expected.max().item())
    if spec["prior"] == "exemplar":
        assert found[names.index("prior_log_variance")] > 0


# -------------------------------------------------------------------------- plain data in and out


def test_diagnosis_of_the_linear_model():
    """Spread and scale of the prior are known, and the bound is that of the integrals."""
    a, b, v, sigma2 = 0.5, 0.2, 0.3, 0.2
    model = linear_model("exemplar", a, b, v, sigma2).float()
    majority = torch.tensor([[-2.0], [-0.5], [0.1], [3.0]])
    found = diagnose(model, torch.full((2000, 1), 0.3), majority, 4, [])
    centres = a * majority.numpy().ravel() + b
    assert found["exemplar_spread"] == pytest.approx(centres.std(), rel=1e-5)
    assert found["prior_scale"] == pytest.approx(np.sqrt(sigma2), rel=1e-5)
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"], rel=1e-5)
    exact = bound_by_quadrature(0.3, a, b, v, centres, sigma2)
    assert found["elbo"] == pytest.approx(exact, abs=0.1)  # 2000 draws of deviation near 1
