"""The parts of M2m as functions: which rows are translated, from which seed, and how.

Symbols are those of J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor
Translation", CVPR 2020: N_k rows of class k, target class k, seed x0 of class k0, student f,
teacher g.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from imbdeep.classifiers._net import ClassRows

#: A gradient shorter than this is taken for noise: the row hardly moves.
_TINY = 1e-10


def acceptance_probability(counts: Tensor, beta: float) -> Tensor:
    """Return how likely a translation is not rejected, 1 - β^(N_k0 - N_k)+ (Eq. 3).

    Entry [k, k0] of the result (K, K), float64, is for target k and seed class k0: 0 where k0 is
    not larger than k.
    """
    excess = (counts[None, :] - counts[:, None]).double()
    if beta == 0:
        return (excess > 0).double()
    # 1 - β^n loses all digits for β close to 1 if it is computed as written.
    return -torch.expm1(excess.clamp(min=0) * torch.log(torch.tensor(beta, dtype=torch.float64)))


def marking_probability(counts: Tensor) -> Tensor:
    """Return how likely a row of a balanced batch is replaced, 1 - N_k / N_1, (K,) -> (K,)."""
    return 1 - counts.double() / counts.max()


class Plan(NamedTuple):
    """Which rows of a batch are to be replaced, and from which seeds, all of shape (m,), int64.

    ``where`` are places in the batch, ``seeds`` rows of the training set (or places in the batch)
    that are translated, and ``sources`` their classes.
    """

    where: Tensor
    seeds: Tensor
    sources: Tensor


class Planner:
    """Decide, for whole batches and before any network is evaluated, what will be translated.

    All of Algorithm 1 but the optimisation depends on labels alone, the rejection of Eq. 3 too, so
    it is drawn first and what would be thrown away is never computed. The law of what is accepted
    is the same. ``y`` are the classes of the training rows, on the processor; ``marked``,
    ``without_seed`` and ``rejected``, of shape (K,), count the rows of each target class so far.
    """

    def __init__(
        self,
        y: Tensor,
        n_classes: int,
        *,
        beta: float,
        rejection: bool = True,
        from_batch: bool = False,
        max_seeds: int | None = None,
    ) -> None:
        self.n_classes = n_classes
        self.pool = ClassRows(y, n_classes, max_seeds)
        self.accepting = acceptance_probability(self.pool.counts, beta)
        self.marking = marking_probability(self.pool.counts)
        self.rejection = rejection
        self.in_pool: Tensor | None = None
        if from_batch and max_seeds is not None:
            classes = y[self.pool.order]
            place = torch.arange(len(y)) - self.pool.starts[classes]
            self.in_pool = torch.zeros(len(y), dtype=torch.bool)
            self.in_pool[self.pool.order] = place < self.pool.sizes[classes]
        self.from_batch = from_batch
        self.marked = torch.zeros(n_classes, dtype=torch.int64)
        self.without_seed = torch.zeros(n_classes, dtype=torch.int64)
        self.rejected = torch.zeros(n_classes, dtype=torch.int64)

    def plan(self, y: Tensor, rows: Tensor) -> Plan:
        """Plan a class-balanced batch, of classes ``y`` and training rows ``rows``, both (m,)."""
        marked = torch.rand(len(y), dtype=torch.float64) < self.marking[y]
        places = torch.nonzero(marked)[:, 0]
        targets = y[places]
        self.marked += torch.bincount(targets, minlength=self.n_classes)
        weights = self.accepting[targets]  # (marked, K): Q of Eq. 5, not normalised
        if self.from_batch:
            usable = y if self.in_pool is None else y[self.in_pool[rows]]
            there = torch.bincount(usable, minlength=self.n_classes)
            # k0 is drawn until it is in the batch: Q restricted to the classes that are.
            weights = weights * (there > 0)
        possible = weights.sum(dim=1) > 0
        self.without_seed += torch.bincount(targets[~possible], minlength=self.n_classes)
        places, targets, weights = places[possible], targets[possible], weights[possible]
        if not len(places):
            return Plan(places, places, targets)
        sources = torch.multinomial(weights, 1)[:, 0]
        if self.rejection:
            kept = torch.rand(len(places), dtype=torch.float64) < self.accepting[targets, sources]
            self.rejected += torch.bincount(targets[~kept], minlength=self.n_classes)
            places, sources = places[kept], sources[kept]
        if not self.from_batch:
            return Plan(places, self.pool.draw(sources), sources)
        here = torch.arange(len(y))
        if self.in_pool is not None:
            here = here[self.in_pool[rows]]
        return Plan(places, here[ClassRows(y[here], self.n_classes).draw(sources)], sources)


def noise(like: Tensor, radius: float) -> Tensor:
    """Return a random direction of length ``radius`` for each row: δ of Algorithm 1, line 7.

    The length does not depend on the size of the batch, nor on the dimension.
    """
    direction = torch.randn_like(like)
    return direction * (radius / _norm(direction))


def translate(
    x: Tensor,
    targets: Tensor,
    sources: Tensor,
    teacher: Callable[[Tensor], Tensor],
    student: Callable[[Tensor], Tensor],
    *,
    n_steps: int,
    step_size: float,
    logit_lambda: float,
    low: Tensor,
    high: Tensor,
    enough: float | None = None,
) -> Tensor:
    """Walk down L(g; x, k) + λ f_k0(x) in steps of fixed length (Eq. 2; Algorithm 1, lines 8-11).

    ``x``, (m, ...), are seeds with their noise; ``targets`` k and ``sources`` k0 are (m,).
    ``teacher`` gives log-probabilities of g, ``student`` logits of f, both (m, K). Each of the
    ``n_steps`` steps has the Euclidean length ``step_size`` for each row, and rows are kept in the
    box of ``low`` and ``high`` after each. ``logit_lambda=0`` does not evaluate the student. With
    ``enough``, a row rests once the teacher's log-probability of its target is so high; the paper
    takes all steps.
    """
    x = x.clamp(low, high)
    towards = away = None
    for _ in range(n_steps):
        x = x.detach().requires_grad_()
        # One pass back through both networks, from the derivatives of what Eq. 2 adds up: on small
        # networks a pass costs more than the products in it.
        with torch.enable_grad():
            values = [teacher(x), student(x)] if logit_lambda else [teacher(x)]
        if towards is None or away is None:
            towards, away = (
                torch.zeros_like(values[0]).scatter_(1, classes[:, None], weight)
                for classes, weight in ((targets, -1.0), (sources, logit_lambda))
            )
        (gradient,) = torch.autograd.grad(values, x, [towards, away][: len(values)])
        step = step_size * gradient / _norm(gradient)
        if enough is not None:
            log_p = values[0].detach().gather(1, targets[:, None])
            step = step * (log_p < enough).view(-1, *[1] * (x.ndim - 1))
        x = (x.detach() - step).clamp(low, high)
    return x.detach()


def _norm(rows: Tensor) -> Tensor:
    """Return the length of each row, shaped to divide the rows by; never zero."""
    norms = torch.linalg.vector_norm(rows.flatten(1), dim=1).clamp(min=_TINY)
    return norms.view(-1, *[1] * (rows.ndim - 1))
