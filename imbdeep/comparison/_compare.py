"""Compare ways to deal with the imbalance on a table of the user's own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
import sklearn
import torch
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_memory
from tqdm import tqdm

from imbdeep import __version__
from imbdeep.comparison._fold import Table, Task, evaluate
from imbdeep.comparison._methods import (
    CLASSIFIERS,
    METHODS,
    QUICK,
    SIMPLE,
    Method,
    Settings,
    chosen_classifiers,
    chosen_methods,
    nearest,
    refuse_without_output,
)
from imbdeep.comparison._new_rows import NEW_ROWS
from imbdeep.comparison._progress import TimeLeft, seconds_of
from imbdeep.comparison._result import Comparison
from imbdeep.encoding import (
    TabularEncoder,
    advice_on_numbers,
    data_array,
    identifiers,
    plain_labels,
    refuse_missing_labels,
    target_array,
)
from imbdeep.metrics import SCORERS
from imbdeep.seeding import draw_seed, random_stream

#: Scorers by default: the first ranks.
SCORING = (
    "balanced_accuracy",
    "average_precision",
    "roc_auc",
    "gm_root",
    "macro_f1",
    "neg_log_loss",
)
#: Folds by default.
_N_FOLDS = 5
#: Most distinct labels that are taken for classes where they are as many as a tenth of the rows.
_CLASSES = 50
#: Folds that a small class may not bring down further: it is then missing from one's test rows.
_LEAST_FOLDS = 3
#: Scores that are a mean over rows, and of rows of one class too.
_OF_ROWS = ("neg_log_loss", "neg_brier")
#: The line of the progress: its time left is not that of tqdm, which takes all parts for alike.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
#: Most columns that a note names.
_NAMED = 10


class _Fold(NamedTuple):
    number: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]


def compare(
    X: Any,
    y: Any,
    *,
    methods: Any = None,
    classifiers: Any = None,
    cv: Any = None,
    groups: Any = None,
    scoring: Sequence[str] | None = None,
    categorical_features: Any = "auto",
    rope: float = 0.01,
    n_jobs: int | None = None,
    memory: Any = None,
    device: Any = "auto",
    random_state: Any = 0,
    verbose: bool | int = False,
    quick: bool = False,
) -> Comparison:
    """Compare methods for imbalanced classes on a table.

    Every method is cross-validated on the same folds. Encoders, samplers, thresholds and
    classifiers are fitted on training rows alone; test rows are only scored. The methods of this
    package are compared with simple ones, among them doing nothing and moving the decision
    threshold: a method that is not better than these is not worth its time, and the verdict says
    so.

    Parameters
    ----------
    X : array-like, sparse matrix, pandas or polars DataFrame of shape (n_samples, n_features)
        The table. Columns of a frame may be mixed and have missing values.
    y : array-like of shape (n_samples,)
        Labels of any kind, two classes or more.
    methods : "all", list of str, or dict of str to estimator, default=None
        What is compared; the names are in :data:`METHODS`, and None takes all. In a dict, a sampler
        gets training rows as they come, and the classifiers get its rows. What can predict (a
        classifier, a pipeline, a search over one, which is then nested) takes the place of the
        classifiers. None under a known name is the known method.
    classifiers : list of str, or dict of str to classifier, default=None
        Classifiers that are trained on the rows that the methods return; None takes all of
        :data:`CLASSIFIERS`: logistic regression, gradient boosting, and the papers' network
        (256-128, Adam, 3000 steps whatever the number of rows, so that more rows do not mean more
        training). They get encoded rows; pipelines get rows as they come.
    cv : int, splitter or iterable, default=None
        Number of stratified, shuffled folds, or a splitter of scikit-learn, a repeated one too.
        None takes 5 folds.
    groups : array-like of shape (n_samples,), default=None
        The group of each row, such as its patient, for a splitter that keeps groups together, as
        ``GroupKFold`` and ``LeaveOneGroupOut`` do. With a number of folds it takes
        ``StratifiedGroupKFold``. What a method splits inside its training rows knows no groups.
    scoring : list of str, default=None
        Names out of :data:`imbdeep.metrics.SCORERS`; the first one ranks. None takes balanced
        accuracy, average precision, ROC-AUC, G-mean, macro F1 and log-loss.
    categorical_features : "auto", list of names or indices, mask or None, default="auto"
        Columns to treat as categories beside those whose dtype says so.
    rope : float, default=0.01
        Differences up to this are called equal in practice (region of practical equivalence), in
        units of the metric: 0.01 is one point in a hundred.
    n_jobs : int, default=None
        Processes; None is one, -1 one a core. Each of them trains on one thread where there is more
        than one.
    memory : str or joblib.Memory, default=None
        Folder where results are kept, so that an interrupted call, made again with the same
        arguments, goes on where it stopped.
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where networks are trained.
    random_state : int, RandomState instance or None, default=0
        Seed of folds, methods and classifiers; estimators of yours that have one keep it.
    verbose : bool or int, default=False
        Whether to show a progress bar with the time left, which follows from the time that the
        finished parts took: good from the end of the first fold on.
    quick : bool, default=False
        Take a quick look, of a minute or two for some hundred rows: where ``methods``,
        ``classifiers`` or ``cv`` is None, what :data:`QUICK` has for it, which is the simple
        methods that do best, MGVAE and CVAE, two fast classifiers, and 3 folds. ``notes`` says what
        is left out. With so few folds, fewer differences are certain.

    Returns
    -------
    Comparison
        Scores, ranks, significance, verdict and picture.

    Raises
    ------
    ValueError
        If the data cannot be compared on (one class, a target that is no label, infinite values,
        fewer than two rows in all classes but one...), a split cannot be trained or scored on, a
        classifier lacks the ``predict_proba`` that a score needs, or a name or parameter is wrong;
        before any training.
    TypeError
        If a column holds dates or nested values, or a method is no estimator.
    RuntimeError
        If every method failed.

    See Also
    --------
    sklearn.model_selection.cross_validate : Scores one estimator.

    Notes
    -----
    A method that fails on the data does not stop the others: ``failures`` says why.

    Folds are not independent: their training rows overlap. ``significance`` therefore holds a
    Bayesian t-test that allows for the overlap [1]_, and the verdict calls a method better only
    where this test gives 95 % or more. Tests of independent values, such as Friedman's, would find
    differences that are chance.

    References
    ----------
    .. [1] G. Corani, A. Benavoli, "A Bayesian approach for comparing cross-validated algorithms on
       multiple data sets", Machine Learning 100, 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from imbdeep.comparison import compare
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> result = compare(X, y, methods=["nothing", "class weights", "SMOTE"],
    ...                  classifiers=["logistic"], cv=3)
    >>> result.ranks.shape
    (3, 6)
    >>> result.failures
    {}
    """
    _check_parameters(rope, scoring)
    scoring = list(dict.fromkeys(SCORING if scoring is None else scoring))
    seed = _seed(random_state)
    settings = Settings(device, seed, categorical_features)
    full = {"methods": METHODS, "classifiers": CLASSIFIERS, "cv": _N_FOLDS}
    given = {"methods": methods, "classifiers": classifiers, "cv": cv}
    preset = {name: (QUICK if quick else full)[name] for name in full if given[name] is None}
    methods, classifiers, cv = (given | preset).values()
    chosen = chosen_methods(methods, settings)
    learners = chosen_classifiers(classifiers, settings)
    refuse_without_output(chosen, learners, scoring)
    cached = check_memory(memory).cache(evaluate, ignore=["table", "shared"])

    table, notes = _checked(X, y, settings)
    folds, more = _folds(table.y, cv, groups, scoring, seed)
    notes += more
    if quick:
        if "methods" in preset and len(np.unique(table.y)) > 2:
            chosen = [method for method in chosen if method.name != "tuned threshold"]
        notes[:0] = _quick_note(preset, _in_order(chosen))
    # Another version's networks are not ours; the table is hashed once and not in every call.
    key = joblib.hash((table, __version__, torch.__version__, sklearn.__version__))
    task = Task(learners, scoring, settings)
    # Every method's first fold comes early, the quick methods first, so that the time of the rest
    # is known; in the others what takes longest begins first, so that the processes end together.
    parts = [
        (method, fold)
        for fold in folds
        for method in (chosen if fold is folds[0] else reversed(chosen))
    ]
    is_kept = partial(_is_kept, cached, task, key, table)
    parts.sort(key=lambda part: not is_kept(*part))
    left = TimeLeft([method for method, _ in parts], effective_n_jobs(n_jobs))
    records: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    said: dict[str, list[str]] = {}  # warnings by method
    with (
        TemporaryDirectory(prefix="imbdeep-") as shared,
        tqdm(
            total=len(parts), desc="comparing", disable=not verbose, bar_format=_BAR, mininterval=0
        ) as bar,
    ):
        attempt = partial(_attempt, cached, task, key, table, shared)
        # scikit-learn's own: its settings hold in the other processes too.
        done = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            delayed(attempt)(method, fold) for method, fold in parts
        )
        for method, fold, (rows, messages), error, seconds in done:
            for name in method.names:
                if error:
                    failures.setdefault(name, error)
                known = said.setdefault(name, [])
                known += [message for message in messages if message not in known]
            records += [{"fold": fold.number, **row} for row in rows]
            # What was kept took its time in an earlier call.
            left.finish(method.name, max(seconds, seconds_of(rows)) if rows else seconds)
            bar.set_postfix_str(str(left), refresh=False)
            bar.update()
    if not records:
        reasons = "; ".join(f"{name}: {why}" for name, why in failures.items())
        raise RuntimeError(f"No method could be run. {reasons}")
    order = {name: i for i, name in enumerate(_in_order(chosen))}
    scores = pd.DataFrame(records)[
        ["method", "classifier", "fold", *scoring, "seconds", "memory", NEW_ROWS]
    ].sort_values(
        ["method", "classifier", "fold"],
        key=lambda c: c.map(order) if c.name == "method" else c,
        ignore_index=True,
    )
    return Comparison(
        scores,
        metrics=tuple(scoring),
        # A method of the user's under a simple one's name is not that method.
        simple=tuple(name for name in SIMPLE if name in {m.name for m in chosen if m.known}),
        failures={name: failures[name] for name in order if name in failures},
        warnings={name: said[name] for name in order if said.get(name)},
        notes=notes,
        rope=rope,
        test_share=float(np.mean([_share(fold) for fold in folds])),
    )


def _quick_note(preset: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What a quick look leaves out, of what the user has not named."""
    parts = []
    if "methods" in preset:
        parts.append(f"the methods {', '.join(name for name in METHODS if name not in names)}")
    if "classifiers" in preset:
        left_out = [name for name in CLASSIFIERS if name not in preset["classifiers"]]
        parts.append(f"the classifier {', '.join(left_out)}")
    if "cv" in preset:
        parts.append(f"{_N_FOLDS - preset['cv']} of {_N_FOLDS} folds")
    if not parts:
        return []
    return [f"A quick look, which leaves out {'; '.join(parts)}. Without quick all are compared."]


