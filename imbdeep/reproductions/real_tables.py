"""What the methods add on real tables, beside the simple ways, for every table.

``python -m imbdeep.reproductions.real_tables tables --data DIR`` compares the over-samplers,
``real_tables classifiers`` the classifiers with networks of their own, and ``real_tables curve``
both ranking metrics where the smallest class has 5 to 50 rows. ``--help`` states the protocol.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from imbdeep.classifiers import ERMClassifier
from imbdeep.comparison import bayesian_signed_rank, compare, friedman, shaffer
from imbdeep.datasets import draw_rows, exponential_counts, fetch
from imbdeep.over_sampling import MGVAESampler
from imbdeep.reproductions import mgvae
from imbdeep.reproductions._class_size import draw_gains
from imbdeep.reproductions._paper import add_data, machine
from imbdeep.reproductions._results import row
from imbdeep.reproductions._rows import NotAtHandError, loaded
from imbdeep.seeding import resolve_device

__all__ = ["METRICS", "PROTOCOL", "SIZES", "STUDIES", "THINNED", "main"]

PROTOCOL = """\
protocol:
  tables, classifiers: two classes; of tables with more than --rows rows a stratified draw, anew in
  every trial; a stratified random 70/30 split. imbdeep.comparison.compare does the rest: everything
  (encoder, sampler, row filter, threshold by 5 inner folds, classifier) is fitted on the training
  rows, the test rows are scored once and choose nothing. All methods have their defaults.
  The networks behind samplers have the same 3000 steps whatever the number of rows.
  curve: training rows are thinned until the smallest class has 5, 10, 20 or 50; of two classes the
  other keeps 2000 rows at the most, several classes (long tails) become an exponential profile from
  400 rows on. The test rows, 30 %, stay what they are. On MNIST digits 0-4, 1000 each, stand
  against 5-9 by the protocol of imbdeep.reproductions.mgvae, scale short: 2000 steps of the
  classifier, and MGVAE with 2000 and 500 steps in the place of its defaults and no row filter.
  AUC and AP of several classes are means over one class against the rest.
  Trial numbers are seeds. Percent; means over trials, then over tables. Of tables and classifiers
  the differences to class weights are tested over data sets, by Friedman's test with Shaffer's
  correction and by the Bayesian signed-rank test: the means of different data sets are independent.
"""

SIMPLE = (
    "nothing",
    "class weights",
    "tuned threshold",
    "random over-sampling",
    "SMOTE",
    "ensemble",
)
OURS = ("MGVAE",)
CLASSIFIERS = ("deferred re-weighting", "M2m", "RAE", "GAMO")
#: Methods and the classifiers behind them; "class weights" is what the others must beat.
STUDIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tables": ((*SIMPLE, *OURS), ("mlp", "logistic", "gradient boosting")),
    "classifiers": (("class weights", *CLASSIFIERS), ("mlp",)),
    "curve": (
        ("nothing", "class weights", "random over-sampling", "SMOTE", "MGVAE"),
        ("mlp", "gradient boosting"),
    ),
}
#: Metrics by the names that the tables print.
METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "average_precision": "AP",
    "roc_auc": "AUC",
}
SIZES = (5, 10, 20, 50)
#: Tables of two classes with rows enough to be thinned.
THINNED = (
    "adult",
    "magic telescope",
    "musk",
    "phoneme",
    "satimage",
    "water quality",
)
_ROWS, _MAJORITY, _TAIL, _DIGITS, _TEST_SHARE = 6000, 2000, 400, 5000, 0.3
#: Differences that count as none, in percent.
_ROPE = 1.0


class TooFewError(Exception):
    """A class has not the rows that it shall keep."""


class Rows(NamedTuple):
    """A table, an array or a frame, and its labels."""

    x: Any
    y: NDArray[Any]


def _two(x: Any, y: Any) -> Rows:
    """The rarer of two classes is 1."""
    _, labels, counts = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    return Rows(x, (labels == counts.argmin()).astype(np.int64))


def _fetched(folder: Path | None, name: str) -> Rows:
    return _two(*fetch(name, data_home=folder, return_X_y=True))


def _file(folder: Path | None, *parts: str) -> Path:
    if folder is None or not (folder.joinpath(*parts)).is_file():
        raise FileNotFoundError(f"{'/'.join(parts)} is not below {folder}: name it with --data.")
    return folder.joinpath(*parts)


def _openml(folder: Path | None, name: str) -> Rows:
    """A table of the imbalanced benchmarking set of OpenML tables: numbers, and TARGET."""
    frame = pd.read_csv(_file(folder, "openml_imbalanced", f"{name}.csv.gz"))
    frame = frame.loc[:, ~frame.columns.str.startswith("Unnamed")]
    return _two(frame.drop(columns="TARGET").to_numpy(np.float64), frame["TARGET"])


def _phoneme(folder: Path | None) -> Rows:
    values = pd.read_csv(_file(folder, "phoneme", "phoneme.csv"), header=None).to_numpy(np.float64)
    return _two(values[:, :-1], values[:, -1])


def satimage_classes(folder: Path | None) -> Rows:
    """Satimage with its six classes."""
    parts = [_file(folder, "satimage", name) for name in ("sat.trn", "sat.tst")]
    values = np.concatenate([np.loadtxt(part) for part in parts])
    return Rows(values[:, :-1], values[:, -1].astype(np.int64))


def yeast_classes(folder: Path | None) -> Rows:
    """Yeast with the four classes of which there are rows enough to be made scarcer."""
    file = _file(folder, "yeast", "yeast.data")
    frame = pd.read_csv(file, sep=r"\s+", header=None)
    frame = frame[frame.iloc[:, -1].isin(["CYT", "NUC", "MIT", "ME3"])]
    return Rows(frame.iloc[:, 1:-1].to_numpy(np.float64), frame.iloc[:, -1].to_numpy())


def digits_classes(folder: Path | None) -> Rows:
    """scikit-learn's digits, 8 x 8, read as a table of 64 numbers."""
    return Rows(*load_digits(return_X_y=True))


