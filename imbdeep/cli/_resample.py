"""``resample``: a table in a file, balanced, in another file."""

from __future__ import annotations

import argparse
import ast
import gzip
import importlib
import os
import time
import warnings
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ._terminal import (
    CommandError,
    checked_output,
    ending_of,
    nearest,
    replacing,
    say,
    say_table,
    tell,
)

#: Where each method lives.
METHODS = {"mgvae": "imbdeep.over_sampling.MGVAESampler"}
#: File endings, and the character between the cells of a text file.
ENDINGS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".parquet": None}
#: Parameters of the samplers that have an option of their own.
_OPTIONS = {
    "sampling_strategy": "--sampling-strategy",
    "random_state": "--seed",
    "device": "--device",
    "verbose": "--quiet",
}
_NO_PARQUET = (
    'parquet files need pyarrow: pip install "imbdeep[parquet]", or convert the table to csv.'
)
#: Rows and columns named in an error, at the most.
_MAX_ROWS, _MAX_COLUMNS = 5, 30
_COPY_BYTES = 1 << 20


def run_resample(arguments: argparse.Namespace) -> None:
    """Read, train, write; everything that can be refused is refused before the training."""
    source = Path(arguments.input)
    ending_of(arguments.input, list(ENDINGS))
    output = checked_output(arguments.output, list(ENDINGS))
    if not source.is_file():
        raise CommandError(f"{source} is no file: check the path.")
    if output.exists() and not arguments.force:
        what = "is the input" if output == Path(os.path.realpath(source)) else "is there already"
        raise CommandError(
            f"--output {arguments.output} {what}: name another file, or replace it with --force."
        )
    sampler = _sampler(arguments)
    table = _read(source)
    target = arguments.target
    labels = _labels(table, target, source)

    start = time.perf_counter()
    try:
        rows, labels_after = sampler.fit_resample(table.drop(columns=target), labels)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise CommandError(error) from error
    seconds = time.perf_counter() - start
    rows.insert(table.columns.get_loc(target), target, labels_after)

    with replacing(output) as temporary:
        _write(rows, len(table), source, output, temporary)

    before, after = labels.value_counts(), labels_after.value_counts()
    lines = [(str(label), str(before[label]), str(after[label])) for label in before.index]
    say_table([(target, "rows before", "rows after"), *lines])
    say(
        f"{len(rows) - len(table)} new rows by {arguments.method} behind the {len(table)} original "
        f"ones, in {seconds:.1f} s on {sampler.device_}."
    )
    say(f"Written: {arguments.output}")
    say(
        "Over-sampling shifts the probabilities that a classifier predicts: compare it with tuning "
        "the decision threshold on the data as they were (TunedThresholdClassifierCV in "
        "scikit-learn)."
    )


def _sampler(arguments: argparse.Namespace) -> Any:
    if arguments.method not in METHODS:
        raise CommandError(
            f"--method {arguments.method} is not known: take one of {', '.join(METHODS)}."
            + nearest(arguments.method, list(METHODS))
        )
    module, _, name = METHODS[arguments.method].rpartition(".")
    method = getattr(importlib.import_module(module), name)
    known = [key for key in method().get_params() if key not in _OPTIONS]
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
    return method(
        **parameters,
        sampling_strategy=_value(arguments.sampling_strategy),
        random_state=arguments.seed,
        device=arguments.device,
        verbose=not arguments.quiet,
    )


