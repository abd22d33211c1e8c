"""One trial of GAMO's reproduction: its methods on the same rows, with the same network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep.classifiers._gamo.losses import LeastSquaresLoss
from imbdeep.networks import MLP, ConvFeatures
from imbdeep.over_sampling import CGANSampler
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._rows import Task

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


def _cgan(trial: Any, x: NDArray[Any], y: NDArray[np.int64], network: str) -> Any:
    sampler = CGANSampler(
        network=network,
        image_shape=trial.task.image_shape if x.ndim == 2 else None,
        row_filter=None,
        device=trial.device,
        random_state=trial.seed,
    )
    sampler.set_params(max_steps=min(sampler.max_steps, trial.length.steps))
    return sampler.fit_resample(x, y)


#: Rows of a conditional GAN, made before the training, by network.
CGAN = {name: partial(_cgan, network=name) for name in ("mlp", "cnn")}


class Trial(_harness.Trial):
    """One draw of a data set; where it is ``convolutional``, F comes before M."""

    batch_size = 32
    keeps_warnings = True

    def __init__(
        self, task: Task, convolutional: bool, length: Length, seed: int, device: torch.device
    ) -> None:
        super().__init__(task, length, seed, device)
        self.convolutional = convolutional

    def parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Those of GAMO, or of another classifier with its networks."""
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
        return {"criterion": criterion, **network, **super().parameters(approach, n_rows)}

    def steps(self, classifier: Any) -> int:
        """Updates of M; with F, the mini-batches of F are in the history too."""
        batches = super().steps(classifier)
        return min(batches, classifier.get_params().get("max_steps", batches))