def _satimage(folder: Path | None) -> Rows:
    rows = satimage_classes(folder)
    return Rows(rows.x, (rows.y == 4).astype(np.int64))


#: Two classes each; the rarer one is 1.
TABLES: dict[str, Callable[[Path | None], Rows]] = {
    **{
        name.removesuffix("2").replace("_", " "): partial(_fetched, name=name)
        for name in (
            *("adult", "credit_default", "german_credit", "hypothyroid", "mammography", "musk2"),
            *("water_quality", "isolet", "webpage"),
        )
    },
    "phoneme": _phoneme,
    "satimage": _satimage,
    **{
        name: partial(_openml, name=file)
        for name, file in (
            ("magic telescope", "MagicTelescope"),
            ("ozone level", "ozone-level-8hr"),
            ("pc1", "pc1"),
            ("pc4", "pc4"),
            ("qsar biodeg", "qsar-biodeg"),
            ("steel plates", "steel-plates-fault"),
            ("yeast me2", "yeast_me2"),
        )
    },
}
#: Several classes, made a long tail; the files are not asked for "digits".
TAILS: dict[str, Callable[[Path | None], Rows]] = {
    "digits": digits_classes,
    "satimage": satimage_classes,
    "yeast": yeast_classes,
}


def split(
    rows: Rows, seed: int, most: int | None
) -> tuple[Rows, NDArray[np.intp], NDArray[np.intp]]:
    """At most so many rows, a stratified draw, and the numbers of those to train and to test on."""
    chosen = np.arange(len(rows.y))
    if most is not None and most < len(chosen):
        chosen, _ = train_test_split(chosen, train_size=most, stratify=rows.y, random_state=seed)
    taken = Rows(
        rows.x.iloc[chosen].reset_index(drop=True) if hasattr(rows.x, "iloc") else rows.x[chosen],
        rows.y[chosen],
    )
    train, test = train_test_split(
        np.arange(len(chosen)), test_size=_TEST_SHARE, stratify=taken.y, random_state=seed
    )
    return taken, train, test


def scarcer(
    y: NDArray[Any], train: NDArray[np.intp], size: int, seed: int, majority: int
) -> NDArray[np.intp]:
    """Training rows of which the smallest class keeps ``size``.

    Of two classes the larger keeps ``majority`` rows at the most; several classes become an
    exponential long tail, in the order of their sizes, from at most ``majority`` rows on.
    """
    classes, labels, counts = np.unique(y[train], return_inverse=True, return_counts=True)
    if counts.min() < size:
        raise TooFewError(f"its smallest class has {counts.min()} training rows, fewer than {size}")
    order = np.argsort(-counts, kind="stable")
    largest = min(majority, int(counts.max()))
    wanted = np.empty(len(classes), dtype=np.int64)
    wanted[order] = exponential_counts(largest, len(classes), largest / size)
    wanted = np.minimum(np.maximum(wanted, size), counts)  # against rounding
    return train[draw_rows(labels, wanted.tolist(), np.random.default_rng(seed))]


def _curve_names() -> tuple[str, ...]:
    """Names of the data sets of the learning curve."""
    return (*THINNED, *(f"{name}, long tail" for name in TAILS), "MNIST")


