"""What every estimator promises: threads, torch's settings, and pickles of other machines."""

import copy
import io
import multiprocessing
import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import has_fit_parameter
from skorch.callbacks import Callback, LRScheduler
from torch.optim.optimizer import register_optimizer_step_pre_hook

from imbdeep import seeding
from imbdeep.classifiers import _voting
from imbdeep.over_sampling import GAMO2PixSampler, RAESampler
from imbdeep.seeding import abort_on_interrupt, turn
from imbdeep.training import Descent, DivergedError
from tests.test_common import CLASSIFIERS, SAMPLERS, VOTING, changed

pytestmark = [pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning")]

X, Y = make_classification(80, 4, weights=[0.8], flip_y=0, random_state=0)
META, CPU = torch.device("meta"), torch.device("cpu")
ALL = SAMPLERS + CLASSIFIERS + VOTING
each = pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
each_learned = pytest.mark.parametrize(
    "estimator", SAMPLERS + CLASSIFIERS, ids=lambda e: type(e).__name__
)


@pytest.fixture(autouse=True)
def brief_ensemble(monkeypatch):
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


def test_ensemble_adds_its_trees_in_one_order_whatever_joblib_is_set_to():
    ensemble = fitted(VOTING[0])
    expected = ensemble.predict_proba(X).tobytes()
    with joblib.parallel_config(backend="threading", n_jobs=4):
        found = {fitted(VOTING[0]).predict_proba(X).tobytes(), ensemble.predict_proba(X).tobytes()}
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
            changed(CLASSIFIERS[1], callbacks=[Failing(fail)]).fit(X, Y)
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
    classifier = fitted(changed(estimator, callbacks=callbacks))
    net = classifier.net_
    for name in ("anchors", "box"):
        if hasattr(net, name):
            net.__dict__[name] = moved_to_meta(getattr(net, name))
    classifier.device_ = META
    again = pickle.loads(pickle.dumps(classifier))
    assert again.device_ == CPU
    kept = vars(again.net_)
    callbacks = getattr(again, "estimator", again).callbacks
    for thing in (callbacks, kept["callbacks_"], kept.get("box"), kept.get("anchors")):
        assert {tensor.device for tensor in tensors_in(thing)} <= {CPU}
    assert [t.shape for t in tensors_in(callbacks[0].kept_)] == [(2,), (2, 1), (2,)]
    assert callbacks[0].net_ is again.net_
    assert again.predict_proba(X).tobytes() == classifier.predict_proba(X).tobytes()


@pytest.mark.parametrize("device", ["cuda:7", "mps"])
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
    *((estimator, "fit") for estimator in CLASSIFIERS + VOTING),
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


# ---------------------------------------------------------------------------------------- samplers

N, MAJORITY = 40, 30
FEW = np.repeat([0, 1], [MAJORITY, N - MAJORITY])
THREE = np.repeat([0, 1, 2], [20, 8, 12])
BALANCED = np.arange(N) % 2
A = np.random.default_rng(0).normal(size=(N, 3)) + FEW[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)
FEATURES = clone(SAMPLERS[3]).set_params(  # what GAMO2pix decodes are features of images
    max_steps=3, estimator__max_steps=3, estimator__network="cnn", estimator__n_extracted=6
)
OF_IMAGES = [*SAMPLERS, FEATURES]


@pytest.fixture
def sampler(request):
    return clone(request.param)


each_sampler = pytest.mark.parametrize(
    "sampler", SAMPLERS, ids=lambda e: type(e).__name__, indirect=True
)
each_of_images = pytest.mark.parametrize(
    "sampler",
    OF_IMAGES,
    ids=lambda e: type(e).__name__ + " of features" * (e is FEATURES),
    indirect=True,
)


def added(sampler, X, y):
    """The rows that are added to X, and their labels; those of X come first, unchanged."""
    X_res, y_res = sampler.fit_resample(X, y)
    assert type(X_res) is type(X)
    assert type(y_res) is type(y)
    return X_res[len(y) :], y_res[len(y) :]


@each_of_images
def test_seed_decides_the_rows(sampler):
    """And what the user drew before does not matter: conftest.py watches the global streams."""
    X = IMAGES if sampler.get_params().get("estimator__network") == "cnn" else A
    rows = [sampler.fit_resample(X, FEW)[0].tobytes() for _ in range(2)]
    assert rows[0] == rows[1]
    first = sampler.sample(5, 1, random_state=3)
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=3), first)
    state = np.random.RandomState(3)
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=state), first)
    for other in (sampler.sample(5, 1, random_state=4), sampler.sample(5, 1)):
        assert not np.array_equal(other, first)
    assert not np.array_equal(sampler.sample(5, 1), sampler.sample(5, 1))
    with torch.random.fork_rng():
        torch.manual_seed(99)
        going_on = sampler.set_params(random_state=np.random.RandomState(0))
        assert going_on.fit_resample(X, FEW)[0].tobytes() == rows[0]
    assert going_on.fit_resample(X, FEW)[0].tobytes() != rows[0]
    for seed in (1, None, None):
        rows.append(sampler.set_params(random_state=seed).fit_resample(X, FEW)[0].tobytes())
    assert len(set(rows)) == 4


