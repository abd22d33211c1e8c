"""Losses and class weights of classifiers against torch's cross-entropy and closed forms."""

import decimal
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn import functional as F

from imbdeep.losses import (
    FocalLoss,
    LDAMLoss,
    class_balanced_weights,
    inverse_frequency_weights,
)

COUNTS = [1600, 100, 25]
WEIGHT = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
REDUCTIONS = ["mean", "sum", "none"]

gammas = st.floats(0, 5)
logit_rows = hnp.arrays(float, (4, 3), elements=st.floats(-30, 30, allow_subnormal=False))
targets = hnp.arrays(np.int64, (4,), elements=st.integers(0, 2))
counts_of_classes = st.lists(st.integers(1, 10**9), min_size=1, max_size=8)


def rows(n=6, seed=0, low=-3.0, high=3.0):
    """Logits in double precision, and a target of every class."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(n, 3, generator=generator, dtype=torch.float64) * (high - low) + low
    return logits, torch.arange(n) % 3


def both_losses(**options):
    return [FocalLoss(gamma=1.5, **options), LDAMLoss(COUNTS, **options)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_focal_loss_without_gamma_is_the_cross_entropy(weight, reduction):
    logits, target = rows()
    logits.requires_grad_()
    ours = FocalLoss(0.0, weight, reduction)(logits, target)
    theirs = nn.CrossEntropyLoss(weight, reduction=reduction)(logits, target)
    torch.testing.assert_close(ours, theirs)
    (found,) = torch.autograd.grad(ours.sum(), logits)
    (expected,) = torch.autograd.grad(theirs.sum(), logits)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "gamma, expected",
    [
        (0.0, -math.log(0.75)),
        (1.0, -0.25 * math.log(0.75)),
        (2.0, -(0.25**2) * math.log(0.75)),
        (0.5, -0.5 * math.log(0.75)),
    ],
)
def test_focal_loss_of_a_row_with_probability_three_quarters(gamma, expected):
    loss = FocalLoss(gamma)(torch.tensor([[math.log(3), 0.0]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@given(logit_rows, targets, gammas)
def test_focal_loss_lies_between_zero_and_the_cross_entropy(logits, target, gamma):
    logits, target = torch.tensor(logits), torch.tensor(target)
    loss = FocalLoss(gamma, reduction="none")(logits, target)
    assert (loss >= 0).all()
    assert (loss <= F.cross_entropy(logits, target, reduction="none") + 1e-12).all()
    more = FocalLoss(gamma + 1, reduction="none")(logits, target)
    assert (more <= loss + 1e-12).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_focal_loss_keeps_finite_gradients(gamma, dtype):
    logits = torch.tensor(
        [[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0], [20.0, 0.0], [1e-8, -17.0]], dtype=dtype
    ).requires_grad_()
    loss = FocalLoss(gamma, reduction="none")(logits, torch.zeros(5, dtype=torch.int64))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad.isfinite().all()
    # Sure and right: nothing to learn. Sure and wrong: the slope of the cross-entropy.
    assert loss[0] == 0
    assert logits.grad[0].tolist() == [0, 0]
    assert loss[1] == 2e4
    assert logits.grad[1].tolist() == [-1, 1]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.7])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_of_focal_loss(gamma, reduction):
    logits, target = rows()
    loss = FocalLoss(gamma, WEIGHT, reduction)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.requires_grad_())


def test_margins_are_fourth_roots():
    loss = LDAMLoss([1600, 100, 6.25], max_margin=0.8)
    torch.testing.assert_close(loss.margins, torch.tensor([0.2, 0.4, 0.8]))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_without_margins_ldam_is_the_cross_entropy_of_scaled_cosines(weight, reduction):
    cosines, target = rows(low=-1, high=1)
    ours = LDAMLoss(COUNTS, 0.0, 7.0, weight, reduction)(cosines, target)
    theirs = nn.CrossEntropyLoss(weight, reduction=reduction)(7 * cosines, target)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_is_taken_from_the_true_logit_only(reduction):
    cosines, target = rows(low=-1, high=1)
    loss = LDAMLoss(COUNTS, weight=WEIGHT, reduction=reduction)
    shifted = cosines.clone()
    for i, k in enumerate(target.tolist()):
        shifted[i, k] -= loss.margins[k]
    expected = F.cross_entropy(30 * shifted, target, WEIGHT, reduction=reduction)
    before = cosines.clone()
    torch.testing.assert_close(loss(cosines, target), expected)
    torch.testing.assert_close(cosines, before, rtol=0, atol=0)  # the input is left alone


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_of_ldam(reduction):
    cosines, target = rows(low=-1, high=1)
    loss = LDAMLoss(COUNTS, scale=5.0, weight=WEIGHT, reduction=reduction)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), cosines.requires_grad_())


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    "make, name",
    [
        (FocalLoss, "gamma"),
        (lambda max_margin: LDAMLoss(COUNTS, max_margin), "max_margin"),
        (lambda scale: LDAMLoss(COUNTS, scale=scale), "scale"),
        (lambda beta: class_balanced_weights([2, 1], beta), "beta"),
    ],
)
def test_options_out_of_range_are_refused(make, name, wrong):
    with pytest.raises(ValueError, match=f"{name} is {wrong}: it must be (a finite|at least 0)"):
        make(**{name: wrong})


def test_limits_of_options():
    with pytest.raises(ValueError, match="beta is 1: it must be at least 0 and below 1"):
        class_balanced_weights([2, 1], 1)
    with pytest.raises(ValueError, match="scale is 0: it must be a finite number above 0"):
        LDAMLoss(COUNTS, scale=0)
    with pytest.raises(ValueError, match="logits has 2 columns, class_counts has 3 classes"):
        LDAMLoss(COUNTS)(torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize("index", [0, 1])
def test_weight_may_be_assigned_later(index):
    logits, target = rows()
    late, early = both_losses()[index], both_losses(weight=WEIGHT)[index]
    plain = late(logits, target)
    late.weight = WEIGHT
    torch.testing.assert_close(late(logits, target), early(logits, target))
    assert "weight" in dict(late.named_buffers())
    late.weight = None
    torch.testing.assert_close(late(logits, target), plain)


@pytest.mark.parametrize("index", [0, 1])
def test_ignored_rows_are_as_in_the_cross_entropy(index):
    logits, target = rows()
    for reduction in REDUCTIONS:
        loss = both_losses(weight=WEIGHT, reduction=reduction)[index]
        hidden = target.clone()
        hidden[2:4] = loss.ignore_index
        found, kept = loss(logits, hidden), loss(logits[[0, 1, 4, 5]], hidden[[0, 1, 4, 5]])
        if reduction == "none":
            assert found[2:4].tolist() == [0, 0]
            found = found[[0, 1, 4, 5]]
        torch.testing.assert_close(found, kept)


@pytest.mark.parametrize("loss", both_losses())
def test_probabilities_as_targets_are_refused(loss):
    with pytest.raises(ValueError, match="give class indices"):
        loss(torch.zeros(2, 3), torch.full((2, 3), 1 / 3))


def test_inverse_frequency_weights_by_hand():
    # 1/40 : 1/20 : 1/10 is 1 : 2 : 4, to sum to 3.
    expected = torch.tensor([3 / 7, 6 / 7, 12 / 7])
    torch.testing.assert_close(inverse_frequency_weights([40, 20, 10]), expected)


@given(counts_of_classes, st.floats(0, 1, exclude_max=True))
def test_weights_sum_to_the_number_of_classes_and_favour_the_rare(counts, beta):
    for weights in (inverse_frequency_weights(counts), class_balanced_weights(counts, beta)):
        assert weights.dtype == torch.float32
        assert weights.shape == (len(counts),)
        assert weights.double().sum().item() == pytest.approx(len(counts), rel=1e-5)
        in_order = weights[np.argsort(counts)]
        assert (in_order[:-1] >= in_order[1:]).all()


@given(st.lists(st.integers(1, 10**5), min_size=1, max_size=8))
def test_class_balanced_weights_from_ones_to_inverse_frequencies(counts):
    assert class_balanced_weights(counts, 0).tolist() == [1.0] * len(counts)
    torch.testing.assert_close(class_balanced_weights(counts, 1e-12), torch.ones(len(counts)))
    near_one = class_balanced_weights(counts, 1 - 1e-12)
    torch.testing.assert_close(near_one, inverse_frequency_weights(counts))


def in_many_digits(counts, beta):
    with decimal.localcontext() as context:
        context.prec = 60
        weights = [1 / (1 - decimal.Decimal(beta) ** n) for n in counts]
        total = sum(weights)
        return [float(w * len(counts) / total) for w in weights]


@pytest.mark.parametrize("beta", [1e-3, 0.5, 0.9, 0.9999, 1 - 1e-9, 1 - 1e-12])
@pytest.mark.parametrize(
    "counts", [[1, 10**9], [5000, 50], [1, 2, 3], [10**9, 10**8, 10**3], [7], [3, 3]]
)
def test_class_balanced_weights_are_accurate(counts, beta):
    np.testing.assert_allclose(
        class_balanced_weights(counts, beta), in_many_digits(counts, beta), rtol=2e-7
    )


WEIGHTS_AND_LOSS = [inverse_frequency_weights, class_balanced_weights, LDAMLoss]


@pytest.mark.parametrize("function", WEIGHTS_AND_LOSS)
@pytest.mark.parametrize("wrong", [0, -3, float("nan"), float("inf")])
def test_classes_without_rows_are_refused(function, wrong):
    with pytest.raises(ValueError, match=rf"class_counts\[1\] is {wrong:g}: .* Leave it out"):
        function([5, wrong, 3])


@pytest.mark.parametrize("function", WEIGHTS_AND_LOSS)
@pytest.mark.parametrize("wrong", [[], 5, [[1, 2]]])
def test_counts_of_another_shape_are_refused(function, wrong):
    with pytest.raises(ValueError, match="give one number of rows per class"):
        function(wrong)
