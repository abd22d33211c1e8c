"""``resample``: a table in a file, balanced, in another file."""

from __future__ import annotations

import argparse
import ast
import gzip
import importlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ._table import ENDINGS, TableFile, is_packed, labelled, write_table
from ._terminal import (
    CommandError,
    checked_output,
    ending_of,
    nearest,
    refuse_to_replace,
    replacing,
    say,
    say_table,
)

#: Where each method lives, and the classifier that it stands on, whose parameters are its own.
METHODS = {
    "mgvae": ("imbdeep.over_sampling.MGVAESampler", None),
    "cvae": ("imbdeep.over_sampling.CVAESampler", None),
    "cgan": ("imbdeep.over_sampling.CGANSampler", None),
    "rae": ("imbdeep.over_sampling.RAESampler", "imbdeep.classifiers.RAEClassifier"),
}
#: Parameters of the samplers that have an option of their own.
_OPTIONS = {
    "sampling_strategy": "--sampling-strategy",
    "categorical_features": "--categorical",
    "random_state": "--seed",
    "device": "--device",
    "verbose": "--quiet",
}


def run_resample(arguments: argparse.Namespace) -> None:
    """Read, train, write; everything that can be refused is refused before the training."""
    output = checked_output(arguments.output, list(ENDINGS))
    file = TableFile.of(arguments)
    refuse_to_replace(arguments.output, output, file.path, force=arguments.force)
    make_sampler = _sampler(arguments)
    table = file.read()
    target = file.column(arguments.target, table, "--target")
    n_read, kept = len(table), table[target].notna().to_numpy()
    table, labels = labelled(file, table, target, drop_unlabelled=arguments.drop_unlabelled)
    categories = [name for name in file.categories(table) if name != target]

    start = time.perf_counter()
    try:
        sampler = make_sampler(categories or "auto")
        rows, labels_after = sampler.fit_resample(table.drop(columns=target), labels)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise CommandError(error) from error
    seconds = time.perf_counter() - start
    rows.insert(table.columns.get_loc(target), target, labels_after)

    with replacing(output) as temporary:
        _write(rows, kept, file, output, temporary)

    before, after = labels.value_counts(), labels_after.value_counts()
    lines = [(str(label), str(before[label]), str(after[label])) for label in before.index]
    say_table([(target, "rows before", "rows after"), *lines])
    if len(table) < n_read:
        say(f"Left out, without a label: {n_read - len(table)} of {n_read} rows.")
    say(
        f"{len(rows) - len(table)} new rows by {arguments.method} behind the {len(table)} original "
        f"ones, in {seconds:.1f} s on {sampler.device_}."
    )
    for label, judged in sampler.acceptance_.items():
        say(
            f"{type(sampler.acceptor_).__name__} gives {label} a mean probability of "
            f"{judged['candidates']:.2f} among the rows generated, of {judged['kept']:.2f} among "
            "those kept."
        )
    say(f"Written: {arguments.output}")
    say(
        "Over-sampling shifts the probabilities that a classifier predicts: compare it with tuning "
        "the decision threshold on the data as they were (python -m imbdeep compare does, and "
        "TunedThresholdClassifierCV in scikit-learn)."
    )


def _sampler(arguments: argparse.Namespace) -> Callable[[Any], Any]:
    """Check the parameters; return what makes the sampler, given the columns of categories."""
    if arguments.method not in METHODS:
        raise CommandError(
            f"--method {arguments.method} is not known: take one of {', '.join(METHODS)}."
            + nearest(arguments.method, list(METHODS))
        )
    method, base = map(_imported, METHODS[arguments.method])
    # A sampler that stands on a classifier hands these on, unless it is given one.
    own = [key for key in method().get_params() if key not in {*_OPTIONS, "estimator"}]
    handed_on = [key for key in base().get_params() if key not in {*_OPTIONS, *own}] if base else []
    known = own + handed_on
    parameters: dict[str, Any] = {}
    for word in arguments.param:
        key, equals, value = word.partition("=")
        if not equals:
            raise CommandError(f"--param {word} must be KEY=VALUE, such as {known[0]}=1.")
        if key in _OPTIONS:
            raise CommandError(f"--param {key} has an option of its own: use {_OPTIONS[key]}.")
        if key not in known:
            hint = nearest(key, known) or f" It has {', '.join(known)}."
            raise CommandError(f"--param {key} is no parameter of {arguments.method}.{hint}")
        parameters[key] = _value(value)

    def make(categorical_features: Any) -> Any:
        told = {
            "categorical_features": categorical_features,
            "device": arguments.device,
            "verbose": not arguments.quiet,
        }
        of_base = {key: parameters[key] for key in parameters if key in handed_on}
        rest: dict[str, Any] = {key: parameters[key] for key in parameters if key in own}
        rest |= {"estimator": base(**of_base, **told)} if of_base else told
        return method(
            **rest,
            sampling_strategy=_value(arguments.sampling_strategy),
            random_state=arguments.seed,
        )

    return make


def _imported(name: str | None) -> Any:
    """Return the class of this name."""
    if name is None:
        return None
    module, _, name = name.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _value(text: str) -> Any:
    """Read a Python literal; any other text is itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _write(rows: Any, kept: Any, file_in: TableFile, output: Path, temporary: Path) -> None:
    """Write the original rows as they stand in their file, and the new ones."""
    import pandas as pd

    ending = ending_of(output.name, list(ENDINGS))
    if not file_in.is_text:
        new = file_in.respelled(rows[kept.sum() :])
        rows = pd.concat([file_in.stored[kept], new], ignore_index=True)
    if ENDINGS[ending] is None:
        write_table(rows, temporary, ending)
        return
    separator = file_in.separator_for(ending)
    with ExitStack() as files:
        file: Any = files.enter_context(open(temporary, "wb"))
        if is_packed(output):  # without a name and a time inside: the same rows, the same bytes
            file = files.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        if not file_in.is_text:
            write_table(rows, file, ending)
            return
        # No number and no quote of the original rows is written anew.
        end = file_in.copy_rows(kept, file, separator)
        new = file_in.respelled(rows[kept.sum() :])
        write_table(new, file, ending, sep=separator, header=False, lineterminator=end)
