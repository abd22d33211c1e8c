"""GAMO2PixSampler: images of features, GAMO's own rows elsewhere, and what it promises of both."""

import io
import math
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import make_pipeline
from scipy import stats
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.net import GAMONet
from imbdeep.displays import LatentDisplay, TrainingHistoryDisplay
from imbdeep.losses import standard_normal_kl
from imbdeep.over_sampling import GAMO2PixSampler
from imbdeep.over_sampling._gamo2pix import (
    FeatureDecoder,
    _draw,
    fit_decoder,
)
from imbdeep.seeding import seeded
from imbdeep.training import DivergedError

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
#: Rows as they are made, judged by nobody.
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
def brief_default(monkeypatch):
    """The GAMO of estimator=None, with next to no training."""
    made = GAMO2PixSampler._made
    change = {**SMALL, "network": "cnn"}
    monkeypatch.setattr(GAMO2PixSampler, "_made", lambda self: made(self).set_params(**change))


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
        return fit_decoder(model, rows, x, codes, verbose=False, **{**hyper, **params})


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


PROTOTYPES = np.random.default_rng(3).integers(0, 2, (3, 1, 8, 8)).astype(np.float32)


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


def test_without_a_price_codes_tell_everything_and_with_a_high_one_nothing():
    """The two ends of kl_lambda: an auto-encoder, and the mean of the class."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], [40, 40])
    on = torch.from_numpy(rng.integers(0, 2, (80, 1)).astype(np.float32))
    x = on.expand(-1, 64).contiguous()  # half of the images of both classes are white
    rows = 4 * on.repeat(1, 3) - 2 + torch.from_numpy(rng.normal(0, 0.1, (80, 3))).float()
    ends = {}
    for kl_lambda in (0.0, 1e3):
        model = decoder()
        history = train(model, rows, x, codes, kl_lambda=kl_lambda, max_steps=100)
        with seeded(0, CPU):
            ends[kl_lambda] = history[-1], model.generate(rows, torch.from_numpy(codes)).numpy()
    free, made = ends[0.0]
    assert free["loss"] == pytest.approx(-free["reconstruction"])
    assert free["kl"] > 1
    assert (np.abs(made.mean(axis=1) - on.numpy().ravel()) < 0.3).mean() > 0.9
    dear, made = ends[1e3]
    assert dear["kl"] < 0.05
    # log 1/2 a pixel is what is left to say
    assert dear["reconstruction"] == pytest.approx(-64 * math.log(2), rel=0.25)
    np.testing.assert_allclose(made.mean(), 0.5, atol=0.15)
    assert made.mean(axis=1).std() < 0.15


def test_classes_are_drawn_equally_often():
    rows, x, codes, _ = prototypes([50, 5, 1])
    model = decoder(n_classes=3)
    seen = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    train(model, rows, x, codes, max_steps=60)
    y = torch.cat([inputs[2] for inputs in seen]).numpy()
    assert stats.chisquare(np.bincount(y)).pvalue > 1e-3
    images = torch.cat([inputs[1] for inputs in seen])
    first = torch.from_numpy(np.unique(codes, return_index=True)[1])
    assert torch.equal(images, x[first[torch.from_numpy(y)]])


def test_sides_that_are_no_multiples_of_four_are_cut_off_and_nothing_else():
    model = decoder((2, 5, 10), 2).eval()
    z, y = torch.ones(3, 2), torch.tensor([0, 1, 1])
    with torch.no_grad():
        whole = model.decoder(z, y)
        assert whole.shape == (3, 2, 8, 12)
        assert torch.equal(model.decode(z, y), whole[:, :, :5, :10].reshape(3, -1))


# -------------------------------------------------------------- images in, images of features out


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "i2", "?"])
@pytest.mark.parametrize("flat", [False, True], ids=["images", "flattened"])
def test_images_come_back(dtype, flat):
    X = IMAGES / 255 * 6 - 3 if dtype[0] == "f" else IMAGES > 99 if dtype == "?" else IMAGES
    X = X.astype(dtype).reshape(N, -1) if flat else X.astype(dtype)
    hint = {"image_shape": (1, 8, 8)} if flat else {}
    for estimator in (features(**hint), features(random_state=0, **hint).fit(X, Y)):
        sampler = quick(estimator)
        X_res, y_res = sampler.fit_resample(X, Y)
        assert X_res.dtype == X.dtype
        assert X_res.shape == (60, *X.shape[1:])
        np.testing.assert_array_equal(X_res[:N], X)
        np.testing.assert_array_equal(y_res, np.r_[Y, np.ones(20)])
        assert X.min() <= X_res[N:].min() <= X_res[N:].max() <= X.max()
        assert sampler.sample(3, 1).shape == (3, *X.shape[1:])


@pytest.mark.parametrize("container", ["tensor", "list"])
def test_images_in_other_containers(container):
    X = torch.tensor(IMAGES) if container == "tensor" else IMAGES.tolist()
    X_res, _ = quick().fit_resample(X, Y)
    assert type(X_res) is type(X)
    assert np.asarray(X_res).shape == (60, 1, 8, 8)


@pytest.mark.parametrize("side", [5, 6, 7])
def test_images_of_any_side_come_back(side):
    X_res, _ = quick().fit_resample(IMAGES[..., :side], Y)
    assert X_res.shape == (60, 1, 8, side)


def test_colours_come_back():
    X = np.random.default_rng(0).integers(0, 256, (N, 3, 8, 4), dtype=np.uint8)
    assert quick().fit_resample(X, Y)[0].shape == (60, 3, 8, 4)


def test_flattened_images_give_the_same_images(brief_default):
    images, _ = quick().fit_resample(IMAGES, Y)
    by_estimator, _ = quick(features(image_shape=(1, 8, 8))).fit_resample(FLAT, Y)
    np.testing.assert_array_equal(images.reshape(len(images), -1), by_estimator)
    made_here = GAMO2PixSampler(image_shape=(1, 8, 8), device="cpu", **DECODER, **PLAIN)
    np.testing.assert_array_equal(made_here.fit_resample(FLAT, Y)[0], by_estimator)


def test_decoder_sees_features_of_the_real_images_and_shows_those_of_the_generator(monkeypatch):
    estimator = features(random_state=0).fit(IMAGES, THREE)
    before = state_of(estimator.net_.module_)
    made = []

    def spied(net, code, n, original=GAMONet.generate_features):
        made.append((code, original(net, code, n)))
        return made[-1][1]

    monkeypatch.setattr(GAMONet, "generate_features", spied)
    seen = []
    original = FeatureDecoder.encode
    monkeypatch.setattr(
        FeatureDecoder, "encode", lambda self, x: (seen.append(x), original(self, x))[1]
    )
    sampler = quick(estimator)
    sampler.fit_resample(IMAGES, THREE)
    assert state_of(estimator.net_.module_) == before  # F is fixed, and so is all else
    real = {row.numpy().tobytes() for row in estimator.net_.features(IMAGES / np.float32(255))}
    assert {row.numpy().tobytes() for part in seen[:3] for row in part} <= real
    assert [(code, len(rows)) for code, rows in made] == [(1, 12), (2, 8)]
    for (_, rows), shown in zip(made, seen[3:], strict=True):
        assert torch.equal(rows, shown)


def test_decoder_is_told_the_class():
    sampler = quick()
    sampler.fit_resample(IMAGES, THREE)
    told = []
    hook = sampler.decoder_.decoder.register_forward_pre_hook(
        lambda _, given: told.append(given[1])
    )
    sampler.sample(4, 2)
    hook.remove()
    assert torch.cat(told).tolist() == [2] * 4


def test_rows_are_generated_some_at_a_time(monkeypatch):
    sampler = quick()
    sampler.fit_resample(IMAGES, Y)
    sizes = []
    sampler.decoder_.register_forward_pre_hook(lambda *_: pytest.fail("for training alone"))
    original = FeatureDecoder.generate
    monkeypatch.setattr(
        FeatureDecoder,
        "generate",
        lambda self, x, y: (sizes.append(len(x)), original(self, x, y))[1],
    )
    monkeypatch.setattr("imbdeep.over_sampling._gamo2pix._GENERATED_ROWS", 7)
    rows = sampler.sample(17, 1)
    assert sizes == [7, 7, 3]
    assert len(np.unique(rows, axis=0)) == 17


def test_images_of_a_trained_one_look_like_their_class():
    """Classes of bars, upright and level: a new image is nearer to its own."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 30, 15])
    X = rng.integers(0, 60, (len(y), 1, 8, 8))
    for image, k, at in zip(X, y, rng.integers(0, 8, len(y)), strict=True):
        if k == 0:
            image[0, at] += 190
        elif k == 1:
            image[0, :, at] += 190
        else:
            image[0, range(8), range(8)] += 190
    X = X.astype(np.uint8)
    estimator = features(n_extracted=16, max_steps=100, learning_rate=1e-3, random_state=0)
    sampler = quick(estimator, latent_dim=8, max_steps=150, batch_size=32, learning_rate=3e-3)
    X_res, y_res = sampler.fit_resample(X, y)
    new, label = X_res[len(X) :], y_res[len(X) :]
    upright = new[label == 1][:, 0].astype(float)
    # Columns of upright bars differ more than their rows.
    assert (upright.mean(axis=1).std(axis=1) > upright.mean(axis=2).std(axis=1)).mean() > 0.9
    diagonal = new[label == 2][:, 0].astype(float)
    assert (diagonal[:, range(8), range(8)].mean(axis=1) > 2 * diagonal.mean(axis=(1, 2))).all()


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
def test_without_features_rows_are_the_generators_own(monkeypatch, X, params):
    monkeypatch.setattr(
        "imbdeep.over_sampling._gamo2pix.fit_decoder", lambda *_, **__: pytest.fail("it trained")
    )
    mine = small(random_state=0, **params).fit(X, Y)
    made = []

    def spied(net, code, n, original=GAMONet.generate):
        made.append(original(net, code, n))
        return made[-1]

    monkeypatch.setattr(GAMONet, "generate", spied)
    sampler = quick(mine)
    X_res, _ = sampler.fit_resample(X, Y)
    np.testing.assert_array_equal(X_res[N:], mine.encoder_.inverse_transform(made[0]))
    assert not hasattr(sampler, "decoder_")
    assert not hasattr(sampler, "history_")
    # What is said of the decoder plays no part.
    other = quick(mine, latent_dim=9, hidden_layer_sizes=(5, 5), max_steps=1, kl_lambda=7.0)
    np.testing.assert_array_equal(other.fit_resample(X, Y)[0], X_res)


