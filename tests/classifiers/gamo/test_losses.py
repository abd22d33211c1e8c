"""Losses of GAMO's game: the paper's equations term by term, exact optima, huge logits."""

import decimal
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F

from imbdeep.classifiers import ERMClassifier
from imbdeep.losses import LeastSquaresLoss, OneVsRestCrossEntropyLoss, complement

LOSSES = [LeastSquaresLoss, OneVsRestCrossEntropyLoss]
TWO, THREE = [0.75, 0.25], [0.5, 0.3, 0.2]

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


# By hand


@pytest.mark.parametrize(
    "p, y, expected",
    [
        (TWO, 0, 0.25**2 + 0.25**2),
        (TWO, 1, 0.75**2 + 0.75**2),
        (THREE, 0, 0.25 + 0.09 + 0.04),
        (THREE, 1, 0.25 + 0.49 + 0.04),
        (THREE, 2, 0.25 + 0.09 + 0.64),
    ],
)
def test_least_squares_of_the_class(p, y, expected):
    found = LeastSquaresLoss()(of(p), torch.tensor([y]))
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "p, y, without, expected",
    [
        (TWO, 0, None, 0.75**2 + 0.75**2),
        (TWO, 0, 1, 0.75**2),  # L_i7 alone: no other minority class
        (THREE, 1, None, 0.25 + 0.09 + 0.64),
        (THREE, 1, 0, 0.09 + 0.64),
        (THREE, 2, 0, 0.49 + 0.04),
    ],
)
def test_least_squares_of_the_complement(p, y, without, expected):
    targets, mask = complement(torch.tensor([y]), len(p), without=without)
    found = LeastSquaresLoss()(of(p), targets, mask)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_least_squares_of_other_targets():
    targets = torch.tensor([[0.9, 0.05, 0.05]])
    found = LeastSquaresLoss()(of(THREE), targets)
    assert found.item() == pytest.approx(0.4**2 + 0.25**2 + 0.15**2, rel=1e-6)


@pytest.mark.parametrize("y, expected", [(0, -2 * math.log(0.75)), (1, -2 * math.log(0.25))])
def test_one_vs_rest_of_two_classes(y, expected):
    found = OneVsRestCrossEntropyLoss()(of(TWO), torch.tensor([y]))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_one_vs_rest_of_three_classes():
    loss, y = OneVsRestCrossEntropyLoss(), torch.tensor([1])
    of_class = -math.log(0.3) - math.log(1 - 0.5) - math.log(1 - 0.2)
    assert loss(of(THREE), y).item() == pytest.approx(of_class, rel=1e-12)
    targets, mask = complement(y, 3, without=0)
    of_complement = -math.log(1 - 0.3) - math.log(0.2)
    assert loss(of(THREE), targets, mask).item() == pytest.approx(of_complement, rel=1e-12)
    with_first = of_complement - math.log(0.5)
    assert loss(of(THREE), targets).item() == pytest.approx(with_first, rel=1e-12)


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
    found = LeastSquaresLoss()(logits, *complement(y, 4, without=3))
    assert 3 * found.item() == pytest.approx(l_7 + l_8, rel=1e-12)


# Complement


def test_complement_by_hand():
    targets, mask = complement(torch.tensor([2, 0]), 3)
    assert targets.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 1]]
    targets, mask = complement(torch.tensor([0, 1]), 3, without=0)
    assert targets.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert mask.tolist() == [[0, 1, 1], [0, 1, 1]]
    targets, mask = complement(torch.tensor([], dtype=torch.int64), 3, without=0)
    assert targets.shape == mask.shape == (0, 3)


def test_complement_leaves_the_classes_alone():
    y = torch.tensor([0, 1, 2])
    targets, _ = complement(y, 3)
    assert y.tolist() == [0, 1, 2]
    torch.testing.assert_close(targets, 1 - F.one_hot(y, 3).float())


@given(wishes(), st.data())
def test_best_answer_to_a_complement_is_uniform_over_the_other_classes(wish, data):
    k, y, without = wish
    others = [i for i in range(k) if i not in (y, without)]
    targets, mask = complement(torch.tensor([y]), k, without)
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


@pytest.mark.parametrize("without", [-1, 3])
def test_complement_without_an_unknown_class_is_refused(without):
    with pytest.raises(ValueError, match=f"without is {without}: give a class from 0 to 2"):
        complement(torch.tensor([0]), 3, without)


def test_complement_of_other_things_is_refused():
    with pytest.raises(ValueError, match="n_classes is 1: another class needs at least 2"):
        complement(torch.tensor([0]), 1)
    with pytest.raises(ValueError, match=r"dtype torch.float32: give the class of each row"):
        complement(torch.zeros(3), 2)
    with pytest.raises(ValueError, match=r"y has the shape \(3, 1\)"):
        complement(torch.zeros(3, 1).long(), 2)
    with pytest.raises(RuntimeError, match="index 2 is out of bounds"):
        complement(torch.tensor([2]), 2)


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


