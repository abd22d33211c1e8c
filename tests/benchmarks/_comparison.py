"""What a comparison costs: all methods on a table of 10 000 rows, and what it adds to the fits."""

from functools import partial

import pandas as pd

from imbdeep.comparison import SIMPLE, compare
from imbdeep.over_sampling import MGVAESampler

from ._measuring import Line, seconds_of, table


def _mixed_table(n):
    """n rows of 30 columns, three of them categories, 5 % of them in the rare class."""
    x, y = table(n)
    columns = {f"column {i}": x[:, i] for i in range(x.shape[1])}
    for name, levels in zip(list(columns)[-3:], (2, 5, 12), strict=True):
        columns[name] = pd.qcut(columns[name], levels, labels=range(levels))
    return pd.DataFrame(columns), y


def _compared(sizes, methods, n_jobs):
    """The result of ``compare`` and the seconds that it took."""
    results = []
    call = partial(
        compare,
        *_mixed_table(sizes.compared),
        methods=methods,
        classifiers=[sizes.learner],
        cv=sizes.folds,
        n_jobs=n_jobs,
        device="cpu",
    )
    seconds = seconds_of(lambda: results.append(call()))
    return results[0], seconds


def compare_lines(sizes, data=None):
    """A comparison of all methods, on two processes; a method that fails is quickly done."""
    methods = dict.fromkeys(sizes.methods)
    result, seconds = _compared(sizes, methods, sizes.processes)
    what = f"compare, {sizes.compared} x 30"
    yield Line(f"{what}, {len(methods)} methods, {sizes.folds} folds", seconds, "s")
    yield Line(f"{what}: methods that failed", len(result.failures))


def harness_lines(sizes, data=None):
    """What a comparison takes besides resampling and training, as a share of these.

    One process and one classifier, so that the seconds of the fits add up.
    """
    few = {"pretrain_steps": 2000, "finetune_steps": 500, **sizes.sampler}
    deep = MGVAESampler(device="cpu", random_state=0, **few)
    result, seconds = _compared(sizes, {**dict.fromkeys(SIMPLE), "MGVAE": deep}, 1)
    fits = float(result.scores["seconds"].sum())
    what = f"compare, {sizes.compared} x 30, {len(result.ranks)} methods"
    yield Line(f"{what}: resampling and training", fits, "s")
    yield Line(f"{what}: the rest / training", (seconds - fits) / fits)