def test_flattened_images_without_features_come_back():
    X_res, _ = quick(small(network="mlp", image_shape=(1, 8, 8))).fit_resample(FLAT, Y)
    assert X_res.shape == (60, 64)
    assert X_res.dtype == np.uint8


@pytest.mark.parametrize("generator", ["convex", "conditional"])
def test_mixed_table_comes_back(generator):
    third = np.arange(N) % 3
    X = pd.DataFrame(
        {
            "number": A[:, 0].astype("f4"),
            "holes": np.where(third == 0, np.nan, A[:, 1]),
            "Int64": pd.array(np.where(third == 1, None, third), dtype="Int64"),
            "word": np.array(["u", "v", "w"], dtype=object)[third],
            "bool": third == 2,
        }
    )
    X_res, y_res = quick(small(generator=generator)).fit_resample(X, pd.Series(Y, name="y"))
    assert X_res.dtypes.equals(X.dtypes)
    pd.testing.assert_frame_equal(X_res.head(N), X)
    assert y_res.name == "y"
    new = X_res.iloc[N:]
    assert set(new["word"]) <= {"u", "v", "w"}
    assert not new["number"].isna().any()


def test_images_of_a_conditional_generator_are_decoded_too():
    X_res, _ = quick(features(generator="conditional")).fit_resample(IMAGES, Y)
    assert X_res.shape == (60, 1, 8, 8)


