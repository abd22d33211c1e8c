"""How long the rest of a comparison takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any

from imbdeep.comparison._methods import Method


class TimeLeft:
    """The time for the remaining trainings, from the seconds that finished ones took.

    A method takes the mean of its own trainings. As long as a method has not finished any, it
    counts with the least that another method of its kind took, if there is one, and the time is
    called the least.
    """

    def __init__(self, methods: Iterable[Method], n_processes: int) -> None:
        methods = list(methods)  # one for each training
        self._waiting = Counter(method.name for method in methods)
        # What trains no model of its own is of one kind, and much faster.
        self._kinds = {m.name: m.kind if m.estimator is not None else "simple" for m in methods}
        self._n_processes = n_processes
        self._taken: dict[str, list[float]] = {}

    def finish(self, name: str, seconds: float) -> None:
        """One training of a method has ended."""
        self._waiting -= Counter([name])
        self._taken.setdefault(name, []).append(seconds)

    def __str__(self) -> str:
        means = {name: mean(seconds) for name, seconds in self._taken.items()}
        if not self._waiting or not means:
            return ""
        least: dict[str, float] = {}
        for name, seconds in means.items():
            kind = self._kinds[name]
            least[kind] = min(seconds, least.get(kind, seconds))
        each = {name: means.get(name, least.get(self._kinds[name], 0.0)) for name in self._waiting}
        total = sum(each[name] * count for name, count in self._waiting.items())
        # The last of the processes ends with a whole training.
        left = max(total / self._n_processes, *each.values())
        return f"{'about' if each.keys() <= means.keys() else 'at least'} {_span(left)} left"


def seconds_of(records: Iterable[Mapping[str, Any]]) -> float:
    """The seconds that a training took, from the records of its classifiers.

    Each of them has those of the resampling, which was done once.
    """
    seconds = [float(record["seconds"]) for record in records]
    return sum(seconds) - (len(seconds) - 1) * min(seconds)


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
