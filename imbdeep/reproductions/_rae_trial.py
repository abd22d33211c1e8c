"""One trial of RAE's reproduction: its methods on the same rows, with comparable networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from imbdeep.classifiers import RAEClassifier
from imbdeep.networks import CodeEncoder, ConvCodeEncoder
from imbdeep.reproductions import _trial
from imbdeep.reproductions._runner import Task
from imbdeep.reproductions._trial import Length

#: Columns of the tables; the files also hold the other G-mean, the root of the recalls' product.
METRICS = ("balanced accuracy", "macro F1", "macro G-mean", "average precision")
#: Hidden layers of the MLP: those of RAE's encoder for tables.
HIDDEN_LAYERS = (512, 256)


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


@dataclass(frozen=True)
class Approach(_trial.Approach):
    """A way to deal with the imbalance, by "erm", "m2m" or "rae".

    ``own_network`` trains RAE's encoder with a linear head in the place of the MLP, and ``latent``
    multiplies the width of RAE's code.
    """

    own_network: bool = False
    latent: float = 1.0


class Trial(_trial.Trial):
    """One draw of a data set, on which all methods are trained.

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

    estimators: ClassVar[Mapping[str, Callable[..., Any]]] = {
        **_trial.Trial.estimators,
        "rae": RAEClassifier,
    }
    encoding = frozenset({"rae"})
    batch_size = 128  # those that RAE's 64 pairs make
    said_elsewhere = (
        "The mixing weights have collapsed",
        "Classes with fewer rows than n_mixed",
        "Only .* marked rows were translated",
    )

    def __init__(
        self, task: Task, latent_dim: int, length: Length, seed: int, device: torch.device
    ) -> None:
        super().__init__(task, length, seed, device)
        self.latent_dim = latent_dim

    def _parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        if approach.method == "rae":
            latent_dim = round(approach.latent * self.latent_dim)
            return {"latent_dim": latent_dim, **self.length.own, **approach.parameters}
        shape = self.task.image_shape
        network: dict[str, Any] = {"module": "mlp", "hidden_layer_sizes": HIDDEN_LAYERS}
        if approach.own_network and shape is None:
            network = {"module": CodeClassifier, "module_params": {"latent_dim": self.latent_dim}}
        elif approach.own_network:
            sizes = {"shape": shape, "latent_dim": self.latent_dim}
            network = {"module": ConvCodeClassifier, "module_params": sizes}
        return network | super()._parameters(approach, n_rows)

    def _steps(self, classifier: Any) -> int:
        # A batch of RAE's is a cycle, with so many updates of the encoder.
        updates = classifier.get_params().get("encoder_steps", 1)
        return int(updates * super()._steps(classifier))