def _share(fold: _Fold) -> float:
    return len(fold.test) / (len(fold.train) + len(fold.test))


def _in_order(chosen: Sequence[Method]) -> list[str]:
    """Names as in :data:`METHODS`, the user's own behind them."""
    names = [name for method in chosen for name in method.names]
    return sorted(names, key=lambda name: METHODS.index(name) if name in METHODS else len(METHODS))


def _is_kept(cached: Any, task: Task, key: str, table: Table, method: Method, fold: _Fold) -> bool:
    """Whether the result is in the cache: it comes first, so that its time is known."""
    try:
        return bool(
            cached.check_call_in_cache(method, task, fold.train, fold.test, key, table=table)
        )
    except Exception:  # such as of a method that cannot be pickled: it fails in its turn
        return False


def _attempt(
    cached: Any, task: Task, key: str, table: Table, shared: str, method: Method, fold: _Fold
) -> tuple[Method, _Fold, tuple[list[dict[str, Any]], list[str]], str, float]:
    """Records and warnings, for a method that fails the reason, which is not kept; and seconds."""
    start = time.perf_counter()
    found: tuple[list[dict[str, Any]], list[str]] = ([], [])
    why = ""
    try:
        found = cached(method, task, fold.train, fold.test, key, table=table, shared=shared)
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        why = f"{type(error).__name__}: {text}"
    return method, fold, found, why, time.perf_counter() - start


