"""One trial of RAE's reproduction: its methods on the same rows, with comparable networks."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep.classifiers import ERMClassifier, M2mClassifier, RAEClassifier
from imbdeep.encoding import TabularEncoder
from imbdeep.networks import CodeEncoder, ConvCodeEncoder
from imbdeep.reproductions import _scores
from imbdeep.reproductions._rows import smote
from imbdeep.reproductions._runner import Outcome, Task
from imbdeep.reproductions._scores import macro_g_mean, without_prior

#: Columns of the tables; the files also hold the other G-mean, the root of the recalls' product.
METRICS = ("balanced accuracy", "macro F1", "macro G-mean", "average precision")
#: Rows in a step: those that RAE's 64 pairs make.
BATCH_SIZE = 128
#: Hidden layers of the MLP: those of RAE's encoder for tables.
HIDDEN_LAYERS = (512, 256)
#: Share of the epochs in which the learning rate rises.
_WARMUP = 0.1
#: What the classifiers say of a method that became another one, which stands in the file instead.
_SAID_ELSEWHERE = (
    "The mixing weights have collapsed",
    "Classes with fewer rows than n_mixed",
    "Only .* marked rows were translated",
)


class CodeClassifier(nn.Module):
    """RAE's encoder for tables and its linear head, for any other way to train them.

    Parameters
    ----------
    n_features : int
        Number of values of a row.
    n_classes : int
        Number of classes.
    latent_dim : int
        Width of the code.
    """

    def __init__(self, n_features: int, n_classes: int, latent_dim: int) -> None:
        super().__init__()
        self.encoder = CodeEncoder(n_features, latent_dim)
        self.head = nn.Linear(latent_dim, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Rows of shape (n, n_features) to logits of shape (n, n_classes)."""
        logits: Tensor = self.head(self.encoder(x))
        return logits


