"""CGANSampler: the game step by step, and what comes out of it."""

import copy
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from imbdeep.losses import ObservationLikelihood
from imbdeep.over_sampling import CGANSampler
from imbdeep.over_sampling._cgan import _BETAS, CGAN, fit_gan, relaxed
from imbdeep.seeding import seeded
from imbdeep.training import batch_indices

# With next to no training, generators stand where they started: at one point.
pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")

CPU = torch.device("cpu")
Y = np.repeat([0, 1], [30, 10])
A = np.random.default_rng(0).normal(size=(40, 3)) + Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
SMALL = {
    "max_steps": 4,
    "batch_size": 8,
    "latent_dim": 3,
    "hidden_layer_sizes": (8,),
    "discriminator_layer_sizes": (8,),
    "row_filter": None,
    "device": "cpu",
    "random_state": 0,
}
# Some hundred steps of these learn what tests ask for.
LEARNING = {
    **SMALL,
    "max_steps": 600,
    "batch_size": 64,
    "latent_dim": 8,
    "hidden_layer_sizes": (32, 32),
    "discriminator_layer_sizes": (32, 32),
    "learning_rate": 1e-3,
}


def quick(**params):
    """A sampler with next to no training: what it learns is no matter."""
    return CGANSampler(**{**SMALL, **params})


# --------------------------------------------------------------------------------- relaxed columns

MIXED = ObservationLikelihood(2, 2, [3, 2], missing=[(1, 2)])
CENTRE = torch.tensor([0.5, 2.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.3, -0.3])


def drawn(likelihood, outputs, seed=0):
    with seeded(seed, CPU):
        return relaxed(likelihood, outputs)