def _methods(options: argparse.Namespace) -> Any:
    names = options.methods or STUDIES[options.study][0]
    if options.scale == "full":
        return list(names)
    brief = {
        "MGVAE": MGVAESampler(pretrain_steps=10, finetune_steps=5, row_filter=None),
        "deferred re-weighting": ERMClassifier(defer=0.5, class_weight="balanced", max_epochs=4),
    }
    # What has no short form is left out.
    kept = [name for name in names if name not in (*CLASSIFIERS[1:], "ensemble")]
    return {name: brief.get(name) for name in kept}


def _compared(
    rows: Rows, splits: Iterable[Any], seed: int, options: argparse.Namespace
) -> pd.DataFrame:
    smoke = options.scale == "smoke"
    result = compare(
        rows.x,
        rows.y,
        methods=_methods(options),
        classifiers=["logistic"] if smoke else list(STUDIES[options.study][1]),
        cv=list(splits),
        scoring=list(METRICS),
        memory=options.memory,
        device=options.device,
        random_state=seed,
        n_jobs=options.jobs,
    )
    for name, why in result.failures.items():
        sys.stderr.write(f"{name} failed: {why}\n")
    return result.scores.rename(columns=METRICS)


def _table_scores(name: str, options: argparse.Namespace) -> pd.DataFrame:
    """Scores of all trials on a table: a row a method, classifier and trial."""
    rows = loaded(TABLES[name], options.data)
    found = []
    for seed in options.seeds:
        taken, train, test = split(rows, seed, options.rows)
        scores = _compared(taken, [(train, test)], seed, options)
        found.append(scores.assign(dataset=name, trial=seed))
    return pd.concat(found, ignore_index=True)


def _curve_scores(name: str, options: argparse.Namespace) -> pd.DataFrame:
    """Scores by the size of the smallest class, column ``size``."""
    if name == "MNIST":
        return _on_mnist(options)
    tail = name.removesuffix(", long tail")
    rows = loaded((TAILS if tail != name else TABLES)[tail], options.data)
    majority = _TAIL if tail != name else _MAJORITY
    found = []
    for seed in options.seeds:
        taken, train, test = split(rows, seed, None)
        splits = [(scarcer(taken.y, train, size, seed, majority), test) for size in options.sizes]
        scores = _compared(taken, splits, seed, options)
        sizes = np.asarray(options.sizes)[scores["fold"]]
        found.append(scores.assign(dataset=name, trial=seed, size=sizes))
    return pd.concat(found, ignore_index=True)


def _on_mnist(options: argparse.Namespace) -> pd.DataFrame:
    device, records = resolve_device(options.device), []
    scale = mgvae.SCALES["smoke" if options.scale == "smoke" else "short"]
    for seed in options.seeds:
        for size in options.sizes:
            task = loaded(mgvae.two_classes, "mnist", options.data, seed, size)
            # Of each minority digit there are as many: only the total is left as wanted.
            most = (_DIGITS, size, *(scale.most or ())[2:])
            trial = mgvae.Trial(mgvae.reduced(task, most, seed), scale, seed, device)
            for name in options.methods or STUDIES[options.study][0]:
                outcome = trial.evaluate(mgvae.METHODS[name])
                values = outcome.metrics
                records.append(
                    {
                        "method": name,
                        "classifier": "mlp",
                        "balanced accuracy": values["balanced accuracy"],
                        "AP": values["average precision"],
                        "AUC": values["ROC-AUC"],
                        "seconds": outcome.seconds,
                        "dataset": "MNIST",
                        "trial": seed,
                        "size": size,
                    }
                )
    return pd.DataFrame(records)


def _summary(scores: pd.DataFrame, study: str) -> str:
    """Markdown: means of all methods, and for each metric and classifier every table."""
    methods = [name for name in STUDIES[study][0] if name in set(scores["method"])]
    texts = []
    metrics = ["AP", "AUC"] if study == "curve" else list(METRICS.values())
    keys = ["size"] if study == "curve" else []
    for classifiers, part in _parts(scores):
        means = part.groupby([*keys, "dataset", "method"], sort=False)[metrics].mean() * 100
        overall = means.groupby([*keys, "method"]).mean().round(1)
        known = [name for name in methods if name in overall.index.get_level_values("method")]
        shown = _by_size(overall, known) if keys else overall.loc[known].reset_index()
        texts.append(f"\n**{classifiers}**, means over {part['dataset'].nunique()} data sets\n\n")
        texts.append(_markdown(shown))
        for metric in metrics:
            wide = means[metric].unstack("method")
            wide = wide[[m for m in methods if m in wide]].round(1)
            texts.append(f"\n{metric}, {classifiers}\n\n" + _markdown(wide.reset_index()))
            if not keys:
                texts.append(_over_tables(means[metric].unstack("method")))
    return "".join(texts)


