"""Elastic weight consolidation: stay near weights that mattered for another task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def fisher_diagonal(
    loss: Callable[..., Tensor],
    parameters: dict[str, Tensor],
    samples: tuple[Tensor, ...],
    *,
    max_elements: int = 2**24,
) -> Tensor:
    """F_i = mean over samples of (d loss / d Psi_i)^2, (n_parameters,), by per-sample gradients.

    ``loss(parameters, *sample)`` is that of one of the samples, tensors (n, ...). The expectation
    of F is that of the negative second derivative (Eq. 5) where the samples come from the model
    itself, which is why they are generated and not real. The gradients of as many samples at a
    time are held as fit into ``max_elements`` numbers.
    """
    frozen = {name: value.detach() for name, value in parameters.items()}
    n_parameters = sum(value.numel() for value in frozen.values())
    n = len(samples[0])
    chunk = max(1, min(n, max_elements // max(n_parameters, 1)))
    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, *([0] * len(samples))))
    total = torch.zeros(n_parameters, device=samples[0].device)
    for start in range(0, n, chunk):
        part = gradients(frozen, *(sample[start : start + chunk] for sample in samples))
        total += torch.cat([g.square().sum(dim=0).flatten() for g in part.values()])
    return total / n


class EWCPenalty:
    """The penalty lambda * sum_i F_i (Psi_i - Psi_+,i)^2 of Eq. 6.

    It is added to the loss, which is minimised. (Eq. 6 adds it to the evidence lower bound, which
    is maximised; taken literally that would reward drift.) F is divided by its mean, so that
    lambda means the same on every data set: raw information grows with the number of columns.
    """

    def __init__(self, reference: Tensor, fisher: Tensor, ewc_lambda: float) -> None:
        mean = fisher.mean()
        # A model that learned nothing has no information to normalise: then nothing is held.
        normalised = torch.where(mean > 0, fisher / mean, torch.zeros_like(fisher))
        self.reference = reference
        self.weights = ewc_lambda * normalised
        self._twice = 2 * self.weights

    def __call__(self, parameters: Tensor) -> Tensor:
        """Value of the penalty at these weights (n_parameters,)."""
        return torch.dot(self.weights, (parameters - self.reference).square())

    def write_gradient(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """Overwrite ``gradient`` with the penalty's own, and return the value of the penalty.

        The rest of the loss then adds to it. The closed form takes the place of setting the
        gradient to zero, and saves a pass of automatic differentiation in every step.
        """
        drift = parameters - self.reference
        torch.mul(drift, self._twice, out=gradient)
        return 0.5 * torch.dot(gradient, drift)
