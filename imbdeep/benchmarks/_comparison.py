"""What a comparison costs: all methods on a table of 10 000 rows, and what it adds to the fits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbdeep.benchmarks._measuring import Line, Sizes, seconds_of
from imbdeep.benchmarks._mgvae import _table
from imbdeep.classifiers import RAEClassifier
from imbdeep.comparison import METHODS, SIMPLE, Comparison, compare
from imbdeep.comparison._methods import Settings, chosen_methods
from imbdeep.over_sampling import MGVAESampler

#: Levels of the columns of the table that are made categories: its last ones.
_LEVELS = (2, 5, 12)
#: A fit that takes seconds, as every deep method's does, and not minutes.
_FEW_STEPS = {"pretrain_steps": 2000, "finetune_steps": 500}


def mixed_table(n: int) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return n rows of 30 columns, three of them categories, 5 % of them in the rare class."""
    x, y = _table(n)
    columns: dict[str, Any] = {f"column {i}": x[:, i] for i in range(x.shape[1])}
    for name, levels in zip(list(columns)[-len(_LEVELS) :], _LEVELS, strict=True):
        words = [f"level {i}" for i in range(levels)]
        columns[name] = pd.qcut(columns[name], levels, labels=words)
    return pd.DataFrame(columns), y


def methods_of(sizes: Sizes) -> dict[str, Any]:
    """Return all methods for ``compare``: as they are, or trained as little as quick sizes say."""
    methods: dict[str, Any] = dict.fromkeys(METHODS)
    if not sizes.few_steps:
        return methods
    deep = [name for name in METHODS if name not in SIMPLE]
    unjudged: dict[str, Any] = {"acceptance": None}
    given = {
        "MGVAE": unjudged | sizes.sampler,
        "RAE samples": unjudged | {"estimator": RAEClassifier(device="cpu", **sizes.rae)},
        "RAE": sizes.rae,
        "GAMO": {**sizes.gamo, "max_steps": 10},
        "CVAE": unjudged | sizes.conditional,
        "CGAN": unjudged | sizes.conditional,
        "deferred re-weighting": {"max_epochs": 1},
        "M2m": {"max_epochs": 1},
    }
    for name in deep:  # one by one, since together some are trained once
        (method,) = chosen_methods(name, Settings("cpu", 0, "auto"))
        methods[name] = method.estimator.set_params(**given[name])
    return methods


def _compared(
    sizes: Sizes, methods: dict[str, Any], folds: int, n_jobs: int
) -> tuple[Comparison, float]:
    """The result of ``compare`` and the seconds that it took."""
    results = []
    call = partial(
        compare,
        *mixed_table(sizes.compared),
        methods=methods,
        classifiers=[sizes.learner],
        cv=folds,
        n_jobs=n_jobs,
        device="cpu",
    )
    seconds = seconds_of(lambda: results.append(call()))
    return results[0], seconds


def compare_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of a comparison of all methods, on two processes.

    A method that fails is quickly done, so their number is measured too.
    """
    methods = methods_of(sizes)
    result, seconds = _compared(sizes, methods, sizes.folds, sizes.processes)
    what = f"compare, {sizes.compared} x 30"
    yield Line(f"{what}, {len(methods)} methods, {sizes.folds} folds", seconds, "s", 900.0)
    yield Line(f"{what}: methods that failed", len(result.failures), "", 0.0)


def harness_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """What a comparison takes besides resampling and training, as a share of these.

    Rows are encoded, test rows scored, and the memory is watched, which takes the same time for
    each method. The simple ones train quickly; a deep one, with few steps, stands for all of them.
    One process and one classifier, so that the seconds of the fits add up.
    """
    deep = MGVAESampler(device="cpu", random_state=0, **{**_FEW_STEPS, **sizes.sampler})
    result, seconds = _compared(sizes, {**dict.fromkeys(SIMPLE), "MGVAE": deep}, sizes.folds, 1)
    fits = float(result.scores["seconds"].sum())
    what = f"compare, {sizes.compared} x 30, {len(result.ranks)} methods"
    yield Line(f"{what}: resampling and training", fits, "s")
    yield Line(f"{what}: all the rest", seconds - fits, "s")
    yield Line(f"{what}: the rest / training", (seconds - fits) / fits, "", 0.05)
