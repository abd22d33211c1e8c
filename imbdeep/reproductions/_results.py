"""Outcomes of trials, the file that keeps them, and tables of published and measured numbers."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple, TextIO

#: Data set, row of the paper's table, metric: the mean and, where printed, the deviation.
Published = dict[str, dict[str, dict[str, tuple[float, ...]]]]
_COLUMNS = ("dataset", "method", "trial", "metric", "value", "seconds")


def published(name: str) -> Published:
    """The numbers of ``published/<name>.csv``, as printed in the paper, rows in its order.

    A cell is "mean deviation" or "mean"; the column ``tables`` says which tables it is from.
    """
    found: Published = {}
    text = files(__package__).joinpath("published", f"{name}.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        dataset, row = line["dataset"], line["row"]
        cells = {metric: cell for metric, cell in list(line.items())[3:] if cell}
        numbers = {metric: tuple(map(float, cell.split())) for metric, cell in cells.items()}
        found.setdefault(dataset, {})[row] = numbers
    return found


class Outcome(NamedTuple):
    """Metrics of one trial, its seconds, and the warnings, where they are kept."""

    metrics: dict[str, float]
    seconds: float
    said: Sequence[str] = ()


@dataclass
class Results:
    """All trials so far; each is written to ``file`` at once, to outlast an interruption."""

    file: TextIO | None = None
    outcomes: dict[tuple[str, str], list[Outcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._write(_COLUMNS)

    def add(self, dataset: str, method: str, trial: int, outcome: Outcome) -> None:
        """Keep an outcome and write its rows."""
        self.outcomes.setdefault((dataset, method), []).append(outcome)
        for metric, value in outcome.metrics.items():
            self._write((dataset, method, trial, metric, f"{value:.6f}", f"{outcome.seconds:.2f}"))

    def _write(self, row: Sequence[Any]) -> None:
        if self.file is not None:
            csv.writer(self.file, lineterminator="\n").writerow(row)
            self.file.flush()


def span(values: Sequence[float]) -> str:
    """The least and the greatest of some numbers, rounded; one number where they are the same."""
    least, most = round(min(values)), round(max(values))
    return f"{least}" if least == most else f"{least} to {most}"


def warned(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """What the methods warned of, for below a table: how often, and the first sentence of each."""
    lines = []
    for method, found in outcomes.items():
        said = [sentence for outcome in found for sentence in outcome.said]
        if said:
            lines.append(f"- {method}, {len(said)} in all, the first: {said[0]}\n")
    return f"\nWarnings:\n\n{''.join(lines)}" if lines else ""


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def markdown(
    title: str,
    methods: Mapping[str, Any],
    outcomes: Mapping[str, Sequence[Outcome]],
    theirs: Mapping[str, Mapping[str, tuple[float, ...]]],
    beside: Mapping[str, str],
    *,
    metrics: Sequence[str],
    percent: bool = True,
) -> str:
    """Our numbers beside the published ones, a row a method, in percent or as they are.

    ``theirs`` are the paper's rows for this data set, ``beside`` the published metric that
    corresponds to one of ours. A method stands beside the row that it names as ``paper``; rows that
    only the paper has come last, and a method that was not run has no numbers of ours.
    """
    ours = [*metrics, "seconds"]
    digits, factor = (1, 100) if percent else (3, 1)
    header = ["method", *ours, *(f"published {name}" for name in beside.values())]
    lines = [f"### {title}", "", row(header), row(["---"] * len(header))]

    def measured(found: Sequence[Outcome], metric: str) -> str:
        values = [outcome.metrics[metric] for outcome in found]
        parts = [statistics.mean(values), *([statistics.stdev(values)] if len(values) > 1 else [])]
        return " ± ".join(f"{factor * part:.{digits}f}" for part in parts)

    def printed(name: str | None) -> list[str]:
        values = theirs.get(name or "", {})
        return [
            " ± ".join(f"{value:.{digits}f}" for value in values.get(metric, ()))
            for metric in beside.values()
        ]

    for name, method in methods.items():
        found = outcomes.get(name, [])
        cells = [""] * len(ours)
        if found:
            cells = [measured(found, metric) for metric in metrics]
            cells.append(f"{statistics.mean(outcome.seconds for outcome in found):.0f}")
        lines.append(row([name, *cells, *printed(method.paper)]))
    known = {method.paper for method in methods.values()}
    for name in theirs:
        if name not in known:
            lines.append(row([f"{name} (paper only)", *[""] * len(ours), *printed(name)]))
    return "\n".join(lines) + "\n"