@given(
    counts=st.lists(st.integers(2, 20), min_size=2, max_size=4),
    extra=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15)
def test_every_smaller_class_gets_what_it_shall(counts, extra, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = rng.normal(size=(len(y), 2))
    wanted = {
        k: c + e * (c < max(counts)) for k, (c, e) in enumerate(zip(counts, extra, strict=False))
    }
    sampler = quick(small(), sampling_strategy=wanted)
    X_res, y_res = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_res[: len(y)], X)
    assert np.bincount(y_res).tolist() == list(wanted.values())
    for k in np.unique(y_res[len(y) :]):
        own, new = X[y == k], X_res[len(y) :][y_res[len(y) :] == k]
        assert (new >= own.min(axis=0) - 1e-5).all()
        assert (new <= own.max(axis=0) + 1e-5).all()


# -------------------------------------------------------------------------- which GAMO it uses


def test_none_trains_one_with_its_defaults(monkeypatch):
    made, fit = [], GAMOClassifier.fit

    def spied(gamo, *args):
        made.append(gamo.get_params())
        return fit(gamo.set_params(**SMALL), *args)

    monkeypatch.setattr(GAMOClassifier, "fit", spied)
    sampler = GAMO2PixSampler(categorical_features=[0], device="cpu", **PLAIN)
    X_res, _ = sampler.fit_resample(np.round(A), Y)
    expected = GAMOClassifier(categorical_features=[0], device="cpu").get_params()
    assert isinstance(made[0]["random_state"], int)
    assert made == [{**expected, "random_state": made[0]["random_state"]}]
    assert sampler.estimator is None
    assert set(X_res[N:, 0]) <= set(np.round(A[:, 0]))  # the first column is of categories


