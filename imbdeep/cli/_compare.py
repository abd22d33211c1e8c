"""``compare``: every method beside the simple ones, on the user's own table."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._table import ENDINGS, Labelled, read_labelled, write_table
from ._terminal import (
    CommandError,
    checked_output,
    ending_of,
    nearest,
    refusals,
    refuse_to_replace,
    replacing,
    say,
    say_table,
    tell,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICTURES = (".png", ".pdf", ".svg")
#: More values than these are amounts, where labels are numbers: of fractions, and of whole ones.
_MOST_FRACTIONS, _MOST_NUMBERS = 20, 100
#: Classes named above the table, at the most.
_SHOWN_CLASSES = 5


def run_compare(arguments: argparse.Namespace) -> None:
    """Compare the methods; everything that can be refused is refused before the training."""
    picture = checked_output(arguments.picture, PICTURES, "--picture")
    output = None
    if arguments.output:
        output = checked_output(arguments.output, list(ENDINGS))
        refuse_to_replace(arguments.output, output, arguments.input, force=arguments.force)
    data = read_labelled(arguments)
    is_category = data.target in data.file.categories(data.table)
    _check_classes(data.labels, data.target, is_category=is_category)
    X, y = data.table.drop(columns=data.target), _plain(data.labels)
    rows = sampled_rows(y, arguments.max_rows, n_folds=arguments.folds or 5, seed=arguments.seed)
    if len(rows) < len(y):
        X, y = X.iloc[rows].reset_index(drop=True), y[rows]

    # What loads torch comes last: a mistake in the table is reported within a second.
    from imbdeep.comparison import CLASSIFIERS, METHODS, compare
    from imbdeep.metrics import SCORERS

    methods = _known(arguments.methods, METHODS, "--methods")
    classifiers = _known(arguments.classifiers, CLASSIFIERS, "--classifiers")
    if arguments.classifiers == ["all"]:
        classifiers = list(CLASSIFIERS)
    chosen: dict[str, Any] = {
        "methods": methods or (None if arguments.quick and not arguments.methods else "all"),
        "classifiers": classifiers,
        "scoring": _known(arguments.metrics, list(SCORERS), "--metrics"),
        "device": _device(arguments.device),
        "cv": arguments.folds,
        "categorical_features": data.categories,
        "n_jobs": arguments.jobs,
        "memory": _cache(arguments),
        "random_state": arguments.seed,
        "verbose": not arguments.quiet,
        **({"quick": True} if arguments.quick else {}),
    }
    result = None
    try:
        with replacing(picture) as drawn:
            with _scores(output, force=arguments.force) as write:
                _introduce(data, y)
                with refusals():
                    result = _compared(compare, X, y, chosen)
                write(result.scores)
            _draw(result, drawn)
    finally:
        # A result of hours is printed even where no file could be written.
        if result is not None:
            _report(result)
    if output is not None:
        say(f"Scores of every fold: {arguments.output}", wrap=False)
    say(f"Picture: {picture}", wrap=False)


@contextmanager
def _scores(output: Path | None, *, force: bool) -> Iterator[Callable[[Any], None]]:
    """Yield a function that writes the scores of every fold, if there is an output for them."""
    if output is None:
        yield lambda scores: None
        return
    import pandas as pd

    ending = ending_of(output.name, list(ENDINGS))
    with replacing(output, lambda: force) as temporary:
        write_table(pd.DataFrame({"fold": [0]}), temporary, ending)  # a library may be missing
        yield lambda scores: write_table(scores, temporary, ending)


def _compared(compare: Callable[..., Any], X: Any, y: Any, chosen: dict[str, Any]) -> Any:
    try:
        return compare(X, y, **chosen)
    except KeyboardInterrupt:
        kept = (
            "nothing was kept (--no-cache)."
            if chosen["memory"] is None
            else f"what was finished is kept in {chosen['memory']}, and the same command goes on "
            "from there."
        )
        raise KeyboardInterrupt(f"interrupted: {kept}") from None


def sampled_rows(y: NDArray[Any], n: int, *, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Return the rows of a stratified random sample, in order; all where they are no more than n.

    Every class keeps its share, and a row a fold where its share is less.
    """
    import numpy as np

    if len(y) <= n:
        return np.arange(len(y))
    random = np.random.default_rng(seed)
    _, of_class, counts = np.unique(y, return_inverse=True, return_counts=True)
    wanted = np.maximum(np.round(counts * (n / len(y))), np.minimum(counts, n_folds)).astype(int)
    chosen = [
        random.choice(np.flatnonzero(of_class == k), wanted[k], replace=False)
        for k in range(len(counts))
    ]
    rows: NDArray[np.intp] = np.sort(np.concatenate(chosen))
    return rows


def _known(words: Sequence[str] | None, names: Sequence[str], option: str) -> list[str] | None:
    """Return the names meant: in any case, with hyphens for spaces, with commas between them."""
    if words is None or words == ["all"]:
        return None
    spelt = {_spelling(name): name for name in names}
    found = []
    for word in ",".join(words).split(","):
        if not word.strip():
            continue
        name = spelt.get(_spelling(word))
        if name is None:
            raise CommandError(
                f"{option} {word.strip()} is not known: take some of {', '.join(names)}."
                + nearest(word.strip(), names)
            )
        found.append(name)
    return list(dict.fromkeys(found))


