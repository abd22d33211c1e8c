"""What every estimator promises: threads, torch's settings, and pickles of other machines."""

import copy
import io
import multiprocessing
import pickle
import threading

import joblib
import numpy as np
import pytest
import torch
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import has_fit_parameter
from skorch.callbacks import Callback, LRScheduler

from imbdeep import seeding
from imbdeep.classifiers import _voting
from imbdeep.seeding import seeded, turn
from tests.test_common import CLASSIFIERS, JUDGES, SAMPLERS

pytestmark = [pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning")]

X, Y = make_classification(80, 4, weights=[0.8], flip_y=0, random_state=0)
META, CPU = torch.device("meta"), torch.device("cpu")
ALL = SAMPLERS + CLASSIFIERS + JUDGES
each = pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
each_learned = pytest.mark.parametrize(
    "estimator", SAMPLERS + CLASSIFIERS, ids=lambda e: type(e).__name__
)


@pytest.fixture(autouse=True)
def brief_judge(monkeypatch):
    for name, value in {"_MOST_EPOCHS": 3, "_N_TREES": 5, "_N_ROUNDS": 3}.items():
        monkeypatch.setattr(_voting, name, value)


def fitted(estimator):
    estimator = clone(estimator)
    if hasattr(estimator, "fit_resample"):
        estimator.fit_resample(X, Y)
        return estimator
    return estimator.fit(X, Y)


def results(estimator):
    """What a fitted estimator gives, in the order in which its own stream goes on."""
    found = {}
    for name, arguments in {
        "sample": (3, 1),
        "translate": (X[:3], 1),
        "generate": (3, 1),
        "encode": (X[:3], 1),
        "predict_proba": (X,),
        "penultimate_features": (X,),
    }.items():
        if callable(getattr(estimator, name, None)):
            seed = {"random_state": 5} if name in ("sample", "translate", "generate") else {}
            if name == "encode" and hasattr(estimator, "estimator"):
                arguments = arguments[:1]
            found[name] = getattr(estimator, name)(*arguments, **seed).tobytes()
    if hasattr(estimator, "sample"):
        found["next"] = estimator.sample(3, 1).tobytes()
    if hasattr(estimator, "partial_fit"):
        estimator.partial_fit(X, Y)
        found["part"] = estimator.predict_proba(X).tobytes()
        estimator.net_.partial_fit(torch.from_numpy(X).float(), torch.from_numpy(Y))
        found["net"] = estimator.predict_proba(X).tobytes()
    return found


def of(estimator):
    return results(fitted(estimator))


def in_threads(work, n=3):
    """The results of the same work in threads that begin together; what one raises is raised."""
    start, found = threading.Barrier(n), []

    def begin():
        start.wait()
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=begin) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(found) == n
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


# ---------------------------------------------------------------------------------------- threads


@each
def test_threads_get_what_one_alone_gets_and_global_state_stays(estimator):
    alone = of(estimator)
    assert in_threads(lambda: of(estimator)) == [alone] * 3  # conftest.py watches the state


def test_threads_of_torch_stay_in_all_threads():
    """torch keeps their number for each thread, and takes it for new ones from the last setting."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        settled = threading.Barrier(3)  # a thread's number is fixed at its first work in torch

        def work():
            seen = [torch.get_num_threads()]
            settled.wait(timeout=60)
            with seeded(0, CPU, 1):
                inside = torch.get_num_threads()
                other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
                other.start()
                other.join()
            return inside, *seen, torch.get_num_threads()

        assert in_threads(work) == [(1, 2, 2, 2)] * 3
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("estimator", [SAMPLERS[1], CLASSIFIERS[0]])
def test_search_in_threads_equals_the_serial_one(estimator):
    if estimator is CLASSIFIERS[0]:
        search = GridSearchCV(estimator, {"learning_rate": [0.01, 0.1]}, cv=2)
    else:
        pipe = make_pipeline(clone(estimator), LogisticRegression())
        search = GridSearchCV(pipe, {"cvaesampler__beta": [0.5, 1.0]}, cv=2)
    search.set_params(scoring="neg_log_loss", n_jobs=3)
    found = []
    for n_jobs in (1, 3):
        with joblib.parallel_config(backend="threading", n_jobs=n_jobs):
            search.set_params(n_jobs=n_jobs).fit(X, Y)
        found.append(search.cv_results_["mean_test_score"].tolist())
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


def test_judge_adds_its_trees_in_one_order_whatever_joblib_is_set_to():
    judge = fitted(JUDGES[0])
    expected = judge.predict_proba(X).tobytes()
    with joblib.parallel_config(backend="threading", n_jobs=4):
        found = {fitted(JUDGES[0]).predict_proba(X).tobytes(), judge.predict_proba(X).tobytes()}
    assert found == {expected}


class Once(Callback):
    """Calls a function in the second epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1, "epoch"] == 2:
            self.function()


