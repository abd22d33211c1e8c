"""GAMO2PixSampler: images of features, GAMO's own rows elsewhere, and what it promises of both."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import nnls
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.net import GAMONet
from imbdeep.losses import standard_normal_kl
from imbdeep.over_sampling import GAMO2PixSampler
from imbdeep.over_sampling._gamo2pix import (
    FeatureDecoder,
    _draw,
    fit_decoder,
)
from imbdeep.seeding import seeded

# With next to no training, generators stand where they started: at the middle of their class.
pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")

CPU = torch.device("cpu")
N = 40
Y = np.repeat([0, 1], [30, 10])
THREE = np.repeat([0, 1, 2], [20, 8, 12])
A = np.random.default_rng(0).normal(size=(N, 3)) + Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)
FLAT = IMAGES.reshape(N, -1)

SMALL = {
    "max_steps": 4,
    "batch_size": 8,
    "latent_dim": 3,
    "hidden_layer_sizes": (16,),
    "generator_layer_sizes": (16, 8),
    "discriminator_layer_sizes": (16,),
    "n_extracted": 6,
}
DECODER = {"latent_dim": 3, "hidden_layer_sizes": (8,), "max_steps": 3, "batch_size": 8}
#: Rows as they are made, not filtered.
PLAIN = {"row_filter": None, "random_state": 0}


def small(**params):
    """A GAMO with next to no training: what it learns is no matter here."""
    return GAMOClassifier(**{**SMALL, "device": "cpu", **params})


def features(**params):
    """One that combines features, so that there is something to decode."""
    return small(**{"network": "cnn", **params})


def quick(estimator=None, **params):
    estimator = features() if estimator is None else estimator
    return GAMO2PixSampler(estimator, **{**DECODER, **PLAIN, **params})


def state_of(module):
    return {name: value.numpy().tobytes() for name, value in module.state_dict().items()}


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained")

    monkeypatch.setattr(GAMONet, "train_step", fail)
    monkeypatch.setattr("imbdeep.over_sampling._gamo2pix.fit_decoder", fail)


# ------------------------------------------------------------------------------------- the decoder


def test_draw_and_divergence_mean_the_same_variance():
    """The authors' code takes one output for log σ in the draw and for log σ² in the divergence."""
    log_variance = torch.full((1, 1), 2 * math.log(3))
    with seeded(0, CPU):
        z = _draw(torch.full((20000, 1), 5.0), log_variance).numpy().ravel()
    assert stats.kstest(z, stats.norm(5, 3).cdf).pvalue > 1e-3
    expected = 0.5 * (9 - 1) - math.log(3)
    assert float(standard_normal_kl(torch.zeros(1, 1), log_variance)) == pytest.approx(expected)


def decoder(shape=(1, 8, 8), n_classes=2, n_features=3, latent_dim=2):
    with seeded(0, CPU):
        return FeatureDecoder(
            n_features, shape, n_classes, latent_dim=latent_dim, hidden_layer_sizes=[8]
        )


def train(model, rows, x, codes, **params):
    hyper = {"kl_lambda": 1.0, "max_steps": 100, "batch_size": 16, "learning_rate": 3e-3}
    with seeded(0, CPU):
        return fit_decoder(
            model, rows, x, torch.from_numpy(codes), verbose=False, **{**hyper, **params}
        )


def test_likelihood_is_summed_over_the_pixels():
    model = decoder().eval()
    last = model.decoder.body[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
        x = torch.from_numpy(np.random.default_rng(0).random((5, 64), dtype=np.float32))
        with seeded(0, CPU):
            log_likelihood, kl = model(torch.zeros(5, 3), x, torch.zeros(5, dtype=torch.int64))
    # A Bernoulli of logit 0 says log 1/2 of any intensity.
    np.testing.assert_allclose(log_likelihood, -64 * math.log(2), rtol=1e-5)
    assert kl.shape == (5,)


def prototypes(counts, shape=(1, 8, 8), n_features=3):
    """Classes that are one black-and-white image each, with features that say nothing."""
    codes = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (len(counts), *shape)).astype(np.float32)
    rows = rng.normal(size=(len(codes), n_features)).astype(np.float32)
    x = torch.from_numpy(images[codes].reshape(len(codes), -1))
    return torch.from_numpy(rows), x, codes, images


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 6)], ids=str)
def test_classes_of_one_image_are_given_back(shape):
    """The bound of such classes is 0: each image is certain given the class, which is told."""
    rows, x, codes, images = prototypes([30, 8, 2], shape)
    model = decoder(shape, 3)
    history = train(model, rows, x, codes, max_steps=100)
    assert history[0]["loss"] > 10 * history[-1]["loss"]
    assert 0 < history[-1]["loss"] < 4
    assert history[-1]["kl"] < 1
    with seeded(0, CPU):
        made = model.generate(torch.randn(30, 3), torch.arange(3).repeat(10))
    np.testing.assert_allclose(
        made.numpy(), images.reshape(3, -1)[np.tile([0, 1, 2], 10)], atol=0.2
    )


def test_sides_that_are_no_multiples_of_four_are_cut_off_and_nothing_else():
    model = decoder((2, 5, 10), 2).eval()
    z, y = torch.ones(3, 2), torch.tensor([0, 1, 1])
    with torch.no_grad():
        whole = model.decoder(z, y)
        assert whole.shape == (3, 2, 8, 12)
        assert torch.equal(model.decode(z, y), whole[:, :, :5, :10].reshape(3, -1))


# --------------------------------------------------------------- tables, and images without F


