"""RAEClassifier as its users meet it: what it learns, reports, refuses and repeats."""

import copy
import inspect
import io
import pickle
import re
import warnings
from functools import lru_cache

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._net import ClassifierNet
from imbdeep.classifiers._rae import classifier as classifier_module
from imbdeep.classifiers._rae import net as net_module
from imbdeep.classifiers._rae.augmentation import AdaptiveAugmentation
from imbdeep.classifiers._rae.net import RAENet
from imbdeep.classifiers.base import DeepClassifier
from imbdeep.training import DivergedError

DOC = inspect.getdoc(RAEClassifier)
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
    return RAEClassifier(**{**FEW, "max_steps": 5, **params})


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


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained first")

    monkeypatch.setattr(ClassifierNet, "fit_loop", fail)


@pytest.fixture
def short_epochs(monkeypatch):
    monkeypatch.setattr(net_module, "EPOCH_STEPS", 5)


# What it learns


def test_classes_that_lie_apart_are_learned(fitted):
    assert balanced_accuracy_score(Y, fitted.predict(X)) > 0.95
    new, labels = table(seed=7)
    assert balanced_accuracy_score(labels, fitted.predict(new)) > 0.9


def test_long_tailed_digits_are_learned():
    images, labels = load_digits(return_X_y=True)
    counts = (120, 60, 30, 15, 10)
    rows = np.concatenate([np.flatnonzero(labels == k)[:n] for k, n in enumerate(counts)])
    rest = np.setdiff1d(np.flatnonzero(labels < 5), rows)
    classifier = able(max_steps=200, hidden_layer_sizes=(64,), learning_rate=3e-3)
    classifier.fit(images[rows] / 16.0, labels[rows])
    found = classifier.predict(images[rest] / 16.0)
    assert balanced_accuracy_score(labels[rest], found) > 0.85


def test_balancing_helps_the_small_class():
    X, y = table((300, 15), apart=1.2)
    plain, balanced = (
        recall_score(y, able(sampling=s, decoder=False).fit(X, y).predict(X), pos_label="medium")
        for s in (None, "balanced")
    )
    assert balanced > plain + 0.2


LINEAR = {
    "decoder": False,
    "mixing": None,
    "hidden_layer_sizes": (),
    "latent_dim": 2,
    "encode": False,
    "weight_decay": 0.0,
    "batch_size": 64,
}


def test_linear_codes_without_the_rest_become_logistic_regression():
    # A linear encoder under a linear head, natural frequencies, no other player.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2)).astype("f4")
    y = (X @ [1.0, -2.0] + rng.logistic(size=150) > 1.2).astype(int)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y).predict_proba(X)
    classifier = able(**LINEAR, sampling=None, max_steps=600, ema_decay=0.98)
    np.testing.assert_allclose(classifier.fit(X, y).predict_proba(X), expected, atol=0.05)


@pytest.mark.parametrize("sampling", [None, "balanced"])
def test_probabilities_of_a_constant_guess_are_the_shares_of_the_classes(sampling):
    # Columns that say nothing: the bias alone learns, and softmax(b) = N_k / N at the minimum.
    blank = np.zeros((len(Y), 2), dtype="f4")
    classifier = able(**LINEAR, sampling=sampling, max_steps=300, ema_decay=0.98).fit(blank, Y)
    share = np.array(COUNTS) / sum(COUNTS) if sampling is None else np.full(3, 1 / 3)
    np.testing.assert_allclose(classifier.predict_proba(blank), np.tile(share, (96, 1)), atol=0.05)


def test_where_the_codes_are_separable_combinations_keep_their_class():
    # Proposition 1, on what was learned.
    X, y = table(apart=8.0)
    fitted = able().fit(X, y)
    assert fitted.diagnostics_["separability"] == 1
    codes, head = fitted.penultimate_features(X), fitted.net_.module_.head
    rng = np.random.default_rng(0)
    for code, label in enumerate(fitted.classes_):
        own = codes[label == y]
        for t in (2, 5, len(own)):
            alpha = rng.dirichlet(np.ones(t), size=200)
            groups = own[rng.integers(len(own), size=(200, t))]
            z = np.einsum("nt,ntm->nm", alpha, groups).astype("f4")
            with torch.no_grad():
                assert (head(torch.from_numpy(z)).argmax(dim=1) == code).all()


# What it reports


def test_history_and_diagnostics_hold_every_player(short_epochs, fitted):
    classifier = quick(max_steps=20).fit(X, Y)
    assert [epoch["epoch"] for epoch in classifier.history_] == [1, 2, 3, 4]
    expected = {
        "epoch",
        "loss",
        "classification",
        "reconstruction",
        "mixer",
        "decoder",
        "decoder_classification",
        "critic_gap",
        "gradient_penalty",
        "alpha_entropy",
    }
    for epoch in classifier.history_:
        assert set(epoch) == expected
        assert all(np.isfinite(list(epoch.values())))
        parts = 5.0 * epoch["classification"] + 0.01 * epoch["reconstruction"]  # Eq. 7
        assert epoch["loss"] == pytest.approx(parts, rel=1e-5)
        assert 0 <= epoch["alpha_entropy"] <= 1
    last, found = classifier.history_[-1], classifier.diagnostics_
    assert set(found) == {"alpha_entropy", "critic_gap", "separability"}
    assert found["alpha_entropy"] == last["alpha_entropy"]
    assert found["critic_gap"] == last["critic_gap"]
    assert all(isinstance(value, float) for value in found.values())