def in_thread():
    (found,) = in_threads(lambda: of(CLASSIFIERS[0]), 1)
    return found


def in_process():
    """Fit in a forked child, which has the parent's lock and none of its threads."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(of(CLASSIFIERS[0])))
    child.start()
    found = queue.get(timeout=60)
    child.join(timeout=60)
    return found


@pytest.mark.parametrize("other", [in_thread, in_process, lambda: of(CLASSIFIERS[0])])
def test_a_callback_may_wait_for_another_training(monkeypatch, other):
    monkeypatch.setattr(seeding, "_PATIENCE", 0.05)
    alone, found = of(CLASSIFIERS[0]), []
    watched = clone(CLASSIFIERS[0]).set_params(callbacks=[Once(lambda: found.append(other()))])
    watched.fit(X, Y)
    assert found == [alone]
    assert watched.predict_proba(X).tobytes() == alone["predict_proba"]


def test_two_trainings_may_meet_in_their_callbacks(monkeypatch):
    monkeypatch.setattr(seeding, "_PATIENCE", 0.05)
    alone, meeting = of(CLASSIFIERS[0]), threading.Barrier(2)
    both = in_threads(
        lambda: of(
            clone(CLASSIFIERS[0]).set_params(callbacks=[Once(lambda: meeting.wait(timeout=60))])
        )["predict_proba"],
        2,
    )
    assert both == [alone["predict_proba"]] * 2


def test_a_quick_callback_that_draws_is_left_alone():
    """Another thread that waits does not begin in the middle, and the draws are the seed's."""

    class Noise(Callback):
        def on_epoch_end(self, net, **kwargs):
            with torch.no_grad():
                for weight in net.module_.parameters():
                    weight += 0.1 * torch.randn_like(weight)

    def work():
        noisy = clone(CLASSIFIERS[0]).set_params(callbacks=[Noise()])
        return noisy.fit(X, Y).predict_proba(X).tobytes()

    assert in_threads(work) == [work()] * 3


def test_a_fork_beside_a_training_does_not_wait_for_it():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with turn():
            inside.set()
            leave.wait(timeout=60)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(timeout=60)
    try:
        found = in_process()
    finally:
        leave.set()
        thread.join()
    assert found == of(CLASSIFIERS[0])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_training_that_fails_lets_the_next_one_begin(error):
    def fail():
        raise error

    def work():
        with pytest.raises(error):
            clone(CLASSIFIERS[1]).set_params(callbacks=[Failing(fail)]).fit(X, Y)
        return True

    class Failing(Callback):
        def __init__(self, function):
            self.function = function

        def on_train_begin(self, net, **kwargs):
            self.function()

    assert in_threads(work, 2) == [True, True]


# ------------------------------------------------------------------------------------------- dtype


@each
@pytest.mark.changes_global_state
def test_default_dtype_of_torch_changes_nothing(estimator):
    expected = of(estimator)
    torch.set_default_dtype(torch.float64)
    assert of(estimator) == expected
    assert torch.get_default_dtype() == torch.float64


# ----------------------------------------------------------------------------------------- pickles


def tensors_in(value):
    """All tensors that an object holds, however deep, by what its pickle consists of."""
    found = []

    class Walk(pickle.Pickler):
        def reducer_override(self, part):
            if isinstance(part, torch.Tensor):
                found.append(part)
                return int, ()
            return NotImplemented

    Walk(io.BytesIO()).dump(value)
    return found


def on_meta(estimator):
    """Move what the estimator itself keeps, as if it had been fitted on another device."""
    own = {name: v for name, v in vars(estimator).items() if name.endswith("_") or name[0] == "_"}
    for name, value in own.items():
        setattr(estimator, name, moved_to_meta(value))
    estimator.device_ = META
    return estimator


def moved_to_meta(value):
    if isinstance(value, torch.nn.Module | torch.Tensor):
        return copy.deepcopy(value).to(META)
    if isinstance(value, dict):
        return {key: moved_to_meta(part) for key, part in value.items()}
    return type(value)(map(moved_to_meta, value)) if isinstance(value, tuple | list) else value


DUMPS = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "copy": copy.deepcopy,
    "joblib": lambda e: reread(e, joblib.dump, joblib.load),
    "torch": lambda e: reread(e, torch.save, lambda f: torch.load(f, weights_only=False)),
}


