"""Scores by hand, the two G-means, and the prior divided out."""

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score

from imbdeep.reproductions._scores import METRICS, macro_g_mean, scored, without_prior


def test_scores_by_hand():
    y = np.array([0, 0, 1, 1, 2])
    p = np.eye(3)[[0, 1, 1, 1, 2]] * 0.5 + 0.1
    metrics = scored(y, p)
    assert tuple(metrics) == (*METRICS, "macro G-mean")
    assert metrics["macro G-mean"] == macro_g_mean(y, p.argmax(axis=1))
    assert metrics["balanced accuracy"] == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert metrics["G-mean"] == pytest.approx((1 / 2) ** (1 / 3))
    assert metrics["macro F1"] == pytest.approx((2 / 3 + 4 / 5 + 1) / 3)
    # Class 0: one of two first, then all others at once; class 1: two of three first; class 2: one.
    assert metrics["average precision"] == pytest.approx(((1 + 2 / 5) / 2 + 2 / 3 + 1) / 3)


def test_scores_are_over_the_classes_that_are_there():
    p = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    assert scored(np.array([0, 1]), p)["balanced accuracy"] == 0.5
    assert scored(np.array([0, 1]), p)["G-mean"] == 0.0


def test_without_prior_is_bayes_rule():
    """From p(k|x) under the training shares to p(k|x) under equal ones, both known here."""
    likelihood = np.random.default_rng(0).random((6, 3))
    counts = np.array([70, 20, 10])
    given = likelihood * counts / (likelihood * counts).sum(axis=1, keepdims=True)
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(without_prior(given, counts), expected)
    np.testing.assert_allclose(without_prior(given, np.array([5, 5, 5])), given)


def predictions(recalls, n_each):
    """Equal classes with these recalls; what is missed goes to the next class."""
    y = np.repeat(np.arange(len(recalls)), n_each)
    right = np.concatenate([np.arange(n_each) < round(r * n_each) for r in recalls])
    return y, np.where(right, y, (y + 1) % len(recalls))


def test_macro_g_mean_of_equal_recalls_is_a_function_of_the_accuracy():
    """All recalls r in K equal classes: every specificity is 1 - (1 - r) / (K - 1)."""
    y, predicted = predictions([0.5794] * 10, 10_000)
    assert macro_g_mean(y, predicted) == pytest.approx(np.sqrt(0.5794 * (1 - 0.4206 / 9)))
    assert macro_g_mean(y, predicted) == pytest.approx(0.7431, abs=5e-4)  # as printed in Table 1


@pytest.mark.parametrize(
    "n_classes, accuracy, printed",
    [
        (10, 96.79, 98.20),  # MNIST
        (10, 84.79, 91.30),  # Fashion-MNIST
        (10, 78.66, 87.62),  # SVHN
        (10, 57.94, 74.31),  # CIFAR10
        (5, 74.65, 83.67),  # CelebA
        (100, 26.41, 51.20),  # CIFAR100
    ],
)
def test_macro_g_mean_is_the_papers_gm(n_classes, accuracy, printed):
    """Table 1 on balanced test data: ours from the paper's ACSA is the paper's GM, to 0.05."""
    y, predicted = predictions([accuracy / 100] * n_classes, 10_000)
    found = 100 * macro_g_mean(y, predicted)
    # Recalls that differ lower the mean of roots below that of equal ones (Jensen).
    assert found == pytest.approx(printed, abs=0.06)
    assert printed > accuracy  # which no root of a product of recalls could be


def test_macro_g_mean_of_two_classes_is_the_root_of_both_recalls():
    random = np.random.default_rng(0)
    y, predicted = random.integers(0, 2, (2, 50))
    recalls = [np.mean(predicted[y == code] == code) for code in (0, 1)]
    assert macro_g_mean(y, predicted) == pytest.approx(np.sqrt(np.prod(recalls)))


def test_macro_g_mean_is_the_mean_of_imbalanced_learns():
    """Its G-mean of each class against the rest; its own macro average takes the root at last."""
    random = np.random.default_rng(1)
    y, predicted = random.integers(0, 4, (2, 200))
    expected = np.mean(geometric_mean_score(y, predicted, average=None))
    assert macro_g_mean(y, predicted) == pytest.approx(expected)


def test_macro_g_mean_forgives_a_class_that_is_never_found():
    y, predicted = predictions([1, 1, 0], 10)
    # Class 0 gets the rows of class 2: specificities 1/2, 1, 1.
    assert macro_g_mean(y, predicted) == pytest.approx((np.sqrt(1 / 2) + 1 + 0) / 3)
    assert scored(y, np.eye(3)[predicted])["G-mean"] == 0.0


def test_macro_g_mean_needs_two_classes():
    with pytest.raises(ValueError, match=r"one class \[3\].*two classes"):
        macro_g_mean(np.array([3, 3]), np.array([3, 0]))
