"""M2mClassifier as its users meet it: what it learns, reports, refuses, makes and repeats."""

import math
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback
from torch import nn

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.classifiers._m2m.net import M2mNet
from imbdeep.seeding import draw_seed
from tests.test_common import made

SHORT = {"max_epochs": 4, "hidden_layer_sizes": (8,), "device": "cpu", "random_state": 0}
COUNTS = (90, 40, 15)


def table(counts=COUNTS, n_features=3, seed=0):
    """A long-tailed table whose classes lie apart."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    X = rng.normal(size=(len(codes), n_features)) + 2 * codes[:, None]
    return X, np.array(["large", "medium", "small", "tiny"])[codes]


def m2m(**params):
    return made(M2mClassifier, **{**SHORT, "beta": 0.5, "gamma": 0.0, "defer": 0.5, **params})


def weights(net):
    return nn.utils.parameters_to_vector(net.module_.parameters()).detach().numpy().copy()


class Diary(Callback):
    """Keep the weights at the start of each epoch."""

    def __init__(self):
        self.weights = []

    def on_epoch_begin(self, net, **kwargs):
        self.weights.append(weights(net))


X, Y = table()


@pytest.fixture(scope="module")
def fitted():
    return m2m().fit(X, Y)


# The two phases


@pytest.mark.parametrize("defer", [0.5, 3, 0])
def test_before_the_deferred_epoch_it_is_an_erm_classifier(defer):
    ours, theirs = Diary(), Diary()
    m2m(defer=defer, callbacks=[ours], max_epochs=6).fit(X, Y)
    stream = np.random.RandomState(0)
    draw_seed(stream)  # the teacher's
    plain = {**SHORT, "random_state": stream, "max_epochs": 6, "callbacks": [theirs]}
    ERMClassifier(sampling="balanced", defer=defer, **plain).fit(X, Y)
    start = 3 if defer else 0
    for epoch in range(start + 1):
        assert (ours.weights[epoch] == theirs.weights[epoch]).all()
    assert len(ours.weights) == 6


def test_the_teacher_trained_here_is_an_erm_classifier(fitted):
    plain = ERMClassifier(**SHORT).fit(X, Y)
    (teacher,) = fitted.teachers_
    assert (weights(teacher) == weights(plain.net_)).all()
    assert not isinstance(teacher, M2mNet)


# Its estimator


def test_the_estimator_is_copied_and_stays_as_it_is():
    erm = ERMClassifier(**SHORT)
    before = erm.get_params()
    classifier = M2mClassifier(erm, beta=0.5, gamma=0.0).fit(X, Y)  # the seed is the estimator's
    assert erm.get_params() == before
    assert not hasattr(erm, "net_")
    expected = classifier.predict_proba(X)
    own = clone(classifier).set_params(random_state=0, estimator__random_state=7, device="cpu")
    np.testing.assert_array_equal(own.fit(X, Y).predict_proba(X), expected)
    fitted = ERMClassifier(**SHORT).fit(X, Y)
    net = fitted.net_
    np.testing.assert_array_equal(
        own.set_params(estimator=fitted).fit(X, Y).predict_proba(X), expected
    )
    assert fitted.net_ is net
    own.set_params(estimator__encode=False, estimator__hidden_layer_sizes=(3,))
    np.testing.assert_array_equal(own.predict_proba(X), expected)  # of what was fitted


@pytest.mark.parametrize(
    "params, message",
    [
        ({"class_weight": "balanced"}, "estimator has class_weight='balanced', and M2m balances"),
        ({"sampling": "balanced"}, "estimator has sampling='balanced', and M2m balances"),
        ({"defer": 0.5}, r"estimator has defer=0\.5, .* out there, or set defer here\."),
        ({"max_epochs": 0}, "'max_epochs' parameter of ERMClassifier"),
    ],
)
def test_an_estimator_that_does_not_fit_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        M2mClassifier(ERMClassifier(**{**SHORT, **params})).fit(X, Y)
    with pytest.raises(ValueError, match="'estimator' parameter of M2mClassifier"):
        M2mClassifier(LogisticRegression()).fit(X, Y)


# What it reports


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"gamma": 0.5},
        {"seeds": "batch", "batch_size": 6},
        {"max_seeds": 2},
        {"rejection": False},
        {"ablation": "random_label"},
        {"teacher": "self"},
        {"gamma": 0.5, "stop_at_gamma": True},
        {"beta": 0.9, "gamma": 0.3, "defer": 0},
        {"criterion": "ldam", "teacher": "self"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_what_became_of_the_marked_rows_adds_up(params):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Only", UserWarning)  # how many is not the question
        classifier = m2m(**params).fit(X, Y)
    fate = classifier.translations_
    assert list(fate) == ["marked", "without_seed", "rejected", "below_gamma", "accepted"]
    parts = sum(fate[name] for name in list(fate)[1:])
    assert parts.tolist() == fate["marked"].tolist()
    assert all((counts >= 0).all() for counts in fate.values())
    assert fate["marked"][0] == 0  # the largest class
    assert (fate["marked"][1:] > 0).all()
    seeds = classifier.seed_counts_
    assert seeds.sum(axis=1).tolist() == fate["accepted"].tolist()
    assert seeds[np.triu_indices(3)].sum() == 0  # only larger classes: they come first here
    assert classifier.acceptance_ == fate["accepted"].sum() / fate["marked"].sum()
    if classifier.gamma == 0:
        assert fate["below_gamma"].sum() == 0
    if not classifier.rejection:
        assert fate["rejected"].sum() == 0
    if classifier.seeds == "all":
        assert fate["without_seed"].sum() == 0
    proba = classifier.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_the_history_has_the_accepted_share_once_translation_has_begun():
    classifier = m2m(gamma=0.6, defer=10, max_epochs=13, learning_rate=0.03).fit(X, Y)
    shares = [epoch.get("accepted_share") for epoch in classifier.history_]
    assert shares[:10] == [None] * 10
    assert all(0 <= share <= 1 for share in shares[10:])
    assert min(shares[10:]) <= classifier.acceptance_ <= max(shares[10:])


def test_balanced_classes_have_nothing_marked_and_no_warning():
    classifier = m2m().fit(*table((30, 30, 30)))
    assert all(counts.tolist() == [0, 0, 0] for counts in classifier.translations_.values())
    assert math.isnan(classifier.acceptance_)
    assert all("accepted_share" not in epoch for epoch in classifier.history_)
    assert classifier.translate(X[:3], "small").shape == (3, 3)


@pytest.mark.parametrize(
    "params, name, advice",
    [
        ({"beta": 0.999999}, "rejected", r"beta=0\.999999 rejects them.*try a smaller beta"),
        (
            {"gamma": 0.999, "translation_steps": 0, "max_epochs": 20},
            "below_gamma",
            r"the teacher gives too few of them gamma=0\.999",
        ),
        (
            {"seeds": "batch", "batch_size": 1},
            "without_seed",
            r"their batches held no larger class: use seeds='all'",
        ),
    ],
    ids=["beta", "gamma", "batch"],
)
def test_a_warning_names_why_hardly_any_row_was_translated(params, name, advice):
    with pytest.warns(UserWarning, match=rf"little more than deferred.*{advice}") as record:
        classifier = m2m(**params).fit(X, Y)
    assert len(record) == 1
    fate = {k: int(v.sum()) for k, v in classifier.translations_.items()}
    marked = fate.pop("marked")
    assert max(fate, key=fate.get) == name
    assert f"{classifier.acceptance_:.1%} of {marked} marked rows" in str(record[0].message)


# Lengths and the box


def test_the_automatic_step_is_a_tenth_of_the_distance_between_rows():
    classifier = m2m().fit(X, Y)
    rows = classifier._encode(X).astype(float)
    expected = 0.1 * math.sqrt(cdist(rows, rows, "sqeuclidean").mean())
    assert classifier.step_size_ == pytest.approx(expected, rel=1e-6)
    assert classifier.noise_radius_ == classifier.step_size_
    assert classifier.net_.settings.step_size == classifier.step_size_


def test_the_automatic_step_of_convolutions_is_the_papers():
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 4, 4), dtype=np.uint8)
    few = {"max_epochs": 2, "batch_size": 4, "module": "resnet20"}
    classifier = m2m(**few).fit(images, np.repeat([0, 1], [8, 4]))
    assert classifier.step_size_ == classifier.noise_radius_ == 0.1


# What it refuses


def test_a_deferred_epoch_that_never_comes_is_refused():
    with pytest.raises(ValueError, match="defer=4 never comes in a training of 4 epochs"):
        m2m(defer=4).fit(X, Y)


def test_random_labels_need_three_classes():
    with pytest.raises(ValueError, match=r"ablation='random_label'.*y has 2 classes"):
        m2m(ablation="random_label").fit(*table((40, 10)))


# Translate


def test_a_frame_of_mixed_columns_comes_back_as_one():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": X[:, 0],
            "town": pd.Categorical(rng.choice(["Ulm", "Bonn", "Kiel"], len(X))),
            "rooms": rng.integers(1, 6, len(X)),
            "owner": X[:, 1] > 1,
        }
    )
    classifier = m2m(max_epochs=20, learning_rate=0.03).fit(frame, Y)
    found, confidence = classifier.translate(frame[:30], "small", return_confidence=True)
    assert found.columns.tolist() == frame.columns.tolist()
    assert found.dtypes.tolist() == frame.dtypes.tolist()
    assert len(found) == len(confidence) == 30
    assert set(found["town"]) <= {"Ulm", "Bonn", "Kiel"}
    assert found["rooms"].between(1, 5).all()
    assert found["income"].mean() > frame[:30]["income"].mean()  # the small class lies higher


@pytest.mark.parametrize(
    "target, y, message",
    [
        ("huge", None, r"'huge' is no class of the training rows: choose from \['large', 'medium'"),
        ("small", ["large", "huge"], "'huge' is no class"),
        ("small", ["large"], "y has 1 labels and X 2 rows"),
        (2, None, "2 is no class"),
    ],
)
def test_unknown_labels_and_other_lengths_are_refused(fitted, target, y, message):
    with pytest.raises(ValueError, match=message):
        fitted.translate(X[:2], target, y=y)


# Repetition and pickling


def test_a_pickle_keeps_a_given_teacher_once():
    teacher = ERMClassifier(**{**SHORT, "hidden_layer_sizes": (4000,)}).fit(X, Y)
    classifier = m2m(teacher=teacher).fit(X, Y)
    again = pickle.loads(pickle.dumps(classifier))
    assert again.teacher.net_ is again.teachers_[0] is again.net_.teachers[0][0]
    assert len(pickle.dumps(classifier)) < 1.5 * len(pickle.dumps(teacher))