def test_rows_of_a_table_are_in_the_hull_of_their_class():
    sampler = quick(small())
    X_res, y_res = sampler.fit_resample(A, THREE)
    assert np.bincount(y_res).tolist() == [20, 20, 20]
    scale = np.abs(A).max()
    for row, label in zip(X_res[N:], y_res[N:], strict=True):
        own = A[label == THREE] / scale
        # Non-negative weights that sum to 1.
        _, misfit = nnls(np.c_[own, np.ones(len(own))].T, np.r_[row / scale, 1])
        assert misfit < 1e-4
    assert len(np.unique(X_res, axis=0)) == 60


@pytest.mark.parametrize(
    "X, params", [(A, {}), (IMAGES, {"network": "mlp"})], ids=["table", "flat"]
)
def test_without_features_parameters_of_the_decoder_play_no_part(X, params):
    mine = small(random_state=0, **params).fit(X, Y)
    sampler = quick(mine)
    X_res, _ = sampler.fit_resample(X, Y)
    assert not hasattr(sampler, "decoder_")
    assert not hasattr(sampler, "history_")
    other = quick(mine, latent_dim=9, hidden_layer_sizes=(5, 5), max_steps=1, kl_lambda=7.0)
    np.testing.assert_array_equal(other.fit_resample(X, Y)[0], X_res)


# ------------------------------------------------------------------------------------- refusals

TIED = np.repeat([0, 1, 2], [15, 15, 10])


@pytest.mark.parametrize(
    "y, strategy, wrong, made",
    [
        (Y, {0: 31, 1: 12}, [0], [1]),
        (TIED, {1: 16}, [1], [2]),
        (np.arange(N) % 2, {0: 21}, [0], []),
        (np.array(["b", "a"])[Y], {"b": 40}, ["b"], ["a"]),
    ],
    ids=["majority", "tie", "balanced", "words"],
)
def test_rows_of_a_largest_class_are_refused_before_training(no_training, y, strategy, wrong, made):
    for estimator in (None, small(), features(image_shape=(1, 8, 8))):
        with pytest.raises(ValueError, match="sampling_strategy adds rows to") as error:
            GAMO2PixSampler(estimator, sampling_strategy=strategy).fit_resample(FLAT, y)
        message = str(error.value)
        assert f"sampling_strategy adds rows to {wrong}, and GAMO makes rows only of" in message
        assert f"in y: {made}. Leave the others out of" in message


@pytest.mark.parametrize("wrap", [lambda gamo: gamo, FrozenEstimator], ids=["plain", "frozen"])
def test_fitted_one_must_make_the_class(request, wrap):
    """What counts are the rows that it was fitted on."""
    mine = features(random_state=0).fit(IMAGES, Y)
    request.getfixturevalue("no_training")
    sampler = quick(wrap(mine))
    before = dict(vars(sampler))
    with pytest.raises(
        ValueError, match=r"adds rows to \[0\].* what estimator was fitted on: \[1\]"
    ):
        sampler.fit_resample(IMAGES, 1 - Y)
    assert vars(sampler) == before


@pytest.mark.parametrize("sizes", [(0,), (8, -1), (2.5,), ("8",)], ids=str)
def test_refused_hidden_layer_sizes(no_training, sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* must be positive integers"):
        quick(hidden_layer_sizes=sizes).fit_resample(IMAGES, Y)


def test_empty_hidden_layer_sizes_leave_one_linear_layer():
    sampler = quick(hidden_layer_sizes=())
    sampler.fit_resample(IMAGES, Y)
    assert sampler.decoder_.encoder.head.in_features == 6


# ------------------------------------------------------------- history, pictures, and what is said


def test_history_is_that_of_the_decoder():
    sampler = quick(max_steps=60)
    sampler.fit_resample(IMAGES, Y)
    assert [(record["epoch"], record["step"]) for record in sampler.history_] == [(1, 50), (2, 60)]
    for record in sampler.history_:
        assert record["loss"] == pytest.approx(record["kl"] - record["reconstruction"], rel=1e-4)


def test_encode_gives_what_is_combined():
    sampler = quick()
    sampler.fit_resample(IMAGES, Y)
    found = sampler.encode(IMAGES[:5])
    net = sampler.estimator_.net_
    with torch.no_grad():
        expected = net.module_.features(torch.from_numpy(IMAGES[:5] / np.float32(255)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32
    table = quick(small())
    table.fit_resample(A, Y)
    np.testing.assert_array_equal(table.encode(A), table.encoder_.transform(A))


def test_encode_needs_a_gamo():
    with pytest.raises(NotFittedError):
        quick().encode(IMAGES)
    sampler = quick()
    sampler.fit_resample(IMAGES, np.arange(N) % 2)
    with pytest.raises(ValueError, match=r"no GAMO was trained: name totals in sampling_strategy"):
        sampler.encode(IMAGES)


# ----------------------------------------------------- repeatability, pickles, all or nothing


def test_seed_of_the_estimator_is_of_its_training_and_that_of_the_sampler_of_the_rest():
    estimator = features(random_state=5)
    one, other = (quick(estimator, random_state=seed) for seed in (0, 1))
    rows = [sampler.fit_resample(IMAGES, Y)[0].tobytes() for sampler in (one, other)]
    assert state_of(one.estimator_.net_.module_) == state_of(other.estimator_.net_.module_)
    assert state_of(one.decoder_) != state_of(other.decoder_)
    assert rows[0] != rows[1]


def test_says_that_early_stopping_has_made_classes_equal():
    y = np.repeat([0, 1, 2], [15, 14, 11])
    sampler = quick(features(early_stopping=True, random_state=0))
    with pytest.raises(ValueError, match=r"\[1\].*early_stopping has held rows out.*: \[2\]"):
        sampler.fit_resample(IMAGES, y)