@given(rows(bound=1e4))
def test_losses_lie_within_their_bounds(made):
    logits, y = made
    squares = LeastSquaresLoss("none")(logits, y)
    assert (squares >= 0).all()
    assert (squares <= 2 + 1e-12).all()
    cross_entropy = F.cross_entropy(logits, y, reduction="none")
    one_vs_rest = OneVsRestCrossEntropyLoss("none")(logits, y)
    # -log(1 - p) of the others: together at least that of their sum, which is -log p of the class
    assert (one_vs_rest >= cross_entropy - 1e-9).all()


def log_and_log_of_rest(logits):
    """In many digits: log p and log(1 - p) of every output."""
    with decimal.localcontext() as context:
        context.prec = 80
        mass = [decimal.Decimal(z).exp() for z in logits]
        total = sum(mass)
        rest = [sum(mass[:i] + mass[i + 1 :]) for i in range(len(mass))]
        return [(m / total).ln() for m in mass], [(r / total).ln() for r in rest]


@given(rows(n=1))
def test_one_vs_rest_is_accurate_output_by_output(made):
    logits, _ = made
    k = logits.shape[1]
    log_p, log_rest = log_and_log_of_rest(logits[0].tolist())
    loss, each = OneVsRestCrossEntropyLoss("none"), torch.eye(k)
    right = loss(logits.expand(k, k), torch.ones(k, k), each)
    wrong = loss(logits.expand(k, k), torch.zeros(k, k), each)
    np.testing.assert_allclose(right, [-float(v) for v in log_p], rtol=1e-12, atol=1e-14)
    # to the last digits also where almost nothing is left, on either side
    np.testing.assert_allclose(wrong, [-float(v) for v in log_rest], rtol=1e-12)


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


def test_slopes_where_the_classifier_is_sure():
    logits = torch.tensor([[1000.0, 0.0, 0.0]] * 3, requires_grad=True)
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    loss = OneVsRestCrossEntropyLoss("none")(logits, targets)
    loss.sum().backward()
    # 1 - p_0 is exp(-1000) twice; -log(1 - p_0) has the slopes 1 and -1/2 each.
    rest = 1000 - math.log(2)
    torch.testing.assert_close(loss, torch.tensor([0.0, 1000 + rest, 2000 + rest]))
    expected = [[0, 0, 0], [2, -1.5, -0.5], [3, -1.5, -1.5]]
    torch.testing.assert_close(logits.grad, torch.tensor(expected), rtol=1e-4, atol=1e-6)
    logits.grad = None
    squares = LeastSquaresLoss("none")(logits, targets)
    squares.sum().backward()
    assert squares.tolist() == [0, 2, 3]
    assert not logits.grad.any()  # as its notes say: sure and wrong does not move it