def test_unfitted_one_is_copied_and_trained():
    mine = features()
    before = dict(vars(mine))
    sampler = quick(mine)
    sampler.fit_resample(IMAGES, Y)
    assert vars(mine) == before
    assert sampler.estimator_ is not mine
    found = sampler.estimator_.get_params()
    assert isinstance(found.pop("random_state"), int)
    assert found.items() <= mine.get_params().items()
    assert sampler.encoder_ is sampler.estimator_.encoder_
    assert sampler.device_ == CPU
    assert sampler.estimator_.history_


@pytest.mark.parametrize("wrap", [lambda gamo: gamo, FrozenEstimator], ids=["plain", "frozen"])
def test_fitted_one_is_used_as_it_is(wrap, monkeypatch):
    mine = features(random_state=0).fit(IMAGES, Y)
    before, weights, net = dict(vars(mine)), state_of(mine.net_.module_), mine.net_
    sampler = quick(wrap(mine))
    monkeypatch.setattr(GAMONet, "train_step", lambda *args: pytest.fail("a second training"))
    sampler.fit_resample(IMAGES, Y)
    sampler.sample(5, 1)
    assert sampler.estimator_ is mine
    assert mine.net_ is net
    assert vars(mine) == before
    assert state_of(net.module_) == weights
    assert not any(module.training for module in sampler.decoder_.modules())
    assert not any(p.requires_grad for p in sampler.decoder_.parameters())
    # Other images of the same classes: the decoder learns them too.
    other, _ = sampler.fit_resample(IMAGES[5:], Y[5:])
    assert len(other) == 50


def test_clone_drops_what_is_fitted_unless_it_is_frozen():
    mine = features(random_state=0).fit(IMAGES, Y)
    plain, frozen = clone(quick(mine)), clone(quick(FrozenEstimator(mine)))
    assert not hasattr(plain.estimator, "net_")
    assert frozen.estimator.estimator is mine
    frozen.fit_resample(IMAGES, Y)
    assert frozen.estimator_ is mine


def test_parameters_of_the_estimator_are_parameters_of_the_sampler():
    sampler = quick(features()).set_params(estimator__latent_dim=2)
    sampler.fit_resample(IMAGES, Y)
    assert sampler.estimator_.net_.module_.sizes.latent_dim == 2
    assert sampler.decoder_.latent_dim == 3


def test_pipeline_resamples_while_fitting_only():
    for estimator in (features(image_shape=(1, 8, 8)), small()):
        pipe = make_pipeline(quick(estimator), LogisticRegression(max_iter=500)).fit(FLAT / 255, Y)
        balanced, labels = quick(estimator).fit_resample(FLAT / 255, Y)
        alone = LogisticRegression(max_iter=500).fit(balanced, labels)
        np.testing.assert_array_equal(pipe[-1].coef_, alone.coef_)
        assert pipe.predict(FLAT).shape == (N,)


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


def test_tied_classes_get_nothing_and_need_nothing():
    _, y_res = quick(small()).fit_resample(A, TIED)
    assert np.bincount(y_res).tolist() == [15, 15, 15]


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


