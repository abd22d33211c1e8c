"""One trial of RAE's reproduction: its methods on the same rows, with comparable networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imbdeep.networks import CodeEncoder, ConvCodeEncoder
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._rows import Task

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


class Trial(_harness.Trial):
    """One draw of a data set; ``latent_dim`` is the width of RAE's code on it."""

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

    def parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Those of RAE, or of another classifier with a comparable network."""
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
        return network | super().parameters(approach, n_rows)

    def steps(self, classifier: Any) -> int:
        """How often a classifier was updated; a batch of RAE's is a cycle of several updates."""
        updates = classifier.get_params().get("encoder_steps", 1)
        return int(updates * super().steps(classifier))
