"""Objectives of a classifier and a generator that play against each other (GAMO)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_REDUCTIONS = ("mean", "none")


def _dense_targets(logits: Tensor, target: Tensor) -> Tensor:
    """A target for each output, in the dtype of the logits."""
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise ValueError(
            f"logits has the shape {tuple(logits.shape)}: give one row per observation and one "
            "output for each of at least 2 classes, (n, K)."
        )
    if target.is_floating_point() and target.shape == logits.shape:
        return target.to(logits.dtype)
    if target.dtype != torch.int64 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"target has the shape {tuple(target.shape)} and the dtype {target.dtype}, logits the "
            f"shape {tuple(logits.shape)}: give the class of each row, int64 of shape (n,), or a "
            "target for each output, floats of the shape of the logits."
        )
    return torch.zeros_like(logits).scatter_(1, target.unsqueeze(1), 1.0)


class _OutputLoss(nn.Module):
    """A loss of every output, summed over the outputs of a row."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"reduction is {reduction!r}: choose one of {', '.join(map(repr, _REDUCTIONS))}."
            )
        self.reduction = reduction

    def _reduced(self, of_outputs: Tensor, mask: Tensor | None) -> Tensor:
        if mask is not None:
            if mask.shape not in (of_outputs.shape, of_outputs.shape[1:]):
                raise ValueError(
                    f"mask has the shape {tuple(mask.shape)}: give one for all rows, of shape "
                    f"{tuple(of_outputs.shape[1:])}, or one for each, {tuple(of_outputs.shape)}."
                )
            of_outputs = of_outputs * mask.to(of_outputs.dtype)
        if self.reduction == "none":
            return of_outputs.sum(dim=1)
        return of_outputs.sum() / len(of_outputs)

    def extra_repr(self) -> str:
        """Show the options."""
        return f"reduction={self.reduction!r}"


