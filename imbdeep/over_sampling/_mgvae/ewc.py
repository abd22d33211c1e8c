"""Elastic weight consolidation: stay near weights that mattered for another task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Columns whose gradients are held at a time: those of one unit then stay in the processor's cache.
_COLUMNS = 4096


def fisher_diagonal(
    loss: Callable[..., Tensor], parameters: dict[str, Tensor], samples: tuple[Tensor, ...]
) -> Tensor:
    """F_i = mean over samples of (d loss / d Psi_i)^2, (n_parameters,), sample by sample.

    ``loss(parameters, *sample)`` is that of one of the samples, tensors (n, ...). The expectation
    of F is that of the negative second derivative (Eq. 5) where the samples come from the model
    itself, which is why they are generated and not real.
    """
    wanted = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    total = [torch.zeros_like(value) for value in wanted.values()]
    for sample in zip(*samples, strict=True):
        found = torch.autograd.grad(
            loss(wanted, *sample), list(wanted.values()), materialize_grads=True
        )
        for squares, gradient in zip(total, found, strict=True):
            squares.addcmul_(gradient, gradient)
    return torch.cat([squares.flatten() for squares in total]) / len(samples[0])


def linear_squares(x: Tensor, g: Tensor, shared: Tensor, g_shared: Tensor) -> Tensor:
    """Sum over samples i of (g_i x_i^T + sum_s g_is a_s^T)^2, (n_out, n_in).

    That in brackets is the gradient of a linear layer's weights, where a sample passes its own
    input x_i, of x (n, n_in), and those that all samples share, a (S, n_in), through the layer; g
    (n, n_out) and (n, S, n_out) are the gradients by its outputs. Of a million weights, the
    gradients of all samples are never held together, but those of one unit after another.
    """
    squares = g.square().T @ x.square()  # right where a column is 0 in all shared inputs
    by_unit = g_shared.permute(2, 0, 1).contiguous()  # (n_out, n, S)
    for columns in shared.any(dim=0).nonzero().flatten().split(_COLUMNS):
        a, own = shared[:, columns], x[:, columns]
        found = torch.empty(len(by_unit), len(columns), dtype=x.dtype, device=x.device)
        for unit, gradients in enumerate(by_unit):
            active = gradients.any(dim=0)  # a ReLU passes no gradient where the unit is off
            part = (gradients[:, active] @ a[active]).addcmul_(g[:, unit, None], own)
            torch.sum(part.square_(), dim=0, out=found[unit])
        squares[:, columns] = found
    return squares


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