def _check_parameters(rope: Any, scoring: Any) -> None:
    if not isinstance(rope, Real) or not 0 <= float(rope) < 1:
        raise ValueError(
            f"rope={rope!r} must be a number from 0 to below 1: the difference that counts as none."
        )
    if scoring is None:
        return
    if isinstance(scoring, str) or not len(scoring):
        raise ValueError(
            f"scoring={scoring!r} must be a list of names, such as ['average_precision']."
        )
    for name in scoring:
        if name not in SCORERS:
            raise ValueError(
                f"scoring has {name!r}, which is not known: take some of {', '.join(SCORERS)}."
                f"{nearest(name, SCORERS)}"
            )


def _seed(random_state: Any) -> int:
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        seed = int(random_state)
        random_stream(seed)  # refuses what is no seed
        return seed
    return draw_seed(random_stream(random_state))


def _checked(X: Any, y: Any, settings: Settings) -> tuple[Table, list[str]]:
    """Rows and labels that can be compared on, and what was changed or looks odd."""
    labels = _labels(y)
    data = _rows(X)
    check_consistent_length(data, labels)
    # Refuses what cannot be encoded, by column, before anything is trained.
    encoder = TabularEncoder(categorical_features=settings.categorical_features)
    encoder.set_output(transform="default").fit(data)
    if not encoder.layout_.width:
        raise ValueError(
            "All columns of X are constant or missing throughout: there is nothing to learn from."
        )
    notes: list[str] = []
    if isinstance(data, pd.DataFrame):
        empty = [name for name in data.columns if data[name].isna().all()]
        if empty:
            notes.append(
                f"All values of {_named(empty)} are missing: nothing is learned from that."
            )
    own = identifiers(encoder)
    if own:
        named = _listed([column.label for column in own])
        notes.append(
            f"Nearly every row has a value of its own in {named}: leave identifiers out."
            f"{advice_on_numbers(own)}"
        )
    return Table(data, labels), notes