PROGRAM = """
import pickle, sys, warnings
samplers, X, y = pickle.load(sys.stdin.buffer)
warnings.simplefilter("ignore")  # generators that have hardly been trained
for sampler in samplers:
    sys.stdout.write(sampler.fit_resample(X, y)[0].tobytes().hex() + chr(10))
"""


def test_another_process_gives_the_same_rows():
    samplers = [*SAMPLERS, clone(SAMPLERS[4]).set_params(row_filter=LogisticRegression())]
    samplers = [clone(sampler) for sampler in samplers]
    given = pickle.dumps((samplers, A, FEW))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=given, capture_output=True, check=True
    )
    expected = [sampler.fit_resample(A, FEW)[0].tobytes().hex() for sampler in samplers]
    assert done.stdout.decode().split() == expected


@each_of_images
def test_pickled_sampler_goes_on_where_it_stood(sampler):
    again = pickle.loads(pickle.dumps(sampler))
    sampler.fit_resample(IMAGES, THREE)
    again.fit_resample(IMAGES, THREE)
    copies = [pickle.loads(pickle.dumps(sampler)), reread(again, joblib.dump, joblib.load)]
    for target in (1, 2):
        expected = sampler.sample(7, target)
        for copied in copies:
            np.testing.assert_array_equal(copied.sample(7, target), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(sampler)).fit_resample(IMAGES, THREE)[0],
        sampler.fit_resample(IMAGES, THREE)[0],
    )
    cloned = clone(sampler)
    assert set(vars(cloned)) == set(cloned.get_params(deep=False))


@each_of_images
def test_a_refit_leaves_nothing_of_an_earlier_fit(sampler):
    fresh = clone(sampler)
    sampler.fit_resample(IMAGES, FEW)
    history = getattr(sampler, "history_", None)
    for fitted in (sampler, fresh):  # nothing to add
        X_res, y_res = fitted.fit_resample(IMAGES, BALANCED)
        assert X_res.tobytes() == IMAGES.tobytes()
        assert y_res.tolist() == BALANCED.tolist()
    assert set(vars(sampler)) == set(vars(fresh))
    for name in ("history_", "generator_", "diagnostics_", "filter_", "filter_scores_"):
        assert getattr(sampler, name, None) == getattr(fresh, name, None)
        assert not getattr(sampler, name, None)
    for target in (0, 1):
        with pytest.raises(ValueError, match=r"rows were added to \(those are \[\]\)"):
            sampler.sample(1, target)
    sampler.fit_resample(IMAGES, FEW)
    assert getattr(sampler, "history_", None) == history
    pickle.loads(pickle.dumps(fresh))