class LeastSquaresLoss(_OutputLoss):
    r"""Squared distance of the softmax probabilities from their targets (Eq. 4 and 6 of [1]_).

    .. math::
        \ell = \sum_{i=1}^K m_i \, (p_i - t_i)^2, \qquad p = \operatorname{softmax}(z)

    With the class as target this is what the classifier of GAMO minimises: a row of class
    :math:`j` adds :math:`(1 - p_j)^2` (:math:`L_{j1}`, or :math:`L_{j3}` if it was generated) and
    :math:`p_i^2` for every other class (:math:`L_{i2}`, :math:`L_{i4}`). With the
    :func:`complement` of the class as targets it is what the generator minimises
    (:math:`L_{i7}`, :math:`L_{i8}`).

    Parameters
    ----------
    reduction : {"mean", "none"}, default="mean"
        "mean" is the mean over the rows; "none" keeps a value a row.

    Raises
    ------
    ValueError
        If `reduction` is unknown; on a call, if the shapes or dtypes do not fit.

    Notes
    -----
    With the class as target the loss of a row lies between 0 and 2. Its slope vanishes where the
    classifier is sure, also where it is sure and wrong; that of
    :class:`OneVsRestCrossEntropyLoss` does not. The code released with [1]_ takes the *mean* over
    the outputs: this loss divided by the number of classes.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling",
       ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import LeastSquaresLoss
    >>> logits = torch.tensor([[0.75, 0.25]]).log()
    >>> round(float(LeastSquaresLoss()(logits, torch.tensor([0]))), 4)
    0.125
    """

    def forward(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits : Tensor of shape (n, K)
            Logits.
        target : Tensor of shape (n,) or (n, K)
            Class indices, int64, or a target for each output, floats.
        mask : Tensor of shape (K,) or (n, K), default=None
            1 for the outputs that count and 0 for those that do not; None counts all.

        Returns
        -------
        Tensor of shape () or (n,)
            Loss, one number or, with ``reduction="none"``, one per row.
        """
        targets = _dense_targets(logits, target)
        probability = F.softmax(logits, dim=1)
        if mask is None and self.reduction == "mean":  # one kernel, and one on the way back
            return F.mse_loss(probability, targets, reduction="sum") / len(logits)
        return self._reduced(F.mse_loss(probability, targets, reduction="none"), mask)


def _log_and_log_of_rest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """log p and log(1 - p) of the softmax probabilities, neither as one minus a number near 1."""
    log_p = F.log_softmax(logits, dim=1)
    top = log_p.detach().argmax(dim=1, keepdim=True)
    # All but the largest are at most 1/2: log1p loses nothing. The largest may round to 1; what it
    # leaves is the sum of the others.
    others = log_p.scatter(1, top, -torch.inf)
    left = torch.logsumexp(others, dim=1, keepdim=True)
    return log_p, torch.log1p(-others.exp()).scatter(1, top, left)


class OneVsRestCrossEntropyLoss(_OutputLoss):
    r"""Binary cross-entropy of every softmax probability (Eq. 2 of [1]_, with its sign turned).

    .. math::
        \ell = -\sum_{i=1}^K m_i \left[t_i \log p_i + (1 - t_i) \log(1 - p_i)\right],
        \qquad p = \operatorname{softmax}(z)

    With the class as target this is what the classifier of GAMO minimises: a row of class
    :math:`j` adds :math:`-\log p_j` (:math:`J_{j1}`, or :math:`J_{j3}` if it was generated) and
    :math:`-\log(1 - p_i)` for every other class (:math:`J_{i2}`, :math:`J_{i4}`). With the
    :func:`complement` of the class as targets it is a generator's objective that does not
    saturate: the one of Eq. 2, minus the classifier's, has no slope where the classifier is right.

    Parameters
    ----------
    reduction : {"mean", "none"}, default="mean"
        "mean" is the mean over the rows; "none" keeps a value a row.

    Raises
    ------
    ValueError
        If `reduction` is unknown; on a call, if the shapes or dtypes do not fit.

    Notes
    -----
    The probabilities are those of a softmax, not of a sigmoid each. With two classes the loss is
    therefore twice the usual cross-entropy; with more it also asks the other classes to share
    what is left evenly. Logits of any finite size have a finite loss and finite gradients: the
    smaller probabilities are never found as one minus a larger one.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling",
       ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import OneVsRestCrossEntropyLoss
    >>> logits = torch.tensor([[1000.0, 0.0]])
    >>> OneVsRestCrossEntropyLoss()(logits, torch.tensor([1]))
    tensor(2000.)
    """

    def forward(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        logits : Tensor of shape (n, K)
            Logits.
        target : Tensor of shape (n,) or (n, K)
            Class indices, int64, or a target in [0, 1] for each output, floats.
        mask : Tensor of shape (K,) or (n, K), default=None
            1 for the outputs that count and 0 for those that do not; None counts all.

        Returns
        -------
        Tensor of shape () or (n,)
            Loss in nats, one number or, with ``reduction="none"``, one per row.
        """
        targets = _dense_targets(logits, target)
        log_p, log_rest = _log_and_log_of_rest(logits)
        return -self._reduced(torch.lerp(log_rest, log_p, targets), mask)


def complement(
    y: Tensor, n_classes: int, without: int | Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    r"""What a generator of class `y` wants the classifier to answer: any other class.

    The ones' complement of the indicators of the class (line 13 of Algorithm 1 of [1]_), 0 for
    the row's own class and 1 for every other. As the probabilities of a softmax cannot all be 1,
    the least of either loss is where the others share them evenly, :math:`1 / (K - 1)` each.

    Parameters
    ----------
    y : int64 Tensor of shape (n,)
        Classes, 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes K, at least 2.
    without : int or sequence of int, default=None
        A class whose output does not count, or several. Eq. 6 of [1]_ leaves the largest class out
        of :math:`L_{i8}`: looking like it earns a generator nothing. The least is then at
        :math:`1 / (K - 2)` for each of the remaining others; with two classes there are none, and
        only the own class counts. None is Algorithm 1 and the authors' code.

    Returns
    -------
    targets : Tensor of shape (n, K)
        Targets of the outputs, 0 or 1, on the device of `y`.
    mask : Tensor of shape (n, K)
        1 for the outputs that count. The rows are one and the same in memory: not to be written.

    Raises
    ------
    ValueError
        If there are fewer than two classes, `y` holds no indices or `without` is none of the
        classes.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling",
       ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import complement
    >>> targets, mask = complement(torch.tensor([0, 1]), 3, without=2)
    >>> targets
    tensor([[0., 1., 1.],
            [1., 0., 1.]])
    >>> mask
    tensor([[1., 1., 0.],
            [1., 1., 0.]])
    """
    if n_classes < 2:
        raise ValueError(
            f"n_classes is {n_classes}: another class needs at least 2. Give the number of classes "
            "of the whole problem, not of the batch."
        )
    if y.dtype != torch.int64 or y.dim() != 1:
        raise ValueError(
            f"y has the shape {tuple(y.shape)} and the dtype {y.dtype}: give the class of each row "
            "as an index, int64."
        )
    left_out = [without] if isinstance(without, int) else list(without or ())
    if not all(0 <= code < n_classes for code in left_out):
        raise ValueError(
            f"without is {without}: give a class from 0 to {n_classes - 1}, or None to count all."
        )
    targets = torch.ones(len(y), n_classes, device=y.device).scatter_(1, y.unsqueeze(1), 0.0)
    counts = torch.ones(n_classes, device=y.device)
    counts[left_out] = 0.0
    return targets, counts.expand(len(y), n_classes)