def _rows(X: Any) -> Any:
    """An array of two dimensions or a pandas frame with a fresh index."""
    data = data_array(X)
    if type(data).__module__.startswith("polars"):
        data = pd.DataFrame({name: data[name].to_numpy() for name in data.columns})
    elif hasattr(data, "toarray"):
        data = data.toarray()
    if isinstance(data, pd.DataFrame):
        return data.reset_index(drop=True)
    data = np.asarray(data)
    if data.ndim != 2:
        raise ValueError(
            f"X has shape {data.shape}: compare takes a table of shape (n_samples, n_features). "
            "Images can be given flattened, X.reshape(len(X), -1), and are then read as a table."
        )
    return data


def _labels(y: Any) -> NDArray[Any]:
    labels = target_array(y)
    if not labels.size:
        raise ValueError("y is empty: there are no rows to compare on.")
    refuse_missing_labels(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if plain_labels(labels) is not labels:  # such as dates, of which metrics know nothing
        labels = np.array([str(label) for label in labels])
    kind = type_of_target(labels, input_name="y")
    values = np.unique(labels) if labels.ndim == 1 else labels
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"y is {kind}, and classes are compared: cut a continuous target into classes "
            "(pandas.cut), and take one column of several."
        )
    if len(values) < 2:
        raise ValueError(f"y holds the one class {values.tolist()[0]!r}: two are needed.")
    if len(values) > max(_CLASSES, len(labels) / 10):
        raise ValueError(
            f"y has {len(values)} distinct values in {len(labels)} rows, which look like numbers "
            "or identifiers and not like classes: cut them into classes (pandas.cut), or name "
            "another column."
        )
    return labels


def _named(columns: Sequence[Any]) -> str:
    return _listed([repr(column) for column in columns])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _folds(
    y: NDArray[Any], cv: Any, groups: Any, scoring: Sequence[str], seed: int
) -> tuple[list[_Fold], list[str]]:
    """The folds, each with rows of every class in training, and what was adapted."""
    if groups is not None:
        groups = _groups(groups, len(y))
    if isinstance(cv, Integral):
        if int(cv) < 2:
            raise ValueError(f"cv={int(cv)} must be 2 or more: the number of folds.")
        if groups is None:
            return _stratified(y, int(cv), seed)
        cv = StratifiedGroupKFold(int(cv), shuffle=True, random_state=seed)
    return _given_folds(y, cv, groups, scoring)


def _groups(groups: Any, n_rows: int) -> NDArray[np.intp]:
    """The number of each row's group, in the order of the groups' names."""
    values = np.asarray(groups)
    if values.shape not in ((n_rows,), (n_rows, 1)):
        shown = repr(groups) if values.ndim == 0 else f"an array of shape {values.shape}"
        raise ValueError(
            f"groups is {shown}, and y has {n_rows} rows: give the group of each row, such as "
            "X['patient']."
        )
    codes, _ = pd.factorize(values.reshape(-1), sort=True)
    if (codes < 0).any():
        raise ValueError(
            f"groups is missing for row {int(np.argmin(codes))}: give each row a group, its own if "
            "it belongs to no other row."
        )
    return codes