@settings(max_examples=30, deadline=None)
@given(
    n_gaussian=st.integers(0, 2),
    n_bernoulli=st.integers(0, 2),
    groups=st.lists(st.integers(2, 4), max_size=3),
    scale=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_rows_look_like_encoded_ones_and_gradients_are_finite(
    n_gaussian, n_bernoulli, groups, scale
):
    likelihood = ObservationLikelihood(n_gaussian, n_bernoulli, groups)
    outputs = scale * torch.from_numpy(np.random.default_rng(0).normal(size=(5, likelihood.width)))
    outputs = outputs.float().requires_grad_()
    rows = drawn(likelihood, outputs)
    assert rows.shape == outputs.shape
    torch.testing.assert_close(rows[:, :n_gaussian], outputs[:, :n_gaussian])
    indicators = rows[:, n_gaussian:].detach()
    assert set(indicators.unique().tolist()) <= {0.0, 1.0}
    for group in indicators[:, n_bernoulli:].split(groups, dim=1) if groups else ():
        assert (group.sum(dim=1) == 1).all()
    (gradient,) = torch.autograd.grad(rows.square().sum(), outputs)
    assert torch.isfinite(gradient).all()


def test_events_and_categories_have_the_probabilities_of_their_logits():
    rows = drawn(MIXED, CENTRE.repeat(20_000, 1))
    expected = MIXED.mean(CENTRE[None])[0]
    torch.testing.assert_close(rows.mean(dim=0)[2:], expected[2:], atol=0.015, rtol=0)


def test_number_is_zero_where_it_is_missing_and_only_there():
    rows = drawn(MIXED, CENTRE.repeat(100, 1))
    missing = rows[:, 2] > 0.5
    assert 0 < missing.sum() < 100
    assert (rows[missing, 1] == 0).all()
    torch.testing.assert_close(rows[~missing, 1], torch.full_like(rows[~missing, 1], 2.0))
    torch.testing.assert_close(rows[:, 0], torch.full((100,), 0.5))


def test_number_is_zero_where_one_of_several_indicators_says_so():
    likelihood = ObservationLikelihood(1, 0, [3], missing=[(0, 2), (0, 3)])
    rows = drawn(likelihood, torch.tensor([2.0, 0.0, 0.0, 0.0]).repeat(100, 1))
    assert set(rows[:, 1:].sum(dim=1).tolist()) == {1.0}
    torch.testing.assert_close(rows[:, 0], 2 * rows[:, 1])


def test_gradient_of_a_category_is_that_of_its_probability_in_sign():
    """Straight through: raising a logit raises its own level's weight and lowers the others'."""
    likelihood = ObservationLikelihood(0, 1, [3])
    outputs = torch.zeros(2000, 4, requires_grad=True)
    for column in (0, 1):
        rows = drawn(likelihood, outputs)
        (gradient,) = torch.autograd.grad(rows[:, column].sum(), outputs)
        sums = gradient.sum(dim=0)
        assert sums[column] > 0
        others = torch.tensor([0.0, 0, 0, 0]) if column == 0 else sums * (sums < 0)
        expected = others.index_fill(0, torch.tensor([column]), 1.0).sign()
        assert sums.sign().tolist() == expected.tolist()


def test_pixels_are_their_intensities():
    likelihood = ObservationLikelihood(0, 4, intensities=True)
    outputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(relaxed(likelihood, outputs), torch.sigmoid(outputs))


# ----------------------------------------------------------------------------------------- the game


def game(shape=(3,), n_classes=2, convolutional=False, likelihood=None):
    if likelihood is None:
        likelihood = ObservationLikelihood(3, 0)
    with seeded(0, CPU):
        return CGAN(
            shape,
            likelihood,
            n_classes,
            convolutional=convolutional,
            latent_dim=2,
            generator_sizes=[6],
            discriminator_sizes=[5],
        )


def played(model, x, codes, **params):
    hyper = {"sampling": None, "max_steps": 3, "batch_size": 8, "learning_rate": 0.01}
    hyper = {**hyper, "ema_decay": 0.0, "verbose": False, **params}
    with seeded(1, CPU):
        return fit_gan(model, x, codes, **hyper)


def by_hand(model, x, codes, ema_decay):
    """Three steps of the game, each player's gradient asked for by itself."""
    model.train()
    players = [list(net.parameters()) for net in (model.discriminator, model.generator)]
    adams = [torch.optim.Adam(weights, lr=0.01, betas=_BETAS) for weights in players]
    averaged = [value.detach().clone() for value in players[1]]

    def move(player, loss):
        gradients = torch.autograd.grad(loss, players[player], retain_graph=True)
        for weight, gradient in zip(players[player], gradients, strict=True):
            weight.grad = gradient
        adams[player].step()

    with seeded(1, CPU):
        for t, idx in enumerate(batch_indices(len(x), 8, 3, CPU), start=1):
            y = codes[idx]
            fake = model.outputs(torch.randn(8, 2), y)
            ones = torch.ones(8)
            on_real, on_fake = (model.discriminator(rows, y) for rows in (x[idx], fake.detach()))
            move(
                0,
                F.binary_cross_entropy(torch.sigmoid(on_real), ones)
                + F.binary_cross_entropy(torch.sigmoid(on_fake), 0 * ones),
            )
            opinion = torch.sigmoid(model.discriminator(fake, y))
            move(1, F.binary_cross_entropy(opinion, ones))
            decay = min(ema_decay, t / (t + 10))
            averaged = [
                decay * old + (1 - decay) * new.detach()
                for old, new in zip(averaged, players[1], strict=True)
            ]
    return averaged, players[0]


@pytest.mark.parametrize("ema_decay", [0.0, 0.2])
def test_game_is_the_textbooks(ema_decay):
    """No gradient of one player reaches the other's weights, in three steps of both."""
    x = torch.from_numpy(A.astype(np.float32))
    model = game()
    generator, discriminator = by_hand(copy.deepcopy(model), x, torch.from_numpy(Y), ema_decay)
    played(model, x, torch.from_numpy(Y), ema_decay=ema_decay)
    for found, expected in ((model.generator, generator), (model.discriminator, discriminator)):
        for value, by in zip(found.parameters(), expected, strict=True):
            torch.testing.assert_close(value, by.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("sampling, share", [(None, 0.02), ("balanced", 0.5)])
def test_classes_are_drawn_as_often_as_asked(monkeypatch, sampling, share):
    seen = []
    score = CGAN.score
    monkeypatch.setattr(CGAN, "score", lambda self, x, y: seen.append(y) or score(self, x, y))
    codes = torch.from_numpy(np.repeat([0, 1], [196, 4]))
    x = torch.zeros(200, 3)
    x[196:] = 1.0
    played(game(), x, codes, sampling=sampling, max_steps=50, batch_size=16)
    assert float(torch.cat(seen).float().mean()) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 10, 9), (2, 4, 7)])
