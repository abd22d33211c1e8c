"""One trial of M2m's reproduction: what its methods train, shared where it can be, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from imbdeep.calibration import correct_prior
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import METRICS, Approach, Length, Trained, made, scored
from imbdeep.reproductions._rows import Task, raised

#: Candidates of the paper, section 3.1.
GRID: tuple[dict[str, float], ...] = tuple(
    {"beta": beta, "logit_lambda": logit_lambda, "gamma": gamma}
    for beta, logit_lambda, gamma in product((0.9, 0.99, 0.999), (0.01, 0.1, 0.5), (0.9, 0.99))
)


class Recipe(NamedTuple):
    """How a data set is trained on; moments are epochs of ``epochs``."""

    epochs: int
    milestones: tuple[int, ...]
    parameters: Mapping[str, Any]
    m2m: Mapping[str, Any]
    searched: bool
    warmup: int = 5

    def schedule(self, epochs: int) -> dict[str, Any]:
        """Parameters of a training of another length, with all moments in proportion."""
        return {
            "max_epochs": epochs,
            "warmup_epochs": round(self.warmup * epochs / self.epochs),
            "milestones": [round(moment * epochs / self.epochs) for moment in self.milestones],
        }

    def defer(self, epochs: int) -> int:
        """The epoch where deferred methods begin: the first milestone, the last at the latest."""
        return min(round(self.milestones[0] * epochs / self.epochs), epochs - 1)


#: The row that the ablations change one thing of.
PLAIN_M2M = Approach("ERM-M2m", method="m2m", deferred=True, searched=True)


def halves(
    y: NDArray[np.int64], probabilities: NDArray[np.float64], counts: NDArray[np.int64]
) -> dict[str, float]:
    """Mean recalls of Table 4: of the first classes with over half of the rows, and of the others.

    Classes are in descending order of their training rows, ``counts``.
    """
    recalls = recall_score(y, probabilities.argmax(axis=1), labels=range(len(counts)), average=None)
    n = int(np.argmax(2 * counts.cumsum() > counts.sum())) + 1
    n = min(n, len(counts) - 1)
    return {"major": float(np.mean(recalls[:n])), "minor": float(np.mean(recalls[n:]))}


def to_mean(trial: Any, x: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """Raise every class to the mean class size by SMOTE."""
    return raised(x, y, trial.seed)


class Trial(_harness.Trial):
    """One draw of a data set; what its methods share is trained once.

    Its setting is the :class:`Recipe`; ``length`` has the epochs and the candidates for M2m's
    parameters, beside those of the recipe.
    """

    # The share of rows that M2m accepts stands below the table.
    said_elsewhere = ("Only .* marked rows were translated",)

    def __init__(
        self, task: Task, length: Length, seed: int, device: torch.device, setting: Recipe
    ) -> None:
        super().__init__(task, length, seed, device, setting)
        self.recipe, self.epochs, self.grid = setting, length.epochs or setting.epochs, length.grid
        self._teachers: list[Trained] = []
        self._chosen: dict[str, Trained] = {}

    def inputs(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows as they come: the classifiers encode what is to be encoded."""
        return self.task.x_train, self.task.x_test

    def scores(self, classifier: Any, approach: Approach) -> dict[str, float]:
        """The metrics, and the recalls of Table 4."""
        counts = np.bincount(self.task.y_train)
        probabilities = classifier.predict_proba(self.x_test)
        if approach.prior:
            probabilities = correct_prior(probabilities, counts)
        return {
            **scored(self.task.y_test, probabilities),
            **halves(self.task.y_test, probabilities, counts),
        }

    def trained(self, approach: Approach) -> Trained:
        """Train as the approach says; plain classifiers, teachers and the search once."""
        if approach.method != "m2m":
            return super().trained(approach)
        if approach.searched:
            return self._search(approach)
        # One thing other than in what was chosen for ERM-M2m.
        chosen = self._search(PLAIN_M2M).details
        found, shared = self._m2m(approach, {name: chosen[name] for name in GRID[0]})
        return found._replace(seconds=found.seconds + shared)

    def estimator(self, approach: Approach, n_rows: int) -> Any:
        """The unfitted classifier; with added rows it gets fewer epochs, for the same steps."""
        epochs = self.epochs
        if approach.resample is not None:
            epochs = max(1, round(epochs * len(self.task.y_train) / n_rows))
        # A teacher has another seed than all others.
        parameters = {"random_state": self.seed, **self.recipe.parameters}
        if self.x_train.ndim == 2:
            parameters["image_shape"] = self.task.image_shape
        return made(
            self.estimators[approach.method],
            **{
                **parameters,
                **self.recipe.schedule(epochs),
                "defer": self.recipe.defer(epochs) if approach.deferred else 0,
                **approach.parameters,
            },
            device=self.device,
        )

    def details(self, classifier: Any) -> dict[str, float]:
        """Parameters of M2m, and the share that it translated."""
        if not hasattr(classifier, "acceptance_"):
            return {}
        parameters = classifier.get_params(deep=False)
        return {
            **{name: parameters[name] for name in GRID[0]},
            "accepted": float(classifier.acceptance_),
        }

    def _m2m(self, approach: Approach, values: Mapping[str, Any]) -> tuple[Trained, float]:
        """Train by M2m; also the seconds of the teachers, which are trained only once."""
        x, y, n = self.x_train, self.task.y_train, approach.teachers
        while len(self._teachers) < n:
            # A seed of no trial: g must differ from f, which is trained as ERM at first.
            seed = self.seed + 1000 * (len(self._teachers) + 1)
            self._teachers.append(self.fit(Approach(parameters={"random_state": seed}), x, y))
        teachers = [teacher.classifier for teacher in self._teachers[:n]]
        parameters = {
            **self.recipe.m2m,
            **values,
            **approach.parameters,
            "teacher": "self" if not n else teachers[0] if n == 1 else teachers,
        }
        shared = sum(teacher.seconds for teacher in self._teachers[:n])
        return self.fit(replace(approach, parameters=parameters), x, y), shared

    def _search(self, approach: Approach) -> Trained:
        """The best of the grid by the validation rows, which is searched once for each loss."""
        loss = approach.parameters.get("criterion", "cross_entropy")
        if loss not in self._chosen:
            candidates, validation = [], []
            for values in self.grid:
                found, shared = self._m2m(approach, values)
                candidates.append(found)
                probabilities = found.classifier.predict_proba(self.task.x_valid)
                validation.append(scored(self.task.y_valid, probabilities)[METRICS[0]])
            best = int(np.argmax(validation))  # the first of equals
            details = {
                **candidates[best].details,
                f"validation {METRICS[0]}": validation[best],
            }
            seconds = sum(found.seconds for found in candidates) + shared
            self._chosen[loss] = Trained(candidates[best].classifier, seconds, details)
        return self._chosen[loss]
