"""What the samplers that stand on a classifier share: which one they use, and which they refuse."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from imbdeep.classifiers import GAMOClassifier, RAEClassifier
from imbdeep.over_sampling import (
    GAMO2PixSampler,
    RAESampler,
)

pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed")

N = 40
Y = np.repeat([0, 1], [30, 10])
A = np.random.default_rng(0).normal(size=(N, 3)) + Y[:, None]
FRAME = pd.DataFrame(A, columns=["a", "b", "c"])
WORDS = np.array(["u", "v"], dtype=object)[np.arange(N) % 2]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)
LAYERS = {"max_steps": 2, "batch_size": 8, "latent_dim": 3, "hidden_layer_sizes": (8,)}
#: Sampler, its classifier with next to no training, and what the messages call it.
METHODS = [
    pytest.param(
        RAESampler,
        RAEClassifier(**LAYERS, mixer_layer_sizes=(8,), critic_layer_sizes=(8,), device="cpu"),
        "an RAE",
        id="RAE",
    ),
    pytest.param(
        GAMO2PixSampler,
        GAMOClassifier(
            **LAYERS, generator_layer_sizes=(8,), discriminator_layer_sizes=(8,), device="cpu"
        ),
        "a GAMO",
        id="GAMO",
    ),
]
#: Rows as they are made, not filtered.
PLAIN = {"row_filter": None, "random_state": 0}
each_method = pytest.mark.parametrize("Sampler, unfitted, name", METHODS)


@pytest.fixture
def small(unfitted):
    return clone(unfitted)


def fitted(small, X=A, y=Y):
    return clone(small).set_params(random_state=0).fit(X, y)


@each_method
@pytest.mark.parametrize("wrap", [lambda estimator: estimator, FrozenEstimator])
def test_fitted_one_is_used_and_an_unfitted_one_copied(Sampler, unfitted, name, small, wrap):
    before = dict(vars(small))
    sampler = Sampler(small, **PLAIN)
    sampler.fit_resample(A, Y)
    assert vars(small) == before
    assert sampler.estimator_ is not small
    assert isinstance(sampler.estimator_, type(small))
    mine = fitted(small)
    sampler = Sampler(wrap(mine), **PLAIN)
    sampler.fit_resample(A, Y)
    assert sampler.estimator_ is mine
    assert sampler.encoder_ is mine.encoder_
    assert sampler.device_ == mine.device_


SHARED = [
    ("categorical_features", [0]),
    ("categorical_features", None),
    ("image_shape", (1, 1, 3)),
    ("device", torch.device("cpu")),
    ("verbose", 1),
]


@each_method
@pytest.mark.parametrize("shared, value", SHARED, ids=repr)
def test_shared_parameters_beside_an_estimator(Sampler, unfitted, name, small, shared, value):
    sampler = Sampler(small, **PLAIN, **{shared: value})
    if shared == "verbose" and Sampler is GAMO2PixSampler:  # which trains something itself
        sampler.fit_resample(A, Y)
        return
    message = rf"{shared}=.* is for {name} that is made here, and estimator is given: set it there"
    for estimator in (small, fitted(small)):
        with pytest.raises(ValueError, match=rf"{message}, estimator={type(small).__name__}\("):
            sampler.set_params(estimator=estimator).fit_resample(A, Y)


@each_method
def test_unsuited_frozen_ones_are_refused(Sampler, unfitted, name, small):
    with pytest.raises(ValueError, match="frozen and not fitted: fit it before it is frozen"):
        Sampler(FrozenEstimator(small)).fit_resample(A, Y)
    frozen = FrozenEstimator(LogisticRegression().fit(A, Y))
    with pytest.raises(ValueError, match=f"a frozen LogisticRegression: freeze {name}Classifier,"):
        Sampler(frozen).fit_resample(A, Y)


@each_method
def test_encoder_is_needed_of_what_was_fitted(Sampler, unfitted, name, small):
    mine = fitted(small.set_params(encode=False))
    for estimator in (small, mine, mine.set_params(encode=True)):
        with pytest.raises(ValueError, match="estimator has encode=False, and rows must be dec"):
            Sampler(FrozenEstimator(mine) if estimator is mine else small).fit_resample(A, Y)


OTHER_DATA = {
    "fewer columns": (A, A[:, :2], "X has 2 features, but {} is expecting 3"),
    "other names": (FRAME, FRAME.rename(columns={"a": "z"}), "feature names should match"),
    "frame": (A, FRAME, r"fitted on numpy\.ndarray, and X is pandas\.\S*DataFrame: convert X"),
    "integers": (A, np.arange(3 * N).reshape(N, 3), "on columns of 'f', and X has 'i' there"),
    "images": (A, np.zeros((N, 1, 2, 2), dtype="u1"), "{} was fitted on a table"),
    "more categories": (
        FRAME.assign(a=pd.Categorical(WORDS, categories=["u", "v"])),
        FRAME.assign(a=pd.Categorical(WORDS, categories=["u", "v", "x"])),
        "on column 'a' of CategoricalDtype.*, and X has CategoricalDtype.*'x'",
    ),
    "flattened images": (
        IMAGES,
        IMAGES.reshape(N, -1),
        r"on rows of shape \(1, 8, 8\), and those of X have shape \(64,\): reshape X",
    ),
    "another unit": (IMAGES, IMAGES / 255, "images of dtype float64, and the encoder"),
}


@each_method
@pytest.mark.parametrize("case", OTHER_DATA)
def test_estimator_of_other_data_is_refused(Sampler, unfitted, name, small, case):
    before, X, message = OTHER_DATA[case]
    sampler = Sampler(fitted(small, before))
    own = dict(vars(sampler))
    with pytest.raises(ValueError, match="(?s)" + message.format(type(small).__name__)):
        sampler.fit_resample(X, Y)
    assert vars(sampler) == own


@each_method
def test_estimator_of_other_classes_is_refused(Sampler, unfitted, name, small):
    with pytest.raises(ValueError, match=r"on the classes \[0, 1\], and y holds \[1, 2\]: fit it"):
        Sampler(fitted(small)).fit_resample(A, Y + 1)