def test_without_the_classification_the_loss_is_the_reconstruction_error(short_epochs):
    # Eq. 7. The linear classifier's own loss, which it is trained by, is no part of it.
    classifier = quick(clf_lambda=0.0, mae_lambda=2.0, max_steps=20).fit(X, Y)
    for epoch in classifier.history_:
        assert epoch["loss"] == pytest.approx(2 * epoch["reconstruction"], rel=1e-5)
        assert epoch["classification"] > 0


def test_separability_is_the_balanced_accuracy_of_training_rows():
    classifier = able(max_steps=10).fit(*(data := table(apart=0.5)))
    expected = balanced_accuracy_score(data[1], classifier.predict(data[0]))
    assert classifier.diagnostics_["separability"] == pytest.approx(expected)
    assert 0 < expected < 1


def test_separability_counts_rows_of_the_whole_class(monkeypatch):
    # Sorted by class. In the second half of the first class every sixth row lies where the other
    # class is: of all rows 5 / 60 are misplaced, of every sixth 1 / 2, of the first ten none.
    monkeypatch.setattr(classifier_module, "_SEPARABILITY_ROWS", 10)
    place = np.arange(60)
    misplaced = (place >= 30) & (place % 6 == 0)
    X = np.r_[np.where(misplaced, 3.0, -3.0), np.full(40, 3.0)][:, None].astype("f4")
    y = np.repeat([0, 1], [60, 40])
    asked, predict_proba = [], RAENet.predict_proba

    def spied(net, rows):
        asked.append(len(rows))
        return predict_proba(net, rows)

    with monkeypatch.context() as patch:
        patch.setattr(RAENet, "predict_proba", spied)
        classifier = able(decoder=False, encode=False).fit(X, y)
    assert asked == [20]
    assert classifier.score(X[:60], y[:60]) == pytest.approx(55 / 60)
    assert classifier.diagnostics_["separability"] == pytest.approx((1 / 2 + 1) / 2)


def test_augmentation_reports_its_frequency(monkeypatch, short_epochs):
    shares, update = [], AdaptiveAugmentation.update

    def spied(augmentation, real, fake):
        shares.append(float((real > (real.mean() + fake.mean()) / 2).float().mean()))
        update(augmentation, real, fake)

    monkeypatch.setattr(AdaptiveAugmentation, "update", spied)
    params = {"max_steps": 50, "critic_steps": 5, "critic_layer_sizes": (32,)}
    classifier = quick(augment="adaptive", learning_rate=0.01, **params).fit(IMAGES, SIDES)
    p, expected = 0.0, []
    for share in shares:  # up or down by 1 / 1000 in each update of the critic
        p = max(p + (1 if share > 0.85 else -1) / 1000, 0.0)
        expected.append(p)
    found = [epoch["augment_p"] for epoch in classifier.history_]
    np.testing.assert_allclose(found, np.reshape(expected, (10, 5)).mean(axis=1), rtol=1e-4)
    assert max(found) > 0.01


def test_attributes(fitted):
    assert fitted.classes_.tolist() == ["large", "medium", "small"]
    assert fitted.class_counts_.tolist() == list(COUNTS)
    assert fitted.n_features_in_ == 3
    assert fitted.device_ == torch.device("cpu")
    assert fitted.net_.module_.sizes.latent_dim == 8