def test_outputs_that_tie_for_the_largest_have_the_slopes_of_the_plain_formula():
    ours, plain = (torch.zeros(1, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    targets = torch.tensor([[0.2, 0.9, 0.0, 1.0]], dtype=torch.float64)
    OneVsRestCrossEntropyLoss()(ours, targets).backward()
    p = F.softmax(plain, dim=1)
    F.binary_cross_entropy(p, targets, reduction="sum").backward()
    torch.testing.assert_close(ours.grad, plain.grad)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("k", [2, 3, 7])
def test_gradients_are_those_of_finite_differences(kind, reduction, k):
    logits, y = some_rows(5, k)
    loss = kind(reduction)
    generator = torch.Generator().manual_seed(1)
    targets = torch.rand(5, k, generator=generator, dtype=torch.float64)
    mask = torch.rand(k, generator=generator) < 0.7
    for arguments in ((y,), (targets,), (targets, mask)):
        assert torch.autograd.gradcheck(
            lambda x, arguments=arguments: loss(x, *arguments), logits.requires_grad_()
        )


@pytest.mark.parametrize("kind", LOSSES)
@given(made=rows(), shift=finite(100))
def test_losses_depend_on_the_probabilities_only(kind, made, shift):
    logits, y = made
    loss = kind("none")
    torch.testing.assert_close(loss(logits + shift, y), loss(logits, y), rtol=1e-9, atol=1e-9)
    # and not on the order of the classes
    flipped = loss(logits.flip(1), logits.shape[1] - 1 - y)
    torch.testing.assert_close(flipped, loss(logits, y), rtol=1e-9, atol=1e-12)


# Targets, masks and reductions


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_class_is_the_target_of_its_indicators(kind, reduction):
    logits, y = some_rows()
    loss, indicators = kind(reduction), F.one_hot(y, 3)
    for target in (indicators.float(), indicators.double()):
        torch.testing.assert_close(loss(logits, target), loss(logits, y))
        assert loss(logits.float(), target).dtype == torch.float32


@pytest.mark.parametrize("kind", LOSSES)
def test_reductions(kind):
    logits, y = some_rows()
    each = kind("none")(logits, y)
    assert each.shape == (6,)
    torch.testing.assert_close(kind()(logits, y), each.mean())
    torch.testing.assert_close(kind("none")(logits[2:3], y[2:3]), each[2:3])
    assert kind("none")(logits[:0], y[:0]).shape == (0,)
    mask = torch.tensor([1.0, 0.0, 1.0])
    each = kind("none")(logits, y, mask)
    torch.testing.assert_close(kind()(logits, y, mask), each.mean())


@pytest.mark.parametrize("kind", LOSSES)
def test_mask_picks_outputs(kind):
    logits, y = some_rows()
    loss = kind("none")
    mask = torch.tensor([1.0, 0.0, 1.0])
    kept = loss(logits, y, mask)
    torch.testing.assert_close(kept + loss(logits, y, 1 - mask), loss(logits, y))
    torch.testing.assert_close(loss(logits, y, mask.expand(6, 3)), kept)
    torch.testing.assert_close(loss(logits, y, mask.bool()), kept)
    by_row = (torch.arange(6)[:, None] < torch.tensor([2, 4, 6])).double()
    expected = torch.stack([loss(logits, y, by_row[i])[i] for i in range(6)])
    torch.testing.assert_close(loss(logits, y, by_row), expected)
    assert loss(logits, y, torch.zeros(3)).tolist() == [0] * 6


@pytest.mark.parametrize("kind", LOSSES)
def test_inputs_are_left_alone(kind):
    logits, y = some_rows()
    targets, mask = complement(y, 3, without=1)
    kept = [logits.clone(), y.clone(), targets.clone(), mask.clone()]
    kind()(logits, y, mask)
    kind()(logits, targets, mask)
    for now, before in zip((logits, y, targets, mask), kept, strict=True):
        assert torch.equal(now, before)


@pytest.mark.parametrize("kind", LOSSES)
def test_classifier_trains_by_the_loss(kind):
    codes = np.repeat([0, 1, 2], [60, 30, 15])
    centres = np.array([[6.0, 0.0], [0.0, 6.0], [0.0, 0.0]])
    x = centres[codes] + np.random.default_rng(0).normal(size=(105, 2))
    y = np.array(["a", "b", "c"])[codes]
    classifier = ERMClassifier(
        criterion=kind, max_epochs=20, learning_rate=1e-2, early_stopping=False, random_state=0
    ).fit(x, y)
    assert classifier.score(x, y) > 0.95
    losses = [record["loss"] for record in classifier.history_]
    assert losses[-1] < 0.5 * losses[0]


# Refusals


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(
    "logits, target, mask, message",
    [
        ((4,), torch.zeros(4).long(), None, r"logits has the shape \(4,\): give one row"),
        ((4, 1), torch.zeros(4).long(), None, r"shape \(4, 1\): .* at least 2 classes"),
        ((4, 3), torch.zeros(4), None, "target has the shape .* dtype torch.float32"),
        ((4, 3), torch.zeros(4).int(), None, "dtype torch.int32"),
        ((4, 3), torch.zeros(3).long(), None, r"target has the shape \(3,\)"),
        ((4, 3), torch.zeros(4, 2), None, r"target has the shape \(4, 2\)"),
        ((4, 3), torch.zeros(4, 3).long(), None, r"target has the shape \(4, 3\) .* int64"),
        ((4, 3), torch.zeros(4).long(), torch.ones(4), r"mask has the shape \(4,\): .* \(3,\)"),
        ((4, 3), torch.zeros(4).long(), torch.ones(1, 3), r"mask has the shape \(1, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(kind, logits, target, mask, message):
    with pytest.raises(ValueError, match=message):
        kind()(torch.zeros(logits), target, mask)


@pytest.mark.parametrize("kind", LOSSES)
def test_unknown_classes_are_refused(kind):
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        kind()(torch.zeros(2, 3), torch.tensor([0, 3]))


@pytest.mark.parametrize("kind", LOSSES)
def test_other_reductions_are_refused(kind):
    with pytest.raises(ValueError, match="reduction is 'sum': choose one of 'mean', 'none'"):
        kind("sum")
    assert repr(kind("none")) == f"{kind.__name__}(reduction='none')"


def test_several_classes_may_be_left_out_of_the_complement():
    targets, mask = complement(torch.tensor([2]), 4, without=(0, 1))
    assert targets.tolist() == [[1, 1, 0, 1]]
    assert mask.tolist() == [[0, 0, 1, 1]]
    assert complement(torch.tensor([2]), 4, without=())[1].all()
    with pytest.raises(ValueError, match="without is"):
        complement(torch.tensor([2]), 4, without=(0, 4))
