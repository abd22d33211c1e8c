"""Outcomes of trials, the file that keeps them, and tables of published and measured numbers."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TextIO

_COLUMNS = ("dataset", "method", "trial", "metric", "value", "seconds")


class Row(Protocol):
    """What a row of a table has: the row of the published table that it stands beside."""

    @property
    def paper(self) -> str | None:
        """Name of the published row, None where there is none."""


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


def _plain(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def _percent(values: Sequence[float]) -> str:
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def warned(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """What the methods warned of, for below a table: how often, and the first sentence of each."""
    lines = []
    for method, found in outcomes.items():
        said = [sentence for outcome in found for sentence in outcome.said]
        if said:
            lines.append(f"- {method}, {len(said)} in all, the first: {said[0]}\n")
    return f"\nWarnings:\n\n{''.join(lines)}" if lines else ""


def markdown(
    dataset: str,
    methods: Mapping[str, Row],
    results: Results,
    published: Mapping[str, Mapping[str, tuple[float, ...]]],
    beside: Mapping[str, str],
    *,
    metrics: Sequence[str],
    title: str | None = None,
    percent: bool = True,
) -> str:
    """Our numbers beside the published ones, a row a method, in percent or as they are.

    ``published`` holds the paper's rows for this data set, with a deviation or without, ``beside``
    the published metric that corresponds to one of ours. Rows that only the paper has come last.
    A method that was not run stands there without numbers of ours.
    ``metrics`` are the columns of ours; without any, the table is the paper's alone. The heading is
    ``title`` or else the name of the data set.
    """
    ours = [*metrics, "seconds"] if metrics else []
    header = ["method", *ours, *(f"published {name}" for name in beside.values())]
    lines = [f"### {title or dataset}", "", _row(header), _row(["---"] * len(header))]

    digits, told = (1, _percent) if percent else (3, _plain)

    def theirs(row: str | None) -> list[str]:
        values = published.get(row or "", {})
        return [
            " ± ".join(f"{value:.{digits}f}" for value in values.get(name, ()))
            for name in beside.values()
        ]

    for name, method in methods.items():
        outcomes = results.outcomes.get((dataset, name), [])
        cells = [""] * len(ours)
        if outcomes:
            cells = [told([outcome.metrics[metric] for outcome in outcomes]) for metric in metrics]
            cells.append(f"{statistics.mean(outcome.seconds for outcome in outcomes):.0f}")
        lines.append(_row([name, *cells, *theirs(method.paper)]))
    known = {method.paper for method in methods.values()}
    for row in published:
        if row not in known:
            lines.append(_row([f"{row} (paper only)", *[""] * len(ours), *theirs(row)]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
