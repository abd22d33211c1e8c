"""Likelihoods of observations given a latent code, and Gaussian densities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Bounds of the log standard deviation of a column's noise. Columns are encoded to about unit
#: scale; without the lower bound a column that repeats one value drives its density to infinity.
_LOG_SCALE_BOUNDS = (-2.3, 1.0)
#: Its start. A noise of 1 explains a column of unit scale alone: the codes of an auto-encoder then
#: stay without use for thousands of steps (posterior collapse).
_FIRST_LOG_SCALE = -1.0
_MINUS_INFINITY = -1e30  # finite, so that 0 * it stays 0


def gaussian_log_density(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Log density of a diagonal Gaussian, summed over the last dimension.

    .. math::
        \sum_j -\tfrac12 \left(\log 2\pi + \log\sigma_j^2 + (x_j - \mu_j)^2 / \sigma_j^2\right)

    Parameters
    ----------
    x : Tensor of shape (..., d)
        Points.
    mean : Tensor, broadcastable to ``x``
        Means.
    log_variance : Tensor, broadcastable to ``x``
        Logarithms of the variances.

    Returns
    -------
    Tensor of shape (...)
        Log densities in nats.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import gaussian_log_density
    >>> round(float(gaussian_log_density(torch.zeros(2), torch.zeros(2), torch.zeros(2))), 3)
    -1.838
    """
    squared = (x - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(dim=-1)


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence of a diagonal Gaussian from the standard normal distribution.

    .. math::
        \mathrm{KL}\big(\mathcal{N}(\mu, \operatorname{diag} \sigma^2) \,\|\, \mathcal{N}(0, I)\big)
        = \tfrac12 \sum_j \left(\mu_j^2 + \sigma_j^2 - \log\sigma_j^2 - 1\right)

    The second term of the bound of a variational auto-encoder with a Gaussian prior ([1]_, appendix
    B). It is exact: nothing is drawn.

    Parameters
    ----------
    mean : Tensor of shape (..., d)
        Means.
    log_variance : Tensor of shape (..., d)
        Logarithms of the variances (not of the standard deviations).

    Returns
    -------
    Tensor of shape (...)
        Divergences in nats, at least 0.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import standard_normal_kl
    >>> standard_normal_kl(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.zeros(2, 2))
    tensor([0.0000, 2.5000])
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=-1)


