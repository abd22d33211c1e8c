"""Prior densities of the latent code, each with ``log_prob`` and ``sample``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imbdeep.losses import gaussian_log_density

__all__ = ["ExemplarPrior", "GaussianPrior"]


class ExemplarPrior:
    r"""Equal mixture of isotropic Gaussians around the codes of exemplars.

    .. math:: r(z) = \frac{1}{S} \sum_{s=1}^{S} \mathcal{N}(z \mid \mu_s, \sigma^2 I)

    This is the majority-based prior inside Eq. 4 of [1]_, with the mean of each component given by
    the encoder at a majority row and one variance shared by all components.

    Parameters
    ----------
    means : Tensor of shape (n_exemplars, latent_dim)
        Codes of the exemplars.
    log_variance : Tensor, scalar
        Logarithm of the shared variance.

    References
    ----------
    .. [1] Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
       Data via Majority-Guided VAE", AISTATS 2023, Eq. 4.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.priors import ExemplarPrior
    >>> prior = ExemplarPrior(torch.tensor([[-1.0], [1.0]]), torch.tensor(0.0))
    >>> round(float(prior.log_prob(torch.zeros(1, 1))), 3)
    -1.419
    """

    def __init__(self, means: Tensor, log_variance: Tensor) -> None:
        self.means = means
        self.log_variance = log_variance

    def log_prob(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        """Log density of latent codes.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.
        own : bool Tensor of shape (n, n_exemplars), default=None
            True where the exemplar is the very row that the code comes from: it is left out and
            the mixture is taken over the others, because a row that may explain itself learns
            to memorise. A row with no other exemplar keeps them all.

        Returns
        -------
        Tensor of shape (n,)
            Log density in nats.
        """
        n_exemplars, latent_dim = self.means.shape
        # Exact differences: the expansion |z|^2 - 2 z.m + |m|^2 loses all digits in float32 when
        # the variance is small beside the codes.
        squared = torch.cdist(z, self.means, compute_mode="donot_use_mm_for_euclid_dist").square()
        normaliser = latent_dim * (math.log(2 * math.pi) + self.log_variance)
        component = -0.5 * (squared * torch.exp(-self.log_variance) + normaliser)  # (n, S)
        if own is None:
            return torch.logsumexp(component, dim=1) - math.log(n_exemplars)
        own = own & ~own.all(dim=1, keepdim=True)
        component = component.masked_fill(own, -math.inf)
        others = n_exemplars - own.sum(dim=1)
        return torch.logsumexp(component, dim=1) - torch.log(others)

    def sample(self, n: int) -> Tensor:
        """Draw latent codes.

        Parameters
        ----------
        n : int
            Number of codes. The exemplars are used in random order, each once before any is used
            twice.

        Returns
        -------
        Tensor of shape (n, latent_dim)
            The codes.
        """
        n_exemplars = len(self.means)
        passes = math.ceil(n / n_exemplars)
        device = self.means.device
        order = [torch.randperm(n_exemplars, device=device) for _ in range(passes)]
        means = self.means[torch.cat([*order, order[0][:0]])[:n]] if order else self.means[:0]
        return means + torch.exp(0.5 * self.log_variance) * torch.randn_like(means)


class GaussianPrior:
    """The standard normal prior of an ordinary variational auto-encoder.

    Parameters
    ----------
    latent_dim : int
        Number of latent dimensions.
    device : torch.device, default=None
        Where samples are made; None is the processor.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.priors import GaussianPrior
    >>> round(float(GaussianPrior(1).log_prob(torch.zeros(1, 1))), 3)
    -0.919
    """

    def __init__(self, latent_dim: int, device: torch.device | None = None) -> None:
        self.latent_dim = latent_dim
        self.device = device

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of latent codes.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.

        Returns
        -------
        Tensor of shape (n,)
            Log density in nats.
        """
        zero = torch.zeros((), dtype=z.dtype, device=z.device)
        return gaussian_log_density(z, zero, zero)

    def sample(self, n: int) -> Tensor:
        """Draw latent codes.

        Parameters
        ----------
        n : int
            Number of codes.

        Returns
        -------
        Tensor of shape (n, latent_dim)
            The codes.
        """
        return torch.randn(n, self.latent_dim, device=self.device)
