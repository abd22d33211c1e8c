"""The command of a reproduction: its options, its rows, and what it writes."""

from __future__ import annotations

import argparse
import ast
import itertools
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO, TypeVar

import torch

from imbdeep.reproductions._results import Results
from imbdeep.seeding import resolve_device


class NotAtHandError(Exception):
    """The rows of a data set cannot be had, and why; its table stays without our numbers."""


#: What the user's own data, machine and seeds are for; nothing to choose among.
_NOT_VARIED = frozenset({"device", "image_shape", "random_state"})
_Row = TypeVar("_Row")


def command(
    program: str,
    doc: str | None,
    protocol: str,
    datasets: Iterable[str],
    scales: Iterable[str],
    *,
    trials: int = 3,
) -> argparse.ArgumentParser:
    """Return the parser of a reproduction, with the options that all of them have."""
    parser = argparse.ArgumentParser(
        prog=f"python -m imbdeep.reproductions.{program}",
        description=(doc or "").partition("\n")[0],
        epilog=protocol,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("datasets", nargs="*", default="all", choices=[*datasets, "all"])
    parser.add_argument(
        "--trials", type=int, default=trials, help=f"with seeds from 0 on; default: {trials}"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, help="trials with these seeds, in the place of --trials"
    )
    parser.add_argument(
        "--data",
        default=os.environ.get("IMBDEEP_DATA"),
        help="folder with the data sets (default: environment variable IMBDEEP_DATA); what it "
        "lacks comes from the cache and from the network",
    )
    parser.add_argument(
        "--scale", choices=scales, default="full", help="smoke: only whether it runs"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--output",
        "--csv",
        "--results",
        help="CSV file for a row a data set, method, trial and metric, written as trials end",
    )
    return parser


def add_development(parser: argparse.ArgumentParser, scored: str, rows: str) -> None:
    """Add what a choice of parameters needs: ``--development``, of which ``--vary`` adds rows."""
    parser.add_argument(
        "--development",
        action="store_true",
        help=f"score {scored} and not the test part, to choose defaults by",
    )
    parser.add_argument(
        "--vary",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help=f'rows of {rows} with other parameters, for --development; several of a row: "a=1 '
        'b=2"; a row for each of several values: a=1,2',
    )


def parsed(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, *, lengths: Sequence[str]
) -> argparse.Namespace:
    """Parse the arguments and refuse what cannot be run.

    ``lengths`` are the options that are numbers from 1, or None. Of ``--trials`` and ``--seeds``
    each follows from the other.
    """
    options = parser.parse_args(argv)
    options.data = Path(options.data) if options.data else None
    if options.data is not None and not options.data.is_dir():
        parser.error(f"--data {options.data} is no folder: name the one with the data sets")
    for name in lengths:
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} {value}: at least 1")
    if options.seeds is None:
        options.seeds = list(range(options.trials))
    elif min(options.seeds) < 0 or len(set(options.seeds)) < len(options.seeds):
        parser.error(f"--seeds {' '.join(map(str, options.seeds))}: numbers from 0, each once")
    options.trials = len(options.seeds)
    if options.output and os.path.exists(options.output):
        parser.error(f"--output {options.output} is there already: name another file")
    return options


def _values(text: str) -> list[Any]:
    """Python literals, or else the text itself, between the commas outside of brackets."""
    parts = re.split(r",(?![^(\[]*[)\]])", text)
    values = []
    for part in parts:
        try:
            values.append(ast.literal_eval(part))
        except (ValueError, SyntaxError):
            values.append(part)
    return values


def varied(
    parser: argparse.ArgumentParser, options: argparse.Namespace, estimator: Any
) -> dict[str, dict[str, Any]]:
    """Read ``--vary``: parameters of the estimator by the text that tells them, a row each."""
    if options.vary and not options.development:
        parser.error(
            "--vary chooses parameters, which the test part must not do: add --development"
        )
    known = set(estimator.get_params()) - _NOT_VARIED
    rows = {}
    for text in options.vary:
        pairs = [part.partition("=") for part in text.split()]
        wrong = [name for name, equals, _ in pairs if not equals or name not in known]
        if wrong or not pairs:
            parser.error(
                f"--vary {text!r}: give NAME=VALUE with parameters of {type(estimator).__name__} "
                f"({', '.join(sorted(known))})"
            )
        names = [name for name, _, _ in pairs]
        for values in itertools.product(*(_values(value) for _, _, value in pairs)):
            row = dict(zip(names, values, strict=True))
            rows[" ".join(f"{name}={value}" for name, value in row.items())] = row
    return rows