def test_tie_of_the_rows_that_are_not_held_out_is_refused():
    y = np.repeat([0, 1], [26, 25])  # of which 3 and 2 are held out
    X = np.random.default_rng(0).normal(size=(51, 2))
    with (
        pytest.warns(UserWarning, match="All classes have 23 rows"),
        pytest.raises(
            ValueError, match=r"adds rows to \[1\].* in what estimator was fitted on .*: \[\]"
        ),
    ):
        quick(small(early_stopping=True)).fit_resample(X, y)


@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_estimator_without_encoder_is_refused(request, trained):
    mine = small(encode=False, random_state=0)
    if trained:
        mine.fit(A, Y)
    request.getfixturevalue("no_training")
    with pytest.raises(ValueError, match="has encode=False, and rows must be decoded"):
        quick(mine).fit_resample(A, Y)


@pytest.mark.parametrize("name, value", [("image_shape", (1, 8, 8)), ("device", "cpu")])
def test_parameter_of_the_estimator_given_beside_it_is_refused(no_training, name, value):
    message = rf"{name}=.* is for a GAMO that is made here.*estimator=GAMOClassifier\({name}="
    with pytest.raises(ValueError, match=message):
        quick(**{name: value}).fit_resample(IMAGES, Y)


def test_another_frozen_classifier_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(A, Y))
    with pytest.raises(ValueError, match="a frozen LogisticRegression: freeze a GAMOClassifier, "):
        GAMO2PixSampler(frozen).fit_resample(A, Y)


