"""Objectives of classifiers that face imbalance, and weights of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep import _docs

_documented = _docs.documented(
    {
        "class_counts": """\
class_counts : array-like of shape (K,)
    Number of rows of each class, in the order of the class indices.""",
        "weight": """\
weight : Tensor of shape (K,), default=None
    Weight of each class. May be assigned later, as deferred re-weighting does
    (``loss.weight = class_balanced_weights(counts)``).
reduction : {"mean", "sum", "none"}, default="mean"
    As in torch's ``CrossEntropyLoss``: "mean" divides by the sum of the weights of the batch.""",
    }
)


def _positive_counts(class_counts: Sequence[float] | np.ndarray | Tensor) -> np.ndarray:
    """Counts in float64, so that what is computed from them is rounded once, at the end."""
    if isinstance(class_counts, Tensor):
        class_counts = class_counts.detach().cpu().numpy()
    counts = np.asarray(class_counts, dtype=np.float64)
    if counts.ndim != 1 or not counts.size:
        raise ValueError(
            f"class_counts has the shape {counts.shape}: give one number of rows per class, "
            "as np.bincount(y) does."
        )
    wrong = np.flatnonzero(~((counts > 0) & np.isfinite(counts)))
    if wrong.size:
        raise ValueError(
            f"class_counts[{wrong[0]}] is {counts[wrong[0]]:g}: every class needs a positive, "
            "finite number of rows, as a class with none would get an infinite weight. Leave it "
            "out, and encode the classes that are there as 0, 1, ..."
        )
    return counts


def _refuse_probabilities(target: Tensor) -> None:
    if target.is_floating_point():
        raise ValueError(
            f"target has the dtype {target.dtype}: give class indices (int64), not probabilities "
            "of classes."
        )


@_documented
def inverse_frequency_weights(class_counts: Sequence[float] | np.ndarray | Tensor) -> Tensor:
    r"""Weights of classes inverse to their numbers of rows ("RW" in section 4.1 of [1]_).

    .. math::
        w_k = K \, \frac{1 / N_k}{\sum_j 1 / N_j}

    Parameters
    ----------
    $class_counts

    Returns
    -------
    Tensor of shape (K,)
        Weights in float32 that sum to the number of classes, so that the loss of balanced data
        keeps its size.

    Raises
    ------
    ValueError
        If a class has no rows: its weight would be infinite. Leave such classes out.

    References
    ----------
    .. [1] J. Kim, J. Jeong and J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020.

    Examples
    --------
    >>> from imbdeep.losses import inverse_frequency_weights
    >>> inverse_frequency_weights([30, 10])
    tensor([0.5000, 1.5000])
    """
    return _summing_to_number_of_classes(1.0 / _positive_counts(class_counts))


@_documented
def class_balanced_weights(
    class_counts: Sequence[float] | np.ndarray | Tensor, beta: float = 0.9999
) -> Tensor:
    r"""Weights of classes inverse to their effective numbers of rows (Cui et al. [1]_).

    A new row adds less the more rows its class has: :math:`N` rows count as
    :math:`(1 - \beta^N) / (1 - \beta)`, which grows from 1 to at most :math:`1 / (1 - \beta)`.

    .. math::
        w_k = K \, \frac{(1 - \beta) / (1 - \beta^{N_k})}{\sum_j (1 - \beta) / (1 - \beta^{N_j})}

    Parameters
    ----------
    $class_counts
    beta : float, default=0.9999
        How slowly rows repeat one another, in [0, 1). 0 weights all classes alike; towards 1 the
        weights become those of :func:`inverse_frequency_weights`. The default is that of [2]_.

    Returns
    -------
    Tensor of shape (K,)
        Weights in float32 that sum to the number of classes.

    Raises
    ------
    ValueError
        If a class has no rows (its weight would be infinite; leave such classes out), or if
        `beta` is outside [0, 1).

    References
    ----------
    .. [1] Y. Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.
    .. [2] J. Kim, J. Jeong and J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020, section 4.1 ("CB-RW").

    Examples
    --------
    >>> from imbdeep.losses import class_balanced_weights
    >>> class_balanced_weights([2, 1], beta=0.5)
    tensor([0.8000, 1.2000])
    """
    counts = _positive_counts(class_counts)
    if not 0 <= beta < 1:
        raise ValueError(
            f"beta is {beta}: it must be at least 0 and below 1. For its limit at 1 use "
            "inverse_frequency_weights."
        )
    if beta == 0:  # log(0) is no number, 0 ** N is
        return torch.ones(len(counts))
    # 1 / (1 - beta ** N); the factor 1 - beta drops out when the weights are scaled to their sum.
    # Where beta is near 1, beta ** N is too and 1 - beta ** N loses its digits: expm1 keeps them.
    return _summing_to_number_of_classes(-1.0 / np.expm1(counts * math.log(beta)))


def _summing_to_number_of_classes(weights: np.ndarray) -> Tensor:
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))


