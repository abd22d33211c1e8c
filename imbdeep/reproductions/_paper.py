"""A paper's experiments as data, and the command that runs them on the fold of ``compare``."""

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
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._results import Outcome, Published, Results, markdown, warned
from imbdeep.reproductions._rows import NotAtHandError, Task, development, fewer, loaded
from imbdeep.seeding import resolve_device

#: Parameters that --vary refuses: they belong to the data, the machine and the seeds.
_NOT_VARIED = frozenset({"device", "image_shape", "random_state"})


class Dataset(NamedTuple):
    """A data set of a paper: its title, loader, and what differs from the paper.

    ``load(folder, seed)`` returns the rows. ``choose`` returns those of ``--development``, which
    are a part of the training rows by default; ``choosing`` says what they are. ``setting`` is what
    the paper's trial needs to know, ``short`` the length of the short scale where the usual one is
    too long for two processors, and ``columns`` are further metrics of the table.
    """

    title: str
    load: Callable[[Any, int], Task]
    setting: Any = None
    note: str = ""
    short: Length | None = None
    choose: Callable[[Any, int], Task] | None = None
    choosing: str = "a part of the training rows"
    columns: tuple[str, ...] = ()


class Varied(NamedTuple):
    """Whose parameters ``--vary`` changes, in rows of which name, made by what."""

    estimator: Any
    name: str
    approach: Callable[..., Approach]