def _spelling(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _device(name: str) -> str:
    from imbdeep.seeding import resolve_device

    with refusals():
        resolve_device(name)
    return name


def _cache(arguments: argparse.Namespace) -> str | None:
    """Return the folder of what is finished, made and writable."""
    if arguments.no_cache:
        return None
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    folder = Path(arguments.cache or os.path.join(base, "imbdeep", "compare")).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(None, "it may not be written to")
    except OSError as error:
        if arguments.cache:
            raise CommandError(
                f"--cache {folder} cannot be used ({error.strerror}): name another folder, or do "
                "without by --no-cache."
            ) from error
        tell(f"note: nothing is kept in {folder} ({error.strerror}): name a folder with --cache.")
        return None
    return str(folder.resolve())


def _check_classes(labels: Any, target: str, *, is_category: bool) -> None:
    """Refuse a target whose values are amounts or names of rows."""
    import pandas as pd

    counts = labels.value_counts()
    numeric = pd.api.types.is_numeric_dtype(labels) and not pd.api.types.is_bool_dtype(labels)
    if numeric and not is_category:
        fractions = bool((labels % 1 != 0).any())
        if len(counts) > (_MOST_FRACTIONS if fractions else _MOST_NUMBERS):
            shown = ", ".join(str(value) for value in counts.index[:3])
            raise CommandError(
                f"--target {target} holds {len(counts)} different numbers ({shown}, ...), as an "
                "amount does, and classes are needed: cut it into classes in a column of its own, "
                f"or say that the numbers are classes with --categorical {target}."
            )
    if (counts == 1).sum() > len(labels) / 2:
        raise CommandError(
            f"--target {target} holds {(counts == 1).sum()} values that stand in one row only, of "
            f"{len(labels)} rows, as an amount or the name of a row does, and classes are needed: "
            "name another column, or put rare values together."
        )


def _plain(labels: Any) -> NDArray[Any]:
    """Labels as an array that every library takes: whole numbers, or words."""
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(labels) and not pd.api.types.is_bool_dtype(labels)
    if is_number and not (labels % 1 != 0).any():
        numbers: NDArray[Any] = labels.to_numpy("int64")
        return numbers
    words: NDArray[Any] = labels.astype(str).to_numpy(object)
    return words


def _introduce(data: Labelled, y: NDArray[Any]) -> None:
    import numpy as np

    classes, counts = np.unique(y, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN_CLASSES]
    shown = ", ".join(f"{classes[k]}: {counts[k]}" for k in order)
    more = ", ..." * (len(classes) > _SHOWN_CLASSES)
    say(
        f"Data: {data.file.path}, {len(y)} rows in {len(classes)} classes of {data.target} "
        f"({shown}{more})."
    )
    if data.left_out:
        say(data.left_out)
    if len(y) < len(data.table):
        say(
            f"These are a stratified random sample of the {len(data.table)} rows: --max-rows sets "
            "how many are compared."
        )
    say("")


def _report(result: Any) -> None:
    """Write the ranking, what was adapted, what failed, and the verdict."""
    metrics = list(result.metrics)
    first = metrics[0]
    groups = result.scores.groupby(["method", "classifier"])
    means, spreads = groups.mean(numeric_only=True), groups[metrics].std()
    ranks = result.ranks[first].sort_values(kind="stable")
    has_new = "two_sample_auc" in means and bool(means["two_sample_auc"].notna().any())

    pairs = {method: (method, result.classifiers[first][method]) for method in ranks.index}
    head = [
        ("", "", "mean", *(_two_lines(m)[0] for m in metrics), "", "", *["new rows"] * has_new),
        ("method", "with", "rank", *(_two_lines(m)[1] for m in metrics), "seconds", "MiB")
        + ("AUC",) * has_new,
    ]
    lines = [
        (
            *pairs[method],
            f"{rank:.1f}",
            *(
                _cell(m, means.loc[pairs[method], m], spreads.loc[pairs[method], m])
                for m in metrics
            ),
            f"{means.loc[pairs[method], 'seconds']:.1f}",
            f"{means.loc[pairs[method], 'memory']:.0f}",
            *([_percent(means.loc[pairs[method], "two_sample_auc"])] if has_new else []),
        )
        for method, rank in ranks.items()
    ]
    say_table([*head, *lines])
    losses = [metric for metric in metrics if metric.startswith("neg_")]
    say(
        f"Mean ± standard deviation over the {result.scores['fold'].nunique()} folds, in percent"
        + f" (but for {' and '.join(losses)})" * bool(losses)
        + f"; more is better. Each method stands with the classifier that it does best with in "
        f"{first}, by which it is ranked; 1 is best. Seconds and memory: of a fit, resampling and "
        "training."
    )
    if has_new:
        say(
            "New rows AUC: how well a random forest tells the rows that a method adds from test "
            "rows of their class, in percent (50: it cannot, 100: always). It enters no rank."
        )
    for note in result.notes:
        say(f"Note: {note}", indent="  ")
    for method, messages in result.warnings.items():
        more = f" (and {len(messages) - 1} more)" * (len(messages) > 1)
        say(f"Note: {method} warned: {messages[0]}{more}", indent="  ")
    for method, why in result.failures.items():
        say(f"Failed: {method}: {why}", indent="  ")
    say("")
    for line in result.verdict.splitlines():
        say(line)


def _two_lines(metric: str) -> tuple[str, str]:
    first, _, rest = metric.partition("_")
    return (first, rest.replace("_", " ")) if rest else ("", first)


def _cell(metric: str, mean: float, spread: float) -> str:
    if metric.startswith("neg_"):
        return f"{mean:.3f} ± {spread:.3f}"
    return f"{100 * mean:.1f} ± {100 * spread:.1f}"


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.0f}"


def _draw(result: Any, picture: Path) -> None:
    # Only a file is drawn: no screen is needed, whatever the machine has.
    os.environ.setdefault("MPLBACKEND", "Agg")
    result.plot().figure_.savefig(picture, dpi=150, bbox_inches="tight")
