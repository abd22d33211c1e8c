"""Prior densities of the latent code, each with ``log_prob`` and ``sample``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imbdeep.losses import gaussian_log_density

_MINUS_INFINITY = -1e30  # finite, so that 0 * it stays 0


class ExemplarPrior:
    """r(z) = 1/S sum_s N(z | mu_s, sigma^2 I), the majority-based prior of Eq. 4.

    Its means (S, d) are the codes of the exemplars; the log variance is a scalar.
    """

    def __init__(self, means: Tensor, log_variance: Tensor) -> None:
        self.means = means
        self.log_variance = log_variance

    def log_prob(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        """Log density of codes (n, d), in nats: (n,).

        ``own`` (n, S) is True where the exemplar is the very row that the code comes from: the
        mixture is then taken over the others, because a row that may explain itself learns to
        memorise. A row with no other exemplar keeps them all.
        """
        component = self._components(z)
        # What all components have in common stays out of the (n, S) matrix.
        common = 0.5 * self.means.shape[1] * (math.log(2 * math.pi) + self.log_variance)
        if own is None:
            return torch.logsumexp(component, dim=1) - (common + math.log(len(self.means)))
        own = own & ~own.all(dim=1, keepdim=True)
        component = component.masked_fill(own, -math.inf)
        others = len(self.means) - own.sum(dim=1)
        return torch.logsumexp(component, dim=1) - common - torch.log(others)

    def gradients(
        self, z: Tensor, own: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log density, (n,), and its derivatives in closed form.

        By the codes, (n, d), and, summed over the codes, by the means, (S, d), and by the log
        variance, (). Each is a mean over components, weighted by their responsibilities.
        """
        n_exemplars, d = self.means.shape
        precision = torch.exp(-self.log_variance)
        # Exact differences, see _components. Sums over the first of the dimensions are the fastest.
        by_column = z.t().contiguous()[:, :, None] - self.means.t().contiguous()[:, None]
        squared = by_column.square_().sum(dim=0)  # (n, S)
        component = squared * (-0.5 * precision)
        others: Tensor | float = n_exemplars
        if own is not None:
            left_out = own.to(z.dtype)
            n_own = left_out.sum(dim=1, keepdim=True)
            some = n_own < n_exemplars  # a row with no other exemplar keeps them all
            component.addcmul_(left_out, some * _MINUS_INFINITY)
            others = n_exemplars - n_own * some
        largest = component.amax(dim=1, keepdim=True)
        weights = component.sub_(largest).exp_()
        total = weights.sum(dim=1, keepdim=True)
        weights /= total
        log_prob = (largest + torch.log(total / others)).squeeze(1)
        log_prob -= 0.5 * d * (math.log(2 * math.pi) + self.log_variance)
        by_z = (weights @ self.means - z) * precision
        # The sums over codes of weights and of weighted codes, in one product.
        sums = weights.t() @ torch.cat([z, torch.ones_like(z[:, :1])], dim=1)  # (S, d + 1)
        by_means = torch.addcmul(sums[:, :d], sums[:, d:], self.means, value=-1) * precision
        distance = torch.dot(weights.flatten(), squared.flatten())
        by_log_variance = 0.5 * (precision * distance - d * len(z))
        return log_prob, by_z, by_means, by_log_variance

    def responsibilities(self, z: Tensor) -> Tensor:
        """Probability of each exemplar to be the one that codes (n, d) were drawn from: (n, S)."""
        return torch.softmax(self._components(z), dim=1)

    def sample(self, n: int) -> Tensor:
        """Draw n codes, each from an exemplar drawn uniformly: (n, d)."""
        chosen = torch.randint(len(self.means), (n,), device=self.means.device)
        return self.around(self.means[chosen])

    def around(self, means: Tensor) -> Tensor:
        """Draw a code from the component of each exemplar, (n, d): step 2 of Algorithm 1."""
        return means + torch.exp(0.5 * self.log_variance) * torch.randn_like(means)

    def _components(self, z: Tensor) -> Tensor:
        """Log density of each component at each code, up to a constant: (n, S)."""
        # Exact differences: the expansion |z|^2 - 2 z.m + |m|^2 loses all digits in float32 when
        # the variance is small beside the codes.
        squared = torch.cdist(z, self.means, compute_mode="donot_use_mm_for_euclid_dist").square()
        return squared * (-0.5 * torch.exp(-self.log_variance))


class GaussianPrior:
    """N(0, I), the prior of an ordinary variational auto-encoder; samples are on the device."""

    def __init__(self, latent_dim: int, device: torch.device | None = None) -> None:
        self.latent_dim = latent_dim
        self.device = device

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of codes (n, d), in nats: (n,)."""
        zero = torch.zeros((), dtype=z.dtype, device=z.device)
        return gaussian_log_density(z, zero, zero)

    def gradients(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log density, (n,), and its derivative by the codes, (n, d)."""
        return self.log_prob(z), -z

    def sample(self, n: int) -> Tensor:
        """Draw n codes: (n, d)."""
        return torch.randn(n, self.latent_dim, device=self.device)
