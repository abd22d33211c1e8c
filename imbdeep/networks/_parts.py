"""What the networks share: texts of docstrings, checks of sizes, indicators of classes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor
from torch.nn import functional as F

from imbdeep import _docs

documented = _docs.documented(
    {
        "n_features": """\
n_features : int
    Number of values of a row; of an image, channels times height times width.""",
        "latent_dim": """\
latent_dim : int
    Number of latent dimensions.""",
        "n_classes": """\
n_classes : int
    Number of classes, at least 2 where rows are conditioned on their class.""",
        "shape": """\
shape : (int, int, int)
    Channels, height and width of an image; the sides are multiples of 4.""",
        "dropout": """\
dropout : float, default=0.4
    Share of the hidden values that are dropped in training, in [0, 1).""",
        "head": """\
head : {"linear", "cosine"}, default="linear"
    Last layer: ``nn.Linear``, or :class:`CosineLinear`, which
    :class:`imbdeep.losses.LDAMLoss` needs.""",
        "refused": """\
Raises
------
ValueError
    If a size is below 1, or an argument is outside of the values named above.""",
        "mgvae": """\
References
----------
.. [1] Q. Ai et al., "Generative Oversampling for Imbalanced Data via Majority-Guided VAE",
   AISTATS 2023.""",
        "rae": """\
References
----------
.. [1] A. K. Mondal, L. Singhal, P. Tiwary, P. Singla and Prathosh AP, "Minority Oversampling
   for Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.""",
        "gamo": """\
References
----------
.. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling", ICCV
   2019.""",
    }
)


def check_at_least(least: int, **values: int) -> None:
    """Refuse sizes that are no whole numbers or too small."""
    for name, value in values.items():
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} is {value!r}: give a whole number of at least {least}.")


def check_layers(sizes: Sequence[int]) -> None:
    """Refuse hidden layers without units."""
    check_at_least(1, **{f"hidden_layer_sizes[{i}]": size for i, size in enumerate(sizes)})


def check_dropout(dropout: float) -> None:
    """Refuse a share that leaves nothing."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}: it must be at least 0 and below 1; 0 drops none.")


def check_slope(negative_slope: float) -> None:
    """Refuse a slope that is no rectifier's."""
    if not 0 <= negative_slope < 1:
        raise ValueError(
            f"negative_slope is {negative_slope}: it must be at least 0, a ReLU, and below 1, "
            "where the network would be linear."
        )


def check_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return channels, height and width of images that two layers of stride 2 can halve."""
    if len(shape) != 3 or shape[0] < 1 or any(side < 4 or side % 4 for side in shape[1:]):
        raise ValueError(
            f"shape is {tuple(shape)}: give (channels, height, width) with a height and a width "
            "that can be halved twice, multiples of 4. Pad or resize the images."
        )
    channels, height, width = shape
    return channels, height, width


def check_classes(y: Tensor, rows: Tensor) -> None:
    """Refuse classes that are not one index a row: one-hot rows would be broadcast silently."""
    if y.shape != (len(rows),) or y.dtype != torch.int64:
        raise ValueError(
            f"y has the shape {tuple(y.shape)} and the dtype {y.dtype}: give the class of each of "
            f"the {len(rows)} rows as an index, int64."
        )


def one_hot(y: Tensor, n_classes: int, like: Tensor) -> Tensor:
    """Return indicators of the classes (n, n_classes), in the dtype of the rows ``like``."""
    check_classes(y, like)
    return F.one_hot(y, n_classes).to(like.dtype)
