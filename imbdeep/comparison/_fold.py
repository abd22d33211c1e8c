"""One method on one fold: everything is fitted on the training rows, and scored on the others."""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import psutil
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from joblib import Memory
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from imbdeep.calibration import PriorCorrectedClassifier
from imbdeep.classifiers import ERMClassifier
from imbdeep.comparison._methods import Method, Settings
from imbdeep.comparison._new_rows import NEW_ROWS, Labelled, new_rows_auc
from imbdeep.encoding import Layout, TabularEncoder
from imbdeep.metrics import SCORERS
from imbdeep.seeding import abort_on_interrupt

#: The classifier of a method that has a network of its own, in the tables.
OWN = "own model"
#: Steps of the classifier "mlp", whatever the number of rows: more rows must not buy more training.
_STEPS = 3000
#: Folds of the training rows on which a threshold is tuned, at the most.
_THRESHOLD_FOLDS = 5
#: Neighbours between which SMOTE and ADASYN interpolate, at the most.
_NEIGHBOURS = 5
#: Seconds between two looks at the memory.
_INTERVAL = 0.02
MIB = 2**20


class Table(NamedTuple):
    """Rows, an array or a pandas frame, and their labels."""

    X: Any
    y: NDArray[Any]


class Rows(NamedTuple):
    """Training rows: as they come, None where no classifier takes them so, and encoded."""

    raw: Any
    encoded: NDArray[np.float32]
    y: NDArray[Any]


class Task(NamedTuple):
    """What is the same for every method and fold of a comparison."""

    classifiers: Mapping[str, Any]
    scoring: Sequence[str]
    settings: Settings


class Split(NamedTuple):
    """The rows of a fold, to train and to test on."""

    x: Any
    y: NDArray[Any]
    x_test: Any
    y_test: NDArray[Any]


class Fitted(NamedTuple):
    """A fitted estimator, the seconds it took, and the memory that it added at its peak, in MiB."""

    estimator: Any
    seconds: float
    memory: float


@abort_on_interrupt()
def fitted(estimator: Any, X: Any, y: Any) -> Fitted:
    """Fit an estimator and measure its seconds and memory, for the reproductions too."""
    with _watched() as spent:
        found = estimator.fit(X, y)
    return Fitted(found, spent.seconds, spent.memory)


