"""Who is translated, from which seed, and where to: against Eq. 2, 3 and 5 in closed form."""

import decimal
import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import nn

from imbdeep.classifiers._m2m.translation import (
    Planner,
    acceptance_probability,
    noise,
    translate,
)

#: Unsorted on purpose: the paper's first class is the largest, labels have no such order.
COUNTS = [30, 100, 10, 60]
BETA = 0.97
#: With a fixed stream a test of a law either always passes or never; a true law fails one in 10^4.
LEVEL = 1e-4


def codes_of(counts):
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def seed_law(counts, beta):
    """Eq. 3 and Eq. 5, entry by entry: probability of being kept, and Q of each seed class."""
    kept = np.array([[1 - beta ** max(n0 - n, 0) for n0 in counts] for n in counts])
    total = kept.sum(axis=1, keepdims=True)
    return kept, np.divide(kept, total, out=np.zeros_like(kept), where=total > 0)


def balanced_batch(counts, n_each):
    """A batch of ``n_each`` rows of every class, drawn as the training draws it."""
    codes = torch.arange(len(counts)).repeat_interleave(n_each)
    starts = torch.tensor([0, *counts[:-1]]).cumsum(0)
    rows = starts[codes] + (torch.rand(len(codes)) * torch.tensor(counts)[codes]).long()
    return codes, rows


def table(targets, sources, n_classes):
    """Count pairs of target (row) and source (column)."""
    return np.bincount(targets * n_classes + sources, minlength=n_classes**2).reshape(
        n_classes, n_classes
    )


# Probabilities


@pytest.mark.parametrize("distance", [1e-9, 1e-12, 2.0**-53])
def test_acceptance_keeps_its_digits_as_beta_goes_to_1(distance):
    # "1 - beta**n" in floating point keeps seven digits at 1e-12, and fewer nearer to 1.
    beta = 1 - distance
    with decimal.localcontext(decimal.Context(prec=60)):
        expected = float(1 - decimal.Decimal(beta) ** 990)
    found = acceptance_probability(torch.tensor([10, 1000]), beta)[0, 1]
    assert float(found) == pytest.approx(expected, rel=1e-12, abs=0)


# The plan: laws


def test_planned_rows_follow_eq_3_and_eq_5():
    n_each = 20_000
    planner = Planner(codes_of(COUNTS), 4, beta=BETA)
    codes, rows = balanced_batch(COUNTS, n_each)
    plan = planner.plan(codes, rows)
    accepted = table(codes[plan.where].numpy(), plan.sources.numpy(), 4)
    kept, law = seed_law(COUNTS, BETA)
    for k, n in enumerate(COUNTS):
        marked = 1 - n / max(COUNTS)
        expected = (
            n_each * np.r_[1 - marked, marked * (1 - law[k] @ kept[k]), marked * law[k] * kept[k]]
        )
        if k == 1:  # the largest
            expected[1] = 0
        found = np.r_[n_each - int(planner.marked[k]), int(planner.rejected[k]), accepted[k]]
        possible = expected > 0
        assert found[~possible].sum() == 0
        if possible.sum() > 1:
            assert stats.chisquare(found[possible], expected[possible]).pvalue > LEVEL


# The plan: seeds from the batch


def test_seeds_from_the_batch_follow_q_restricted_to_its_classes():
    counts = [10, 20, 40, 80, 81]
    planner = Planner(codes_of(counts), 5, beta=0.98, from_batch=True, rejection=False)
    # Class 3 is missing, and the numbers of rows are not to matter: "until k0 is in the batch".
    codes = torch.tensor([0] * 30_000 + [1] * 7 + [2] * 900 + [4])
    plan = planner.plan(codes, torch.zeros_like(codes))
    _, law = seed_law(counts, 0.98)
    mine = codes[plan.where] == 0
    found = np.bincount(plan.sources[mine].numpy(), minlength=5)
    there = np.array([False, True, True, False, True])
    assert found[~there].sum() == 0
    restricted = law[0][there] / law[0][there].sum()
    assert stats.chisquare(found[there], found.sum() * restricted).pvalue > LEVEL
    assert (codes[plan.seeds] == plan.sources).all()
    # Within the class, the places of the batch are equally likely.
    places = np.bincount(plan.seeds[plan.sources == 1].numpy(), minlength=30_007)[30_000:]
    assert stats.chisquare(places).pvalue > LEVEL


# Noise


