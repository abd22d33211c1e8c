"""The losses of GAMO's players, and the targets of its generator.

Equations are those of S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority
Oversampling", ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _OutputLoss(nn.Module):
    """A loss of each output, summed over the outputs of a row.

    Logits have the shape (n, K). A target is a class, int64 of shape (n,), or a float for each
    output. ``mask`` of shape (n, K) is 1 for the outputs that count.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the loss of each row, or with ``reduction="mean"`` the mean over the rows."""
        if not target.is_floating_point():
            target = torch.zeros_like(logits).scatter_(1, target.unsqueeze(1), 1.0)
        of_outputs = self.of_outputs(logits, target.to(logits.dtype))
        if mask is not None:
            of_outputs = of_outputs * mask.to(of_outputs.dtype)
        of_rows = of_outputs.sum(dim=1)
        return of_rows if self.reduction == "none" else of_rows.mean()

    def of_outputs(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each output, (n, K)."""
        raise NotImplementedError


class LeastSquaresLoss(_OutputLoss):
    r"""Squared distance of the softmax probabilities from their targets (Eq. 4 and 6).

    .. math::
        \ell = \sum_{i=1}^K m_i \, (p_i - t_i)^2, \qquad p = \operatorname{softmax}(z)

    With the class as target this is what M minimises: a row of class j adds (1 - p_j)² (L_j1, or
    L_j3 if it was generated) and p_i² for every other class (L_i2, L_i4). With the
    :func:`complement` of the class as targets it is what G minimises (L_i7, L_i8). The authors'
    code takes the mean over the outputs instead of the sum.
    """

    def of_outputs(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the square of each distance."""
        return F.mse_loss(F.softmax(logits, dim=1), targets, reduction="none")


class OneVsRestCrossEntropyLoss(_OutputLoss):
    r"""Binary cross-entropy of every softmax probability (Eq. 2, with its sign turned).

    .. math::
        \ell = -\sum_{i=1}^K m_i \left[t_i \log p_i + (1 - t_i) \log(1 - p_i)\right],
        \qquad p = \operatorname{softmax}(z)

    With the class as target this is what M minimises. With the :func:`complement` of the class as
    targets it is an objective of G that does not saturate: that of Eq. 2, minus M's, has no slope
    where M is right. With two classes the loss is twice the usual cross-entropy.
    """

    def of_outputs(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each output."""
        log_p, log_rest = _log_and_log_of_rest(logits)
        return -torch.lerp(log_rest, log_p, targets)


def _log_and_log_of_rest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """log p and log(1 - p) of the softmax probabilities, neither as one minus a number near 1."""
    log_p = F.log_softmax(logits, dim=1)
    top = log_p.detach().argmax(dim=1, keepdim=True)
    # All but the largest are at most 1/2: log1p loses nothing. The largest may round to 1; what it
    # leaves is the sum of the others.
    others = log_p.scatter(1, top, -torch.inf)
    left = torch.logsumexp(others, dim=1, keepdim=True)
    return log_p, torch.log1p(-others.exp()).scatter(1, top, left)


def complement(y: Tensor, n_classes: int, without: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    """Return the targets of G for rows of the classes ``y``, and a mask, both (n, K).

    Targets are 0 for the row's own class and 1 for every other (line 13 of Algorithm 1). As the
    probabilities of a softmax cannot all be 1, either loss is least where the other classes share
    them evenly. The mask is 0 for the classes in ``without``: Eq. 6 leaves the largest class out
    of L_i8, so that G gains nothing by looking like it.
    """
    targets = torch.ones(len(y), n_classes, device=y.device).scatter_(1, y.unsqueeze(1), 0.0)
    counts = torch.ones(n_classes, device=y.device)
    counts[list(without)] = 0.0
    return targets, counts.expand(len(y), n_classes)
