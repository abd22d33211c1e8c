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

    Parameters
    ----------
    counts : Tensor of shape (K,), int64
        Rows of each class.
    beta : float
        Base of the rejection, in [0, 1).

    Returns
    -------
    Tensor of shape (K, K), float64
        Entry [k, k0] for target k and seed class k0; 0 where k0 is not larger than k.
    """
    excess = (counts[None, :] - counts[:, None]).double()
    if beta == 0:
        return (excess > 0).double()
    # 1 - β^n loses all digits for β close to 1 if it is computed as written.
    return -torch.expm1(excess.clamp(min=0) * torch.log(torch.tensor(beta, dtype=torch.float64)))


def marking_probability(counts: Tensor) -> Tensor:
    """Return how likely a row of a balanced batch is replaced, 1 - N_k / N_1.

    Parameters
    ----------
    counts : Tensor of shape (K,), int64
        Rows of each class, in any order.

    Returns
    -------
    Tensor of shape (K,), float64
        0 for the largest class.
    """
    return 1 - counts.double() / counts.max()


class Plan(NamedTuple):
    """Which rows of a batch are to be replaced, and from which seeds.

    Attributes
    ----------
    where : Tensor of shape (m,), int64
        Places in the batch.
    seeds : Tensor of shape (m,), int64
        Rows of the training set, or places in the batch, that are translated.
    sources : Tensor of shape (m,), int64
        Classes of the seeds.
    """

    where: Tensor
    seeds: Tensor
    sources: Tensor


class Planner:
    """Decide, for whole batches and before any network is evaluated, what will be translated.

    All of Algorithm 1 but the optimisation depends on labels alone, the rejection of Eq. 3 too, so
    it is drawn first and what would be thrown away is never computed. The law of what is accepted
    is the same.

    Parameters
    ----------
    codes : Tensor of shape (n,), int64, on the processor
        Classes of the training rows.
    n_classes : int
        Number of classes.
    beta : float
        Base of the rejection.
    rejection : bool
        Whether Eq. 3 rejects.
    from_batch : bool
        Whether seeds come from the batch or from the whole training set.
    max_seeds : int or None
        Size of the pool of seeds of each class.

    Attributes
    ----------
    marked, without_seed, rejected : Tensor of shape (K,), int64
        How many rows of each target class met this fate so far.
    """

    def __init__(
        self,
        codes: Tensor,
        n_classes: int,
        *,
        beta: float,
        rejection: bool = True,
        from_batch: bool = False,
        max_seeds: int | None = None,
    ) -> None:
        self.n_classes = n_classes
        self.pool = ClassRows(codes, n_classes, max_seeds)
        self.accepting = acceptance_probability(self.pool.counts, beta)
        self.marking = marking_probability(self.pool.counts)
        self.rejection = rejection
        self.in_pool: Tensor | None = None
        if from_batch and max_seeds is not None:
            classes = codes[self.pool.order]
            place = torch.arange(len(codes)) - self.pool.starts[classes]
            self.in_pool = torch.zeros(len(codes), dtype=torch.bool)
            self.in_pool[self.pool.order] = place < self.pool.sizes[classes]
        self.from_batch = from_batch
        self.marked = torch.zeros(n_classes, dtype=torch.int64)
        self.without_seed = torch.zeros(n_classes, dtype=torch.int64)
        self.rejected = torch.zeros(n_classes, dtype=torch.int64)

    def plan(self, codes: Tensor, rows: Tensor) -> Plan:
        """Plan a batch.

        Parameters
        ----------
        codes : Tensor of shape (m,), int64
            Classes of a class-balanced batch.
        rows : Tensor of shape (m,), int64
            Its rows in the training set.

        Returns
        -------
        Plan
            What is to be translated.
        """
        marked = torch.rand(len(codes), dtype=torch.float64) < self.marking[codes]
        places = torch.nonzero(marked)[:, 0]
        targets = codes[places]
        self.marked += torch.bincount(targets, minlength=self.n_classes)
        weights = self.accepting[targets]  # (marked, K): Q of Eq. 5, not normalised
        if self.from_batch:
            usable = codes if self.in_pool is None else codes[self.in_pool[rows]]
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
        here = torch.arange(len(codes))
        if self.in_pool is not None:
            here = here[self.in_pool[rows]]
        return Plan(places, here[ClassRows(codes[here], self.n_classes).draw(sources)], sources)


def noise(like: Tensor, radius: float) -> Tensor:
    """Return a random direction of length ``radius`` for each row.

    Parameters
    ----------
    like : Tensor of shape (m, ...)
        Rows.
    radius : float
        Euclidean length of each row's noise, whatever the batch and the dimension.

    Returns
    -------
    Tensor of shape (m, ...)
        The small δ of Algorithm 1, line 7.
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

    Parameters
    ----------
    x : Tensor of shape (m, ...)
        Seeds, with their noise.
    targets, sources : Tensor of shape (m,), int64
        Classes k to reach, and k0 to leave.
    teacher : callable
        Log-probabilities of g, of shape (m, K).
    student : callable
        Logits of f, of shape (m, K).
    n_steps : int
        Number of steps T.
    step_size : float
        Euclidean length η of a step of one row.
    logit_lambda : float
        Weight λ of the student's logit. 0 does not ask the student.
    low, high : Tensor broadcastable to ``x``
        The box that the rows are kept in, after every step.
    enough : float, default=None
        A row rests once the teacher's log-probability of its target is so high. None takes all
        steps, as the paper does.

    Returns
    -------
    Tensor of shape (m, ...)
        The translations, at most T η away from ``x`` if that lies in the box.
    """
    targets, sources = targets[:, None], sources[:, None]
    x = x.clamp(low, high)
    for _ in range(n_steps):
        # One network after the other: only one graph is alive at a time.
        log_p, gradient = _with_gradient(lambda v: teacher(v).gather(1, targets), x)
        gradient = -gradient
        if logit_lambda:
            _, of_logit = _with_gradient(lambda v: student(v).gather(1, sources), x)
            gradient = gradient + logit_lambda * of_logit
        step = step_size * gradient / _norm(gradient)
        if enough is not None:
            step = step * (log_p < enough).view(-1, *[1] * (x.ndim - 1))
        x = (x - step).clamp(low, high)
    return x


def _with_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values of the rows, shape (m, 1), and the gradient of each by its own row."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        values = function(x)
        (gradient,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), gradient


def _norm(rows: Tensor) -> Tensor:
    """Return the length of each row, shaped to divide the rows by; never zero."""
    norms = torch.linalg.vector_norm(rows.flatten(1), dim=1).clamp(min=_TINY)
    return norms.view(-1, *[1] * (rows.ndim - 1))
