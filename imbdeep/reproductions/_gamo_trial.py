"""One trial of GAMO's reproduction: its methods on the same rows, with the same network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.losses import LeastSquaresLoss
from imbdeep.networks import MLP, ConvFeatures
from imbdeep.over_sampling import CGANSampler
from imbdeep.reproductions import _trial
from imbdeep.reproductions._runner import Task
from imbdeep.reproductions._trial import Length, Trained

#: Columns of the tables. "G-mean" is the paper's GM, the root of the recalls' product.
METRICS = ("balanced accuracy", "G-mean", "macro G-mean", "macro F1", "average precision")
#: M of the paper: what all methods train.
NETWORK: dict[str, Any] = {"hidden_layer_sizes": (256, 128), "negative_slope": 0.1}
#: The two losses, as ERMClassifier and as GAMOClassifier call them.
LOSSES: dict[str, tuple[Any, str]] = {
    "CE": ("cross_entropy", "cross_entropy"),
    "LS": (LeastSquaresLoss, "least_squares"),
}


class ConvClassifier(nn.Module):
    """GAMO's F and M as one network, for any other way to train them.

    Parameters
    ----------
    shape : tuple of (channels, height, width)
        Shape of an image.
    n_classes : int
        Number of classes.
    n_extracted : int, default=512
        Width of what F extracts.
    """

    def __init__(self, shape: tuple[int, int, int], n_classes: int, n_extracted: int = 512) -> None:
        super().__init__()
        self.features = ConvFeatures(shape, n_extracted)
        self.classifier = MLP(n_extracted, n_classes, **NETWORK)

    def forward(self, x: Tensor) -> Tensor:
        """Images of shape (n, \\*shape) to logits of shape (n, n_classes)."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


@dataclass(frozen=True)
class Approach(_trial.Approach):
    """A way to deal with the imbalance, by "erm" or "gamo", with the loss "CE" or "LS".

    ``cgan`` is the network, "mlp" or "cnn", of the conditional GAN that makes rows before the
    training, or None.
    """

    loss: str = "CE"
    cgan: str | None = None

    @property
    def makes_rows(self) -> bool:
        """Whether there are other rows to train on than the original ones."""
        return self.smote or self.cgan is not None


class Trial(_trial.Trial):
    """One draw of a data set, on which all methods are trained.

    What the classifiers warn of is kept with the outcome and not shown.

    Parameters
    ----------
    task : Task
        The rows.
    convolutional : bool
        Whether F comes before M.
    length : Length
        How much to train.
    seed : int
        Seed of everything.
    device : torch.device
        Where to train.
    """

    estimators: ClassVar[Mapping[str, Callable[..., Any]]] = {
        **_trial.Trial.estimators,
        "gamo": GAMOClassifier,
    }
    encoding = frozenset({"gamo"})
    batch_size = 32

    def __init__(
        self, task: Task, convolutional: bool, length: Length, seed: int, device: torch.device
    ) -> None:
        super().__init__(task, length, seed, device)
        self.convolutional = convolutional

    def _rows(
        self, approach: Approach, x: NDArray[Any], y: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[np.int64], tuple[str, ...]]:
        if approach.cgan is None:
            return super()._rows(approach, x, y)
        sampler = CGANSampler(
            network=approach.cgan,
            image_shape=self.task.image_shape if x.ndim == 2 else None,
            acceptance=None,
            device=self.device,
            random_state=self.seed,
        )
        sampler.set_params(max_steps=min(sampler.max_steps, self.length.steps))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            x, y = sampler.fit_resample(x, y)
        return x, y, tuple(str(warning.message) for warning in said)

    def _parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        criterion, loss = LOSSES[approach.loss]
        if approach.method == "gamo":
            return {
                "loss": loss,
                "network": "cnn" if self.convolutional else "mlp",
                "max_steps": self.length.steps,
                "batch_size": self.batch_size,
                **self.length.own,
                **approach.parameters,
            }
        network: dict[str, Any] = {"module": MLP, "module_params": NETWORK}
        if self.convolutional:
            shape = {"shape": self.task.image_shape}
            network = {"module": ConvClassifier, "module_params": shape}
        return {"criterion": criterion, **network, **super()._parameters(approach, n_rows)}

    def _steps(self, classifier: Any) -> int:
        # With F, its mini-batches are counted too.
        batches = super()._steps(classifier)
        return min(batches, classifier.get_params().get("max_steps", batches))

    def _fit(
        self, method: str, x: NDArray[Any], y: NDArray[np.int64], parameters: Mapping[str, Any]
    ) -> Trained:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            trained = super()._fit(method, x, y, parameters)
        return trained._replace(said=tuple(str(warning.message) for warning in said))
