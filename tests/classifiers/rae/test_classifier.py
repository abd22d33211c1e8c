"""RAEClassifier as its users meet it: what it learns, reports, refuses and repeats."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._rae import net as net_module
from tests.test_common import made

COUNTS = (60, 24, 12)
FEW = {
    "hidden_layer_sizes": (16,),
    "mixer_layer_sizes": (8,),
    "critic_layer_sizes": (8,),
    "batch_size": 8,
    # whatever the defaults are
    "latent_dim": 8,
    "clf_lambda": 5.0,
    "mae_lambda": 0.01,
    "encoder_steps": 5,
    "decoder_steps": 1,
    "critic_steps": 2,
    "penalty_lambda": 10.0,
    "decoder_clf_lambda": 1.0,
    "decoder_mae_lambda": 0.0,
    "ema_decay": 0.9,
    "dropout": 0.4,
    "learning_rate": 1e-3,
    "weight_decay": 1e-3,
    "device": "cpu",
    "random_state": 0,
}


def table(counts=COUNTS, n_features=3, seed=0, apart=3.0):
    """A long-tailed table whose classes lie apart."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    X = rng.normal(size=(len(codes), n_features)) + apart * codes[:, None]
    return X, np.array(["large", "medium", "small", "tiny"])[codes]


def pictures(side, n=30, seed=1):
    """Bytes whose left or right half is bright."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 3 == 0).astype(int)
    images = rng.integers(0, 60, (n, 1, side, side), dtype=np.uint8)
    for i, label in enumerate(y):
        half = slice(side // 2, None) if label else slice(side // 2)
        images[i, :, :, half] += 150
    return images, y


X, Y = table()
IMAGES, SIDES = pictures(8)


def quick(**params):
    """Next to no training: what is learned is no matter here."""
    return made(RAEClassifier, **{**FEW, "max_steps": 5, **params})


def able(**params):
    """Enough training for blobs that lie apart."""
    return quick(**{"max_steps": 100, "learning_rate": 0.01, "dropout": 0.0, **params})


def weights(classifier):
    return torch.cat([p.flatten() for p in classifier.net_.module_.averaged.parameters()]).numpy()


@pytest.fixture(scope="module")
def fitted():
    return able().fit(X, Y)


@pytest.fixture(scope="module")
def started():
    return quick().fit(X, Y)


# What it learns


def test_classes_that_lie_apart_are_learned(fitted):
    assert balanced_accuracy_score(Y, fitted.predict(X)) > 0.95
    new, labels = table(seed=7)
    assert balanced_accuracy_score(labels, fitted.predict(new)) > 0.9


LINEAR = {
    "decoder_steps": 0,
    "mixing": None,
    "hidden_layer_sizes": (),
    "latent_dim": 2,
    "encode": False,
    "weight_decay": 0.0,
    "batch_size": 64,
}


@pytest.mark.parametrize("sampling", [None, "balanced"])
def test_probabilities_of_a_constant_guess_are_the_shares_of_the_classes(sampling):
    # Columns that say nothing: the bias alone learns, and softmax(b) = N_k / N at the minimum.
    blank = np.zeros((len(Y), 2), dtype="f4")
    classifier = able(**LINEAR, sampling=sampling, max_steps=300, ema_decay=0.98).fit(blank, Y)
    share = np.array(COUNTS) / sum(COUNTS) if sampling is None else np.full(3, 1 / 3)
    np.testing.assert_allclose(classifier.predict_proba(blank), np.tile(share, (96, 1)), atol=0.05)


# Its networks


@pytest.mark.parametrize(
    "data, params, latent_dim, convolves",
    [
        ((X, Y), {}, 32, False),
        ((X, Y), {"latent_dim": 3}, 3, False),
        ((IMAGES, SIDES), {"network": "cnn"}, 64, True),
        (pictures(16, n=12), {}, 64, True),
        (pictures(18, n=12), {}, 64, False),
    ],
    ids=["table", "given", "small cnn", "large", "not by 4"],
)
def test_networks_suit_the_rows(data, params, latent_dim, convolves):
    brief = {"max_steps": 2, "batch_size": 2, "latent_dim": "auto"}
    classifier = quick(**{**brief, **params}).fit(*data)
    module = classifier.net_.module_
    for player in (module.encoder, module.decoder):
        assert any(isinstance(m, nn.Conv2d) for m in player.modules()) == convolves
    assert module.head.in_features == latent_dim
    assert classifier.penultimate_features(data[0]).shape == (len(data[1]), latent_dim)


@pytest.mark.parametrize(
    "encode, scale, kind",
    [(True, 1, "events"), (False, 1 / 255, "events"), (False, 1, "numbers")],
)
def test_pixels_in_0_to_1_are_intensities_and_others_numbers(encode, scale, kind):
    images = IMAGES if encode else (IMAGES * scale).astype("f4")
    likelihood = quick(encode=encode).fit(images, SIDES).net_.module_.likelihood
    assert likelihood.intensities == (kind == "events")
    assert likelihood.n_bernoulli == (64 if kind == "events" else 0)
    assert likelihood.n_gaussian == (0 if kind == "events" else 64)


# The ablations

FULL = {"critic_gap", "decoder", "decoder_classification", "gradient_penalty", "reconstruction"}
MIXER = {"mixer", "alpha_entropy"}
ALL = FULL | MIXER
ABLATIONS = {
    "no classifier": ({"clf_lambda": 0.0, "mae_lambda": 1.0}, ALL),
    "no over-sampling": ({"mixing": None}, FULL),
    "no decoder": ({"decoder_steps": 0}, MIXER),
    "no mixer": ({"mixing": 1.0}, FULL | {"alpha_entropy"}),
    "permuted": ({"mixer_target": "permuted"}, ALL),
    "three": ({"n_mixed": 3}, ALL),
    "the head alone": ({"decoder_steps": 0, "mixing": None}, set()),
    "no balance": ({"sampling": None}, ALL),
    "authors": ({"encoder_steps": 1, "decoder_steps": 4, "critic_steps": 5}, ALL),
    "paper": ({"decoder_clf_lambda": 0.0, "ema_decay": 0.0}, ALL - {"decoder_classification"}),
    "rebuilt": ({"decoder_mae_lambda": 1.0}, ALL | {"decoder_reconstruction"}),
    "no penalty": ({"penalty_lambda": 0.0}, ALL - {"gradient_penalty"}),
    "no reconstruction": ({"mae_lambda": 0.0}, ALL - {"reconstruction"}),
}


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_run_and_record_what_they_train(name):
    params, terms = ABLATIONS[name]
    classifier = quick(**params).fit(X, Y)
    assert set(classifier.history_[-1]) == terms | {"epoch", "loss", "classification"}
    diagnosed = {"alpha_entropy", "critic_gap"} & terms
    assert set(classifier.diagnostics_) == diagnosed | {"separability"}
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1)
    module = classifier.net_.module_
    assert (module.decoder is None) == (not classifier.decoder_steps)
    assert (module.mixer is None) == (classifier.mixing != "mixer")


@pytest.mark.parametrize(
    "params",
    [
        {"clf_lambda": 1.0},
        {"mae_lambda": 1.0},
        {"mixing": 1.0},
        {"mixing": None},
        {"mixer_target": "permuted"},
        {"sampling": None},
        {"decoder_steps": 0},
        {"encoder_steps": 4},
        {"decoder_steps": 2},
        {"critic_steps": 3},
        {"penalty_lambda": 1.0},
        {"decoder_clf_lambda": 0.0},
        {"decoder_mae_lambda": 1.0},
        {"ema_decay": 0.0},
        {"n_mixed": 3},
        {"dropout": 0.1},
        {"learning_rate": 0.02},
        {"weight_decay": 0.5},
    ],
    ids=str,
)
def test_every_other_parameter_changes_the_training(started, params):
    found = weights(quick(**params).fit(X, Y))
    expected = weights(started)
    assert len(found) != len(expected) or not np.allclose(found, expected, atol=1e-6)


# Its warnings


def test_collapsed_weights_are_warned_of(monkeypatch):
    monkeypatch.setattr(net_module, "entropy", lambda alpha: alpha.new_tensor(0.04))
    with pytest.warns(
        UserWarning, match=r"have collapsed: their entropy is 4\.0%.*mixing=1\.0"
    ) as w:
        classifier = quick().fit(X, Y)
    assert len(w) == 1
    assert w[0].filename == __file__
    assert classifier.diagnostics_["alpha_entropy"] == pytest.approx(0.04)
    quick(mixing=0.05).fit(X, Y)  # whoever asks for end points gets them


@pytest.mark.parametrize("n_mixed", [2, 3])
def test_classes_smaller_than_a_group_are_named_once(n_mixed):
    data = table((30, 10, 2, 1))
    with pytest.warns(UserWarning, match="repeat them in their combinations") as record:
        classifier = quick(n_mixed=n_mixed, max_steps=20).fit(*data)
    assert len(record) == 1
    assert record[0].filename == __file__
    named = "{'tiny': 1}" if n_mixed == 2 else "{'small': 2, 'tiny': 1}"
    message = str(record[0].message)
    assert f"n_mixed={n_mixed}" in message
    assert named in message
    assert classifier.predict_proba(data[0]).shape == (43, 4)
    with pytest.warns(UserWarning, match="repeat them") as record:
        classifier.fit(*data)  # and once in each fit
    assert len(record) == 1


# What it refuses


REFUSED = {
    "nothing to learn by": (
        {"clf_lambda": 0, "decoder_steps": 0},
        (X, Y),
        r"clf_lambda=0 leaves the encoder.*set decoder_steps and mae_lambda above 0, or clf_lambda",
    ),
    "no reconstruction": ({"clf_lambda": 0, "mae_lambda": 0}, (X, Y), r"clf_lambda=0 leaves"),
    "cnn on tables": (
        {"network": "cnn"},
        (X, Y),
        r"network='cnn' works on images: pass X of shape .*or give image_shape",
    ),
    "sides": (
        {"network": "cnn"},
        pictures(10),
        r"network='cnn' halves images twice.*\(10, 10\) pixels: pad or resize.*network='mlp'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_training(no_training, case):
    params, data, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(*data)