def _value(text: str) -> Any:
    """Read a Python literal; any other text is itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _separator(path: Path) -> str | None:
    return ENDINGS[ending_of(path.name, list(ENDINGS))]


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _read(source: Path) -> Any:
    separator = _separator(source)
    table = _read_parquet(source) if separator is None else _read_text(source, separator)
    if not len(table):
        raise CommandError(f"{source} has no rows: there is nothing to learn from.")
    return table


def _read_text(source: Path, separator: str) -> Any:
    import pandas as pd

    options: dict[str, Any] = {
        "sep": separator,
        "index_col": False,
        "dtype_backend": "numpy_nullable",  # integers stay so beside empty cells
        "low_memory": False,
    }
    if int(pd.__version__.split(".")[0]) < 3:  # later ones read floats exactly, unasked
        options["float_precision"] = "round_trip"
    try:
        with warnings.catch_warnings():
            # Rows with more cells than the header are refused, not cut.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(source, **options)
            codes = [name for name in table if table[name].dtype.kind in "iu"]
            # Numbers with leading zeros are names, as postcodes are: 07747 must not become 7747.
            if codes:
                text = pd.read_csv(source, **options, usecols=codes, dtype="string")
                for name in codes:
                    if text[name].str.match(r"[+-]?0\d").any():
                        table[name] = text[name]
            return table
    except (ValueError, pd.errors.ParserWarning, OSError, EOFError, zlib.error) as error:
        raise CommandError(
            f"{source} cannot be read as UTF-8 text with {separator!r} between the cells: "
            f"{str(error).strip().rstrip('.')}. Repair it, or choose the ending that fits it."
        ) from error


def _read_parquet(source: Path) -> Any:
    import pandas as pd

    try:
        table = pd.read_parquet(source)
        nullable = pd.read_parquet(source, dtype_backend="numpy_nullable")
    except ImportError as error:
        raise CommandError(_NO_PARQUET) from error
    except (ValueError, OSError) as error:
        raise CommandError(f"{source} cannot be read as parquet: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        tell(f"note: the index of {source} is left out, since new rows have none.")
    for part in (table, nullable):
        part.index = pd.RangeIndex(len(part))
        part.columns = part.columns.map(str)
    for name in table.columns:
        # Integers and booleans beside empty cells would come as floats and objects.
        if table[name].dtype.kind in "fO" and nullable[name].dtype.kind in "iub":
            table[name] = nullable[name]
    return table


def _labels(table: Any, target: str, source: Path) -> Any:
    """Return the column of labels, when a sampler can learn from it."""
    columns = list(table.columns)
    if target not in columns:
        shown = ", ".join(columns[:_MAX_COLUMNS]) + ", ..." * (len(columns) > _MAX_COLUMNS)
        raise CommandError(
            f"--target {target} is no column of {source}, which has: {shown}."
            + nearest(target, columns)
        )
    if len(columns) == 1:
        raise CommandError(f"{source} has no column beside {target}: there is nothing to learn.")
    labels = table[target]
    (missing,) = labels.isna().to_numpy().nonzero()
    if len(missing):
        numbers = ", ".join(str(row + 1) for row in missing[:_MAX_ROWS])
        more = f" and {len(missing) - _MAX_ROWS} more" * (len(missing) > _MAX_ROWS)
        raise CommandError(
            f"--target {target} has no label in row {numbers}{more} (the first row below the "
            "header is 1): drop those rows, or give them a label of their own."
        )
    if labels.nunique() < 2:
        raise CommandError(
            f"--target {target} holds the one class {labels.iloc[0]}: over-sampling needs two."
        )
    return labels


def _write(rows: Any, n_original: int, source: Path, output: Path, temporary: Path) -> None:
    separator = _separator(output)
    if separator is None:
        try:
            rows.to_parquet(temporary, index=False)
        except ImportError as error:
            raise CommandError(_NO_PARQUET) from error
        return
    text: dict[str, Any] = {"sep": separator, "index": False}
    with ExitStack() as files:
        file: Any = files.enter_context(open(temporary, "wb"))
        if _is_packed(output):  # without a name and a time inside: the same rows, the same bytes
            file = files.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        if _separator(source) != separator:
            rows.to_csv(file, **text)
            return
        # The original rows are copied as they stand: no number and no quote is written anew.
        opened: Any = gzip.open if _is_packed(source) else open
        original = files.enter_context(opened(source, "rb"))
        last = header = original.readline()
        end = "\r\n" if header.endswith(b"\r\n") else "\n"
        while last:
            file.write(last)
            is_ended = last.endswith(b"\n")
            last = original.read(_COPY_BYTES)
        if not is_ended:
            file.write(end.encode())
        rows[n_original:].to_csv(file, header=False, lineterminator=end, **text)
