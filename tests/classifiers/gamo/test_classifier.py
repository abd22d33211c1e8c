"""GAMOClassifier as its users meet it: what it learns, makes, reports, refuses and repeats."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo import classifier as classifier_module
from imbdeep.classifiers._gamo.diagnosis import Diagnosis
from tests.classifiers.rae.test_classifier import pictures, table
from tests.test_common import made

# So little training makes hardly a generator; what is said of it is tested by itself.
pytestmark = pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning")

COUNTS = (60, 24, 12)
FEW = {
    "hidden_layer_sizes": (16,),
    "generator_layer_sizes": (16, 8),
    "discriminator_layer_sizes": (8,),
    "n_extracted": 6,
    "latent_dim": 4,
    # whatever the defaults are
    "loss": "least_squares",
    "complement": "all",
    "sampling": None,
    "generated_lambda": 1.0,
    "discriminator_lambda": 1.0,
    "label_smoothing": 0.1,
    "ema_decay": 0.99,
    "max_anchors": None,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "device": "cpu",
    "random_state": 0,
}


def shuffled(X, y, seed=0):
    order = np.random.default_rng(seed).permutation(len(y))
    return X[order], y[order]


X, Y = shuffled(*table())
IMAGES, SIDES = pictures(8)
CNN = {"network": "cnn", "batch_size": 4}


def quick(**params):
    """Next to no training: what is learned is no matter here."""
    return made(GAMOClassifier, **{**FEW, "max_steps": 5, **params})


def able(**params):
    """Enough training for blobs that lie apart."""
    return quick(**{"max_steps": 150, "learning_rate": 0.01, **params})


def weights(classifier):
    return torch.cat([p.flatten() for p in classifier.net_.module_.parameters()]).numpy()


@pytest.fixture(scope="module")
def fitted():
    return able().fit(X, Y)


@pytest.fixture(scope="module")
def started():
    return quick().fit(X, Y)


@pytest.fixture
def no_diagnosis(monkeypatch):
    """Nothing is said of a generator: any other warning is an error."""
    monkeypatch.setattr(classifier_module, "diagnose", lambda game, real: Diagnosis({}, [], []))


# What it learns


def test_classes_that_lie_apart_are_learned():
    classifier = able().fit(X, Y)
    assert balanced_accuracy_score(Y, classifier.predict(X)) > 0.95
    new, labels = table(seed=7)
    assert balanced_accuracy_score(labels, classifier.predict(new)) > 0.9


@pytest.mark.parametrize(
    "loss, sampling, generated_lambda",
    [
        ("cross_entropy", None, 1.0),
        ("least_squares", None, "balanced"),
        ("cross_entropy", "balanced", 0.5),
    ],
)
def test_probabilities_of_a_constant_guess_are_the_shares_that_m_sees(
    loss, sampling, generated_lambda
):
    # Columns that say nothing: the bias alone learns, and both losses are least at the shares:
    # P_k + w d_k / Σ d of deficits d, normalised; with w = Σ (P_c - P_i), all alike (Eq. 2 and 4).
    blank = np.zeros((len(Y), 2), dtype="f4")
    params = {"hidden_layer_sizes": (), "encode": False, "max_steps": 100}
    params["batch_size"] = 96 if sampling is None else 2000  # all rows, or many drawn ones
    params |= {"generated_lambda": generated_lambda, "sampling": sampling}
    classifier = able(loss=loss, learning_rate=0.05, **params)
    counts = np.array(COUNTS)
    deficits = counts.max() - counts
    weight = deficits.sum() / counts.sum() if generated_lambda == "balanced" else generated_lambda
    real = counts / counts.sum() if sampling is None else np.full(3, 1 / 3)
    seen = real + weight * deficits / deficits.sum()
    share = seen / seen.sum()
    if generated_lambda == "balanced":
        np.testing.assert_allclose(share, 1 / 3)
    found = classifier.fit(blank, Y).predict_proba(blank)
    np.testing.assert_allclose(found, np.tile(share, (96, 1)), atol=0.04)


# What it reports

ALWAYS = {"epoch", "loss", "classification"}
GAME = {"classification_generated", "generator_classifier", "classifier_confidence"}
OPINIONS = {"discriminator", "generator_discriminator"}
OF_D = {"discriminator_real", "discriminator_generated"}
ABLATIONS = {
    "GAMO": {},
    "GAMO-CE": {"loss": "cross_entropy"},
    "GAMO without D": {"discriminator": False},
    "cG + D + CN": {"generator": "conditional"},
    "cG + CN": {"generator": "conditional", "discriminator": False},
    "Eq. 6": {"complement": "minority"},
    "balanced": {"sampling": "balanced"},
    "last weights": {"ema_decay": 0.0},
    "hard labels": {"label_smoothing": 0.0},
    "no opinion": {"discriminator_lambda": 0.0},
    "M alone": {"generated_lambda": 0.0},
    "features": CNN,
}


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_run_and_record_what_they_train(name):
    params = ABLATIONS[name]
    of_d = OF_D if params.get("discriminator", True) else set()
    terms = ALWAYS | GAME | of_d | (OPINIONS if of_d else set())
    terms |= {"features"} if "network" in params else set()
    said = {"classifier_confidence", "generated_spread"} | of_d
    said |= set() if "generator" in params else {"effective_anchors", "effective_share"}
    data = (IMAGES, SIDES) if "network" in params else (X, Y)
    classifier = quick(**params).fit(*data)
    for epoch in classifier.history_:
        assert set(epoch) == terms
        assert np.isfinite(list(epoch.values())).all()
    assert set(classifier.diagnostics_) == said
    assert all(isinstance(value, float) for value in classifier.diagnostics_.values())
    np.testing.assert_allclose(classifier.predict_proba(data[0]).sum(axis=1), 1)
    game = classifier.net_.module_
    assert (game.discriminator is None) == (not classifier.discriminator)
    assert classifier.generate(3, classifier.minority_[0]).shape[0] == 3


# Its networks


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "cross_entropy"},
        {"generator": "conditional"},
        {"discriminator": False},
        {"complement": "minority"},
        {"sampling": "balanced"},
        {"generated_lambda": 0.5},
        {"generated_lambda": "balanced"},
        {"discriminator_lambda": 0.1},
        {"label_smoothing": 0.0},
        {"ema_decay": 0.1},
        {"latent_dim": 5},
        {"max_anchors": 8},
        {"hidden_layer_sizes": (17,)},
        {"generator_layer_sizes": (16,)},
        {"discriminator_layer_sizes": (9,)},
        {"learning_rate": 0.02},
        {"weight_decay": 0.5},
        {"max_steps": 6},
        {"batch_size": 9},
        {"early_stopping": True},
        {"encode": False},
        {"random_state": 1},
        {**CNN, "n_extracted": 5},
        {**CNN, "feature_steps": 2},
        {**CNN, "game_steps": 2},
    ],
    ids=str,
)
def test_every_parameter_changes_the_training(started, params):
    if "network" in params:
        found, expected = (weights(quick(**p).fit(IMAGES, SIDES)) for p in (params, CNN))
    else:
        found, expected = weights(quick(**params).fit(X, Y)), weights(started)
    assert len(found) != len(expected) or not np.allclose(found, expected, atol=1e-6)


# Rows of a class, and of what they are made


def test_generated_rows_are_their_weights_times_the_anchors(fitted):
    for label in fitted.minority_:
        rows, anchors, its = fitted.generate(40, label, return_weights=True)
        n = int((label == Y).sum())
        assert rows.shape == (40, 3)
        assert anchors.shape == (n,)
        assert anchors.dtype == np.int64
        assert its.shape == (40, n)
        assert its.dtype == np.float32
        assert (its >= 0).all()
        np.testing.assert_allclose(its.sum(axis=1), 1, atol=1e-5)
        # All of the class, each once, in the order of X.
        assert anchors.tolist() == np.flatnonzero(label == Y).tolist()
        encoded = fitted.encoder_.transform(X[anchors])
        expected = fitted.encoder_.inverse_transform(its @ encoded)
        np.testing.assert_allclose(rows, expected, rtol=1e-3, atol=1e-3)
        own = X[label == Y]
        assert (rows >= own.min(axis=0)).all()
        assert (rows <= own.max(axis=0)).all()


@pytest.mark.parametrize("target", ["large", "huge", 1, None, np.nan, ("small",)], ids=str)
def test_only_smaller_classes_are_made(fitted, target):
    with pytest.raises(ValueError, match="is not a class that is generated") as caught:
        fitted.generate(3, target)
    assert f"target={target!r}" in str(caught.value)
    assert "['medium', 'small']" in str(caught.value)


# Warnings


def test_no_minority_is_said_once_and_m_learns(no_diagnosis):
    data = table((40, 40, 40))
    with pytest.warns(UserWarning, match="All classes have 40 rows: there is no minority") as w:
        classifier = able().fit(*data)
    assert len(w) == 1
    assert w[0].filename == __file__
    assert classifier.score(*data) > 0.95
    assert classifier.minority_.tolist() == []
    assert classifier.diagnostics_ == {}
    assert set(classifier.history_[-1]) == ALWAYS
    game = classifier.net_.module_
    assert game.generator is game.discriminator is None
    with pytest.raises(ValueError, match=r"not a class that is generated .*: \[\]\)\. Fit on"):
        classifier.generate(3, "large")
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(data[0]), classifier.predict_proba(data[0]))


@pytest.mark.parametrize(
    "params", [{}, {"discriminator": False}, {"early_stopping": True}], ids=str
)
def test_a_minority_of_one_row_is_said_once_and_copied(params, no_diagnosis):
    X, y = table((30, 10, 2, 1))
    named = r"\['small', 'tiny'\]" if "early_stopping" in params else r"\['tiny'\]"
    with pytest.warns(UserWarning, match=f"Classes of one training row, {named}: the hull") as w:
        classifier = quick(**params).fit(X, y)
    assert len(w) == 1
    assert w[0].filename == __file__
    rows, anchors, its = classifier.generate(5, "tiny", return_weights=True)
    np.testing.assert_allclose(rows, np.tile(X[y == "tiny"], (5, 1)), rtol=1e-4)
    assert anchors.tolist() == [42]
    assert (its == 1).all()
    with pytest.warns(UserWarning, match="Classes of one") as w:
        classifier.fit(X, y)  # and once in each fit
    assert len(w) == 1


def test_a_generator_that_has_not_moved_makes_one_row():
    data = table((300, 200))
    params = {"learning_rate": 1e-9, "max_steps": 1, "latent_dim": 1}
    with pytest.warns(UserWarning, match="nearly one and the same row a class, such as its mean"):
        classifier = quick(**params).fit(*data)
    assert classifier.diagnostics_["generated_spread"] < 0.01
    assert classifier.diagnostics_["effective_share"] > 0.7


# What it refuses


REFUSED = {
    "no layer of G": (
        {"generator_layer_sizes": ()},
        (X, Y),
        r"generator_layer_sizes=\(\) has no layer: give one at least, such as \(64,\)",
    ),
    "cnn on tables": (
        {"network": "cnn"},
        (X, Y),
        r"network='cnn' works on images: pass X of shape .*or give image_shape",
    ),
    "sides": (
        {"network": "cnn"},
        pictures(2),
        r"network='cnn' halves images twice.*\(2, 2\) pixels: set network='mlp'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_training(no_training, case):
    params, data, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(*data)
