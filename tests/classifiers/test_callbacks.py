"""skorch's callbacks with every classifier: what they see, and what they cannot ask for."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
    TrainEndCheckpoint,
)

from imbdeep.classifiers import ERMClassifier
from tests.test_common import CLASSIFIERS, changed

pytestmark = [pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning")]

X, Y = make_classification(80, 4, weights=[0.8], flip_y=0, random_state=0)
IMAGES = np.random.default_rng(0).random((30, 1, 16, 16))
DIGITS = np.repeat([0, 1], [20, 10])
CONVOLVED = clone(CLASSIFIERS[3]).set_params(
    max_steps=6, training_params={"game_steps": 2, "feature_steps": 2}
)
each = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda c: type(c).__name__)
each_kind = pytest.mark.parametrize(
    "classifier", [*CLASSIFIERS, CONVOLVED], ids=[*(type(c).__name__ for c in CLASSIFIERS), "F"]
)


def fitted(classifier, *callbacks, **params):
    classifier = changed(classifier, callbacks=[*callbacks], **params)
    return classifier.fit(X, Y)


class Look(Callback):
    """Keeps the rows, labels and predicted classes of the training batches, and predicts."""

    def initialize(self):
        self.seen_ = []
        return self

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.begun_ = batch

    def on_batch_end(self, net, batch, training, y_pred, **kwargs):
        assert all(torch.equal(*pair) for pair in zip(self.begun_, batch, strict=True))
        net.predict(batch[0])  # leaves the module in evaluation mode
        if training:
            x, y = batch
            self.seen_.append((x.flatten(1), y, y_pred.argmax(dim=1)))


SCORERS = {
    f"{kind.__name__} {on_train} {use_caching}": (kind, on_train, use_caching)
    for kind in (EpochScoring, BatchScoring)
    for on_train in (True, False)
    for use_caching in (True, False)
}


@each_kind
def test_scorers_get_as_many_predictions_as_labels(classifier):
    data = (IMAGES, DIGITS) if classifier is CONVOLVED else (X, Y)
    look = Look()
    scorers = [
        kind("accuracy", lower_is_better=False, on_train=on, use_caching=cached, name=name)
        for name, (kind, on, cached) in SCORERS.items()
    ]
    params = {"early_stopping": True, "n_iter_no_change": 1000}
    plain = changed(classifier, **params).fit(*data)
    watched = changed(classifier, **params, callbacks=[look, *scorers]).fit(*data)
    assert watched.predict_proba(data[0]).tobytes() == plain.predict_proba(data[0]).tobytes()
    encoded = watched.encoder_.transform(data[0]).reshape(len(data[0]), -1)
    known = {row.tobytes() + bytes([y]) for row, y in zip(encoded, data[1], strict=True)}
    for x, y, predicted in look.seen_:
        assert len(x) == len(y) == len(predicted)
        assert {row.tobytes() + bytes([y]) for row, y in zip(x.numpy(), y, strict=True)} <= known
    per_epoch = len(look.seen_) // len(watched.history_)
    last = [torch.cat(parts) for parts in zip(*look.seen_[-per_epoch:], strict=True)]
    found = watched.history_[-1]
    expected = float((last[1] == last[2]).float().mean())
    assert found["EpochScoring True True"] == pytest.approx(expected)
    assert found["BatchScoring True True"] == pytest.approx(expected)
    for name in SCORERS:
        assert all(0 <= record[name] <= 1 for record in watched.history_), name


@each
def test_other_callbacks_work(classifier, tmp_path):
    callbacks = [
        Checkpoint(dirname=tmp_path, monitor="train_loss_best"),
        TrainEndCheckpoint(dirname=tmp_path, fn_prefix="end_"),
        LRScheduler("ReduceLROnPlateau", monitor="train_loss"),
        LRScheduler("StepLR", step_size=5, step_every="batch"),
        EarlyStopping(monitor="train_loss", load_best=True),
        GradientNormClipping(1.0),
        PassthroughScoring("train_loss", on_train=True),
        Freezer("*bias"),
    ]
    assert fitted(classifier, *callbacks).predict(X).shape == Y.shape
    assert (tmp_path / "end_params.pt").exists()


# ------------------------------------------------------------------------------- what is not there

NO_ROWS = r"callbacks holds {}\(monitor='{}'\), and there are no validation rows: set early_stopp"


@each
@pytest.mark.parametrize(
    "callback, monitor",
    [
        (EarlyStopping, "valid_loss"),
        (Checkpoint(), "valid_loss_best"),
        (("mine", LRScheduler("ReduceLROnPlateau", monitor="valid_loss")), "valid_loss"),
        (EarlyStopping(monitor="valid_balanced_accuracy"), "valid_balanced_accuracy"),
        (EarlyStopping(monitor="valid_acc"), "valid_acc"),
    ],
)
def test_without_validation_rows_nothing_of_them_is_monitored(classifier, callback, monitor):
    plain = callback[1] if isinstance(callback, tuple) else callback
    name = plain.__name__ if isinstance(plain, type) else type(plain).__name__
    with pytest.raises(ValueError, match=NO_ROWS.format(name, monitor)):
        fitted(classifier, callback)


def test_monitors_are_checked_in_partial_fit_too():
    with pytest.raises(ValueError, match="no validation rows"):
        ERMClassifier(callbacks=[EarlyStopping()]).partial_fit(X, Y, classes=[0, 1])


def test_what_is_recorded_may_be_monitored():
    quick = {"early_stopping": True, "n_iter_no_change": 1000}
    scored = EpochScoring("accuracy", name="valid_acc", lower_is_better=False)
    stop = EarlyStopping(monitor="valid_acc", lower_is_better=False, patience=2)
    assert fitted(CLASSIFIERS[0], scored, stop, **quick).history_
    with pytest.raises(ValueError, match=r"epochs record \['train_.*EpochScoring with name='val"):
        fitted(CLASSIFIERS[0], EarlyStopping(monitor="valid_acc"), **quick)

    class Recorder(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("valid_own", 1.0)

    assert fitted(CLASSIFIERS[0], Recorder(), EarlyStopping(monitor="valid_own"), **quick).history_
    with pytest.raises(ValueError, match=r"EarlyStopping asks for .*'nonsense'.*There are \['dur'"):
        fitted(CLASSIFIERS[0], EarlyStopping(monitor="nonsense"))


@each
def test_sizes_of_the_input_are_not_set_by_a_callback(classifier):
    with pytest.raises(ValueError, match=r"holds InputShapeSetter.* take n_features"):
        fitted(classifier, InputShapeSetter())


@each
def test_net_goes_on_by_its_own_methods_or_says_why_not(classifier):
    net = fitted(classifier).net_
    rows = torch.zeros(4, 4), torch.tensor([0, 1, 0, 1])
    if hasattr(classifier, "partial_fit"):
        assert len(net.partial_fit(*rows).history)
    else:
        with pytest.raises(RuntimeError, match="can be trained no further: call fit of the class"):
            net.partial_fit(*rows)
