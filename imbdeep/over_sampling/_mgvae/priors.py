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
    >>> from imbdeep.over_sampling._mgvae.priors import ExemplarPrior
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
        component = self._components(z)
        # What all components have in common stays out of the (n, n_exemplars) matrix.
        common = 0.5 * self.means.shape[1] * (math.log(2 * math.pi) + self.log_variance)
        if own is None:
            return torch.logsumexp(component, dim=1) - (common + math.log(len(self.means)))
        own = own & ~own.all(dim=1, keepdim=True)
        component = component.masked_fill(own, -math.inf)
        others = len(self.means) - own.sum(dim=1)
        return torch.logsumexp(component, dim=1) - common - torch.log(others)

    def responsibilities(self, z: Tensor) -> Tensor:
        """Probability of each exemplar to be the one that a code was drawn from.

        Parameters
        ----------
        z : Tensor of shape (n, latent_dim)
            Codes.

        Returns
        -------
        Tensor of shape (n, n_exemplars)
            Probabilities; every line sums to 1.
        """
        return torch.softmax(self._components(z), dim=1)

    def sample(self, n: int) -> Tensor:
        """Draw latent codes.

        Parameters
        ----------
        n : int
            Number of codes, each from an exemplar drawn uniformly.

        Returns
        -------
        Tensor of shape (n, latent_dim)
            The codes.
        """
        chosen = torch.randint(len(self.means), (n,), device=self.means.device)
        return self.around(self.means[chosen])

    def around(self, means: Tensor) -> Tensor:
        """Draw one latent code from the component of each exemplar (step 2 of Algorithm 1).

        Parameters
        ----------
        means : Tensor of shape (n, latent_dim)
            Codes of the exemplars to draw from.

        Returns
        -------
        Tensor of shape (n, latent_dim)
            The codes.
        """
        return means + torch.exp(0.5 * self.log_variance) * torch.randn_like(means)

    def _components(self, z: Tensor) -> Tensor:
        """Log density of each component at each code, up to a constant: (n, n_exemplars)."""
        # Exact differences: the expansion |z|^2 - 2 z.m + |m|^2 loses all digits in float32 when
        # the variance is small beside the codes.
        squared = torch.cdist(z, self.means, compute_mode="donot_use_mm_for_euclid_dist").square()
        return squared * (-0.5 * torch.exp(-self.log_variance))


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
    >>> from imbdeep.over_sampling._mgvae.priors import GaussianPrior
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