def reread(estimator, dump, load):
    file = io.BytesIO()
    dump(estimator, file)
    file.seek(0)
    return load(file)


@pytest.mark.parametrize("way", DUMPS)
@pytest.mark.parametrize("estimator", SAMPLERS, ids=lambda e: type(e).__name__)
def test_pickle_of_a_sampler_has_all_tensors_on_the_processor(estimator, way):
    sampler = on_meta(fitted(estimator))
    shapes = [tensor.shape for tensor in kept_by(sampler)]
    again = DUMPS[way](sampler)
    assert again.device_ == CPU
    assert [tensor.shape for tensor in kept_by(again)] == shapes
    assert {tensor.device for tensor in kept_by(again)} <= {CPU}
    assert {tensor.device for tensor in kept_by(sampler)} <= {META}  # itself it stays as it is
    if not hasattr(sampler, "estimator_"):
        assert shapes  # the others' networks are those of a classifier


def kept_by(estimator):
    learned = {
        n: v for n, v in vars(estimator).items() if n not in estimator.get_params(deep=False)
    }
    for name in ("estimator_", "filter_", "encoder_"):
        learned.pop(name, None)
    return tensors_in(learned)


class Keeper(Callback):
    """Keeps tensors of another device, deep inside, and the net."""

    def on_train_begin(self, net, **kwargs):
        self.net_ = net

    def initialize(self):
        self.kept_ = {"deep": [(torch.ones(2, device=META), torch.nn.Linear(1, 2, device=META))]}
        return self


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_pickle_of_a_classifier_has_all_tensors_on_the_processor(estimator):
    """skorch sees to modules and optimisers; here is all else that nets and callbacks keep."""
    callbacks = [Keeper(), LRScheduler("StepLR", step_size=5)]
    classifier = fitted(clone(estimator).set_params(callbacks=callbacks))
    net = classifier.net_
    for name in ("anchors", "box"):
        if hasattr(net, name):
            net.__dict__[name] = moved_to_meta(getattr(net, name))
    classifier.device_ = META
    again = pickle.loads(pickle.dumps(classifier))
    assert again.device_ == CPU
    kept = vars(again.net_)
    for thing in (again.callbacks, kept["callbacks_"], kept.get("box"), kept.get("anchors")):
        assert {tensor.device for tensor in tensors_in(thing)} <= {CPU}
    assert [t.shape for t in tensors_in(again.callbacks[0].kept_)] == [(2,), (2, 1), (2,)]
    assert again.callbacks[0].net_ is again.net_
    assert again.predict_proba(X).tobytes() == classifier.predict_proba(X).tobytes()


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps"])
@each_learned
def test_what_was_fitted_on_an_absent_device_works_on_the_processor(estimator, device):
    before = fitted(estimator)
    there = copy.deepcopy(before)
    there.device_ = torch.device(device)
    inner = getattr(there, "estimator_", there)
    if hasattr(inner, "net_"):
        inner.net_.device = device
        inner.device_ = torch.device(device)
    again = pickle.loads(pickle.dumps(there))
    assert again.device_ == CPU
    if hasattr(again, "net_"):
        assert again.net_.device == "cpu"
    assert results(again) == results(before)


# --------------------------------------------------------------------------------- sample weights

METHODS = [
    *((estimator, method) for estimator in SAMPLERS for method in ("fit", "fit_resample")),
    *((estimator, "fit") for estimator in CLASSIFIERS + JUDGES),
    (CLASSIFIERS[0], "partial_fit"),
]


@pytest.mark.parametrize(
    "estimator, method", METHODS, ids=[f"{type(e).__name__}.{m}" for e, m in METHODS]
)
def test_sample_weights_are_refused_in_the_name_of_the_estimator(estimator, method):
    call = getattr(clone(estimator), method)
    classes = ([0, 1],) * (method == "partial_fit")
    name = rf"{type(estimator).__name__}\.{method}\(\) "
    unexpected = "got an unexpected keyword argument '{}'"  # scikit-learn looks for these words
    refused = r"\. Sample weights are not supported: "
    with pytest.raises(TypeError, match=name + unexpected.format("sample_weight") + refused):
        call(X, Y, *classes, sample_weight=np.ones(len(Y)))
    with pytest.raises(TypeError, match=name + ".* got 1 more" + refused):
        call(X, Y, *classes, np.ones(len(Y)))
    with pytest.raises(TypeError, match=name + unexpected.format("epochs") + r"\.$"):
        call(X, Y, *classes, epochs=3)
    assert not has_fit_parameter(estimator, "sample_weight")