@each_sampler
def test_samples_need_a_fit_a_class_that_grew_and_a_number(sampler):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        sampler.sample(3, 1)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        sampler.fit(A, FEW).sample(3, 1)  # imbalanced-learn's fit checks the data
    sampler.fit_resample(A, FEW)
    for target in (0, 2, "1", None, 1.5, np.array([1, 1])):
        with pytest.raises(ValueError, match=r"is not a class that rows were added to \(those are"):
            sampler.sample(3, target)
    for n in (0, -1, 2.0, "3", None):
        with pytest.raises(ValueError, match="must be a positive integer: the number of rows"):
            sampler.sample(n, 1)


def frame_of_everything():
    third, seventh = np.arange(N) % 3 == 0, np.arange(N) % 7 == 0
    words = np.array(["u", "v", "w"], dtype=object)[np.arange(N) % 3]
    columns = {
        "float32": A[:, 0].astype("f4"),
        "holes": np.where(third, np.nan, A[:, 1]),
        "int64": np.arange(N) * 3,
        "Int64": pd.array(np.where(seventh, None, np.arange(N)), dtype="Int64"),
        "boolean": pd.array(np.where(seventh, None, third), dtype="boolean"),
        "category": pd.Categorical(words, categories=["w", "never", "v", "u"]),
        "object": np.where(third, None, words),
        "string": pd.array(np.where(seventh, None, words), dtype="string"),
        "constant": 1.5,
        "nothing": np.full(N, np.nan),
    }
    return pd.DataFrame(columns, index=np.arange(N) * 2 + 5)


def check_pandas(sampler):
    X = frame_of_everything()
    y = pd.Series(pd.Categorical(np.array(["b", "a"])[FEW]), name="target", index=X.index)
    X_res, y_res = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X, frame_of_everything())
    pd.testing.assert_frame_equal(X_res.head(N), X.reset_index(drop=True))
    assert X_res.dtypes.equals(X.dtypes)
    assert (y_res.name, y_res.dtype) == (y.name, y.dtype)
    assert y_res.tolist() == [*y, *["a"] * 20]
    new = X_res.iloc[N:]
    for name in ("boolean", "category", "object", "string"):
        assert set(new[name].dropna()) <= set(X[name].dropna())
    for name in X.columns[~X.isna().any()]:
        assert not new[name].isna().any()
    assert new["nothing"].isna().all()
    assert sampler.feature_names_in_.tolist() == X.columns.tolist()
    assert sampler.sample(3, "a").dtypes.equals(X.dtypes)


def check_polars(sampler):
    words = ["uvw"[i % 3] for i in range(N)]
    X = pl.DataFrame(
        {
            "f32": A[:, 1].astype("f4"),
            "holes": [None if i % 3 else float(a) for i, a in enumerate(A[:, 2])],
            "bool": (np.arange(N) % 3 == 0).tolist(),
            "cat": pl.Series(words, dtype=pl.Categorical),
            "enum": pl.Series(words, dtype=pl.Enum(["never", "u", "v", "w"])),
        }
    )
    X_res, y_res = sampler.fit_resample(X, pl.Series("target", FEW))
    assert X_res.schema == X.schema
    assert X_res.head(N).equals(X)
    assert y_res.name == "target"
    assert y_res.to_list() == [*FEW.tolist(), *[1] * 20]
    assert X_res["cat"].null_count() == 0
    assert sampler.sample(3, 1).schema == X.schema


def check_arrays(sampler):
    whole = np.round(np.abs(A) * 20)
    for X in (A, A.astype("f4"), whole.astype("u1"), A > 0, whole.astype("U3")):
        before = X.copy()
        new, labels = added(sampler, X, FEW)
        np.testing.assert_array_equal(X, before)
        assert new.dtype == X.dtype
        assert labels.tolist() == [1] * 20
        if X.dtype.kind in "fu":
            assert (new >= X.min(axis=0)).all()
            assert (new <= X.max(axis=0)).all()