class ConvCodeClassifier(nn.Module):
    """RAE's encoder for images and its linear head, for any other way to train them.

    Parameters
    ----------
    shape : tuple of (channels, height, width)
        Shape of an image.
    n_classes : int
        Number of classes.
    latent_dim : int
        Width of the code.
    """

    def __init__(self, shape: tuple[int, int, int], n_classes: int, latent_dim: int) -> None:
        super().__init__()
        self.encoder = ConvCodeEncoder(shape, latent_dim)
        self.head = nn.Linear(latent_dim, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images of shape (n, \\*shape) to logits of shape (n, n_classes)."""
        logits: Tensor = self.head(self.encoder(x))
        return logits


class Length(NamedTuple):
    """How much is run.

    ``steps`` of every classifier but RAE's, whose own parameters other than the defaults are
    ``rae``; ``most`` are training rows of the largest class and test rows of each, None for all.
    """

    steps: int
    rae: Mapping[str, Any] = {}  # read only
    most: tuple[int, int] | None = None


@dataclass(frozen=True)
class Approach:
    """A way to deal with the imbalance, with the row of the paper's tables that it stands beside.

    ``method`` is "erm", "m2m" or "rae", with ``parameters`` of that classifier. ``smote`` makes
    rows before the training, ``prior`` divides the probabilities by the class shares,
    ``own_network`` trains RAE's encoder with a linear head in the place of the MLP, and ``latent``
    multiplies the width of RAE's code.
    """

    paper: str | None = None
    method: str = "erm"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    smote: bool = False
    prior: bool = False
    own_network: bool = False
    latent: float = 1.0


class Trained(NamedTuple):
    """A fitted classifier, the seconds it took, and the updates of its classifier."""

    classifier: Any
    seconds: float
    steps: int


def scored(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """The metrics of the tables and the root of the recalls' product, by name."""
    return {
        **_scores.scored(y, probabilities),
        "macro G-mean": macro_g_mean(y, probabilities.argmax(axis=1)),
    }


def n_epochs(steps: int, n_rows: int) -> int:
    """Passes over so many rows that come closest to ``steps`` updates."""
    return max(1, round(steps / math.ceil(n_rows / BATCH_SIZE)))


def _details(classifier: Any) -> dict[str, float]:
    """What a classifier says of its training: RAE's diagnostics, the share that M2m translated."""
    if isinstance(classifier, M2mClassifier):
        return {"accepted": float(classifier.acceptance_)}
    found = getattr(classifier, "diagnostics_", {})
    return {name: float(value) for name, value in found.items() if isinstance(value, Real)}


class Trial:
    """One draw of a data set, on which all methods are trained.

    Tables are encoded once, by their original training rows, for all methods but RAE, which
    encodes them itself by the same rules; SMOTE interpolates encoded rows, and pixels of images.

    Parameters
    ----------
    task : Task
        The rows.
    latent_dim : int
        Width of the code.
    length : Length
        How much to train.
    seed : int
        Seed of everything.
    device : torch.device
        Where to train.
    """

    def __init__(
        self, task: Task, latent_dim: int, length: Length, seed: int, device: torch.device
    ) -> None:
        self.task, self.latent_dim, self.length = task, latent_dim, length
        self.seed, self.device = seed, device
        self._x_train, self._x_test = task.x_train, task.x_test
        if task.image_shape is None:
            encoder = TabularEncoder(handle_unknown="ignore").set_output(transform="default")
            self._x_train = encoder.fit_transform(task.x_train)
            self._x_test = encoder.transform(task.x_test)
        self._plain: dict[bool, Trained] = {}

    def evaluate(self, approach: Approach) -> Outcome:
        """Train as the approach says and score the test part."""
        trained = self._rae(approach) if approach.method == "rae" else self._baseline(approach)
        start = time.perf_counter()
        x_test = self.task.x_test if approach.method == "rae" else self._x_test
        probabilities = trained.classifier.predict_proba(x_test)
        if approach.prior:
            probabilities = without_prior(probabilities, np.bincount(self.task.y_train))
        metrics = scored(self.task.y_test, probabilities)
        seconds = trained.seconds + time.perf_counter() - start
        metrics |= {**_details(trained.classifier), "steps": float(trained.steps)}
        return Outcome(metrics, seconds, steps=[trained.steps])

    def _rae(self, approach: Approach) -> Trained:
        latent_dim = round(approach.latent * self.latent_dim)
        parameters = {"latent_dim": latent_dim, **self.length.rae, **approach.parameters}
        return self._fit(RAEClassifier, self.task.x_train, self.task.y_train, parameters)

    def _baseline(self, approach: Approach) -> Trained:
        estimator = M2mClassifier if approach.method == "m2m" else ERMClassifier
        plain = estimator is ERMClassifier and not approach.parameters and not approach.smote
        if plain and approach.own_network in self._plain:
            return self._plain[approach.own_network]
        start = time.perf_counter()
        x, y = self._x_train, self.task.y_train
        if approach.smote:
            x, y = smote(x, y, self.seed, target=int(np.bincount(y).max()))
        made = time.perf_counter() - start
        trained = self._fit(estimator, x, y, self._parameters(approach, len(y)))
        trained = trained._replace(seconds=trained.seconds + made)
        if plain:
            self._plain[approach.own_network] = trained
        return trained

    def _parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Parameters of a classifier that is not RAE."""
        shape = self.task.image_shape
        epochs = n_epochs(self.length.steps, n_rows)
        network: dict[str, Any] = {"module": "mlp", "hidden_layer_sizes": HIDDEN_LAYERS}
        if approach.own_network and shape is None:
            network = {"module": CodeClassifier, "module_params": {"latent_dim": self.latent_dim}}
        elif approach.own_network:
            sizes = {"shape": shape, "latent_dim": self.latent_dim}
            network = {"module": ConvCodeClassifier, "module_params": sizes}
        return {
            **network,
            "batch_size": BATCH_SIZE,
            "max_epochs": epochs,
            "warmup_epochs": round(_WARMUP * epochs),
            "encode": shape is not None,
            **approach.parameters,
        }

    def _fit(
        self,
        estimator: Callable[..., Any],
        x: NDArray[Any],
        y: NDArray[np.int64],
        parameters: Mapping[str, Any],
    ) -> Trained:
        start = time.perf_counter()
        classifier = estimator(
            **parameters,
            image_shape=self.task.image_shape,
            device=self.device,
            random_state=self.seed,
        )
        with warnings.catch_warnings():
            for said in _SAID_ELSEWHERE:
                warnings.filterwarnings("ignore", said, UserWarning)
            classifier.fit(x, y)
        seconds = time.perf_counter() - start
        # A batch of RAE's is a cycle, with so many updates of the encoder.
        updates = classifier.get_params().get("encoder_steps", 1)
        batches = sum(classifier.net_.history[:, "train_batch_count"])
        return Trained(classifier, seconds, updates * batches)
