"""RAEClassifier as its users meet it: what it learns, reports, refuses and repeats."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
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


@pytest.fixture
def short_epochs(monkeypatch):
    monkeypatch.setattr(net_module, "EPOCH_STEPS", 5)


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
    "no decoder": ({"decoder_steps": 0}, {"mixer", "alpha_entropy"}),
    "no mixer": ({"mixing": 1.0}, FULL | {"alpha_entropy"}),
    "Beta(2, 2)": ({"mixing": 2}, FULL | {"alpha_entropy"}),
    "permuted": ({"mixer_target": "permuted"}, FULL | {"mixer", "alpha_entropy"}),
    "three": ({"n_mixed": 3}, FULL | {"mixer", "alpha_entropy"}),
    "four": ({"n_mixed": 4, "mixing": 0.5}, FULL | {"alpha_entropy"}),
    "the head alone": ({"decoder_steps": 0, "mixing": None}, set()),
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


def test_without_the_linear_classifier_codes_do_not_know_of_the_classes():
    # Two columns: the class is in the one of small variance, which a code of one dimension that
    # must rebuild both leaves out, and a code that must tell the classes does not.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    X = np.c_[rng.normal(scale=3, size=200), 0.5 * y - 0.25 + rng.normal(scale=0.05, size=200)]
    params = {**LINEAR, "decoder_steps": 1, "latent_dim": 1, "decoder_clf_lambda": 0.0}
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