def test_no_warning_reaches_the_user(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick().fit(X, Y).predict(X)
    assert capsys.readouterr().out == ""
    quick(verbose=1).fit(X, Y)
    assert "critic_gap" in capsys.readouterr().out


# Its networks


@pytest.mark.parametrize(
    "data, params, latent_dim, convolves",
    [
        ((X, Y), {}, 32, False),
        ((X, Y), {"latent_dim": 3}, 3, False),
        ((IMAGES, SIDES), {}, 64, False),
        ((IMAGES, SIDES), {"network": "cnn"}, 64, True),
        ((IMAGES.repeat(3, axis=1), SIDES), {}, 256, False),
        (pictures(16, n=12), {}, 64, True),
        (pictures(16, n=12), {"network": "mlp"}, 64, False),
        (pictures(18, n=12), {}, 64, False),
    ],
    ids=["table", "given", "small", "small cnn", "colours", "large", "large mlp", "not by 4"],
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
    "params, units",
    [({}, [512] * 4), ({"network": "cnn"}, [1024] * 4), ({"mixer_layer_sizes": (7, 5)}, [7, 5])],
    ids=str,
)
def test_units_of_the_mixer(params, units):
    params = {"mixer_layer_sizes": "auto", **params}
    classifier = quick(max_steps=1, batch_size=2, encoder_steps=1, **params).fit(IMAGES, SIDES)
    layers = [m for m in classifier.net_.module_.mixer.body if isinstance(m, nn.Linear)]
    assert [layer.out_features for layer in layers] == units


def test_units_of_the_other_networks(monkeypatch):
    seen = []
    monkeypatch.setattr(RAENet, "release", lambda net: seen.append(net.module_))
    quick(hidden_layer_sizes=(9, 4), critic_layer_sizes=[6], dropout=0.25).fit(X, Y)
    (rae,) = seen

    def units(player):
        return [m.out_features for m in player.modules() if isinstance(m, nn.Linear)]

    assert units(rae.encoder) == [9, 4, 8]
    assert units(rae.decoder) == [9, 4, 3]
    assert units(rae.critic) == [6, 1]
    dropped = [m.p for m in rae.modules() if isinstance(m, nn.Dropout)]
    assert dropped
    assert set(dropped) == {0.25}


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


def test_columns_of_each_kind_are_decoded_as_such():
    rng = np.random.default_rng(0)
    n = len(X)
    income = np.where(np.arange(n) % 9 == 4, np.nan, X[:, 0])
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(rng.choice(["Ulm", "Bonn", "Kiel"], n)),
            "income": income,
            "owner": X[:, 1] > 1,
            "size": X[:, 2],
        }
    )
    classifier = quick().fit(frame, Y)
    layout, likelihood = classifier.encoder_.layout_, classifier.net_.module_.likelihood
    assert likelihood.n_gaussian == layout.n_gaussian == 2
    assert likelihood.n_bernoulli == layout.n_bernoulli == 2  # owner, and whether income is missing
    assert likelihood.group_sizes == tuple(layout.group_sizes) == (3,)
    z = classifier.net_.codes(classifier.encoder_.transform(frame))
    with torch.random.fork_rng():
        made = classifier.net_.generate(z, 1, 50, "mixer")
    assert made.shape == (50, layout.width)
    back = classifier.encoder_.inverse_transform(made)
    assert back.columns.tolist() == frame.columns.tolist()
    assert set(back["town"]) <= {"Ulm", "Bonn", "Kiel"}
    plain = quick(encode=False).fit(X, Y).net_.module_.likelihood
    assert (plain.n_gaussian, plain.n_bernoulli, plain.group_sizes) == (3, 0, ())


# The ablations

