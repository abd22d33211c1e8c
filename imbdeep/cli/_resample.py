"""``resample``: a table in a file, balanced, in another file."""

from __future__ import annotations

import argparse
import ast
import gzip
import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ._table import ENDINGS, Labelled, is_packed, read_labelled, write_table
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
    state_of,
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
    refuse_to_replace(arguments.output, output, arguments.input, force=arguments.force)
    given = _given(arguments)
    data = read_labelled(arguments)
    table, target, labels = data.table, data.target, data.labels

    def may_replace() -> bool:
        is_input = output == Path(os.path.realpath(data.file.path))
        return arguments.force and not (is_input and state_of(data.file.path) != data.state)

    with (
        replacing(output, may_replace) as temporary,
        _begun(data, output, temporary) as write,
    ):
        with refusals():
            sampler = _sampler(arguments, given, data.categories)
            start = time.perf_counter()
            rows, labels_after = sampler.fit_resample(table.drop(columns=target), labels)
        seconds = time.perf_counter() - start
        rows.insert(table.columns.get_loc(target), target, labels_after)
        write(rows)

    before, after = labels.value_counts(), labels_after.value_counts()
    lines = [(str(label), str(before[label]), str(after[label])) for label in before.index]
    say_table([(target, "rows before", "rows after"), *lines])
    if data.left_out:
        say(data.left_out)
    say(
        f"{len(rows) - len(table)} new rows by {arguments.method} behind the {len(table)} original "
        f"ones, in {seconds:.1f} s on {sampler.device_}."
    )
    for label, means in sampler.filter_scores_.items():
        say(
            f"{type(sampler.filter_).__name__} gives {label} a mean probability of "
            f"{means['candidates']:.2f} among the rows generated, of {means['kept']:.2f} among "
            "those kept."
        )
    say(f"Written: {arguments.output}")
    say(
        "Over-sampling shifts the probabilities that a classifier predicts: compare it with tuning "
        "the decision threshold on the data as they were (python -m imbdeep compare does, and "
        "TunedThresholdClassifierCV in scikit-learn)."
    )


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters as they are given, checked as far as no class is needed for that."""
    if arguments.method not in METHODS:
        raise CommandError(
            f"--method {arguments.method} is not known: take one of {', '.join(METHODS)}."
            + nearest(arguments.method, list(METHODS))
        )
    parameters = {}
    for word in arguments.param:
        key, equals, value = word.partition("=")
        if not equals:
            raise CommandError(f"--param {word} must be KEY=VALUE, such as n_candidates=1.")
        if key in _OPTIONS:
            raise CommandError(f"--param {key} has an option of its own: use {_OPTIONS[key]}.")
        parameters[key] = _value(value)
    return parameters


def _sampler(arguments: argparse.Namespace, given: dict[str, Any], categories: Any) -> Any:
    """Return the unfitted sampler; refuse parameters that it does not have."""
    method, base = map(_imported, METHODS[arguments.method])
    # A sampler that stands on a classifier hands these on, unless it is given one.
    own = [key for key in method().get_params() if key not in {*_OPTIONS, "estimator"}]
    handed_on = [key for key in base().get_params() if key not in {*_OPTIONS, *own}] if base else []
    known = own + handed_on
    for key in given:
        if key not in known:
            hint = nearest(key, known) or f" It has {', '.join(known)}."
            raise CommandError(f"--param {key} is no parameter of {arguments.method}.{hint}")
    common = {
        "categorical_features": categories,
        "device": arguments.device,
        "verbose": not arguments.quiet,
    }
    of_base = {key: given[key] for key in given if key in handed_on}
    rest: dict[str, Any] = {key: given[key] for key in given if key in own}
    rest |= {"estimator": base(**of_base, **common)} if of_base else common
    return method(
        **rest,
        sampling_strategy=_value(arguments.sampling_strategy),
        random_state=arguments.seed,
    )


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


@contextmanager
def _begun(data: Labelled, output: Path, temporary: Path) -> Iterator[Callable[[Any], None]]:
    """Write the kept original rows as they stand in their file; yield what adds the new ones.

    They are copied before the training: what becomes of the input meanwhile changes nothing.
    """
    import pandas as pd

    source = data.file

    def new(rows: Any) -> Any:
        return source.respell(rows[len(data.table) :])

    def whole(rows: Any) -> Any:
        if source.is_text:
            return rows
        return pd.concat([source.stored[data.kept], new(rows)], ignore_index=True)

    ending = ending_of(output.name, list(ENDINGS))
    if ENDINGS[ending] is None:
        # Such a file is written at once. What cannot be written so is found before the training.
        write_table(whole(data.table), temporary, ending)
        yield lambda rows: write_table(whole(rows), temporary, ending)
        return
    separator = source.separator_for(ending)
    with ExitStack() as files:
        file: Any = files.enter_context(open(temporary, "wb"))
        if is_packed(output):  # without a name and a time inside: the same rows, the same bytes
            file = files.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        if not source.is_text:
            yield lambda rows: write_table(whole(rows), file, ending)
            return
        # No number and no quote of the original rows is written anew.
        end = source.copy_rows(data.kept, file, separator)
        yield lambda rows: write_table(
            new(rows), file, ending, sep=separator, header=False, lineterminator=end
        )
