"""One trial of M2m's reproduction: what its methods train, shared where it can be, and scores."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from imbdeep.calibration import correct_prior
from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.reproductions._m2m_data import Split
from imbdeep.reproductions._rows import smote
from imbdeep.reproductions._runner import Outcome
from imbdeep.reproductions._scores import METRICS, scored

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


@dataclass(frozen=True)
class Approach:
    """A way to deal with the imbalance, with the row of the paper's table that does the same.

    ``deferred`` begins at the recipe's epoch, ``smote`` makes rows before the training, ``prior``
    divides the probabilities of the plain classifier by the class shares. ``m2m`` trains by M2m
    with so many fitted teachers, or with itself where there are none.
    """

    paper: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    deferred: bool = False
    smote: bool = False
    prior: bool = False
    m2m: bool = False
    teachers: int = 1
    searched: bool = False


#: The row that the ablations change one thing of.
PLAIN_M2M = Approach("ERM-M2m", deferred=True, m2m=True, searched=True)


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


class Trained(NamedTuple):
    """A fitted classifier, the seconds it took in all, and what a file should hold beside them."""

    classifier: Any
    seconds: float
    details: Mapping[str, float] = {}  # read only


class Trial:
    """One draw of a data set; what its methods share is trained once.

    Parameters
    ----------
    split : Split
        The rows.
    recipe : Recipe
        How to train.
    epochs : int
        Length of the training.
    grid : sequence of dict
        Candidates for the parameters of M2m, beside those of the recipe.
    seed : int
        Seed of everything.
    device : torch.device
        Where to train.
    """

    def __init__(
        self,
        split: Split,
        recipe: Recipe,
        epochs: int,
        grid: Sequence[Mapping[str, float]],
        seed: int,
        device: torch.device,
    ) -> None:
        self.split, self.recipe, self.epochs = split, recipe, epochs
        self.grid, self.seed, self.device = grid, seed, device
        self._plain: dict[int, Trained] = {}
        self._chosen: dict[str, Trained] = {}

    def evaluate(self, approach: Approach) -> Outcome:
        """Train as the approach says and score the test part."""
        trained = self._trained(approach)
        start, counts = time.perf_counter(), np.bincount(self.split.y_train)
        probabilities = trained.classifier.predict_proba(self.split.x_test)
        if approach.prior:
            probabilities = correct_prior(probabilities, counts)
        metrics = scored(self.split.y_test, probabilities)
        metrics |= halves(self.split.y_test, probabilities, counts)
        seconds = trained.seconds + time.perf_counter() - start
        return Outcome({**metrics, **trained.details}, seconds)

    def _trained(self, approach: Approach) -> Trained:
        x, y, epochs = self.split.x_train, self.split.y_train, self.epochs
        if approach.m2m:
            return self._search(approach) if approach.searched else self._ablated(approach)
        if approach.smote:
            x, y = smote(x, y, self.seed)
            epochs = max(1, round(epochs * len(self.split.y_train) / len(y)))
        elif not approach.parameters:
            return self._erm(self.seed)
        return self._fit(ERMClassifier, x, y, epochs, self.seed, self._parameters(approach, epochs))

    def _parameters(self, approach: Approach, epochs: int) -> dict[str, Any]:
        defer = {"defer": self.recipe.defer(epochs) if approach.deferred else 0}
        return {**approach.parameters, **defer}

    def _fit(
        self,
        estimator: Callable[..., Any],
        x: NDArray[Any],
        y: NDArray[np.int64],
        epochs: int,
        seed: int,
        parameters: Mapping[str, Any],
    ) -> Trained:
        start = time.perf_counter()
        shape = {} if x.ndim > 2 else {"image_shape": self.split.image_shape}
        classifier = estimator(
            **{**self.recipe.parameters, **self.recipe.schedule(epochs), **shape, **parameters},
            device=self.device,
            random_state=seed,
        ).fit(x, y)
        return Trained(classifier, time.perf_counter() - start)

    def _erm(self, seed: int) -> Trained:
        """The plain classifier of a seed, trained once."""
        if seed not in self._plain:
            x, y = self.split.x_train, self.split.y_train
            self._plain[seed] = self._fit(ERMClassifier, x, y, self.epochs, seed, {})
        return self._plain[seed]

    def _m2m(self, approach: Approach, values: Mapping[str, Any]) -> tuple[Trained, float]:
        """Train by M2m; also the seconds of the teachers, which are trained only once."""
        # Seeds of no trial: g is to differ from f, which is trained as ERM until it is deferred.
        teachers = [self._erm(self.seed + 1000 * (i + 1)) for i in range(approach.teachers)]
        fitted = [teacher.classifier for teacher in teachers]
        parameters = {
            **self.recipe.m2m,
            **values,
            **self._parameters(approach, self.epochs),
            "teacher": "self" if not fitted else fitted[0] if len(fitted) == 1 else fitted,
        }
        x, y = self.split.x_train, self.split.y_train
        with warnings.catch_warnings():
            # The share that is accepted stands below the table.
            warnings.filterwarnings("ignore", "Only .* marked rows were translated", UserWarning)
            trained = self._fit(M2mClassifier, x, y, self.epochs, self.seed, parameters)
        return trained, sum(teacher.seconds for teacher in teachers)

    def _search(self, approach: Approach) -> Trained:
        """The best of the grid by the validation rows, which is searched once for each loss."""
        loss = approach.parameters.get("criterion", "cross_entropy")
        if loss not in self._chosen:
            best, best_score, seconds, shared = None, -1.0, 0.0, 0.0
            for values in self.grid:
                trained, shared = self._m2m(approach, values)
                seconds += trained.seconds
                probabilities = trained.classifier.predict_proba(self.split.x_valid)
                score = scored(self.split.y_valid, probabilities)[METRICS[0]]
                if best is None or score > best_score:
                    best, best_score = trained.classifier, score
            details = {**_values(best), f"validation {METRICS[0]}": best_score}
            self._chosen[loss] = Trained(best, seconds + shared, details)
        return self._chosen[loss]

    def _ablated(self, approach: Approach) -> Trained:
        """One thing other than in what was chosen for ERM-M2m."""
        chosen = self._search(PLAIN_M2M).details
        trained, shared = self._m2m(approach, {name: chosen[name] for name in GRID[0]})
        classifier = trained.classifier
        return Trained(classifier, trained.seconds + shared, _values(classifier))


def _values(classifier: Any) -> dict[str, float]:
    parameters = classifier.get_params(deep=False)
    return {
        **{name: parameters[name] for name in GRID[0]},
        "accepted": float(classifier.acceptance_),
    }