class ObservationLikelihood(nn.Module):
    r"""Likelihood :math:`p(x \mid z)` of rows whose columns are of several kinds.

    The columns stand in blocks: first Gaussian ones with a learned noise each, then Bernoulli
    ones, then groups of categorical indicators. A network's outputs for a row, ``outputs`` below,
    are the means of the Gaussian columns and the logits of the others, in the same order.

    Parameters
    ----------
    n_gaussian : int
        Number of Gaussian columns.
    n_bernoulli : int
        Number of Bernoulli columns.
    group_sizes : sequence of int, default=()
        Number of levels of each categorical group.
    missing : sequence of (int, int), default=()
        Pairs (Gaussian column, Bernoulli column or level of a group that is 1 where it holds no
        value). Such a row adds nothing to the likelihood of the column but its indicator. Several
        indicators of one Gaussian column exclude each other.
    intensities : bool, default=False
        Whether the Bernoulli columns are intensities in [0, 1] (pixels) and not events.

    Attributes
    ----------
    log_scale : nn.Parameter of shape (n_gaussian,)
        Logarithm of the standard deviation of each Gaussian column's noise, learned from -1 on.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.losses import ObservationLikelihood
    >>> likelihood = ObservationLikelihood(1, 0, [2])
    >>> x = torch.tensor([[0.0, 1.0, 0.0]])
    >>> round(float(likelihood.log_prob(x, torch.zeros(1, 3)).detach()), 3)
    -0.612
    """

    group_columns: Tensor
    group_levels: Tensor
    missing_values: Tensor
    missing_indicators: Tensor

    def __init__(
        self,
        n_gaussian: int,
        n_bernoulli: int,
        group_sizes: Sequence[int] = (),
        missing: Sequence[tuple[int, int]] = (),
        intensities: bool = False,
    ) -> None:
        super().__init__()
        self.n_gaussian, self.n_bernoulli = n_gaussian, n_bernoulli
        self.group_sizes = tuple(group_sizes)
        self.intensities = intensities
        self.log_scale = nn.Parameter(torch.full((n_gaussian,), _FIRST_LOG_SCALE))
        # Groups of unequal size as one rectangle, so that one operation works on all of them.
        # Short rows point to an extra level, whose logit makes its probability 0.
        n_levels = sum(self.group_sizes)
        columns = torch.full((len(self.group_sizes), max(self.group_sizes, default=0)), n_levels)
        start = 0
        for row, size in enumerate(self.group_sizes):
            columns[row, :size] = torch.arange(start, start + size)
            start += size
        pairs = torch.tensor(list(missing), dtype=torch.int64).reshape(-1, 2)
        self.register_buffer("group_columns", columns, persistent=False)
        levels = torch.nonzero(columns.flatten() < n_levels).flatten()  # in the rectangle
        self.register_buffer("group_levels", levels, persistent=False)
        self.register_buffer("missing_values", pairs[:, 0], persistent=False)
        self.register_buffer("missing_indicators", pairs[:, 1], persistent=False)

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.n_gaussian + self.n_bernoulli + sum(self.group_sizes)

    def scale(self) -> Tensor:
        """Return the standard deviation of each Gaussian column's noise, within fixed bounds."""
        return torch.exp(self.log_scale.clamp(*_LOG_SCALE_BOUNDS))

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Return the log likelihoods (n,) of rows (n, width) in nats, summed over the columns."""
        # Given z the columns are independent: the likelihood of a row is the sum over its columns.
        g, b = self.n_gaussian, self.n_gaussian + self.n_bernoulli
        total = x.new_zeros(len(x))
        if g:
            log_scale = self.log_scale.clamp(*_LOG_SCALE_BOUNDS)
            residual = (x[:, :g] - outputs[:, :g]) * torch.exp(-log_scale)
            normaliser = log_scale + 0.5 * math.log(2 * math.pi)
            if len(self.missing_values):
                # 1 minus the sum of the column's indicators: 0 where one of them says that the
                # value is missing. What stands in its place has no density.
                present = torch.ones_like(residual)
                absent = x[:, self.missing_indicators]
                present = present.index_add(1, self.missing_values, absent, alpha=-1)
                total = total - (present * (0.5 * residual.square() + normaliser)).sum(dim=1)
            else:
                total = total - 0.5 * residual.square().sum(dim=1) - normaliser.sum()
        if b > g:
            cross_entropy = F.binary_cross_entropy_with_logits(
                outputs[:, g:b], x[:, g:b], reduction="none"
            )
            total = total - cross_entropy.sum(dim=1)
        if self.group_sizes:
            logits = outputs[:, b:]
            # log p(level) = logit - logsumexp over the group. x holds exact indicators, so that one
            # product picks the logits of the true levels in all groups.
            normaliser = torch.logsumexp(self._by_group(logits), dim=2).sum(dim=1)
            total = total + (x[:, b:] * logits).sum(dim=1) - normaliser
        return total

    def gradients(self, x: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the log likelihoods, (n,), and their derivatives in closed form.

        By the outputs of each row, (n, width), and by ``log_scale``, summed over the rows,
        (n_gaussian,). This is what automatic differentiation of :meth:`log_prob` gives; for small
        batches it takes less time.
        """
        g, b = self.n_gaussian, self.n_gaussian + self.n_bernoulli
        total, slopes = x.new_zeros(len(x)), torch.empty_like(outputs)
        by_scale = x.new_zeros(g)
        if g:
            log_scale = self.log_scale.clamp(*_LOG_SCALE_BOUNDS)
            precision = torch.exp(-log_scale)
            residual = (x[:, :g] - outputs[:, :g]) * precision
            normaliser = log_scale + 0.5 * math.log(2 * math.pi)
            squared, n = residual.square(), x.new_full((), len(x))
            torch.mul(residual, precision, out=slopes[:, :g])
            if len(self.missing_values):
                present = torch.ones_like(residual)
                absent = x[:, self.missing_indicators]
                present.index_add_(1, self.missing_values, absent, alpha=-1)
                squared *= present
                slopes[:, :g] *= present
                total -= present @ normaliser
                n = present.sum(dim=0)
            else:
                total -= normaliser.sum()
            total -= 0.5 * squared.sum(dim=1)
            # A scale at its bound does not move.
            within = log_scale == self.log_scale
            by_scale = (squared.sum(dim=0) - n) * within
        if b > g:
            events, logits = x[:, g:b], outputs[:, g:b]
            total -= F.binary_cross_entropy_with_logits(logits, events, reduction="none").sum(dim=1)
            torch.sub(events, torch.sigmoid(logits), out=slopes[:, g:b])
        if self.group_sizes:
            logits = outputs[:, b:]
            padded = self._by_group(logits)
            total += (x[:, b:] * logits).sum(dim=1) - torch.logsumexp(padded, dim=2).sum(dim=1)
            expected = torch.softmax(padded, dim=2).flatten(1)
            torch.sub(x[:, b:], expected.index_select(1, self.group_levels), out=slopes[:, b:])
        return total, slopes, by_scale

    def mean(self, outputs: Tensor) -> Tensor:
        """Return expected rows E[x|z] (n, width), which are differentiable, unlike samples.

        The mean of a Gaussian column as it is, the probability of an event or the expected
        intensity (sigmoid), and the probability of each level of a group (softmax).
        """
        g, b = self.n_gaussian, self.n_gaussian + self.n_bernoulli
        parts = [outputs[:, :g], torch.sigmoid(outputs[:, g:b])]
        if self.group_sizes:
            probability = torch.softmax(self._by_group(outputs[:, b:]), dim=2).flatten(1)
            parts.append(probability.index_select(1, self.group_levels))
        return torch.cat(parts, dim=1)

    def sample(self, outputs: Tensor, mean: bool = False) -> Tensor:
        """Draw rows (n, width) from the likelihood (Step 3 of Algorithm 1 of the MGVAE paper).

        With ``mean=True`` Gaussian columns and intensities are their means. Events and categories
        are drawn in any case, as exact indicators: the most likely level would erase rare ones.
        """
        g, b = self.n_gaussian, self.n_gaussian + self.n_bernoulli
        rows = torch.empty_like(outputs)
        rows[:, :g] = outputs[:, :g]
        if g and not mean:
            rows[:, :g] += self.scale() * torch.randn_like(outputs[:, :g])
        probability = torch.sigmoid(outputs[:, g:b])
        rows[:, g:b] = probability if mean and self.intensities else torch.bernoulli(probability)
        if self.group_sizes:
            logits = self._by_group(outputs[:, b:])
            # Gumbel's trick: the largest of logits plus such noise is a draw from the softmax. So
            # one argmax draws all groups at once.
            gumbel = -torch.log(torch.empty_like(logits).exponential_())
            level = (logits + gumbel).argmax(dim=2)  # (n, groups)
            columns = self.group_columns[torch.arange(len(self.group_sizes)), level]
            rows[:, b:] = 0
            rows[:, b:].scatter_(1, columns, 1.0)
        return rows

    def _by_group(self, logits: Tensor) -> Tensor:
        """Arrange categorical logits as (n, groups, levels of the largest group)."""
        padded = F.pad(logits, (0, 1), value=_MINUS_INFINITY)
        return padded[:, self.group_columns]
