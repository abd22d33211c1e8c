"""Fully connected networks for tables and small images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(inplace=True)]
    return layers


class MLPEncoder(nn.Module):
    """Rows to the mean and the log variance of their latent code (appendix E.1 of [1]_).

    Parameters
    ----------
    n_features : int
        Number of values of a row.
    latent_dim : int
        Number of latent dimensions.
    hidden_layer_sizes : sequence of int, default=(300, 300)
        Units of the hidden layers, each followed by a ReLU.

    References
    ----------
    .. [1] Q. Ai et al., "Generative Oversampling for Imbalanced Data via Majority-Guided VAE",
       AISTATS 2023.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import MLPEncoder
    >>> mean, log_variance = MLPEncoder(5, 2)(torch.zeros(3, 5))
    >>> mean.shape
    torch.Size([3, 2])
    """

    def __init__(
        self, n_features: int, latent_dim: int, hidden_layer_sizes: Sequence[int] = (300, 300)
    ) -> None:
        super().__init__()
        sizes = [n_features, *hidden_layer_sizes]
        self.body = nn.Sequential(*_layers(sizes))
        self.head = nn.Linear(sizes[-1], 2 * latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode rows.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
            Rows.

        Returns
        -------
        mean, log_variance : Tensors of shape (n, latent_dim)
            Parameters of the Gaussian posterior.
        """
        mean, log_variance = self.head(self.body(x)).chunk(2, dim=-1)
        return mean, log_variance


class MLPDecoder(nn.Module):
    """Latent codes to the means and logits of rows: the mirror of :class:`MLPEncoder`.

    Parameters
    ----------
    latent_dim : int
        Number of latent dimensions.
    n_features : int
        Number of values of a row.
    hidden_layer_sizes : sequence of int, default=(300, 300)
        Units of the *encoder's* hidden layers; used in reverse order.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import MLPDecoder
    >>> MLPDecoder(2, 5)(torch.zeros(3, 2)).shape
    torch.Size([3, 5])
    """

    def __init__(
        self, latent_dim: int, n_features: int, hidden_layer_sizes: Sequence[int] = (300, 300)
    ) -> None:
        super().__init__()
        sizes = [latent_dim, *reversed(hidden_layer_sizes)]
        self.body = nn.Sequential(*_layers(sizes), nn.Linear(sizes[-1], n_features))

    def forward(self, z: Tensor) -> Tensor:
        """Decode latent codes.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.

        Returns
        -------
        Tensor of shape (n, n_features)
            Means and logits.
        """
        decoded: Tensor = self.body(z)
        return decoded
