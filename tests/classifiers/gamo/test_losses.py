"""Losses of GAMO's game: the paper's equations term by term, exact optima, huge logits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F

from imbdeep.classifiers._gamo.losses import LeastSquaresLoss, OneVsRestCrossEntropyLoss, complement

LOSSES = [LeastSquaresLoss, OneVsRestCrossEntropyLoss]

n_classes = st.integers(2, 6)


def finite(bound):
    return st.floats(-bound, bound, allow_subnormal=False)


@st.composite
def rows(draw, bound=30.0, n_classes=n_classes, n=4):
    """Logits in double precision, and a class of each row."""
    k = draw(n_classes)
    logits = draw(hnp.arrays(float, (n, k), elements=finite(bound)))
    y = draw(hnp.arrays(np.int64, (n,), elements=st.integers(0, k - 1)))
    return torch.tensor(logits), torch.tensor(y)


@st.composite
def wishes(draw):
    """Number of classes, the class of a row, and the class whose output does not count."""
    k = draw(n_classes)
    return k, draw(st.integers(0, k - 1)), draw(st.none() | st.integers(0, k - 1))


def some_rows(n=6, k=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(n, k, generator=generator, dtype=torch.float64), torch.arange(n) % k


def of(p):
    """Logits of one row with the probabilities p."""
    return torch.tensor([p], dtype=torch.float64).log()


# The equations of the paper


def expectations(values, y, k):
    """Mean of values[:, i] over the rows of class j, as a matrix (i, j)."""
    return np.array([[values[y == j, i].mean() for j in range(k)] for i in range(k)])


def test_classifier_minimises_equations_2_and_4():
    """Over real rows, each expectation weighted by the share of its class."""
    logits, _ = some_rows(12)
    y = torch.tensor([0] * 2 + [1] * 3 + [2] * 7)
    shares, others = np.bincount(y) / len(y), ~np.eye(3, dtype=bool)
    p = F.softmax(logits, dim=1).numpy()
    l_1 = shares * np.diag(expectations((1 - p) ** 2, y, 3))
    l_2 = (shares * expectations(p**2, y, 3))[others]
    found = LeastSquaresLoss()(logits, y)
    assert found.item() == pytest.approx(l_1.sum() + l_2.sum(), rel=1e-12)
    j_1 = shares * np.diag(expectations(np.log(p), y, 3))
    j_2 = (shares * expectations(np.log(1 - p), y, 3))[others]
    found = OneVsRestCrossEntropyLoss()(logits, y)
    assert found.item() == pytest.approx(-j_1.sum() - j_2.sum(), rel=1e-12)


def test_generator_minimises_equation_6():
    """Over as many generated rows of each of three minority classes; the fourth is the largest."""
    logits, _ = some_rows(9, 4)
    y = torch.arange(9) % 3
    p = F.softmax(logits, dim=1).numpy()
    l_7, l_8 = 0.0, 0.0
    for i in range(3):
        l_7 += (p[y == i, i] ** 2).mean()
        l_8 += sum(((1 - p[y == j, i]) ** 2).mean() for j in range(3) if j != i)
    found = LeastSquaresLoss()(logits, *complement(y, 4, (3,)))
    assert 3 * found.item() == pytest.approx(l_7 + l_8, rel=1e-12)


# Complement


@given(wishes(), st.data())
def test_best_answer_to_a_complement_is_uniform_over_the_other_classes(wish, data):
    k, y, without = wish
    others = [i for i in range(k) if i not in (y, without)]
    targets, mask = complement(torch.tensor([y]), k, () if without is None else (without,))
    best = torch.full((1, k), -1000.0, dtype=torch.float64)
    best[:, others] = 0.0
    if not others:  # two classes without the other one: it takes all, and does not count
        best[:, without] = 0.0
    elsewhere = torch.tensor(data.draw(hnp.arrays(float, (1, k), elements=finite(1000))))
    m = max(len(others), 1)
    least_of = [(LeastSquaresLoss(), (m - 1) ** 2 / m)]
    least_of.append((OneVsRestCrossEntropyLoss(), m * math.log(m)))
    for loss, least in least_of:
        assert loss(best, targets, mask).item() == pytest.approx(least, abs=1e-12)
        assert loss(elsewhere, targets, mask).item() >= least - 1e-9
        at = best.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(at, targets, mask), at)
        assert slope.abs().max() < 1e-12
        if len(others) > 1:  # any other way to share costs
            tilted = best.clone()
            tilted[0, others[0]] = 0.1
            assert loss(tilted, targets, mask).item() > least + 1e-6


# Properties


@given(rows(bound=1e4, n_classes=st.just(2)))
def test_one_vs_rest_of_two_classes_is_twice_the_cross_entropy(made):
    logits, y = made
    found, expected = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    ours = OneVsRestCrossEntropyLoss("none")(found, y)
    theirs = 2 * F.cross_entropy(expected, y, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    ours.sum().backward()
    theirs.sum().backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(made=rows(bound=1e4))
def test_huge_logits_have_finite_losses_and_gradients(kind, dtype, made):
    logits, y = made
    k = logits.shape[1]
    for target in (y, complement(y, k)[0], torch.full((4, k), 0.3)):
        at = logits.to(dtype).requires_grad_()
        loss = kind("none")(at, target)
        loss.sum().backward()
        assert loss.dtype == dtype
        assert loss.isfinite().all()
        assert at.grad.isfinite().all()
