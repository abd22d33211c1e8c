"""Objectives of players that work against one another: a critic's, and a mixer's labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(
    critic: Callable[[Tensor, Tensor], Tensor], real: Tensor, fake: Tensor, y: Tensor
) -> Tensor:
    r"""Penalty on a critic whose slope differs from 1 (WGAN-GP [1]_, last term of Eq. 5 of [2]_).

    .. math::
        \frac1n \sum_i \left(\lVert \nabla_{\hat x} C(\hat x_i, y_i) \rVert_2 - 1\right)^2, \qquad
        \hat x_i = u_i x_i + (1 - u_i) \tilde x_i, \quad u_i \sim U(0, 1)

    The points lie on the segments between a real and a made row of the same class, where an
    optimal critic has slope 1 almost everywhere. (The code released with [2]_ draws :math:`u`
    from N(0, 1) instead, which puts two points in three outside the segment.)

    Parameters
    ----------
    critic : callable
        Maps rows (n, ...) and classes (n,) to scores (n,), each from its own row alone: no batch
        normalisation.
    real : Tensor of shape (n, ...)
        Real rows.
    fake : Tensor of shape (n, ...)
        Made rows, each of the class of the real one in its place. No gradient reaches them.
    y : int64 Tensor of shape (n,)
        Classes of both.

    Returns
    -------
    Tensor of shape ()
        Penalty, before its weight (10 in both papers). It can be differentiated with respect to
        the critic's parameters, unless gradients are off.

    Raises
    ------
    ValueError
        If real and made rows differ in shape.

    Notes
    -----
    The norm has no derivative where the gradient vanishes; the penalty's is taken to be 0 there.

    References
    ----------
    .. [1] I. Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, Eq. 3.
    .. [2] A. K. Mondal, L. Singhal, P. Tiwary, P. Singla and Prathosh AP, "Minority Oversampling
       for Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.

    Examples
    --------
    A linear critic of slope 5:

    >>> import torch
    >>> from imbdeep.losses import gradient_penalty
    >>> slope = torch.tensor([3.0, 4.0])
    >>> x, y = torch.zeros(6, 2), torch.zeros(6, dtype=torch.int64)
    >>> gradient_penalty(lambda x, y: x @ slope, x, x + 1, y)
    tensor(16.)
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real has the shape {tuple(real.shape)}, fake {tuple(fake.shape)}: give as many made "
            "rows as real ones, in pairs of the same class."
        )
    differentiable = torch.is_grad_enabled()
    u = torch.rand(len(real), *[1] * (real.dim() - 1), dtype=real.dtype, device=real.device)
    with torch.enable_grad():  # the penalty is itself a gradient, also where only its value counts
        between = torch.lerp(fake.detach(), real.detach(), u).requires_grad_()
        total = critic(between, y).sum()
        (slopes,) = torch.autograd.grad(total, between, create_graph=differentiable)
        # vector_norm has the derivative 0 at 0, where a square root would give NaN.
        return (torch.linalg.vector_norm(slopes.flatten(1), dim=1) - 1).square().mean()


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    r"""What a critic minimises, before the penalty (first terms of Eq. 5 of [1]_).

    .. math::
        \operatorname{mean} C(\tilde x) - \operatorname{mean} C(x)

    Minus this loss is the critic's estimate of the Wasserstein distance between real and made
    rows, times its slope. Real and made rows may differ in number.

    Parameters
    ----------
    real_scores : Tensor of shape (n,)
        The critic's scores of real rows.
    fake_scores : Tensor of shape (k,)
        Its scores of made rows.

    Returns
    -------
    Tensor of shape ()
        Loss.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import critic_loss
    >>> critic_loss(torch.tensor([2.0, 4.0]), torch.tensor([1.0]))
    tensor(-2.)
    """
    return fake_scores.mean() - real_scores.mean()


def wrong_labels(y: Tensor, n_classes: int) -> Tensor:
    """Draw another class for every row, each with the same probability (j != i in Eq. 3 of [1]_).

    The mixer is trained to have its mixes taken for these classes. (The code released with [1]_
    shuffles the labels of the batch instead: with two classes half of them stay right, and the
    mixer is only asked for a draw.)

    Parameters
    ----------
    y : int64 Tensor of shape (n,)
        Classes, 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes, at least 2.

    Returns
    -------
    int64 Tensor of shape (n,)
        Classes, on the device of `y`, none equal to the row's own.

    Raises
    ------
    ValueError
        If there are fewer than two classes or `y` holds no indices.

    References
    ----------
    .. [1] A. K. Mondal et al., "Minority Oversampling for Imbalanced Data via Class-Preserving
       Regularized Auto-Encoders", AISTATS 2023.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import wrong_labels
    >>> wrong_labels(torch.tensor([0, 1, 1]), 2)
    tensor([1, 0, 0])
    """
    if n_classes < 2:
        raise ValueError(
            f"n_classes is {n_classes}: a wrong label needs at least 2. Give the number of classes "
            "of the whole problem, not of the batch."
        )
    if y.dtype != torch.int64:
        raise ValueError(f"y has the dtype {y.dtype}: give class indices, int64.")
    return (y + torch.randint_like(y, 1, n_classes)) % n_classes