class Paper:
    """The experiments of a paper: what is run on what, and the published numbers.

    A subclass is data for :meth:`main`, and overrides the methods where the paper needs more.
    """

    #: Name of the module, its docstring, and what ``--help`` says below the options.
    name: str
    doc: str | None
    protocol: str
    datasets: Mapping[str, Dataset]
    #: Rows of every table; further rows by the option that adds them, with its help.
    methods: Mapping[str, Any]
    optional: Mapping[str, tuple[Mapping[str, Any], str]] = MappingProxyType({})
    published: Published
    #: Names of our rows and of the paper's, for each kind of table: see :func:`shown`.
    groups: Sequence[tuple[Set[str], Set[Any]]] = ()
    #: Columns of the tables, and the published metric that stands beside one of them.
    metrics: Sequence[str]
    beside: Mapping[str, str]
    percent: bool = True
    scales: Mapping[str, Length]
    #: Defaults of --scale and of --trials.
    scale: str = "short"
    n_trials: int = 3
    trial: Callable[..., Any] = _harness.Trial
    varied: Varied | None = None

    def parser(self) -> argparse.ArgumentParser:
        """The options, those that all reproductions have first."""
        parser = argparse.ArgumentParser(
            prog=f"python -m imbdeep.reproductions.{self.name}",
            description=(self.doc or "").partition("\n")[0],
            epilog=self.protocol,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add = parser.add_argument
        add("datasets", nargs="*", default="all", choices=[*self.datasets, "all"])
        add(
            "--trials",
            type=int,
            default=self.n_trials,
            help=f"with seeds from 0 on; default: {self.n_trials}",
        )
        add("--seeds", nargs="+", type=int, help="trials with these seeds, in place of --trials")
        add_data(parser)
        add("--scale", choices=self.scales, default=self.scale, help="smoke: only whether it runs")
        add("--device", default="auto")
        add(
            "--output",
            "--csv",
            "--results",
            help="CSV file for a row a data set, method, trial and metric, written as trials end",
        )
        for option, (_, text) in self.optional.items():
            add(f"--{option}", action="store_true", help=text)
        names = [*self.methods, *itertools.chain(*(rows for rows, _ in self.optional.values()))]
        add("--methods", nargs="+", choices=names, help="only these")
        if self.varied:
            add(
                "--development",
                action="store_true",
                help="score rows of the training part and not the test part, to choose by",
            )
            add(
                "--vary",
                nargs="+",
                default=[],
                metavar="NAME=VALUE",
                help=f"rows of {self.varied.name} with other parameters, for --development; "
                'several of a row: "a=1 b=2"; a row for each of several values: a=1,2',
            )
        else:
            parser.set_defaults(development=False)
        return parser

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run the experiments that the command line asks for, and write tables.

        Parameters
        ----------
        argv : sequence of str, default=None
            Command-line arguments; None takes those of the process.

        Returns
        -------
        int
            0.
        """
        parser = self.parser()
        options = parsed(parser, argv)
        names = list(self.datasets) if "all" in options.datasets else options.datasets
        return self.run(parser, options, names)

    def run(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, names: Sequence[str]
    ) -> int:
        """Write the table of each data set as soon as its trials have ended."""
        known = self._rows(parser, options)
        rows = {
            name: {row: made for row, made in known.items() if self.fits(name, row, made, options)}
            for name in names
        }
        self.check(parser, options, rows)
        device, start = resolve_device(options.device), time.perf_counter()
        output = options.output
        with open(output, "w", newline="", encoding="utf-8") if output else nullcontext() as file:
            results = Results(file)
            for name in names:
                sys.stdout.write(self.table(name, rows[name], results, options, device) + "\n")
                sys.stdout.flush()
        summary = self.summary(options)
        sys.stdout.write(f"{summary}; {machine(device, time.perf_counter() - start)}")
        return 0

    def _rows(self, parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, Any]:
        """The rows that the command line asks for; those of --vary always."""
        only = options.methods
        known = dict(self.methods)
        for option, (rows, _) in self.optional.items():
            if only or getattr(options, option):
                # A name may stand in several tables, as RAE; the paper's methods come first.
                known |= {name: row for name, row in rows.items() if name not in known}
        known = {name: row for name, row in known.items() if not only or name in only}
        if self.varied:
            for changed, values in varied(parser, options, self.varied.estimator).items():
                known[f"{self.varied.name}, {changed}"] = self.varied.approach(**values)
        return known

    def fits(self, dataset: str, name: str, row: Any, options: argparse.Namespace) -> bool:
        """Whether a row is for a data set."""
        return True

    def check(
        self,
        parser: argparse.ArgumentParser,
        options: argparse.Namespace,
        rows: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Refuse rows that would do nothing, before anything is trained."""

    def length(self, dataset: str, options: argparse.Namespace) -> Length:
        """How much is run on a data set."""
        short = self.datasets[dataset].short
        return short if short and options.scale == "short" else self.scales[options.scale]

    def title(self, dataset: str, options: argparse.Namespace) -> str:
        """The heading of a table."""
        found = self.datasets[dataset]
        return f"{found.title}, {found.choosing}" if options.development else found.title

    def summary(self, options: argparse.Namespace) -> str:
        """How it was run, for below all tables."""
        return f"Seeds {', '.join(map(str, options.seeds))}; scale {options.scale}"

    def fewer(self, task: Task, most: Any, seed: int) -> Task:
        """The rows of a shorter scale."""
        return fewer(task, most, seed)

    def below(
        self, rows: Mapping[str, Any], outcomes: Mapping[str, list[Outcome]], task: Task, note: str
    ) -> str:
        """What stands below a table; ``task`` is the last trial's."""
        return warned(outcomes)

    def table(
        self,
        name: str,
        rows: Mapping[str, Any],
        results: Results,
        options: argparse.Namespace,
        device: torch.device,
    ) -> str:
        """Run all trials of a data set; return its table, and what stands below it."""
        dataset, length = self.datasets[name], self.length(name, options)
        choosing = options.development
        # The paper has no numbers on rows of the training part.
        theirs = {} if choosing else shown(self.published.get(name, {}), rows, self.groups)
        known = {metric for row in theirs.values() for metric in row}
        beside = {ours: metric for ours, metric in self.beside.items() if metric in known}

        def written(outcomes: Mapping[str, list[Outcome]]) -> str:
            return markdown(
                self.title(name, options),
                rows,
                outcomes,
                theirs,
                beside,
                metrics=(*self.metrics, *dataset.columns),
                percent=self.percent,
            )

        load = dataset.choose if choosing and dataset.choose else dataset.load
        try:
            for seed in options.seeds:
                task = loaded(load, options.data, seed)
                if choosing and not dataset.choose:
                    task = development(task, seed)
                task = self.fewer(task, length.most, seed)
                trial = self.trial(task, length, seed, device, dataset.setting)
                for row, approach in rows.items():
                    results.add(name, row, seed, trial.evaluate(approach))
        except NotAtHandError as why:
            return f"{written({})}\nNot run: {why}\n"
        outcomes = {row: results.outcomes[name, row] for row in rows}
        return written(outcomes) + self.below(
            rows, outcomes, task, "" if choosing else dataset.note
        )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the data sets are."""
    parser.add_argument(
        "--data",
        default=os.environ.get("IMBDEEP_DATA"),
        help="folder with the data sets (default: environment variable IMBDEEP_DATA); what it "
        "lacks comes from the cache and from the network",
    )


def parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments and refuse what cannot be run; without --seeds, --trials counts them."""
    options = parser.parse_args(argv)
    options.data = Path(options.data) if options.data else None
    if options.data is not None and not options.data.is_dir():
        parser.error(f"--data {options.data} is no folder: name the one with the data sets")
    for name in ("trials", "epochs"):
        value = getattr(options, name, None)
        if value is not None and value < 1:
            parser.error(f"--{name} {value}: at least 1")
    if options.seeds is None:
        options.seeds = list(range(options.trials))
    elif min(options.seeds) < 0 or len(set(options.seeds)) < len(options.seeds):
        parser.error(f"--seeds {' '.join(map(str, options.seeds))}: numbers from 0, each once")
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
    """Read ``--vary``: parameters of the estimator by the text that gives them, a row each."""
    if options.vary and not options.development:
        parser.error(
            "--vary chooses parameters, which the test part must not do: add --development"
        )
    known = (set(estimator.get_params()) | getattr(estimator, "_TRAINING", {}).keys()) - _NOT_VARIED
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


def shown(
    published: Mapping[str, Any],
    methods: Mapping[str, Any],
    groups: Iterable[tuple[Set[str], Set[Any]]],
) -> dict[str, Any]:
    """The paper's rows of those tables of which ours are; of the first table where none is.

    ``groups`` are the names of our rows and of the paper's in each table. A row that stands in
    several tables is in none of the groups and always shown.
    """
    groups = list(groups)
    asked = [theirs for ours, theirs in groups if ours & methods.keys()]
    asked = asked or [theirs for _, theirs in groups[:1]]
    others = set().union(*(theirs for _, theirs in groups)).difference(*asked)
    others -= {method.paper for method in methods.values()}
    return {row: values for row, values in published.items() if row not in others}


def machine(device: torch.device, seconds: float) -> str:
    """Where and how long: one line."""
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, device {device}, {seconds:.0f} s in all\n"
    )