@abort_on_interrupt()
def evaluate(
    method: Method,
    task: Task,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    key: str,
    table: Table,
    shared: str | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Fit a method on training rows and score it on test rows, which only the scorers get.

    Returns a record for each classifier (its name and the method's, seconds of resampling and
    training, the memory that these added in MiB, the scores, and how well the rows that the method
    added can be told from test rows), and the warnings. ``key`` is the hash of the table, by which
    results are kept. ``shared`` is a folder for what methods have in common within a fold: encoders
    and the row filter of samplers.
    """
    split = Split(
        *(_safe_indexing(table.X, train), table.y[train]),
        *(_safe_indexing(table.X, test), table.y[test]),
    )
    output = get_config()["transform_output"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # A note on the whole table says so.
        warnings.filterwarnings("ignore", "Nearly every row has a value of its own")
        try:
            records = _records(method, task, split, shared)
        except Exception as error:
            if output == "default":
                raise
            # Few samplers of others take the frames that transformers before or inside them return.
            with config_context(transform_output="default"):
                records = _records(method, task, split, shared)
            warnings.warn(
                f"fails where scikit-learn's transform_output is {output!r} "
                f"({type(error).__name__}), and was run with 'default'",
                stacklevel=1,
            )
    return records, list(dict.fromkeys(str(warning.message) for warning in caught))


def _records(method: Method, task: Task, split: Split, shared: str | None) -> list[dict[str, Any]]:
    if method.kind == "classifier":
        found = fitted(clone(method.estimator), split.x, split.y)
        return [_record((method.name, OWN), found, split.x_test, split.y_test, task.scoring)]
    # Resample once, then train and score each classifier. Rows are encoded by the original
    # training rows, for all classifiers alike.
    encoder = TabularEncoder(
        categorical_features=task.settings.categorical_features, handle_unknown="ignore"
    ).set_output(transform="default")
    encoder = Memory(shared, verbose=0).cache(_fitted_encoder)(encoder, split.x, split.y)
    given = rows = Rows(split.x, encoder.transform(split.x), split.y)
    x_test = encoder.transform(split.x_test)
    # A pipeline has an encoding of its own; all other classifiers get encoded rows.
    piped = {name: isinstance(made, Pipeline) for name, made in task.classifiers.items()}
    sampler: Any = None if method.estimator is None else clone(method.estimator)
    if method.known and "memory" in getattr(sampler, "_parameter_constraints", {}):
        sampler.set_params(memory=shared)
    records = []
    with _watched() as spent, _output_for(sampler):
        rows = _resampled(method, sampler, rows, encoder, task.settings, any(piped.values()))
        if method.also:
            # Without a deficit it has trained nothing.
            own = getattr(sampler, "estimator_", None)
            own = own or clone(sampler.estimator).fit(split.x, split.y)
    if method.also:
        found = Fitted(own, spent.seconds, spent.memory)
        records.append(_record((method.also, OWN), found, split.x_test, split.y_test, task.scoring))
    before, after = (Labelled(each.encoded, each.y) for each in (given, rows))
    new_rows = new_rows_auc(
        before, after, Labelled(x_test, split.y_test), seed=task.settings.random_state
    )
    for name, classifier in task.classifiers.items():
        estimator = _sized(clone(classifier), len(rows.y))
        estimator = _prepared(method, estimator, rows.y, task.settings)
        found = fitted(estimator, rows.raw if piped[name] else rows.encoded, rows.y)
        found = Fitted(
            found.estimator,
            spent.seconds + found.seconds,
            max(spent.memory, found.memory),
        )
        x = split.x_test if piped[name] else x_test
        record = _record((method.name, name), found, x, split.y_test, task.scoring)
        records.append({**record, NEW_ROWS: new_rows})
    return records


def _fitted_encoder(encoder: TabularEncoder, x: Any, y: NDArray[Any]) -> TabularEncoder:
    return encoder.fit(x, y)


def _output_for(sampler: Any) -> AbstractContextManager[Any]:
    """What a sampler takes for the global ``transform_output``: a pipeline has the user's setting.

    Others call transformers inside, as SMOTENC does, and fail where those return frames.
    """
    is_users = isinstance(sampler, Pipeline)
    return nullcontext() if is_users else config_context(transform_output="default")


def _sized(classifier: Any, n_rows: int) -> Any:
    """The same number of steps for any number of rows, where the classifier counts epochs."""
    if isinstance(classifier, ERMClassifier) and classifier.max_epochs == "auto":
        steps = math.ceil(n_rows / classifier.batch_size)
        classifier.set_params(max_epochs=max(1, round(_STEPS / steps)))
    return classifier


def _prepared(method: Method, classifier: Any, y: NDArray[Any], settings: Settings) -> Any:
    """The classifier as the method trains or uses it."""
    if method.kind == "weights":
        last = f"{classifier.steps[-1][0]}__" if isinstance(classifier, Pipeline) else ""
        if f"{last}class_weight" not in classifier.get_params():
            return Weighted(classifier)
        return classifier.set_params(**{f"{last}class_weight": "balanced"})
    if method.kind == "prior":
        return PriorCorrectedClassifier(classifier, prior="uniform")
    if method.kind == "threshold":
        classes, counts = np.unique(y, return_counts=True)
        if len(classes) > 2:
            raise ValueError(
                f"a threshold is for two classes, and there are {len(classes)}: see prior "
                "correction"
            )
        if counts.min() < 2:
            raise ValueError("a threshold cannot be tuned with one training row of a class")
        folds = StratifiedKFold(
            min(_THRESHOLD_FOLDS, int(counts.min())),
            shuffle=True,
            random_state=settings.random_state,
        )
        return TunedThresholdClassifierCV(classifier, scoring="balanced_accuracy", cv=folds)
    return classifier


class Weighted(ClassifierMixin, BaseEstimator):
    """Fits a classifier that has no ``class_weight`` with a weight for each row."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> Any:
        """Fit with a weight a row; return the classifier itself."""
        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(
                f"{type(self.estimator).__name__} takes neither class_weight nor sample_weight"
            )
        return self.estimator.fit(X, y, sample_weight=compute_sample_weight("balanced", y))


def _resampled(
    method: Method,
    sampler: Any,
    rows: Rows,
    encoder: TabularEncoder,
    settings: Settings,
    piped: bool,
) -> Rows:
    """Rows with those that the method adds; as they come only where a pipeline asks for them."""
    if method.kind == "sampler":
        raw, y = sampler.fit_resample(rows.raw, rows.y)
        return Rows(raw, encoder.transform(raw), np.asarray(y))
    if method.kind == "random":
        repeating = RandomOverSampler(random_state=settings.random_state)
        repeating.fit_resample(np.zeros((len(rows.y), 1)), rows.y)
        chosen = repeating.sample_indices_
        raw = _safe_indexing(rows.raw, chosen) if piped else None
        return Rows(raw, rows.encoded[chosen], rows.y[chosen])
    if method.kind in ("interpolation", "adaptive"):
        interpolate = interpolated if method.kind == "interpolation" else adapted
        x, y = interpolate(rows.encoded, rows.y, encoder.layout_, settings.random_state)
        new = x[len(rows.y) :]
        raw = _joined(rows.raw, encoder.inverse_transform(new)) if piped and len(new) else rows.raw
        return Rows(raw, x, y)
    return rows


def _joined(original: Any, new: Any) -> Any:
    if isinstance(original, np.ndarray):
        return np.concatenate([original, new])
    import pandas as pd

    return pd.concat([original, new], ignore_index=True)


def interpolated(
    x: NDArray[np.float32], y: NDArray[Any], layout: Layout, seed: int
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """SMOTE on encoded rows: SMOTENC where columns are mixed, SMOTEN where none is a number.

    A class of one row, which has no neighbour, is repeated.
    """
    x, y = _without_singletons(x, y)
    counts = np.unique(y, return_counts=True)[1]
    neighbours = min(_NEIGHBOURS, int(counts.min()) - 1)
    discrete = layout.width - layout.n_gaussian
    if not discrete:
        sampler: Any = SMOTE(k_neighbors=neighbours, random_state=seed)
        resampled, labels = sampler.fit_resample(x, y)
        return resampled, labels
    columns = np.column_stack([x[:, : layout.n_gaussian], _levels(x, layout)])
    if layout.n_gaussian:
        sampler = SMOTENC(
            categorical_features=list(range(layout.n_gaussian, columns.shape[1])),
            k_neighbors=neighbours,
            random_state=seed,
        )
    else:
        sampler = SMOTEN(k_neighbors=neighbours, random_state=seed)
    columns, labels = sampler.fit_resample(columns, y)
    return _encoded(columns, layout), labels


def adapted(
    x: NDArray[np.float32], y: NDArray[Any], layout: Layout, seed: int
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """ADASYN on encoded rows; it has no form for categories, whose columns it interpolates too."""
    counts = np.unique(y, return_counts=True)[1]
    if counts.min() < 2:
        raise ValueError("a class has one training row, which has no neighbour in its class")
    sampler = ADASYN(n_neighbors=min(_NEIGHBOURS, int(counts.min()) - 1), random_state=seed)
    resampled, labels = sampler.fit_resample(x, y)
    return resampled, labels


def _without_singletons(
    x: NDArray[np.float32], y: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """All rows, and once more those that are alone in their class: they count as added."""
    classes, counts = np.unique(y, return_counts=True)
    alone = np.flatnonzero(np.isin(y, classes[counts == 1]))
    rows = np.concatenate([np.arange(len(y)), alone])
    return x[rows], y[rows]


def _levels(x: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """A column of level numbers for each Bernoulli column and each one-hot group."""
    start = layout.n_gaussian + layout.n_bernoulli
    columns = [x[:, layout.n_gaussian : start]]
    for size in layout.group_sizes:
        columns.append(x[:, start : start + size].argmax(axis=1)[:, None].astype(np.float32))
        start += size
    return np.column_stack(columns)


def _encoded(columns: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    """The inverse of :func:`_levels`, behind the gaussian columns."""
    x = np.zeros((len(columns), layout.width), dtype=np.float32)
    start = layout.n_gaussian + layout.n_bernoulli
    x[:, :start] = columns[:, :start]
    for i, size in enumerate(layout.group_sizes):
        levels = columns[:, layout.n_gaussian + layout.n_bernoulli + i].astype(np.intp)
        x[np.arange(len(x)), start + levels] = 1
        start += size
    for gaussian, missing in layout.missing:
        x[x[:, missing] >= 0.5, gaussian] = 0
    return x


class _Spent:
    """What a fit took."""

    seconds = 0.0
    memory = 0.0


@contextmanager
def _watched() -> Iterator[_Spent]:
    """Measure the time of the block, and the memory that it adds at its peak, in MiB."""
    _return_memory()
    spent, process, over = _Spent(), psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not over.wait(_INTERVAL):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start = time.perf_counter()
    try:
        yield spent
    finally:
        spent.seconds = time.perf_counter() - start
        over.set()
        watcher.join()
        spent.memory = max(peak, process.memory_info().rss) - before
        spent.memory /= MIB


def _return_memory() -> None:
    """Give freed memory back, which would otherwise be used again and not be seen to grow."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)


def _record(
    names: tuple[str, str],
    found: Fitted,
    x_test: Any,
    y_test: NDArray[Any],
    scoring: Sequence[str],
) -> dict[str, Any]:
    estimator = _AskedOnce(found.estimator)
    score = check_scoring(estimator, scoring={metric: SCORERS[metric] for metric in scoring})
    return {
        "method": names[0],
        "classifier": names[1],
        **{metric: float(value) for metric, value in score(estimator, x_test, y_test).items()},
        "seconds": found.seconds,
        "memory": found.memory,
        NEW_ROWS: math.nan,
    }


class _AskedOnce:
    """A fitted classifier that predicts one set of rows once, for all scorers.

    scikit-learn keeps predictions for its own scorers only.
    """

    def __init__(self, fitted: Any) -> None:
        self._fitted = fitted
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fitted, name)
        if name not in ("predict", "predict_proba", "decision_function"):
            return found

        @wraps(found)
        def answer(X: Any) -> Any:
            if name not in self._answers:
                self._answers[name] = found(X)
            return self._answers[name]

        return answer

    def __sklearn_tags__(self) -> Any:
        return self._fitted.__sklearn_tags__()