@_documented
class FocalLoss(nn.CrossEntropyLoss):
    r"""Cross-entropy that weighs rows less the more certain they are (Eq. 4 and 5 of [1]_).

    .. math::
        \ell_i = -w_{y_i} \, (1 - p_i)^\gamma \log p_i

    where :math:`p_i` is the softmax probability of the true class of row :math:`i`.

    Parameters
    ----------
    gamma : float, default=1.0
        How much, at least 0; 0 is the cross-entropy. 1 is what the codes of LDAM, M2m and MGVAE
        use; the default of [1]_ is 2.
    $weight

    Attributes
    ----------
    scale : float
        What logits are multiplied by before the softmax: 1.

    Raises
    ------
    ValueError
        If `gamma` is negative or not finite.

    Notes
    -----
    The codes of those papers compute :math:`p` from the *weighted* cross-entropy,
    :math:`e^{-w_y \ell} = p^{w_y}`. That is no probability: a large weight makes a row look
    harder than it is. Here the weight acts outside only.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import FocalLoss
    >>> round(float(FocalLoss(gamma=2.0)(torch.zeros(1, 2), torch.tensor([0]))), 4)
    0.1733
    """

    scale: float = 1.0

    def __init__(
        self, gamma: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(weight=weight, reduction=reduction)
        if not 0 <= gamma < math.inf:
            raise ValueError(
                f"gamma is {gamma}: it must be a finite number of at least 0; 0 is the "
                "cross-entropy."
            )
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss in nats of logits (n, K) and class indices (n,), int64."""
        _refuse_probabilities(target)
        minus_log_p = F.cross_entropy(
            logits, target, ignore_index=self.ignore_index, reduction="none"
        )
        # 1 - p by expm1, for the digits where p is near 1. Where p rounds to 1, the slope of
        # 0 ** gamma is infinite and would be multiplied by 0, which is NaN. A clamped value passes
        # no gradient, which is the limit there.
        failure = (-torch.expm1(-minus_log_p)).clamp(min=torch.finfo(minus_log_p.dtype).tiny)
        loss = failure**self.gamma * minus_log_p
        # torch's own look-up of the weights, for its treatment of ignored rows and wrong indices
        minus_one = loss.new_full((), -1.0).expand(logits.shape)
        row_weight = F.nll_loss(
            minus_one, target, self.weight, ignore_index=self.ignore_index, reduction="none"
        )
        loss = row_weight * loss
        if self.reduction == "none":
            return loss
        total = loss.sum()
        return total / row_weight.sum() if self.reduction == "mean" else total

    def extra_repr(self) -> str:
        """Show the options."""
        return f"gamma={self.gamma}, reduction={self.reduction!r}"


@_documented
class LDAMLoss(nn.CrossEntropyLoss):
    r"""Label-distribution-aware margins: rare classes must win by more (Eq. 12 and 13 of [1]_).

    The margin is taken from the logit of the *true* class only:

    .. math::
        \ell_i = -w_{y_i} \log \frac{e^{s (z_{y_i} - \Delta_{y_i})}}
        {e^{s (z_{y_i} - \Delta_{y_i})} + \sum_{j \neq y_i} e^{s z_j}},
        \qquad \Delta_j = C / N_j^{1/4}

    with :math:`C` such that the largest margin is `max_margin`. The logits :math:`z` are cosines
    in [-1, 1], such as :class:`imbdeep.networks.CosineLinear` gives: a margin means nothing to
    logits whose size the network is free to choose.

    Parameters
    ----------
    $class_counts
    max_margin : float, default=0.5
        Margin of the rarest class, at least 0, in units of the cosine.
    scale : float, default=30.0
        The factor :math:`s`, positive. Without it the softmax of cosines is never near 1:
        for ten classes it stays below 0.46.
    $weight

    Attributes
    ----------
    margins : Tensor of shape (K,)
        The margins, a buffer in float32.
    scale : float
        What cosines are multiplied by to become the logits whose softmax is the probability. The
        margins belong to training only.

    Raises
    ------
    ValueError
        If a class has no rows, `max_margin` is negative or `scale` is not positive; on a call, if
        there are not as many logits as classes.

    Notes
    -----
    Eq. 8 of the MGVAE paper takes every class's margin from its logit, not only the true one's.
    That is another loss, which shifts the decision instead of demanding a margin.

    References
    ----------
    .. [1] K. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
       Loss", NeurIPS 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import LDAMLoss
    >>> loss = LDAMLoss([1600, 100])
    >>> loss.margins
    tensor([0.2500, 0.5000])
    >>> round(float(loss(torch.tensor([[0.5, 0.25]]), torch.tensor([0]))), 4)
    0.6931
    """

    margins: Tensor

    def __init__(
        self,
        class_counts: Sequence[float] | np.ndarray | Tensor,
        max_margin: float = 0.5,
        scale: float = 30.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight=weight, reduction=reduction)
        counts = _positive_counts(class_counts)
        if not 0 <= max_margin < math.inf:
            raise ValueError(
                f"max_margin is {max_margin}: it must be a finite number of at least 0; 0 is the "
                "cross-entropy of scaled cosines."
            )
        if not 0 < scale < math.inf:
            raise ValueError(
                f"scale is {scale}: it must be a finite number above 0; 30 is the default."
            )
        # C / N^(1/4) with C such that the smallest class has the largest margin, max_margin.
        margins = max_margin * (counts.min() / counts) ** 0.25
        self.register_buffer("margins", torch.from_numpy(margins.astype(np.float32)))
        self.max_margin, self.scale = max_margin, scale

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss in nats of cosines (n, K) and class indices (n,), int64."""
        _refuse_probabilities(target)
        n_classes = len(self.margins)
        if logits.shape[1] != n_classes:
            raise ValueError(
                f"logits has {logits.shape[1]} columns, class_counts has {n_classes} classes: "
                "give the network one output per class."
            )
        # The margin is taken from the true logit alone: each row must win by it in training.
        is_true = torch.arange(n_classes, device=target.device) == target.unsqueeze(1)
        return F.cross_entropy(
            self.scale * (logits - is_true * self.margins),
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """Show the options."""
        return f"max_margin={self.max_margin}, scale={self.scale}, reduction={self.reduction!r}"