def chosen(
    options: argparse.Namespace, methods: Mapping[str, _Row], ablations: Mapping[str, _Row]
) -> dict[str, _Row]:
    """Return the rows of the tables, by name: ``--methods``, of all if there are any."""
    known = {**methods, **ablations} if options.ablations or options.methods else dict(methods)
    only = options.methods
    return {name: row for name, row in known.items() if not only or name in only}


def named(options: argparse.Namespace, datasets: Iterable[str]) -> list[str]:
    """Return the data sets that the command line asks for."""
    return list(datasets) if "all" in options.datasets else options.datasets


def absent(what: str) -> Callable[..., Any]:
    """Return the loader of a data set that no loader of ours has."""

    def load(*_: Any) -> Any:
        raise NotAtHandError(f"{what} is not among the data sets of imbdeep.datasets.")

    return load


def loaded(load: Callable[..., _Row], *arguments: Any) -> _Row:
    """Return what a loader returns, or raise :class:`NotAtHandError` where its files are not."""
    try:
        return load(*arguments)
    except (OSError, ModuleNotFoundError) as error:
        raise NotAtHandError(" ".join(str(error).split())) from error


def shown(
    published: Mapping[str, _Row], methods: Mapping[str, Any], *tables: tuple[Set[str], Set[Any]]
) -> dict[str, _Row]:
    """Return the paper's rows of those tables of which ours are; of the first where none is.

    ``tables`` are the names of our rows and of the paper's; a row that stands in several tables is
    in none of them and always shown.
    """
    asked = [theirs for ours, theirs in tables if ours & methods.keys()] or [tables[0][1]]
    others = set().union(*(theirs for _, theirs in tables)).difference(*asked)
    others -= {method.paper for method in methods.values()}
    return {row: values for row, values in published.items() if row not in others}


def run_trials(
    name: str,
    methods: Mapping[str, Any],
    results: Results,
    options: argparse.Namespace,
    *,
    load: Callable[..., Any],
    trial: Callable[[Any, int], Any],
    table: Callable[[Results], str],
    below: Callable[[Any], str],
) -> str:
    """Run all trials of a data set; their table, and what stands below it.

    ``load`` takes the folder and a seed and returns a task, of which ``trial(task, seed)`` makes
    what evaluates the methods; ``below(task)`` gets the last one.
    """
    try:
        for seed in options.seeds:
            on = trial(loaded(load, options.data, seed), seed)
            for method, approach in methods.items():
                results.add(name, method, seed, on.evaluate(approach))
    except NotAtHandError as why:
        return f"{table(Results())}\nNot run: {why}\n"
    return table(results) + below(on.task)


def results_file(path: str | None) -> AbstractContextManager[TextIO | None]:
    """Open the file of the results; nothing where none is asked for."""
    return open(path, "w", newline="", encoding="utf-8") if path else nullcontext()


def write_tables(
    options: argparse.Namespace,
    names: Sequence[str],
    table: Callable[[str, Results, torch.device], str],
    told: str,
    *,
    last: str = "",
) -> int:
    """Run the data sets and write each table at once; then ``last``, and where it ran.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`parsed`.
    names : sequence of str
        Data sets.
    table : callable
        Runs all trials of a data set: (name, results to add to, device) -> its table.
    told : str
        How it was run, for the line about the machine.
    last : str, default=""
        What is written after the tables.

    Returns
    -------
    int
        0, the exit status.
    """
    device = resolve_device(options.device)
    start = time.perf_counter()
    with results_file(options.output) as file:
        results = Results(file)
        for name in names:
            sys.stdout.write(table(name, results, device) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{last}{told}; " + machine(device, time.perf_counter() - start))
    return 0


def machine(device: torch.device, seconds: float) -> str:
    """Where and how long: one line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, device {device}, {seconds:.0f} s in all\n"
    )