def test_convolutional_players_see_images_of_any_sides(shape):
    width = int(np.prod(shape))
    model = game(shape, 3, True, ObservationLikelihood(0, width, intensities=True))
    y = torch.tensor([0, 1, 2, 2])
    with seeded(0, CPU):
        rows = model(model.noise(y), y)
    assert rows.shape == (4, width)
    assert model.score(rows, y).shape == (4,)
    model.score(rows, y).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.generator.parameters())


# -------------------------------------------------------------------------------------- the sampler


def two_gaussians(n=(300, 60)):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], n)
    means, scales = np.array([[0.0, 0.0], [4.0, -2.0]]), np.array([[1.0, 2.0], [0.5, 1.0]])
    return means[y] + scales[y] * rng.normal(size=(len(y), 2)), y


def test_gaussian_of_each_class_is_recovered():
    X, y = two_gaussians()
    sampler = CGANSampler(**{**LEARNING, "sampling_strategy": {0: 310, 1: 310}})
    sampler.fit_resample(X, y)
    for label in (0, 1):
        real, made = X[y == label], sampler.sample(2000, label)
        error = np.abs(made.mean(axis=0) - real.mean(axis=0)) / real.std(axis=0)
        assert error.max() < 0.5
        ratio = made.std(axis=0) / real.std(axis=0)
        assert ((ratio > 0.4) & (ratio < 1.8)).all()
        assert 0.3 < sampler.diagnostics_[label]["generated_spread"] < 2


@pytest.mark.parametrize("network", ["mlp", "cnn", "auto"])
def test_images_of_any_shape_are_made_by_either_network(network):
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 6, 9), dtype=np.uint8)
    sampler = quick(network=network)
    assert sampler.fit_resample(images, Y)[0].shape == (60, 3, 6, 9)
    assert sampler.generator_.convolutional == (network == "cnn")


@pytest.mark.parametrize("sampling", [None, "balanced"])
@pytest.mark.parametrize("n, batch_size", [(17, 8), (3, 2), (40, 39)])
def test_no_batch_is_left_with_a_single_row(n, batch_size, sampling):
    y = np.repeat([0, 1], [n - 1, 1])
    sampler = quick(batch_size=batch_size, sampling=sampling, max_steps=2 * n)
    result, _ = sampler.fit_resample(A[:n], y)
    assert len(result) == 2 * (n - 1)
    assert sampler.history_[-1]["step"] == 2 * n


def test_history_names_both_players():
    sampler = quick(max_steps=120)
    sampler.fit_resample(A, Y)
    assert [record["step"] for record in sampler.history_] == [50, 100, 120]
    terms = {"discriminator", "generator_discriminator"}
    shares = {"discriminator_real", "discriminator_generated"}
    for record in sampler.history_:
        assert set(record) == {"epoch", "step", *terms, *shares}
        assert all(0 <= record[name] <= 1 for name in shares)
    assert set(sampler.diagnostics_) == {0, 1}


def test_collapsed_generator_warns_and_points_at_the_caller():
    with pytest.warns(UserWarning, match=r"collapsed: for the classes \[1\]") as caught:
        quick(max_steps=1).fit_resample(IMAGES, Y)
    assert caught[0].filename == __file__


def test_classes_that_get_no_rows_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(max_steps=1, sampling_strategy={0: 30, 1: 10}).fit_resample(IMAGES, Y)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"batch_size": 1}, "batch_size"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must hold"),
        ({"discriminator_layer_sizes": (8, 0)}, "discriminator_layer_sizes=.* positive integer"),
        ({"network": "cnn"}, "network='cnn' needs images"),
    ],
)
def test_bad_parameters_are_refused_before_training(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit_resample(A, Y)


def test_images_that_are_too_small_for_the_network_are_refused():
    with pytest.raises(ValueError, match="halves images twice, and these are"):
        quick(network="cnn").fit_resample(IMAGES[:, :, :2], Y)