def _given_folds(
    y: NDArray[Any], cv: Any, groups: NDArray[np.intp] | None, scoring: Sequence[str]
) -> tuple[list[_Fold], list[str]]:
    """The folds of a splitter, or given as splits; refuse those that say nothing."""
    n_rows = len(y)
    splitter = check_cv(cv, y, classifier=True)
    # Splits hold arrays, too long to be shown.
    shown = f"cv={' '.join(repr(cv).split())}" if hasattr(cv, "split") else "cv"
    n_told = len(getattr(splitter, "test_fold", y))
    if n_told != n_rows:
        raise ValueError(
            f"cv: {type(cv).__name__} is for {n_told} rows, and y has {n_rows}: give as many."
        )
    rows = np.arange(n_rows)
    try:
        splits = list(splitter.split(np.zeros((n_rows, 1)), y, groups))
        folds = [_Fold(i, rows[train], rows[test]) for i, (train, test) in enumerate(splits)]
    except (ValueError, TypeError, IndexError) as error:
        if groups is None and "group" in str(error).lower():
            raise ValueError(
                f"{shown} keeps groups together, and none are given: say by groups=... which "
                "group each row belongs to."
            ) from error
        raise ValueError(f"{shown} cannot split {n_rows} rows: {error}") from error
    if not folds:
        raise ValueError(f"{shown} has no splits: one at least is needed.")
    needs_all = any(hasattr(SCORERS[name], "methods") for name in scoring)
    one_class = 0
    for fold in folds:
        if not (len(fold.train) and len(fold.test)):
            what = "test" if len(fold.train) else "training"
            raise ValueError(f"cv: split {fold.number} has no {what} rows: leave it out.")
        if len(np.intersect1d(fold.train, fold.test)):
            raise ValueError(
                f"cv: in split {fold.number} rows are both trained on and tested on, so that "
                "its scores would say nothing. Leave the test rows out of the training rows."
            )
        trained, tested = np.unique(y[fold.train]), np.unique(y[fold.test])
        absent = np.setdiff1d(tested, trained)
        if len(trained) < 2 or (len(absent) and needs_all):
            lacks = (
                f"only the class {trained.tolist()[0]!r}"
                if len(trained) < 2
                else f"no row of {_named(absent.tolist())}, which is tested there"
            )
            raise ValueError(
                f"cv: the training rows of split {fold.number} hold {lacks}: take splits that "
                "train on every class, as StratifiedKFold makes, or StratifiedGroupKFold of groups."
            )
        one_class += len(tested) < 2
    of_classes = [name for name in scoring if name not in _OF_ROWS]
    if one_class == len(folds) and of_classes:
        raise ValueError(
            f"cv: each split tests rows of one class only, and {', '.join(of_classes)} compare "
            "classes: take splits that test on several, as StratifiedKFold does, or score by "
            "neg_log_loss or neg_brier alone."
        )
    notes = [
        f"The test rows of {one_class} of {len(folds)} splits are of one class: {name} cannot be "
        "taken there."
        for name in of_classes
        if one_class and name in ("roc_auc", "gm_macro")
    ]
    return folds, notes


def _stratified(y: NDArray[Any], cv: int, seed: int) -> tuple[list[_Fold], list[str]]:
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    notes = []
    alone = classes[counts == 1]
    tested = np.flatnonzero(counts[codes] > 1)
    if len(np.unique(codes[tested])) < 2:
        raise ValueError(
            "Of all classes but one y holds a single row, and no fold can train and test on it: "
            "gather more rows, or join classes."
        )
    if len(alone):
        notes.append(
            f"One row only of the classes {_named(alone.tolist())}: it is always trained on and "
            "never scored."
        )
    least = int(counts[counts > 1].min())
    n_folds = min(cv, max(least, _LEAST_FOLDS), int(counts.max()))
    if least < cv:
        shown = f"{n_folds} folds instead of {cv}: " if n_folds < cv else ""
        absent = ", and is missing in the test rows of some folds" if least < n_folds else ""
        notes.append(f"{shown}the smallest class has {least} rows{absent}.")
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    single = np.flatnonzero(counts[codes] == 1)
    folds = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # said above
        for i, (train, test) in enumerate(splitter.split(tested, codes[tested])):
            rows = np.sort(np.concatenate([tested[train], single]))
            folds.append(_Fold(i, rows, tested[test]))
    return folds, notes
