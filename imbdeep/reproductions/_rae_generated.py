"""Table 3 of RAE: density and coverage of rows that over-samplers make of each class."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from numpy.typing import NDArray

from imbdeep.classifiers import GAMOClassifier, RAEClassifier
from imbdeep.metrics import density_coverage
from imbdeep.over_sampling import CGANSampler, CVAESampler, GAMO2PixSampler, RAESampler
from imbdeep.reproductions._harness import Length
from imbdeep.reproductions._results import Outcome
from imbdeep.reproductions._rows import Task

#: Columns of the table.
METRICS = ("density", "coverage")


@dataclass(frozen=True)
class Generated:
    """Rows of a sampler, with the row of the paper's table that they stand beside.

    ``make`` takes the smallest class's size, the width of RAE's code, the length of the training
    and parameters that all samplers of ours have, and returns a sampler.
    """

    paper: str | None
    make: Callable[..., Any]


def _random(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    return RandomOverSampler(**_plain(shared))


def _smote(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    return SMOTE(k_neighbors=min(5, n_least - 1), **_plain(shared))


def _plain(shared: dict[str, Any]) -> dict[str, Any]:
    return {name: shared[name] for name in ("sampling_strategy", "random_state")}


def _cvae(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    return CVAESampler(max_steps=length.steps, row_filter=None, **shared)


def _cgan(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    return CGANSampler(max_steps=length.steps, row_filter=None, **shared)


def _gamo(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    strategy = shared.pop("sampling_strategy")
    game = GAMOClassifier(network="cnn", max_steps=length.steps, **shared)
    return GAMO2PixSampler(
        game,
        max_steps=length.steps,
        sampling_strategy=strategy,
        row_filter=None,
        random_state=shared["random_state"],
    )


def _rae(n_least: int, latent_dim: int, length: Length, **shared: Any) -> Any:
    strategy = shared.pop("sampling_strategy")
    auto_encoder = RAEClassifier(latent_dim=latent_dim, **length.own, **shared)
    return RAESampler(
        auto_encoder,
        sampling_strategy=strategy,
        row_filter=None,
        random_state=shared["random_state"],
    )


#: What is compared.
GENERATED: dict[str, Generated] = {
    "random over-sampling": Generated(None, _random),
    "SMOTE": Generated(None, _smote),
    "OCVAE": Generated(None, _cvae),
    "OCGAN": Generated(None, _cgan),
    "GAMO2pix": Generated("GAMO2PIX", _gamo),
    "RAE": Generated("Our", _rae),
}


class GeneratedTrial(NamedTuple):
    """One draw of a data set, on which all samplers make rows."""

    task: Task
    latent_dim: int
    length: Length
    seed: int
    device: torch.device

    def evaluate(self, source: Generated) -> Outcome:
        """Make as many rows of each class as the test part has of it, and compare the two.

        Density and coverage are those of each class's new rows among its test rows, in pixels from
        0 to 1; the mean over classes. The largest class is left out: GAMO makes none of it.
        """
        start, task = time.perf_counter(), self.task
        x, y = task.x_train.reshape(len(task.x_train), -1), task.y_train
        counts, wanted = np.bincount(y), np.bincount(task.y_test)
        smaller = np.flatnonzero(counts < counts.max()).tolist()
        sampler = source.make(
            int(counts.min()),
            self.latent_dim,
            self.length,
            sampling_strategy={code: int(counts[code] + wanted[code]) for code in smaller},
            image_shape=task.image_shape,
            device=self.device,
            random_state=self.seed,
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            made, labels = sampler.fit_resample(x, y)
        found = fidelity(task.x_test, task.y_test, made[len(x) :], labels[len(x) :])
        metrics = dict(zip(METRICS, found, strict=True))
        seconds = time.perf_counter() - start
        return Outcome(metrics, seconds, [str(warning.message) for warning in said])


def fidelity(
    real: NDArray[Any],
    y: NDArray[np.int64],
    made: NDArray[Any],
    labels: NDArray[np.int64],
) -> tuple[float, float]:
    """Density and coverage of each class's rows among its real ones, the mean over ``labels``."""
    found = [
        density_coverage(_pixels(real[y == code]), _pixels(made[labels == code]))
        for code in np.unique(labels)
    ]
    density, coverage = np.mean(found, axis=0)
    return float(density), float(coverage)


def _pixels(x: NDArray[Any]) -> NDArray[np.float64]:
    return x.reshape(len(x), -1) / 255