def check_others(sampler):
    for kind in (sp.csr_array, sp.csc_matrix):
        assert added(sampler, kind(A * (A > 0)), FEW)[0].dtype == A.dtype
    masked = np.ma.masked_array(A, A > 1.5)
    X_res, _ = sampler.fit_resample(masked, FEW)
    np.testing.assert_array_equal(np.ma.getmaskarray(X_res)[:N], masked.mask)
    assert type(sampler.sample(2, 1)) is np.ma.MaskedArray
    X = torch.tensor(A).to(torch.bfloat16)
    new, labels = added(sampler, X, torch.tensor(FEW))
    assert (new.dtype, labels.tolist()) == (X.dtype, [1] * 20)
    X = [[float(a), "u" if b > 0 else "v", int(10 * c)] for a, b, c in A]
    new, labels = added(sampler, X, FEW.tolist())
    assert {tuple(map(type, row)) for row in new} == {(float, str, int)}
    assert labels == [1] * 20


@pytest.mark.parametrize("check", [check_arrays, check_pandas, check_polars, check_others])
@each_sampler
def test_every_container_comes_back(sampler, check):
    check(sampler)


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@each_of_images
def test_images_come_back(sampler, dtype):
    images = IMAGES if dtype == "u1" else (IMAGES / 255 * 6 - 3).astype(dtype)
    new, _ = added(sampler, images, FEW)
    assert (new.shape, new.dtype) == ((20, 1, 8, 8), images.dtype)
    assert images.min() <= new.min() <= new.max() <= images.max()
    assert sampler.sample(3, 1).shape == (3, 1, 8, 8)
    own = "estimator__image_shape" if "estimator" in sampler.get_params() else "image_shape"
    flat = clone(sampler).set_params(**{own: (1, 8, 8)})
    rows, _ = added(flat, images.reshape(N, -1), FEW)
    np.testing.assert_array_equal(rows, new.reshape(20, -1))
    assert added(sampler, torch.tensor(images), FEW)[0].shape == new.shape


@each_sampler
def test_options_of_tables_are_refused_for_images(sampler):
    own = "estimator__" if "estimator" in sampler.get_params() else ""
    for value in ([0], np.array([0, 1])):
        with pytest.raises(ValueError, match=r"categorical_features=.* is for tables"):
            sampler.set_params(**{f"{own}categorical_features": value}).fit_resample(IMAGES, FEW)
    assert vars(sampler).keys() == clone(sampler).get_params(deep=False).keys()


@pytest.mark.parametrize(
    "y, strategy, counts",
    [
        (FEW, 0.5, [30, 15]),
        (THREE, {1: 9}, [20, 9, 12]),
        (np.r_[np.zeros(N - 2, int), 1, 1], "auto", [38, 38]),
    ],
    ids=["float", "dict", "two rows"],
)
@each_sampler
def test_every_class_gets_what_the_strategy_says(sampler, y, strategy, counts):
    X_res, y_res = sampler.set_params(sampling_strategy=strategy).fit_resample(A, y)
    assert np.bincount(y_res).tolist() == counts
    assert np.isfinite(X_res).all()
    wanted = {k: n for k, n in enumerate(np.array(counts) - np.bincount(y)) if n}
    assert {k: n for k, n in sampler.sampling_strategy_.items() if n} == wanted
    assert sampler.class_counts_.tolist() == np.bincount(y).tolist()


@each_of_images
def test_rows_are_filtered_and_the_same_each_time(sampler):
    sampler.set_params(row_filter=LogisticRegression(), n_candidates=3)
    X_res, y_res = sampler.fit_resample(IMAGES, FEW)
    assert np.bincount(y_res).tolist() == [30, 30]
    assert sampler.filter_.n_features_in_ == 64
    assert all(0 <= mean <= 1 for mean in sampler.filter_scores_[1].values())
    twin = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(twin.sample(5, 1), sampler.sample(5, 1))
    assert twin.fit_resample(IMAGES, FEW)[0].tobytes() == X_res.tobytes()


