"""Fully connected networks for tables and small images, and the heads of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.networks._parts import check_slope, documented


def _layers(sizes: Sequence[int], negative_slope: float = 0.0) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        rectifier = nn.LeakyReLU(negative_slope, True) if negative_slope else nn.ReLU(inplace=True)
        layers += [nn.Linear(n_in, n_out), rectifier]
    return layers


@documented
class MLPEncoder(nn.Module):
    """Rows to the mean and the log variance of their latent code (appendix E.1 of [1]_).

    Parameters
    ----------
    $n_features
    $latent_dim
    hidden_layer_sizes : sequence of int, default=(300, 300)
        Units of the hidden layers, each followed by a ReLU.

    $mgvae

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
        """Encode rows (n, n_features) as mean and log variance (n, latent_dim)."""
        mean, log_variance = self.head(self.body(x)).chunk(2, dim=-1)
        return mean, log_variance


@documented
class MLPDecoder(nn.Module):
    """Latent codes to the means and logits of rows: the mirror of :class:`MLPEncoder`.

    Parameters
    ----------
    $latent_dim
    $n_features
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
        """Decode codes (n, latent_dim) to means and logits (n, n_features)."""
        decoded: Tensor = self.body(z)
        return decoded


class LinearChain:
    """Both passes through an encoder or decoder of linear layers with ReLU, without autograd.

    Small batches spend most of a step in automatic differentiation, which keeps a record of every
    operation. The gradients of linear layers are matrix products, and are added to the ``grad`` of
    the parameters here.

    Parameters
    ----------
    module : MLPEncoder or MLPDecoder
        Its parameters must have gradients, see :func:`imbdeep.training.flatten_parameters`.
    """

    def __init__(self, module: nn.Module) -> None:
        layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
        self._weights = [layer.weight.data for layer in layers]
        self._biases = [layer.bias.data for layer in layers]
        self._gradients = [(_gradient(layer.weight), _gradient(layer.bias)) for layer in layers]
        self._inputs: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n, n_out) of rows x (n, n_in); what :meth:`backward` needs is kept."""
        self._inputs = []
        for i, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            if i:
                x = x.relu_()
            self._inputs.append(x)
            x = torch.addmm(bias, x, weight.t())
        return x

    def backward(self, slopes: Tensor) -> Tensor:
        """Add the gradients for ``slopes``, those by the outputs (n, n_out).

        Returns the slopes by the inputs of the second layer before its ReLU; see :meth:`inwards`.
        """
        for i in range(len(self._weights) - 1, -1, -1):
            x = self._inputs[i]
            by_weight, by_bias = self._gradients[i]
            by_weight.addmm_(slopes.t(), x)
            by_bias.add_(slopes.sum(dim=0))
            if i:
                slopes = torch.mm(slopes, self._weights[i])
                # Where a ReLU gave 0, nothing passes. A mask and a product would take seven times
                # as long.
                slopes = torch.ops.aten.threshold_backward(slopes, x, 0)
        return slopes

    def inwards(self, slopes: Tensor) -> Tensor:
        """Slopes by the rows (n, n_in), of what :meth:`backward` has returned."""
        return torch.mm(slopes, self._weights[0])


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def chains_of(model: Any) -> tuple[LinearChain, LinearChain] | None:
    """Return the chains of a model's ``encoder`` and ``decoder``; None for convolutional ones.

    Parameters
    ----------
    model : nn.Module
        An auto-encoder.

    Returns
    -------
    tuple of two LinearChain, or None
        Encoder and decoder.
    """
    if not isinstance(model.encoder, MLPEncoder):
        return None
    return LinearChain(model.encoder), LinearChain(model.decoder)


class CosineLinear(nn.Module):
    r"""Cosines of the angles between features and the weights of classes.

    .. math::
        z_k = \frac{x \cdot w_k}{\lVert x \rVert \, \lVert w_k \rVert} \in [-1, 1]

    The last layer of networks trained with :class:`imbdeep.losses.LDAMLoss` [1]_: no class gains
    by the length of its weights, and none has a bias.

    Parameters
    ----------
    in_features : int
        Number of features of a row.
    out_features : int
        Number of classes.

    Attributes
    ----------
    weight : nn.Parameter of shape (out_features, in_features)
        Weights of the classes. They start as directions drawn uniformly, of length 1.

    Notes
    -----
    A row of zeros has no direction: all its cosines are 0.

    References
    ----------
    .. [1] K. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
       Loss", NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import CosineLinear
    >>> layer = CosineLinear(2, 1)
    >>> layer.weight.data = torch.tensor([[5.0, 0.0]])
    >>> layer(torch.tensor([[3.0, 4.0]])).detach()
    tensor([[0.6000]])
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(F.normalize(torch.randn(out_features, in_features), dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the cosines (n, out_features) of features (n, in_features)."""
        cosines = F.linear(F.normalize(x, dim=-1), F.normalize(self.weight, dim=-1))
        # Rounding may pass 1. The slope of a cosine is 0 there, as is the clamp's.
        return cosines.clamp(-1.0, 1.0)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}"


def make_head(head: str, n_features: int, n_classes: int) -> nn.Module:
    """The last layer of a classifier."""
    heads: dict[str, type[nn.Module]] = {"linear": nn.Linear, "cosine": CosineLinear}
    if head not in heads:
        raise ValueError(f"head is {head!r}: choose one of {', '.join(map(repr, heads))}.")
    return heads[head](n_features, n_classes)


@documented
class MLP(nn.Module):
    """Fully connected classifier of tables and small images.

    Hidden layers with a ReLU each, leaky or not, then the head. The default is the network that
    [1]_ trains on texts: two layers of weights, 256 hidden units.

    Parameters
    ----------
    $n_features
    $n_classes
    hidden_layer_sizes : sequence of int, default=(256,)
        Units of the hidden layers. Without any, the head alone: logistic regression.
    $head
    negative_slope : float, default=0.0
        Slope of the hidden units below zero, in [0, 1). 0 is a ReLU; GAMO's classifier has leaky
        ones of 0.1 in the authors' code [2]_.

    $refused

    References
    ----------
    .. [1] J. Kim, J. Jeong and J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020.
    .. [2] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling",
       ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import MLP
    >>> MLP(5, 3)(torch.zeros(4, 5)).shape
    torch.Size([4, 3])
    >>> MLP(784, 10, head="cosine")(torch.zeros(4, 1, 28, 28)).shape
    torch.Size([4, 10])
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int] = (256,),
        head: str = "linear",
        negative_slope: float = 0.0,
    ) -> None:
        super().__init__()
        check_slope(negative_slope)
        sizes = [n_features, *hidden_layer_sizes]
        self.body = nn.Sequential(*_layers(sizes, negative_slope))
        self.head = make_head(head, sizes[-1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify rows or images (n, ...), flattened: logits or cosines (n, n_classes)."""
        logits: Tensor = self.head(self.body(x.flatten(1)))
        return logits
