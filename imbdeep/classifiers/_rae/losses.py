"""The losses of RAE's critic and mixer.

Equations are those of A. K. Mondal, L. Singhal, P. Tiwary, P. Singla and Prathosh AP, "Minority
Oversampling for Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def mixed(alpha: Tensor, z: Tensor) -> Tensor:
    """Convex combinations z' (Eq. 1), (n, t) and (n, t, m) -> (n, m)."""
    return (alpha.unsqueeze(-1) * z).sum(dim=1)


def entropy(alpha: Tensor) -> Tensor:
    """Mean entropy of mixing weights, as a share of the largest, log t: 0 is an end point."""
    terms = alpha * alpha.clamp(min=torch.finfo(alpha.dtype).tiny).log()
    return -terms.sum(dim=1).mean() / math.log(alpha.shape[1])


def mixer_loss(head: nn.Linear, z_mixed: Tensor, wrong: Tensor) -> Tensor:
    """Eq. 3: cross-entropy of mixed codes for another class. The head gets no gradient."""
    assert head.bias is not None
    logits = F.linear(z_mixed, head.weight.detach(), head.bias.detach())
    return F.cross_entropy(logits, wrong)


def wrong_labels(y: Tensor, n_classes: int) -> Tensor:
    """Draw another class for every row, each with the same probability (j != i in Eq. 3).

    The authors' code shuffles the labels of the batch instead: with two classes half of them stay
    right.
    """
    return (y + torch.randint_like(y, 1, n_classes)) % n_classes


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """First terms of Eq. 5: mean score of decoded rows minus mean score of real ones.

    Minus this loss is the critic's estimate of the Wasserstein distance between the two, times the
    critic's slope.
    """
    return fake_scores.mean() - real_scores.mean()


def gradient_penalty(
    critic: Callable[[Tensor, Tensor], Tensor], real: Tensor, fake: Tensor, y: Tensor
) -> Tensor:
    r"""Penalty on a critic whose slope differs from 1 (last term of Eq. 5, before its weight).

    .. math::
        \frac1n \sum_i \left(\lVert \nabla_{\hat x} C(\hat x_i, y_i) \rVert_2 - 1\right)^2, \qquad
        \hat x_i = u_i x_i + (1 - u_i) \tilde x_i, \quad u_i \sim U(0, 1)

    The points lie on the segments between a real and a decoded row of the same class, where an
    optimal critic has slope 1 almost everywhere (Gulrajani et al., "Improved Training of
    Wasserstein GANs", NeurIPS 2017, Eq. 3). The authors' code draws u from N(0, 1) instead, which
    puts two points in three outside the segment.

    ``critic`` maps rows (n, ...) and classes (n,) to scores (n,), each from its own row alone: no
    batch normalisation. No gradient reaches the rows.
    """
    differentiable = torch.is_grad_enabled()
    u = torch.rand(len(real), *[1] * (real.dim() - 1), dtype=real.dtype, device=real.device)
    with torch.enable_grad():  # the penalty is itself a gradient, also where only its value counts
        between = torch.lerp(fake.detach(), real.detach(), u).requires_grad_()
        total = critic(between, y).sum()
        (slopes,) = torch.autograd.grad(total, between, create_graph=differentiable)
        # vector_norm has the derivative 0 at 0, where a square root would give NaN.
        return (torch.linalg.vector_norm(slopes.flatten(1), dim=1) - 1).square().mean()