def _over_tables(wide: pd.DataFrame) -> str:
    """How sure the differences to class weights are, by the papers' tests over data sets."""
    wide = wide.dropna(axis=1)
    if len(wide) < 2 or "class weights" not in wide or wide.shape[1] < 2:
        return ""
    lines = [f"\nFriedman's p over {len(wide)} data sets: {friedman(wide)[1]:.2g}.\n\n"]
    adjusted = pd.DataFrame(shaffer(wide), wide.columns, wide.columns)["class weights"]
    for name in wide.columns.drop("class weights"):
        worse, equal, better = bayesian_signed_rank(wide[name] - wide["class weights"], _ROPE)
        lines.append(
            f"- {name} against class weights: better {better:.0%}, equal within a point "
            f"{equal:.0%}, worse {worse:.0%}; Shaffer's p {adjusted[name]:.2g}\n"
        )
    return "".join(lines)


def _parts(scores: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Scores by classifier; those of networks of their own stand beside the MLP's."""
    named = scores["classifier"].replace("own model", "mlp")
    return [(str(name), scores[named == name]) for name in dict.fromkeys(named)]


def _by_size(overall: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    wide = pd.concat(
        {
            f"{metric}, {size} rows": overall[metric].xs(size, level="size")
            for metric in overall.columns
            for size in dict.fromkeys(overall.index.get_level_values("size"))
        },
        axis=1,
    )
    return wide.loc[list(methods)].reset_index()


def _markdown(frame: pd.DataFrame) -> str:
    lines = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    lines += [list(map(str, values)) for values in frame.itertuples(index=False)]
    return "".join(row(line) + "\n" for line in lines)


def _draw(scores: pd.DataFrame, path: Path) -> None:
    """The learning curve as differences to nothing: a file for each classifier, named by it."""
    for name, part in _parts(scores):
        file = path.with_stem(f"{path.stem}_{name.replace(' ', '_')}")
        draw_gains(part, ["AP", "AUC"], "nothing").savefig(file, dpi=100)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m imbdeep.reproductions.real_tables",
        description=(__doc__ or "").partition("\n")[0],
        epilog=PROTOCOL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--sizes", nargs="+", type=int, help="for curve; default: 5 10 20 50")
    parser.add_argument(
        "--rows", type=int, help="of a table at the most, not for curve; default: 6000"
    )
    add_data(parser)
    parser.add_argument("--memory", help="folder for what is done: another call goes on there")
    parser.add_argument("--output", help="CSV file for all scores")
    parser.add_argument(
        "--figure",
        type=Path,
        help="picture of the learning curve; classifiers are added to its name",
    )
    parser.add_argument("--scale", choices=["full", "smoke"], default="full")
    parser.add_argument("--jobs", type=int, help="processes; default: one")
    parser.add_argument("--device", default="auto")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study and write its tables.

    Parameters
    ----------
    argv : sequence of str, default=None
        Command-line arguments; None takes those of the process.

    Returns
    -------
    int
        0, or 1 if no data set could be had.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    options.data = Path(options.data) if options.data else None
    known = _curve_names() if options.study == "curve" else tuple(TABLES)
    names = options.datasets or list(known)
    wrong = [name for name in names if name not in known]
    if wrong:
        parser.error(f"--datasets {', '.join(wrong)}: take some of {', '.join(known)}")
    unknown = [name for name in options.methods or [] if name not in STUDIES[options.study][0]]
    if unknown:
        parser.error(
            f"--methods {', '.join(unknown)}: take some of {', '.join(STUDIES[options.study][0])}"
        )
    if options.study == "curve":
        if options.rows is not None:
            parser.error("--rows is not for curve, which thins the training rows: see --sizes")
        if options.figure and options.methods and "nothing" not in options.methods:
            parser.error("--figure shows differences to nothing: name it with --methods")
    elif options.figure or options.sizes:
        parser.error(f"{'--figure' if options.figure else '--sizes'} is for curve")
    options.rows = options.rows or _ROWS
    options.sizes = options.sizes or list(SIZES)
    score = _curve_scores if options.study == "curve" else _table_scores
    start, found = time.perf_counter(), []
    for name in names:
        try:
            found.append(score(name, options))
        except (NotAtHandError, TooFewError) as why:
            sys.stdout.write(f"{name} was not run: {why}\n")
            continue
        sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s\n")
        if options.output:  # after each: what is done is not lost
            pd.concat(found).to_csv(options.output, index=False)
    if not found:
        return 1
    scores = pd.concat(found, ignore_index=True)
    sys.stdout.write(_summary(scores, options.study))
    if options.figure:
        _draw(scores, options.figure)
    seconds = time.perf_counter() - start
    seeds, where = ", ".join(map(str, options.seeds)), resolve_device(options.device)
    sys.stdout.write(f"\nSeeds {seeds}; {machine(where, seconds)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