@each_of_images
def test_nothing_is_printed_unless_asked(sampler, capfd):
    X = IMAGES if sampler.get_params().get("estimator__network") == "cnn" else A
    sampler.fit_resample(X, FEW)
    assert capfd.readouterr() == ("", "")
    own = "estimator__verbose" if type(sampler) is RAESampler else "verbose"
    if X is A and type(sampler) is GAMO2PixSampler:
        own = "estimator__verbose"
    sampler.set_params(**{own: True}).fit_resample(X, FEW)
    out, err = capfd.readouterr()
    assert (out == "") == (own == "verbose")
    assert "training" in err or "loss" in out


def hooked_steps():
    """Functions that are called before each step of an optimiser."""
    hooks = []

    def call(optimizer, args, kwargs):
        for hook in hooks:
            hook()

    def stepped(descent):
        call(descent, (), {})
        step(descent)

    handle, step = register_optimizer_step_pre_hook(call), Descent.step
    Descent.step = stepped
    yield hooks
    Descent.step = step
    handle.remove()


steps = pytest.fixture(hooked_steps)


@pytest.mark.changes_global_state
@each_sampler
def test_small_networks_train_on_one_thread(sampler, steps):
    seen = []
    steps.append(lambda: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        sampler.fit_resample(A, FEW)
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


class Interrupting:
    """Raises an error at some of the steps."""

    def __init__(self, error, *at):
        self.error, self.at, self.n = error, at, 0

    def __call__(self):
        self.n += 1
        if self.n in self.at:
            raise self.error


@each_of_images
def test_a_fit_that_fails_leaves_the_sampler_as_it_was(sampler, steps):
    hook = Interrupting(KeyboardInterrupt)
    steps.append(hook)
    expected, _ = clone(sampler).fit_resample(IMAGES, FEW)
    for error, at in [(RuntimeError("no"), hook.n), (KeyboardInterrupt, 1)]:
        steps[:] = [Interrupting(error, at)]
        with pytest.raises((RuntimeError, KeyboardInterrupt)):
            sampler.fit_resample(IMAGES, FEW)
        assert vars(sampler).keys() == sampler.get_params(deep=False).keys()
    steps.clear()
    assert sampler.fit_resample(IMAGES, FEW)[0].tobytes() == expected.tobytes()
    before = dict(vars(sampler))
    steps.append(Interrupting(KeyboardInterrupt, 1))
    for X, error in [(IMAGES[:, :, :4], KeyboardInterrupt), (np.full((N, 2), np.inf), ValueError)]:
        with pytest.raises(error):
            sampler.fit_resample(X, FEW)
        assert vars(sampler) == before
    steps.clear()
    own = "estimator__" if "estimator" in before else ""
    sampler.set_params(**{f"{own}learning_rate": 1e30})
    X = IMAGES if sampler.get_params().get("estimator__network") == "cnn" else A
    with pytest.raises(DivergedError, match=r"the term '\w+' of the loss became|became nan in"):
        sampler.fit_resample(X, FEW)
    assert sampler.sample(3, 1).shape == (3, 1, 8, 8)


@each_of_images
def test_an_interrupted_training_keeps_what_it_learned(sampler, steps):
    hook = Interrupting(KeyboardInterrupt)
    steps.append(hook)
    whole = clone(sampler)
    whole.fit_resample(IMAGES, FEW)
    n = hook.n
    steps[:] = [Interrupting(KeyboardInterrupt, n)]
    with pytest.warns(UserWarning, match=r"interrupted (after|in epoch) \d+") as caught:
        new, _ = added(sampler, IMAGES, FEW)
    assert {w.filename for w in caught} == {__file__}
    assert len(new) == 20
    if hasattr(sampler, "history_"):  # that of a classifier is tested with the classifiers
        assert len(sampler.history_) == len(whole.history_)
        assert sampler.history_[-1]["step"] < whole.history_[-1]["step"]
    assert sampler.sample(3, 1).shape == (3, 1, 8, 8)
    steps[:] = [Interrupting(KeyboardInterrupt, 1)]
    with abort_on_interrupt(), pytest.raises(KeyboardInterrupt):
        clone(sampler).fit_resample(IMAGES, FEW)