FULL = {"critic_gap", "decoder", "decoder_classification", "gradient_penalty", "reconstruction"}
ABLATIONS = {
    "no classifier": ({"clf_lambda": 0.0, "mae_lambda": 1.0}, FULL | {"mixer", "alpha_entropy"}),
    "no over-sampling": ({"mixing": None}, FULL),
    "no decoder": ({"decoder": False}, {"mixer", "alpha_entropy"}),
    "no mixer": ({"mixing": 1.0}, FULL | {"alpha_entropy"}),
    "Beta(2, 2)": ({"mixing": 2}, FULL | {"alpha_entropy"}),
    "permuted": ({"mixer_target": "permuted"}, FULL | {"mixer", "alpha_entropy"}),
    "three": ({"n_mixed": 3}, FULL | {"mixer", "alpha_entropy"}),
    "four": ({"n_mixed": 4, "mixing": 0.5}, FULL | {"alpha_entropy"}),
    "the head alone": ({"decoder": False, "mixing": None}, set()),
    "no balance": ({"sampling": None}, FULL | {"mixer", "alpha_entropy"}),
    "authors": (
        {"encoder_steps": 1, "decoder_steps": 4, "critic_steps": 5},
        FULL | {"mixer", "alpha_entropy"},
    ),
    "paper": (
        {"decoder_clf_lambda": 0.0, "ema_decay": 0.0},
        FULL - {"decoder_classification"} | {"mixer", "alpha_entropy"},
    ),
    "rebuilt": (
        {"decoder_mae_lambda": 1.0},
        FULL | {"decoder_reconstruction", "mixer", "alpha_entropy"},
    ),
    "no penalty": (
        {"penalty_lambda": 0.0},
        FULL - {"gradient_penalty"} | {"mixer", "alpha_entropy"},
    ),
    "no reconstruction": (
        {"mae_lambda": 0.0},
        FULL - {"reconstruction"} | {"mixer", "alpha_entropy"},
    ),
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
    assert (module.decoder is None) == (not classifier.decoder)
    assert (module.mixer is None) == (classifier.mixing != "mixer")


IDLE = {
    "critic": (
        {"decoder": False},
        {"critic_steps": 7, "decoder_steps": 3, "penalty_lambda": 1.0},
    ),
    "decoder": (
        {"decoder": False},
        {"mae_lambda": 3.0, "decoder_clf_lambda": 2.0, "critic_layer_sizes": (3,)},
    ),
    "mixer": ({"mixing": 1.0}, {"mixer_layer_sizes": (3,), "mixer_target": "permuted"}),
    "mixing": ({"mixing": None}, {"mixer_layer_sizes": (3, 3), "mixer_target": "permuted"}),
}


@pytest.mark.parametrize("case", IDLE)
def test_what_plays_no_part_changes_nothing(case):
    ablation, idle = IDLE[case]
    found = [quick(**ablation, **more).fit(X, Y) for more in ({}, idle)]
    assert (weights(found[0]) == weights(found[1])).all()


@pytest.mark.parametrize(
    "params",
    [
        {"clf_lambda": 1.0},
        {"mae_lambda": 1.0},
        {"mixing": 1.0},
        {"mixing": None},
        {"mixer_target": "permuted"},
        {"sampling": None},
        {"decoder": False},
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


def test_without_the_linear_classifier_codes_do_not_know_of_the_classes():
    # Two columns: the class is in the one of small variance, which a code of one dimension that
    # must rebuild both leaves out, and a code that must tell the classes does not.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    X = np.c_[rng.normal(scale=3, size=200), 0.5 * y - 0.25 + rng.normal(scale=0.05, size=200)]
    params = {**LINEAR, "decoder": True, "latent_dim": 1, "decoder_clf_lambda": 0.0}
    params |= {"decoder_mae_lambda": 1.0, "mae_lambda": 1.0, "critic_steps": 1, "max_steps": 150}
    params |= {"encoder_steps": 1, "learning_rate": 0.02}
    scores = {}
    for clf_lambda in (0.0, 5.0):
        classifier = able(**params, clf_lambda=clf_lambda).fit(X, y)
        scores[clf_lambda] = classifier.score(X, y)
    assert scores[5.0] > 0.95
    assert scores[0.0] < 0.8


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


def test_drawn_weights_keep_their_entropy_and_those_of_a_mixer_lose_it(monkeypatch):
    # The logits are linear along a segment: what is best for the mixer lies towards its ends.
    monkeypatch.setattr(net_module, "EPOCH_STEPS", 50)
    params = {"max_steps": 300, "learning_rate": 0.03, "latent_dim": 2, "mixer_layer_sizes": ()}
    data = table((40, 40))
    drawn, learned = (
        [h["alpha_entropy"] for h in able(decoder=False, mixing=m, **params).fit(*data).history_]
        for m in (1.0, "mixer")
    )
    # of a uniform weight, the mean of -2 α log α is 1 / 2
    np.testing.assert_allclose(drawn, 0.5 / np.log(2), atol=0.05)
    assert learned[-1] < 0.5 * learned[0]


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


def test_classes_of_one_row_are_no_matter_without_combinations():
    quick(mixing=None).fit(*table((30, 10, 2, 1)))


def test_rows_held_out_count_where_a_group_needs_more():
    with pytest.warns(UserWarning, match=r"\{'small': 1\}"):
        quick(early_stopping=True).fit(*table((30, 10, 2)))


# What it refuses

BAD_PARAMETERS = [
    ("clf_lambda", -1.0),
    ("mae_lambda", -0.01),
    ("n_mixed", 1),
    ("n_mixed", 2.0),
    ("mixing", "beta"),
    ("mixing", 0.0),
    ("mixing", np.inf),
    ("mixing", np.nan),
    ("mixer_target", "right"),
    ("sampling", "class_balanced"),
    ("decoder", "no"),
    ("encoder_steps", 0),
    ("decoder_steps", 0),
    ("critic_steps", 0),
    ("penalty_lambda", -1.0),
    ("decoder_clf_lambda", -1.0),
    ("decoder_mae_lambda", -1.0),
    ("ema_decay", 1.0),
    ("ema_decay", -0.1),
    ("latent_dim", 0),
    ("latent_dim", "large"),
    ("network", "resnet32"),
    ("hidden_layer_sizes", 5),
    ("mixer_layer_sizes", "large"),
    ("critic_layer_sizes", "auto"),
    ("dropout", 1.0),
    ("augment", "crop_flip"),
    ("learning_rate", 0.0),
    ("weight_decay", -1.0),
    ("max_steps", 0),
    ("max_steps", "auto"),
    ("batch_size", 1),
    ("early_stopping", "yes"),
    ("validation_fraction", 1.0),
    ("n_iter_no_change", 0),
    ("encode", "no"),
    ("device", "abacus"),
    ("random_state", "lucky"),
]


@pytest.mark.parametrize("name, value", BAD_PARAMETERS)
def test_bad_parameter_is_refused_before_training(no_training, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter|{name}=") as caught:
        quick(**{name: value}).fit(X, Y)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", ["hidden_layer_sizes", "mixer_layer_sizes", "critic_layer_sizes"])
@pytest.mark.parametrize("sizes", [(0,), (16, -1), (2.5,), ["a"]], ids=str)
def test_units_must_be_positive_integers(no_training, name, sizes):
    with pytest.raises(
        ValueError, match=rf"{name}=.* must be positive integers: the units of each"
    ):
        quick(**{name: sizes}).fit(X, Y)


REFUSED = {
    "nothing to learn by": (
        {"clf_lambda": 0, "decoder": False},
        (X, Y),
        r"clf_lambda=0 leaves the encoder.*set decoder=True and mae_lambda above 0, or clf_lambda",
    ),
    "no reconstruction": ({"clf_lambda": 0, "mae_lambda": 0}, (X, Y), r"clf_lambda=0 leaves"),
    "cnn on tables": (
        {"network": "cnn"},
        (X, Y),
        r"network='cnn' works on images: pass X of shape .*or give image_shape",
    ),
    "augmented tables": (
        {"augment": "adaptive"},
        (X, Y),
        r"augment='adaptive' works on images: pass X of shape",
    ),
    "sides": (
        {"network": "cnn"},
        pictures(10),
        r"network='cnn' halves images twice.*\(10, 10\) pixels: pad or resize.*network='mlp'",
    ),
    "one class": ({}, (X, np.zeros(len(X))), r"y holds one class, 0\.0"),
    "categories of images": (
        {"categorical_features": [0]},
        (IMAGES, SIDES),
        r"categorical_features=\[0\] is for tables",
    ),
    "augmented without critic": (
        {"augment": "adaptive", "decoder": False},
        (IMAGES, SIDES),
        r"augment='adaptive' changes images as often.*and decoder=False has no critic: set decoder",
    ),
    "missing values": (
        {"encode": False},
        (np.where(X > 3, np.nan, X), Y),
        "NaN",
    ),
    "other pixels": (
        {"augment": "adaptive", "encode": False},
        (IMAGES.astype("f4"), SIDES),
        r"augment='adaptive' changes images with values from 0 to 1.*from 0 to 209: scale them",
    ),
    "infinite": ({}, (np.where(X > 3, np.inf, X), Y), "infinity"),
    "constant": ({}, (np.ones_like(X), Y), "All 3 columns of X are constant"),
    "image_shape": ({"image_shape": (1, 2, 2)}, (X, Y), r"image_shape=\(1, 2, 2\) does not fit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_training(no_training, case):
    params, data, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(*data)


def test_other_columns_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 2 features"):
        fitted.predict(X[:, :2])
    with pytest.raises(NotFittedError):
        quick().predict(X)


def test_parameters_stand_in_the_documentation_in_order():
    names = list(inspect.signature(RAEClassifier).parameters)
    assert set(names) == set(RAEClassifier._parameter_constraints)
    assert set(DeepClassifier._parameter_constraints) < set(names)
    parameters = DOC[DOC.index("Parameters\n") : DOC.index("Attributes\n")]
    entries = re.findall(r"^(\w+(?:, \w+)*) : ", parameters, flags=re.MULTILINE)
    assert ", ".join(entries).split(", ") == names


# Early stopping


def noise(n, seed=0):
    """Labels that cannot be learned: the validation score goes up and down."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), np.sort(rng.integers(0, 3, n))


def split_of(monkeypatch, classifier, X, y):
    """Fit, and return the rows that the training and the validation got."""
    found, split = [], DeepClassifier._split

    def spied(self, codes, stream):
        found.append(split(self, codes, stream))
        return found[-1]

    with monkeypatch.context() as patch:
        patch.setattr(DeepClassifier, "_split", spied)
        classifier.fit(X, y)
    return found[0]


def test_the_best_averaged_weights_are_kept(monkeypatch, short_epochs):
    X, y = noise(90)
    classifier = quick(
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=4,
        max_steps=500,
        learning_rate=0.01,
    )
    _, held_out = split_of(monkeypatch, classifier, X, y)
    history = classifier.history_
    scores = [epoch["validation_balanced_accuracy"] for epoch in history]
    raw = [epoch["validation_raw_balanced_accuracy"] for epoch in history]
    best = int(np.argmax(scores))
    assert len(scores) < 100
    assert len(scores) - 1 - best == 4
    assert scores[-1] < scores[best]
    assert scores != raw
    assert all(np.isfinite(epoch["validation"]) for epoch in history)
    found = balanced_accuracy_score(y[held_out], classifier.predict(X[held_out]))
    assert found == pytest.approx(scores[best])
    assert classifier.class_counts_.sum() == 90 - len(held_out)


STOPPED = {
    "early_stopping": True,
    "validation_fraction": 0.3,
    "n_iter_no_change": 4,
    "max_steps": 500,
    "learning_rate": 0.01,
}


def test_diagnostics_are_those_of_the_weights_that_are_kept(monkeypatch, short_epochs):
    X, y = noise(90)
    classifier = quick(**STOPPED)
    train, _ = split_of(monkeypatch, classifier, X, y)
    history, found = classifier.history_, classifier.diagnostics_
    best = history[int(np.argmax([epoch["validation_balanced_accuracy"] for epoch in history]))]
    for name in ("alpha_entropy", "critic_gap"):
        assert found[name] == best[name] != history[-1][name]
    score = balanced_accuracy_score(y[train], classifier.predict(X[train]))
    assert found["separability"] == pytest.approx(score)


@pytest.mark.parametrize("collapsed", ["best", "last"])
def test_a_collapse_is_that_of_the_weights_that_are_kept(monkeypatch, short_epochs, collapsed):
    X, y = noise(90)
    scores = [h["validation_balanced_accuracy"] for h in quick(**STOPPED).fit(X, y).history_]
    low = {"best": int(np.argmax(scores)), "last": len(scores) - 1}[collapsed]
    steps = iter(range(1000))

    def entropy(alpha):  # of five updates in an epoch; nobody learns by it
        return alpha.new_tensor(0.04 if next(steps) // 5 == low else 0.5)

    monkeypatch.setattr(net_module, "entropy", entropy)
    if collapsed == "best":
        with pytest.warns(UserWarning, match=r"their entropy is 4\.0%"):
            classifier = quick(**STOPPED).fit(X, y)
    else:
        classifier = quick(**STOPPED).fit(X, y)  # a warning would be an error
    assert [h["validation_balanced_accuracy"] for h in classifier.history_] == scores
    expected = 0.04 if collapsed == "best" else 0.5
    assert classifier.diagnostics_["alpha_entropy"] == pytest.approx(expected)


def test_without_early_stopping_nothing_is_validated():
    assert not any("validation" in name for name in quick().fit(X, Y).history_[0])


# A call is all or nothing


@pytest.mark.parametrize("params", [{}, {"decoder": False}, {"mixing": None}], ids=str)
def test_divergence_names_the_term_and_leaves_no_trace(params):
    classifier = quick(learning_rate=1e6, max_steps=50, **params)
    terms = "|".join(["mixer", "decoder", "critic_gap", "gradient_penalty", "classification"])
    with pytest.raises(
        DivergedError,
        match=rf"The term '({terms}|reconstruction|decoder_classification)' became (nan|-?inf) in "
        "epoch 1. Try a smaller learning_rate",
    ):
        classifier.fit(X, Y)
    assert vars(classifier) == classifier.get_params()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("player", ["encoder", "critic"])
def test_failed_fit_leaves_the_classifier_as_it_was(monkeypatch, error, player):
    again = quick().fit(X, Y)
    before, expected = dict(vars(again)), again.predict_proba(X)
    step, calls = getattr(RAENet, f"_{player}_step"), []

    def fail(net, *batch):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return step(net, *batch)

    monkeypatch.setattr(RAENet, f"_{player}_step", fail)
    fresh = quick(max_steps=10)
    state = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    with pytest.raises(error):
        fresh.fit(X, Y)
    assert vars(fresh) == fresh.get_params()
    calls.clear()
    with pytest.raises(error):
        again.fit(IMAGES, SIDES)
    assert vars(again).keys() == before.keys()
    assert all(vars(again)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == state[1:]


def test_a_refused_fit_leaves_the_earlier_one():
    classifier = quick().fit(X, Y)
    before = dict(vars(classifier))
    classifier.set_params(network="cnn")
    with pytest.raises(ValueError, match="works on images"):
        classifier.fit(X, Y)
    assert vars(classifier) == {**before, "network": "cnn"}


def test_a_callback_may_end_the_training(short_epochs):
    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    classifier = quick(max_steps=100, callbacks=[Enough()])
    # As in skorch, one that raises it stops the training early; Ctrl-C is told apart.
    assert len(classifier.fit(X, Y).history_) == 2
    assert classifier.net_.module_.critic is None


def test_callbacks_see_every_cycle_and_change_nothing():
    seen = []

    class Witness(Callback):
        def on_batch_end(self, net, batch=None, training=False, loss=None, **kwargs):
            seen.append((training, len(batch), bool(torch.isfinite(loss))))

    params = {"max_steps": 10, "encoder_steps": 5}
    watched = quick(callbacks=[Witness()], **params).fit(X, Y)
    assert seen == [(True, 2, True)] * 2
    plain = quick(**params).fit(X, Y)
    assert (weights(watched) == weights(plain)).all()
    assert plain.history_ == watched.history_


# Seeds, streams, threads


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"mixing": 1.0, "n_mixed": 3},
        {"decoder": False},
        {"mixer_target": "permuted", "sampling": None},
    ],
    ids=str,
)
def test_same_seed_same_bytes(params):
    first = quick(**params).fit(X, Y)
    expected = first.predict_proba(X)
    with torch.random.fork_rng():  # whatever happens in between
        torch.randn(17)
        other = quick(**params).fit(X, Y)
        np.testing.assert_array_equal(other.predict_proba(X), expected)
    assert (weights(first) == weights(other)).all()
    assert first.history_ == other.history_
    assert first.diagnostics_ == other.diagnostics_
    np.testing.assert_array_equal(first.fit(X, Y).predict_proba(X), expected)
    np.testing.assert_array_equal(first.predict_proba(X), first.predict_proba(X))
    state = np.random.RandomState(0)
    again = quick(random_state=state, **params).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert not np.array_equal(again.fit(X, Y).predict_proba(X), expected)  # the stream goes on


def test_images_repeat_too():
    params = {"network": "cnn", "augment": "adaptive", "batch_size": 4}
    found = [quick(**params).fit(IMAGES, SIDES) for _ in range(2)]
    assert (weights(found[0]) == weights(found[1])).all()


def test_without_seed_each_fit_differs():
    classifier = quick(random_state=None)
    first = classifier.fit(X, Y).predict_proba(X)
    assert not np.array_equal(classifier.fit(X, Y).predict_proba(X), first)


@pytest.mark.parametrize("threads", [1, 2])
def test_number_of_threads_changes_nothing_and_comes_back(started, threads):
    seen, before = [], torch.get_num_threads()

    class Witness(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append((torch.get_num_threads(), net.module_.sizes.convolutional))

    torch.set_num_threads(threads)
    try:
        found = quick(callbacks=[Witness()]).fit(X, Y)
        assert torch.get_num_threads() == threads
        brief = {"max_steps": 1, "encoder_steps": 1, "batch_size": 2, "decoder": False}
        quick(network="cnn", callbacks=[Witness()], **brief).fit(IMAGES, SIDES)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert seen == [(1, False), (threads, True)]
    assert (weights(found) == weights(started)).all()


@pytest.mark.changes_global_state
@pytest.mark.parametrize(
    "data, params",
    [
        ((X, Y), {}),
        ((X, Y), {"mixing": 1.0, "early_stopping": True}),
        ((IMAGES, SIDES), {"network": "cnn", "augment": "adaptive_flip", "batch_size": 4}),
    ],
    ids=["table", "drawn", "images"],
)
def test_another_default_dtype_of_torch_changes_nothing(data, params):
    torch.set_default_dtype(torch.float64)
    try:
        classifier = quick(**params).fit(*data)
        found = classifier.predict_proba(data[0])
        assert classifier.penultimate_features(data[0]).dtype == np.float32
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert {p.dtype for p in classifier.net_.module_.parameters()} == {torch.float32}
    np.testing.assert_array_equal(classifier.predict_proba(data[0]), found)


def test_gradients_are_its_own_affair(started):
    with torch.no_grad():
        classifier = quick().fit(X, Y)
        assert not torch.is_grad_enabled()
    assert (weights(classifier) == weights(started)).all()
    assert classifier.history_ == started.history_


# Copies and files


@pytest.mark.parametrize(
    "how", [pickle.dumps, copy.deepcopy, joblib.dump], ids=["pickle", "copy", "joblib"]
)
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"decoder": False}], ids=str)
def test_saved_and_loaded(how, params):
    classifier = quick(**params).fit(X, Y)
    if how is joblib.dump:
        file = io.BytesIO()
        joblib.dump(classifier, file)
        file.seek(0)
        again = joblib.load(file)
    else:
        again = how(classifier)
        again = pickle.loads(again) if isinstance(again, bytes) else again
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert again.history_ == classifier.history_
    assert again.diagnostics_ == classifier.diagnostics_
    if classifier.decoder:
        z = again.net_.codes(again._encode(X))
        with torch.random.fork_rng():
            assert again.net_.generate(z, 0, 3, "mixer").shape == (3, 3)
    np.testing.assert_array_equal(again.fit(X, Y).predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_saved_classifier_holds_one_copy_of_what_predicts_and_generates(early_stopping):
    params = {"hidden_layer_sizes": (300, 200), "critic_layer_sizes": (400, 400)}
    classifier = quick(early_stopping=early_stopping, **params).fit(X, Y)
    module = classifier.net_.module_
    needed = 4 * sum(p.numel() for p in module.parameters())
    assert module.encoder is module.averaged["encoder"]
    assert needed < len(pickle.dumps(classifier)) < 1.1 * needed + 50_000


def test_a_pickle_holds_no_training_rows():
    X, y = table((1500, 300, 200), n_features=8)
    X = X.astype(np.float32)
    for early_stopping in (False, True):
        classifier = quick(encode=False, early_stopping=early_stopping).fit(X, y)
        held = pickle.dumps(classifier)
        assert not any(row.tobytes() in held for row in X[::37])


def test_clone_has_the_parameters_alone(fitted):
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert vars(again) == again.get_params()
    assert (weights(again.fit(X, Y)) == weights(fitted)).all()


def test_a_refit_starts_afresh(started):
    classifier = quick().fit(IMAGES, SIDES)
    classifier.fit(X, Y)
    assert (weights(classifier) == weights(started)).all()


def test_grid_search():
    search = GridSearchCV(quick(), {"n_mixed": [2, 3], "mixing": ["mixer", None]}, cv=2)
    search.fit(X, Y)
    assert search.best_estimator_.predict(X).shape == Y.shape


# Rows of every container


def test_mixed_frame_with_categories_and_missing_values():
    rng = np.random.default_rng(0)
    n = len(X)
    frame = pd.DataFrame(
        {
            "town": pd.Categorical(rng.choice(["Ulm", "Bonn", "Kiel"], n)),
            "income": np.where(np.arange(n) % 9 == 4, np.nan, X[:, 0]),
            "owner": pd.array(X[:, 1] > 1, dtype="boolean"),
            "rooms": rng.integers(1, 6, n),
            "word": [None if i % 11 == 3 else f"w{i % 4}" for i in range(n)],
            "size": X[:, 2],
        }
    )
    classifier = able().fit(frame, Y)
    assert classifier.feature_names_in_.tolist() == frame.columns.tolist()
    assert classifier.score(frame, Y) > 0.9
    new = frame.copy()
    new.loc[0, "size"] = np.nan  # where fit saw none missing
    new["word"] = "unseen"
    assert np.isfinite(classifier.predict_proba(new)).all()


CONTAINERS = {
    "list": lambda X: X.tolist(),
    "tensor": torch.tensor,
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
    "fortran": np.asfortranarray,
    "frame": pd.DataFrame,
}


@lru_cache
def single_precision(encode):
    return quick(encode=encode).fit(X.astype(np.float32), Y)


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_container_does_not_matter(kind, encode):
    single = X.astype(np.float32)
    rows = CONTAINERS[kind](single.astype(float))
    expected = single_precision(encode).predict_proba(single)
    twin = quick(encode=encode).fit(rows, Y)
    np.testing.assert_allclose(twin.predict_proba(rows), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("encode", [True, False])
def test_images_and_flattened_images_are_the_same(network, encode):
    images = IMAGES if encode else (IMAGES / 255).astype("f4")
    flat = images.reshape(len(images), -1)
    params = {"network": network, "encode": encode, "batch_size": 4}
    classifier = quick(**params).fit(images, SIDES)
    flattened = quick(image_shape=(1, 8, 8), **params).fit(flat, SIDES)
    expected = classifier.predict_proba(images)
    for one in (classifier, flattened):
        for rows in (images, flat, torch.from_numpy(flat)):
            np.testing.assert_array_equal(one.predict_proba(rows), expected)
    with pytest.raises(ValueError, match=r"rows of shape \(1, 8, 4\)"):
        classifier.predict(images[..., :4])


def test_larger_images_are_learned_by_convolutions():
    images, labels = pictures(16, n=24)
    classifier = quick(max_steps=15, batch_size=4, dropout=0.0, learning_rate=3e-3, ema_decay=0.5)
    assert classifier.fit(images, labels).score(images, labels) > 0.9
    assert classifier.net_.module_.sizes.convolutional


@pytest.mark.parametrize("augment", ["adaptive", "adaptive_flip"])
def test_images_are_augmented_in_training_alone(augment, monkeypatch):
    seen = []
    update = net_module.RAENet._critic_step

    def often(net, *batch):
        net.module_.augmentation.p.fill_(1)
        seen.append(net.module_.augmentation.flip)
        return update(net, *batch)

    monkeypatch.setattr(RAENet, "_critic_step", often)
    classifier = quick(augment=augment).fit(IMAGES, SIDES)
    assert set(seen) == {augment == "adaptive_flip"}
    assert classifier.net_.module_.augmentation is None
    np.testing.assert_array_equal(
        classifier.predict_proba(IMAGES), classifier.predict_proba(IMAGES)
    )


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "c"], [3, -1, 7], [True, False, False], [0.0, 2.0, 1.0]],
    ids=["words", "integers", "bools", "floats"],
)
def test_labels_of_any_kind(labels):
    y = np.array(labels)[np.repeat([0, 1, 2], COUNTS)]
    classifier = able().fit(X, y)
    assert classifier.classes_.tolist() == sorted(set(labels))
    found = classifier.predict(X)
    assert found.dtype == y.dtype
    assert balanced_accuracy_score(y, found) > 0.9
    assert classifier.predict_proba(X).shape == (96, len(set(labels)))


def test_the_order_of_the_classes_and_ties_of_their_sizes_do_not_matter():
    X, y = table((30, 30, 30))
    assert able().fit(X, y).score(X, y) > 0.95
    shuffled = np.random.default_rng(0).permutation(90)
    assert able().fit(X[shuffled], y[shuffled]).score(X, y) > 0.95


def test_two_rows():
    with pytest.warns(UserWarning, match="Those of a class of one row are that row"):
        classifier = quick().fit(np.array([[0.0, 1.0], [1.0, 0.0]]), [0, 1])
    assert classifier.predict_proba(np.eye(2)).shape == (2, 2)


# The codes


@pytest.mark.parametrize(
    "data, params",
    [((X, Y), {}), ((X, Y), {"decoder": False}), ((IMAGES, SIDES), {"network": "cnn"})],
    ids=["table", "no decoder", "images"],
)
def test_penultimate_features_are_the_codes(data, params):
    classifier = quick(latent_dim=5, batch_size=4, **params).fit(*data)
    codes = classifier.penultimate_features(data[0])
    assert codes.shape == (len(data[1]), 5)
    head = classifier.net_.module_.head
    logits = codes @ head.weight.numpy().T + head.bias.numpy()
    np.testing.assert_allclose(
        softmax(logits.astype(float), axis=1), classifier.predict_proba(data[0]), atol=1e-5
    )
    x = classifier._encode(data[0])
    np.testing.assert_allclose(classifier.net_.codes(x).numpy(), codes, rtol=1e-4, atol=1e-5)


def test_predictions_of_a_single_row_and_of_many(fitted):
    whole = fitted.predict_proba(X)
    single = np.concatenate([fitted.predict_proba(row[None]) for row in X[:5]])
    np.testing.assert_allclose(single, whole[:5], rtol=1e-5)
    many = fitted.predict_proba(np.tile(X, (100, 1)))
    np.testing.assert_allclose(many[-len(X) :], whole, rtol=1e-5)
