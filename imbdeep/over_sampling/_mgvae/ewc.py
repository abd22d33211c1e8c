"""Elastic weight consolidation: stay near weights that mattered for another task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["EWCPenalty", "fisher_diagonal"]


def fisher_diagonal(
    loss: Callable[..., Tensor],
    parameters: dict[str, Tensor],
    samples: tuple[Tensor, ...],
    *,
    max_elements: int = 2**24,
) -> Tensor:
    r"""Diagonal of the empirical Fisher information, from per-sample gradients.

    .. math:: F_i = \frac1n \sum_{k=1}^{n} \left(\partial \ell(x_k; \Psi) / \partial \Psi_i\right)^2

    Its expectation equals that of the negative second derivative of Eq. 5 in [1]_ when the samples
    come from the model itself, which is why the samples are generated and not real.

    Parameters
    ----------
    loss : callable
        ``loss(parameters, *sample)`` is the loss of one sample, a scalar tensor.
    parameters : dict of str to Tensor
        Weights at which the information is taken, as ``dict(module.named_parameters())``.
    samples : tuple of Tensors of shape (n, ...)
        Samples and whatever else ``loss`` takes for each of them (noise, for instance).
    max_elements : int, default=2**24
        The gradients of as many samples at a time are held as fit into this many numbers.

    Returns
    -------
    Tensor of shape (n_parameters,)
        The diagonal, in the order of ``parameters``.

    References
    ----------
    .. [1] Q. Ai et al., "Generative Oversampling for Imbalanced Data via Majority-Guided VAE",
       AISTATS 2023, Eq. 5.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.over_sampling._mgvae.ewc import fisher_diagonal
    >>> x = torch.tensor([[1.0], [-1.0]])
    >>> fisher_diagonal(lambda p, x: ((x - p["m"]) ** 2 / 2).sum(), {"m": torch.zeros(1)}, (x,))
    tensor([1.])
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
    r"""The penalty :math:`\lambda \sum_i F_i (\Psi_i - \Psi_{+,i})^2` of Eq. 6 in [1]_.

    It is *added* to the loss that is minimised. (Eq. 6 adds it to the evidence lower bound, which
    is maximised; taken literally that would reward drift.)

    Parameters
    ----------
    reference : Tensor of shape (n_parameters,)
        The weights to stay near.
    fisher : Tensor of shape (n_parameters,)
        Diagonal of the Fisher information. It is divided by its mean, so that ``ewc_lambda`` means
        the same on every data set: raw information grows with the square of the number of columns.
    ewc_lambda : float
        Weight of the penalty.

    References
    ----------
    .. [1] Q. Ai et al., "Generative Oversampling for Imbalanced Data via Majority-Guided VAE",
       AISTATS 2023, Eq. 6.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.over_sampling._mgvae.ewc import EWCPenalty
    >>> penalty = EWCPenalty(torch.zeros(2), torch.tensor([1.0, 3.0]), ewc_lambda=2.0)
    >>> penalty(torch.tensor([1.0, 1.0]))
    tensor(4.)
    """

    def __init__(self, reference: Tensor, fisher: Tensor, ewc_lambda: float) -> None:
        mean = fisher.mean()
        # A model that learned nothing has no information to normalise: then nothing is held.
        normalised = torch.where(mean > 0, fisher / mean, torch.zeros_like(fisher))
        self.reference = reference
        self.weights = ewc_lambda * normalised
        self._twice = 2 * self.weights

    def __call__(self, parameters: Tensor) -> Tensor:
        """Value of the penalty.

        Parameters
        ----------
        parameters : Tensor of shape (n_parameters,)
            Current weights.

        Returns
        -------
        Tensor, scalar
            The penalty.
        """
        return torch.dot(self.weights, (parameters - self.reference).square())

    def write_gradient(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """Overwrite ``gradient`` with the penalty's own; the rest of the loss then adds to it.

        The closed form takes the place of setting the gradient to zero, and saves a pass of
        automatic differentiation in every step.

        Parameters
        ----------
        parameters : Tensor of shape (n_parameters,)
            Current weights.
        gradient : Tensor of shape (n_parameters,)
            Overwritten.

        Returns
        -------
        Tensor, scalar
            Value of the penalty.
        """
        drift = parameters - self.reference
        torch.mul(drift, self._twice, out=gradient)
        return 0.5 * torch.dot(gradient, drift)
