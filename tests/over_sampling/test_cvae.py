"""CVAESampler: its bound against known evidence, what it learns of each class, what it promises."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.exceptions import NotFittedError
from torch import nn

from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import chains_of
from imbdeep.over_sampling import CVAESampler
from imbdeep.over_sampling._cvae import CVAE, diagnose, fit_model, hold_out
from imbdeep.seeding import seeded
from imbdeep.training import flatten_parameters

CPU = torch.device("cpu")
Y = np.repeat([0, 1], [60, 20])
X = np.random.default_rng(0).normal(size=(len(Y), 3)) + 2 * Y[:, None]


def quick(**params):
    few = {"max_steps": 30, "hidden_layer_sizes": (8,), "latent_dim": 2, "device": "cpu"}
    return CVAESampler(**{**few, "row_filter": None, "random_state": 0, **params})


def small_model(shape=(2,), n_classes=2, likelihood=None, **params):
    sizes = {"network": "mlp", "latent_dim": 2, "hidden_layer_sizes": (8,), **params}
    return CVAE(shape, n_classes, likelihood or ObservationLikelihood(shape[0], 0), **sizes)


def small_fit(model, x, y, **params):
    few = {"balanced": False, "beta": 1.0, "max_steps": 50, "batch_size": 20, "verbose": False}
    few |= {"learning_rate": 1e-3, "validation_fraction": 0.2, "patience": None}
    return fit_model(model, x, y, **{**few, **params})


# ------------------------------------------------------ a case that is solvable: one dimension
#
# x | z, y ~ N(w z + c_y, s^2) with z ~ N(0, 1): log p(x | y) and the posterior are known.

W, C, S = 1.3, (-0.4, 2.0), 0.7
POSTERIOR_VARIANCE = 1 / (1 + (W / S) ** 2)


class LinearEncoder(nn.Module):
    """The exact posterior of rows joined to the indicators of their class, and something added."""

    def __init__(self, shift, factor):
        super().__init__()
        self.shift, self.log_v = shift, float(np.log(factor * POSTERIOR_VARIANCE))

    def forward(self, joined):
        c = joined[:, 1:] @ joined.new_tensor(C)
        mean = POSTERIOR_VARIANCE * W / S**2 * (joined[:, 0] - c) + self.shift
        return mean[:, None], torch.full_like(mean, self.log_v)[:, None]


class LinearDecoder(nn.Module):
    def forward(self, joined):
        return W * joined[:, :1] + (joined[:, 1:] @ joined.new_tensor(C))[:, None]


def linear_bound(x, y, shift=0.0, factor=1.0):
    """E_q[log p(x|z, y)] - KL, exactly: three nodes integrate what is quadratic in the noise."""
    with seeded(0, CPU):
        model = small_model((1,), latent_dim=1)
    model.encoder, model.decoder = LinearEncoder(shift, factor), LinearDecoder()
    model.double()
    model.likelihood.log_scale.data.fill_(np.log(S))
    nodes = torch.tensor([[-np.sqrt(3)], [0.0], [np.sqrt(3)]], dtype=torch.float64)
    with torch.no_grad():
        rows = torch.full((3, 1), x, dtype=torch.float64)
        reconstruction, kl = model(rows, torch.full((3,), y), nodes)
    return (np.array([1, 4, 1]) / 6 @ (reconstruction - kl).numpy()).item()


@given(st.floats(-3, 3), st.integers(0, 1), st.floats(-2, 2), st.floats(0.1, 5, exclude_min=True))
def test_bound_elsewhere_lacks_the_divergence_from_the_posterior(x, y, shift, factor):
    evidence = stats.norm.logpdf(x, C[y], np.sqrt(W**2 + S**2))
    missing = 0.5 * (shift**2 / POSTERIOR_VARIANCE + factor - np.log(factor) - 1)
    assert linear_bound(x, y, shift, factor) == pytest.approx(evidence - missing, abs=1e-9)


def test_training_reaches_the_evidence_of_gaussian_classes():
    """And does not pass it: the mean of log p(x|y) is minus the entropy of the rows."""
    rng = np.random.default_rng(0)
    mix = np.array([[1.0, 0.3], [0.8, -0.5]])
    y = np.repeat([0, 1], [3000, 1000])
    rows = rng.normal(size=(4000, 2)) @ mix.T + np.array([[-1.0, 0.5], [1.0, 0.0]])[y]
    entropy = stats.multivariate_normal(cov=mix @ mix.T).entropy()
    with seeded(0, CPU):
        model = small_model(hidden_layer_sizes=(16,))
        x, codes = torch.from_numpy(rows).float(), torch.from_numpy(y)
        history = small_fit(model, x, codes, max_steps=600, batch_size=100, learning_rate=5e-3)
        with torch.no_grad():
            parts = model(x.repeat(20, 1), codes.repeat(20), torch.randn(80_000, 2))
    bound = (parts[0] - parts[1]).mean().item()
    assert history[0]["loss"] > entropy + 0.3
    assert -entropy - 0.15 < bound < -entropy + 0.03  # of the rows it was trained on


# ------------------------------------------------------------------------------ the class gets in


def test_both_networks_get_the_class():
    for shape, network, likelihood in [
        ((2,), "mlp", None),
        ((1, 28, 28), "cnn", ObservationLikelihood(0, 784, intensities=True)),
    ]:
        with seeded(0, CPU):
            model = small_model(shape, 3, likelihood, network=network)
            x, z = torch.rand(1, int(np.prod(shape))), torch.randn(1, 2)
            if model.planes is not None:
                assert not model.planes.weight.any()  # classes start alike
                nn.init.normal_(model.planes.weight)
        classes = [torch.tensor([y]) for y in range(3)]
        codes = [model.encode(x, y)[0] for y in classes]
        rows = [model.decode(z, y) for y in classes]
        for parts in (codes, rows):
            assert all(not torch.equal(parts[0], other) for other in parts[1:])
        assert rows[0].shape == x.shape


def test_every_weight_gets_a_gradient_and_a_plane_that_of_its_class_alone():
    likelihood = ObservationLikelihood(0, 784, intensities=True)
    with seeded(0, CPU):
        model = small_model((1, 28, 28), 3, likelihood, network="cnn")
        reconstruction, kl = model(torch.rand(4, 784), torch.tensor([0, 1, 1, 0]), torch.ones(4, 2))
    (kl - reconstruction).sum().backward()
    assert model.planes.weight.grad.any(dim=1).tolist() == [True, True, False]
    empty = {"likelihood.log_scale"}  # of no Gaussian column
    assert all(p.grad.any() for name, p in model.named_parameters() if name not in empty)


# ------------------------------------------------------------------- what is trained on, held out


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(sum),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
)
def test_part_of_each_class_is_held_out_and_some_of_it_never(counts, fraction):
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    with seeded(0, CPU):
        train, held = hold_out(y, fraction)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(len(y)))
    kept, away = (torch.bincount(y[rows], minlength=len(counts)) for rows in (train, held))
    assert all(k >= 1 for k, n in zip(kept.tolist(), counts, strict=True) if n)
    quota = [int(fraction * n) for n in counts]
    if any(quota):
        assert away.tolist() == quota
    else:
        assert away.sum() == (max(counts) > 1)
        assert max(counts) == 1 or away[int(np.argmax(counts))] == 1


@pytest.fixture
def passes(monkeypatch):
    """Classes and results of each pass through the model."""
    done = []
    forward = CVAE.forward

    def spied(model, x, y, noise):
        parts = forward(model, x, y, noise)
        done.append((y.clone(), torch.stack(parts).detach()))
        return parts

    def written(model, chains, x, y, noise, beta):
        parts = write(model, chains, x, y, noise, beta)
        done.append((y.clone(), torch.stack(parts)))
        return parts

    write = CVAE.write_gradients
    monkeypatch.setattr(CVAE, "forward", spied)
    monkeypatch.setattr(CVAE, "write_gradients", written)
    return done


def test_gradients_in_closed_form_are_those_of_automatic_differentiation():
    with seeded(0, CPU):
        likelihood = ObservationLikelihood(2, 2, [3])
        model = CVAE(
            (7,), 3, likelihood, network="mlp", latent_dim=2, hidden_layer_sizes=(6, 5)
        ).double()
        vector = flatten_parameters(model)
        vector.data += 0.5 * torch.randn_like(vector)
        x, y = likelihood.sample(torch.randn(9, 7).double()).detach(), torch.arange(9) % 3
        noise = torch.randn(9, 2).double()
        reconstruction, kl = model(x, y, noise)
        (1.7 * kl - reconstruction).mean().backward()
        expected = vector.grad.clone()
        vector.grad.zero_()
        with torch.inference_mode():
            found = model.write_gradients(chains_of(model), x, y, noise, 1.7)
    torch.testing.assert_close(vector.grad, expected)
    torch.testing.assert_close(found, (reconstruction.detach(), kl.detach()))


COUNTS = np.array([500, 60, 20])


@pytest.mark.parametrize("balanced", [False, True])
def test_training_shows_classes_as_often_as_it_should(passes, balanced):
    y = torch.repeat_interleave(torch.arange(3), torch.from_numpy(COUNTS))
    with seeded(0, CPU):
        model = small_model(n_classes=3)
        small_fit(model, torch.randn(len(y), 2), y, max_steps=300, balanced=balanced)
    seen = np.bincount(np.concatenate([y.numpy() for y, _ in passes]))
    assert seen.sum() == 300 * 20
    share = np.full(3, 1 / 3) if balanced else COUNTS / COUNTS.sum()
    assert stats.chisquare(seen, seen.sum() * share).pvalue > 1e-3


@pytest.mark.parametrize("balanced", [False, True])
def test_held_out_rows_are_weighed_as_in_training(passes, balanced):
    y = torch.repeat_interleave(torch.arange(3), torch.from_numpy(COUNTS))
    with seeded(0, CPU):
        model, x = small_model(n_classes=3), torch.randn(len(y), 2) + y[:, None]
        history = small_fit(model, x, y, beta=0.5, patience=3, max_steps=10, balanced=balanced)
    held, (reconstruction, kl) = passes[-1]
    assert torch.bincount(held).tolist() == [100, 12, 4]
    loss = 0.5 * kl - reconstruction
    by_class = torch.stack([loss[held == k].mean() for k in range(3)])
    expected = by_class.mean() if balanced else loss.mean()
    assert history[-1]["validation"] == pytest.approx(expected.item(), rel=1e-5)


def test_history_is_of_the_objective():
    sampler = quick(beta=0.5, max_steps=120, early_stopping=True)
    sampler.fit_resample(X, Y)
    assert [record["step"] for record in sampler.history_] == [50, 100, 120]
    for record in sampler.history_:
        assert list(record) == ["epoch", "step", "loss", "reconstruction", "kl", "validation"]
        assert record["loss"] == pytest.approx(0.5 * record["kl"] - record["reconstruction"])


def test_diagnostics_are_over_the_rows_of_the_class():
    with seeded(0, CPU):
        model, x = small_model(), torch.randn(7, 2)
        y = torch.ones(7, dtype=torch.int64)
        found = diagnose(model, x, y)
    with torch.no_grad():
        mean, log_variance = model.encode(x, y)
    codes = mean.double().numpy()
    kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1).mean().item()
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"], rel=1e-5)
    assert found["code_spread"] == pytest.approx(np.sqrt(codes.var(axis=0).mean()), rel=1e-5)
    assert found["code_offset"] == pytest.approx(np.sqrt((codes.mean(axis=0) ** 2).mean()))


# ------------------------------------------------------------------------------------------ images


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_convolutional_network_of_every_size(shape):
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), dtype=np.uint8)
    y = np.repeat(["a", "b"], [9, 3])
    sampler = quick(network="cnn", max_steps=2, batch_size=4)
    X_res, _ = sampler.fit_resample(images, y)
    assert X_res.shape == (18, *shape)
    assert X_res.dtype == np.uint8
    assert type(sampler.generator_.encoder).__name__ == "ConvEncoder"
    assert sampler.encode(images[:2], "a").shape == (2, 2)


def test_images_are_means_and_tables_are_draws():
    images = np.random.default_rng(0).random((len(Y), 1, 4, 4))
    for data, default in [(X, "sample"), (images, "mean")]:
        rows = {
            output: quick(decoder_output=output).fit_resample(data, Y)[0].tobytes()
            for output in ("auto", "mean", "sample")
        }
        assert rows["auto"] == rows[default]
        assert rows["mean"] != rows["sample"]


# ------------------------------------------------------------------------------------ latent codes


def test_codes_are_the_posterior_means_given_the_class():
    sampler = quick()
    frame = pd.DataFrame(X)
    sampler.fit_resample(frame, Y)
    x = torch.from_numpy(sampler.encoder_.transform(frame[:5]))
    for label in (0, 1):  # also of the class that did not grow
        expected = sampler.generator_.encode(x, torch.full((5,), label))[0]
        found = sampler.encode(frame[:5], label)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(sampler.encode(X[:5], 0), sampler.encode(X[:5], 1))


def test_codes_need_a_fit_a_class_and_the_columns():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        quick().encode(X, 1)
    sampler = quick()
    sampler.fit_resample(X, Y)
    for target in (7, "1"):
        with pytest.raises(ValueError, match=r"not a class of the fitted data: choose one of \["):
            sampler.encode(X, target)
    with pytest.raises(ValueError, match="features"):
        sampler.encode(X[:, :2], 1)


# ----------------------------------------------------------------------------------- bad parameters


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(CVAESampler, "_fit_generator", lambda *args: pytest.fail("it trained"))


IMAGES_20 = np.zeros((len(Y), 3, 20, 20), dtype=np.uint8)
BAD = {
    "network for images": (X, {"network": "cnn"}, "network='cnn' needs images"),
    "size of images": (IMAGES_20, {}, r"\(3, 20, 20\).*squares of 28, 32, 64.*network='mlp'"),
    "no layer": (X, {"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must hold at least one"),
    "true layer": (X, {"hidden_layer_sizes": [True]}, "must hold at least one positive integer"),
}


@pytest.mark.parametrize("case", BAD)
def test_parameters_that_do_not_fit_are_refused_before_training(no_training, case):
    data, params, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        quick(**params).fit_resample(data, Y)
