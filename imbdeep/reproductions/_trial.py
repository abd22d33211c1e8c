"""One trial of a reproduction: methods on the same rows, networks alike, as many steps each."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imbdeep.calibration import correct_prior
from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.encoding import TabularEncoder
from imbdeep.reproductions._rows import smote
from imbdeep.reproductions._runner import Outcome, Task
from imbdeep.reproductions._scores import scored

#: Share of the epochs in which the learning rate rises.
_WARMUP = 0.1


class Length(NamedTuple):
    """How much is run.

    ``steps`` of every classifier but the reproduced one, whose own parameters other than the
    defaults are ``own``; ``most`` are training rows of the largest class and test rows of each,
    None for all.
    """

    steps: int
    own: Mapping[str, Any] = {}  # read only
    most: tuple[int, int] | None = None


@dataclass(frozen=True)
class Approach:
    """A way to deal with the imbalance, with the row of the paper's tables that it stands beside.

    ``method`` is "erm", "m2m" or the reproduced one, with ``parameters`` of that classifier.
    ``smote`` makes rows before the training, ``prior`` divides the probabilities by the class
    shares.
    """

    paper: str | None = None
    method: str = "erm"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    smote: bool = False
    prior: bool = False

    @property
    def makes_rows(self) -> bool:
        """Whether there are other rows to train on than the original ones."""
        return self.smote


class Trained(NamedTuple):
    """A fitted classifier, the seconds it took, its updates, and the warnings that are kept."""

    classifier: Any
    seconds: float
    steps: int
    said: tuple[str, ...] = ()


def n_epochs(steps: int, n_rows: int, batch_size: int) -> int:
    """Passes over so many rows that come closest to ``steps`` updates."""
    return max(1, round(steps / math.ceil(n_rows / batch_size)))


def span(values: list[float]) -> str:
    """The least and the greatest of some numbers, rounded; one number where they are the same."""
    least, most = round(min(values)), round(max(values))
    return f"{least}" if least == most else f"{least} to {most}"


def sizes_told(task: Task) -> str:
    """How many rows there are of each class: a sentence for below a table."""
    sizes = (", ".join(map(str, np.bincount(y).tolist())) for y in (task.y_train, task.y_test))
    return "Rows by class, in each trial: trained {}; scored {}.".format(*sizes)


def _details(classifier: Any) -> dict[str, float]:
    """What a classifier says of its training: its diagnostics, the share that M2m translated."""
    if isinstance(classifier, M2mClassifier):
        return {"accepted": float(classifier.acceptance_)}
    found = getattr(classifier, "diagnostics_", {})
    return {name: float(value) for name, value in found.items() if isinstance(value, Real)}


class Trial:
    """One draw of a data set, on which all methods are trained.

    Tables are encoded once, by their original training rows, for all methods but the reproduced
    one, which encodes them itself by the same rules; SMOTE interpolates encoded rows, and pixels of
    images. Everyone is trained by Adam with a rate that rises for a tenth of the epochs and falls
    at the usual milestones.

    A reproduction adds its classifier to ``estimators``, whose names ``encoding`` lists those that
    encode rows themselves, and its networks to ``_parameters``.

    Parameters
    ----------
    task : Task
        The rows.
    length : Length
        How much to train.
    seed : int
        Seed of everything.
    device : torch.device
        Where to train.
    """

    #: Classifiers by the method of an approach.
    estimators: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "erm": ERMClassifier,
        "m2m": M2mClassifier,
    }
    #: Methods that get the rows as they come.
    encoding: ClassVar[frozenset[str]] = frozenset()
    #: Rows in a step.
    batch_size: ClassVar[int] = 128
    #: What classifiers say of what stands below the table instead.
    said_elsewhere: ClassVar[tuple[str, ...]] = ()

    def __init__(self, task: Task, length: Length, seed: int, device: torch.device) -> None:
        self.task, self.length = task, length
        self.seed, self.device = seed, device
        self._x_train, self._x_test = task.x_train, task.x_test
        if task.image_shape is None:
            encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default")
            self._x_train = encoder.fit_transform(task.x_train, task.y_train)
            self._x_test = encoder.transform(task.x_test)
        self._plain: list[tuple[Approach, Trained]] = []

    def evaluate(self, approach: Any) -> Outcome:
        """Train as the approach says and score the test part."""
        trained = self._trained(approach)
        start = time.perf_counter()
        own = approach.method in self.encoding
        x_test = self.task.x_test if own else self._x_test
        probabilities = trained.classifier.predict_proba(x_test)
        if approach.prior:
            probabilities = correct_prior(probabilities, np.bincount(self.task.y_train))
        metrics = scored(self.task.y_test, probabilities)
        seconds = trained.seconds + time.perf_counter() - start
        metrics |= {**_details(trained.classifier), "steps": float(trained.steps)}
        return Outcome(metrics, seconds, steps=[trained.steps], said=trained.said)

    def _trained(self, approach: Any) -> Trained:
        """Train as the approach says; the plain classifiers once, whatever is done with them."""
        plain = approach.method == "erm" and not approach.parameters and not approach.makes_rows
        bare = replace(approach, paper=None, prior=False)
        for known, trained in self._plain:
            if known == bare:
                return trained
        start = time.perf_counter()
        own = approach.method in self.encoding
        x, y = self.task.x_train if own else self._x_train, self.task.y_train
        x, y, said = self._rows(approach, x, y)
        made = time.perf_counter() - start
        trained = self._fit(approach.method, x, y, self._parameters(approach, len(y)))
        trained = trained._replace(seconds=trained.seconds + made, said=(*said, *trained.said))
        if plain:
            self._plain.append((bare, trained))
        return trained

    def _rows(
        self, approach: Any, x: NDArray[Any], y: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...]]:
        """The rows to train on, those that are made among them, and what was warned of."""
        if approach.smote:
            x, y = smote(x, y, self.seed, target=int(np.bincount(y).max()))
        return x, y, ()

    def _parameters(self, approach: Any, n_rows: int) -> dict[str, Any]:
        """Parameters of a classifier that is not the reproduced one, but for its network."""
        epochs = n_epochs(self.length.steps, n_rows, self.batch_size)
        return {
            "batch_size": self.batch_size,
            "max_epochs": epochs,
            "warmup_epochs": round(_WARMUP * epochs),
            "encode": self.task.image_shape is not None,
            **approach.parameters,
        }

    def _steps(self, classifier: Any) -> int:
        """How often a fitted classifier was updated."""
        return int(sum(classifier.net_.history[:, "train_batch_count"]))

    def _fit(
        self, method: str, x: NDArray[Any], y: NDArray[np.int64], parameters: Mapping[str, Any]
    ) -> Trained:
        start = time.perf_counter()
        classifier = self.estimators[method](
            **parameters,
            image_shape=self.task.image_shape,
            device=self.device,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            for said in self.said_elsewhere:
                warnings.filterwarnings("ignore", said, UserWarning)
            classifier.fit(x, y)
        return Trained(classifier, time.perf_counter() - start, self._steps(classifier))