@pytest.mark.parametrize("sizes", [(0,), (8, -1), (2.5,), ("8",)], ids=str)
def test_refused_hidden_layer_sizes(no_training, sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* must be positive integers"):
        quick(hidden_layer_sizes=sizes).fit_resample(IMAGES, Y)


def test_refused_parameter_of_the_estimator_is_named():
    with pytest.raises(ValueError, match="The 'n_extracted' parameter of GAMOClassifier must be"):
        quick(features(n_extracted=0)).fit_resample(IMAGES, Y)


RANGES = [
    ("estimator", LogisticRegression(), GAMOClassifier),
    ("sampling_strategy", "majority", 1.5),
    ("latent_dim", 0, 2.5),
    ("hidden_layer_sizes", 8, None),
    ("learning_rate", 0.0, "fast"),
    ("max_steps", 0, 2.5),
    ("batch_size", 1, None),
    ("kl_lambda", -0.1, None),
    ("categorical_features", "all", 3),
    ("image_shape", 28, "28"),
    ("row_filter", "trees", Ridge()),
    ("n_candidates", 0, 2.5),
    ("device", 0, None),
    ("random_state", "seed", -1),
    ("verbose", "loud", -1),
]


@pytest.mark.parametrize(
    "name, value", [(name, value) for name, *values in RANGES for value in values]
)
def test_type_and_range_of_every_parameter_are_checked(no_training, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GAMO2PixSampler must be"):
        quick().set_params(**{name: value}).fit_resample(IMAGES, Y)


def test_every_parameter_has_its_range_tested():
    assert {name for name, *_ in RANGES} == set(GAMO2PixSampler().get_params())


def test_empty_hidden_layer_sizes_leave_one_linear_layer():
    sampler = quick(hidden_layer_sizes=())
    sampler.fit_resample(IMAGES, Y)
    assert sampler.decoder_.encoder.head.in_features == 6


# ------------------------------------------------------------- history, pictures, and what is said


def test_history_is_that_of_the_decoder_and_is_drawn():
    sampler = quick(max_steps=60)
    sampler.fit_resample(IMAGES, Y)
    assert [(record["epoch"], record["step"]) for record in sampler.history_] == [(1, 50), (2, 60)]
    for record in sampler.history_:
        assert record["loss"] == pytest.approx(record["kl"] - record["reconstruction"], rel=1e-4)
    display = TrainingHistoryDisplay.from_estimator(sampler)
    assert display.terms_ == ["loss", "reconstruction", "kl"]
    game = TrainingHistoryDisplay.from_estimator(sampler.estimator_)
    assert "discriminator" in game.terms_


def test_history_of_the_game_is_drawn_where_there_is_no_decoder():
    sampler = quick(small())
    sampler.fit_resample(A, Y)
    assert "discriminator" in TrainingHistoryDisplay.from_estimator(sampler).terms_


def test_kl_lambda_weighs_the_divergence():
    sampler = quick(kl_lambda=5.0)
    sampler.fit_resample(IMAGES, Y)
    record = sampler.history_[-1]
    assert record["loss"] == pytest.approx(5 * record["kl"] - record["reconstruction"], rel=1e-4)


def test_progress_is_shown_beside_an_estimator_too(capfd):
    quick(features(verbose=False), verbose=True).fit_resample(IMAGES, Y)
    out, err = capfd.readouterr()
    assert out == ""
    assert "training the decoder of features" in err


def test_nothing_is_printed_and_nothing_warns_otherwise(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The generator has collapsed")
        quick().fit_resample(IMAGES, Y)
        quick(small()).fit_resample(A, Y)
    assert capfd.readouterr() == ("", "")


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
    display = LatentDisplay.from_estimator(sampler, IMAGES, Y, 1)
    assert len(display.codes) == 300 + N


def test_encode_needs_a_gamo():
    with pytest.raises(NotFittedError):
        quick().encode(IMAGES)
    sampler = quick()
    sampler.fit_resample(IMAGES, np.arange(N) % 2)
    with pytest.raises(ValueError, match=r"no GAMO was trained: name totals in sampling_strategy"):
        sampler.encode(IMAGES)


# ----------------------------------------------------- repeatability, pickles, all or nothing


def test_same_seed_same_bytes():
    first, twice = quick(), quick()
    a, b, c = (s.fit_resample(IMAGES, Y)[0].tobytes() for s in (first, first, twice))
    assert a == b == c
    assert first.sample(5, 1).tobytes() == twice.sample(5, 1).tobytes()
    assert state_of(first.decoder_) == state_of(twice.decoder_)
    assert quick(random_state=1).fit_resample(IMAGES, Y)[0].tobytes() != a


def test_seed_of_the_estimator_is_of_its_training_and_that_of_the_sampler_of_the_rest():
    estimator = features(random_state=5)
    one, other = (quick(estimator, random_state=seed) for seed in (0, 1))
    rows = [sampler.fit_resample(IMAGES, Y)[0].tobytes() for sampler in (one, other)]
    assert state_of(one.estimator_.net_.module_) == state_of(other.estimator_.net_.module_)
    assert state_of(one.decoder_) != state_of(other.decoder_)
    assert rows[0] != rows[1]


def test_random_state_instance_goes_on():
    sampler = quick(small(), random_state=np.random.RandomState(0))
    first, second = (sampler.fit_resample(A, Y)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, quick(small()).fit_resample(A, Y)[0])


def test_no_random_state_differs_every_time():
    """And draws from no global stream: the guard of conftest.py watches."""
    sampler = quick(random_state=None)
    first, second = (sampler.fit_resample(IMAGES, Y)[0] for _ in range(2))
    assert not np.array_equal(first, second)


def test_what_the_user_drew_before_does_not_matter():
    plain, _ = quick().fit_resample(IMAGES, Y)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        again, _ = quick().fit_resample(IMAGES, Y)
    np.testing.assert_array_equal(plain, again)


@pytest.mark.parametrize("X", [IMAGES, A], ids=["images", "table"])
def test_sample_repeats_with_a_seed_and_goes_on_without(X):
    sampler = quick(features() if X is IMAGES else small())
    sampler.fit_resample(X, Y)
    first = sampler.sample(5, 1, random_state=3)
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=3), first)
    assert not np.array_equal(sampler.sample(5, 1, random_state=4), first)
    assert not np.array_equal(sampler.sample(5, 1), sampler.sample(5, 1))
    with pytest.raises(ValueError, match="target=0 is not a class that rows were added to"):
        sampler.sample(5, 0)


@pytest.mark.parametrize("dump", [pickle, joblib], ids=["pickle", "joblib"])
@pytest.mark.parametrize("given", ["unfitted", "fitted", "frozen"])
def test_pickled_sampler_goes_on_where_it_stood(dump, given):
    mine = features() if given == "unfitted" else features(random_state=0).fit(IMAGES, THREE)
    sampler = quick(FrozenEstimator(mine) if given == "frozen" else mine)
    sampler.fit_resample(IMAGES, THREE)
    own = sampler.decoder_
    file = io.BytesIO()
    dump.dump(sampler, file)
    file.seek(0)
    copy = dump.load(file)
    assert sampler.decoder_ is own
    for target in (1, 2):
        np.testing.assert_array_equal(copy.sample(7, target), sampler.sample(7, target))
    assert state_of(copy.decoder_) == state_of(own)
    assert copy.history_ == sampler.history_
    again = [s.fit_resample(IMAGES, THREE)[0] for s in (copy, sampler)]
    np.testing.assert_array_equal(*again)


def test_pickle_of_another_device_goes_on_where_its_networks_do():
    sampler = quick()
    sampler.fit_resample(IMAGES, Y)
    sampler.device_ = torch.device("cuda", 0)  # as if fitted there; the networks come back here
    copy = pickle.loads(pickle.dumps(sampler))
    assert copy.device_ == CPU
    assert copy.sample(3, 1).shape == (3, 1, 8, 8)
    sampler.decoder_.to("meta")
    weights = sampler.__getstate__()["decoder_"].parameters()
    assert {weight.device for weight in weights} == {CPU}
    assert next(sampler.decoder_.parameters()).is_meta


def test_pickle_before_fitting_and_without_decoder():
    for estimator, X in ((features(), IMAGES), (small(), A)):
        copy = pickle.loads(pickle.dumps(quick(estimator)))
        expected, _ = quick(estimator).fit_resample(X, Y)
        np.testing.assert_array_equal(copy.fit_resample(X, Y)[0], expected)
        assert pickle.loads(pickle.dumps(copy)).sample(2, 1).shape == (2, *X.shape[1:])


def test_later_fit_forgets_what_it_has_no_use_for():
    sampler = quick(small())
    assert sampler.set_params(estimator=features()).fit_resample(IMAGES, Y)
    assert hasattr(sampler, "decoder_")
    sampler.set_params(estimator=small()).fit_resample(A, Y)
    assert not hasattr(sampler, "decoder_")
    assert not hasattr(sampler, "history_")
    sampler.set_params(estimator=features()).fit_resample(IMAGES, Y)
    sampler.fit_resample(IMAGES, np.arange(N) % 2)
    for name in ("estimator_", "decoder_", "history_"):
        assert not hasattr(sampler, name)


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def interrupt(*args, **kwargs):
    raise Interrupted


@pytest.mark.parametrize(
    "owner, hook",
    [(GAMONet, "train_step"), (FeatureDecoder, "encode"), (FeatureDecoder, "generate")],
    ids=["game", "decoder", "generating"],
)
def test_interrupted_call_leaves_the_sampler_as_it_was(monkeypatch, owner, hook):
    sampler, twin = quick(), quick()
    for s in (sampler, twin):
        s.fit_resample(IMAGES, Y)
    before = dict(vars(sampler))
    with monkeypatch.context() as patch:
        patch.setattr(owner, hook, interrupt)
        with pytest.raises((Interrupted, KeyboardInterrupt)):
            sampler.fit_resample(IMAGES, THREE)
    assert vars(sampler) == before
    np.testing.assert_array_equal(sampler.sample(5, 1), twin.sample(5, 1))


def test_diverged_decoder_is_named():
    with pytest.raises(DivergedError, match="training the decoder of features: the term"):
        quick(learning_rate=1e30, max_steps=20).fit_resample(IMAGES, Y)


def test_another_default_dtype_of_torch_changes_nothing():
    expected = quick().fit_resample(IMAGES, Y)[0]
    torch.set_default_dtype(torch.float64)
    try:
        found = quick().fit_resample(IMAGES, Y)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.shape == expected.shape
    assert found.dtype == np.uint8


def test_says_that_early_stopping_has_made_classes_equal():
    y = np.repeat([0, 1, 2], [15, 14, 11])
    sampler = quick(features(early_stopping=True, random_state=0))
    with pytest.raises(ValueError, match=r"\[1\].*early_stopping has held rows out.*: \[2\]"):
        sampler.fit_resample(IMAGES, y)