@pytest.mark.parametrize("shape", [(1, 1), (8, 3), (64, 3), (5, 1000), (7, 1, 8, 8), (3, 3, 4, 5)])
@pytest.mark.parametrize("radius", [0.1, 3.0])
def test_noise_has_its_radius_whatever_the_batch_and_the_dimension(shape, radius):
    found = noise(torch.zeros(shape), radius)
    assert found.shape == shape
    assert found.dtype == torch.float32
    lengths = torch.linalg.vector_norm(found.flatten(1), dim=1)
    torch.testing.assert_close(lengths, torch.full((shape[0],), radius), rtol=1e-5, atol=0)


# Translation


def linear(n_classes, n_features, seed=0):
    return torch.randn(
        n_classes,
        n_features,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


def asked(weights):
    """A linear network, and the rows it was asked for."""
    seen = []

    def logits(x):
        seen.append(x.detach().clone())
        return x.flatten(1) @ weights.T

    return logits, seen


def never(x):
    raise AssertionError("The network was asked.")


def walk(x, targets, sources, teacher, student=never, **options):
    given_options = {"n_steps": 10, "step_size": 0.1, "logit_lambda": 0.0, "low": -1e9, "high": 1e9}
    given_options |= options
    for bound in ("low", "high"):
        given_options[bound] = torch.as_tensor(given_options[bound], dtype=x.dtype)
    return translate(
        x,
        torch.as_tensor(targets),
        torch.as_tensor(sources),
        lambda v: torch.log_softmax(teacher(v), dim=1),
        student,
        **given_options,
    )


def numpy_walk(x, targets, sources, w, v, n_steps, step_size, logit_lambda, low, high):
    """Algorithm 1, lines 8 to 11, row by row, with the gradient of the softmax by hand."""
    out = np.clip(x, low, high)
    for i, (k, k0) in enumerate(zip(targets, sources, strict=True)):
        for _ in range(n_steps):
            p = special.softmax(w @ out[i])
            gradient = p @ w - w[k] + logit_lambda * v[k0]
            out[i] = np.clip(out[i] - step_size * gradient / np.linalg.norm(gradient), low, high)
    return out


def test_two_classes_and_a_linear_teacher_go_straight_to_the_target():
    w = linear(2, 5)
    x = torch.randn(6, 5, dtype=torch.float64)
    targets, sources = torch.tensor([0, 1] * 3), torch.tensor([1, 0] * 3)
    found = walk(x, targets, sources, asked(w)[0], n_steps=7, step_size=0.3)
    direction = nn.functional.normalize(w[targets] - w[sources], dim=1)
    torch.testing.assert_close(found, x + 7 * 0.3 * direction)


@pytest.mark.parametrize("logit_lambda", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("low, high", [(-1e9, 1e9), (-0.5, 0.5), ([-1, 0, 0, -9], [0, 0.2, 1, 9])])
def test_many_classes_go_where_a_loop_by_hand_goes(logit_lambda, low, high):
    w, v = linear(5, 4, seed=1), linear(5, 4, seed=2)
    x = torch.randn(12, 4, dtype=torch.float64)
    targets, sources = torch.arange(12) % 5, (torch.arange(12) + 2) % 5
    low, high = np.asarray(low, float), np.asarray(high, float)
    options = {"n_steps": 10, "step_size": 0.2, "logit_lambda": logit_lambda}
    found = walk(x, targets, sources, asked(w)[0], asked(v)[0], low=low, high=high, **options)
    expected = numpy_walk(
        x.numpy(), targets, sources, w.numpy(), v.numpy(), low=low, high=high, **options
    )
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_row_without_a_gradient_stays_where_it_is():
    x = torch.randn(4, 3)
    found = walk(x, [0, 1, 0, 1], [1, 0, 1, 0], lambda v: 0 * v[:, :2] + torch.tensor([2.0, -1.0]))
    assert torch.equal(found, x)


@pytest.mark.parametrize("gamma", [0.3, 0.9, 0.999])
def test_a_row_rests_with_its_first_step_to_gamma(gamma):
    # Two classes and a linear teacher: the logits' difference grows by eta ||w_k - w_k0|| a step.
    w, step_size, n_steps = linear(2, 3), 0.4, 12
    difference = w[1] - w[0]
    length = float(torch.linalg.vector_norm(difference))
    x = 2 * torch.randn(40, 3, dtype=torch.float64)
    found = walk(
        x,
        [1] * 40,
        [0] * 40,
        asked(w)[0],
        step_size=step_size,
        n_steps=n_steps,
        enough=math.log(gamma),
    )
    missing = (math.log(gamma / (1 - gamma)) - x @ difference) / (step_size * length)
    steps = missing.ceil().clamp(0, n_steps)
    assert steps.unique().numel() > 4
    torch.testing.assert_close(found, x + step_size * steps[:, None] * difference / length)
