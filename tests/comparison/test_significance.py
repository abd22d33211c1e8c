"""Tests of significance against published examples and cases that can be solved exactly."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from imbdeep.comparison._significance import (
    _ranks,
    _shaffer_of_ranks,
    _true_hypotheses,
    bayesian_correlated_t,
    bayesian_signed_rank,
    friedman,
    shaffer,
)

#: Table 6 of Demsar (JMLR 2006): AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],  # printed as equal, and ranked 2 and 3
        [0.957, 0.978, 0.946, 0.970],
    ]
)
SCORES = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(2, 6)),
    elements=st.integers(0, 5).map(float),
)
DIFFERENCES = arrays(np.float64, st.integers(1, 20), elements=st.floats(-0.2, 0.2))


def test_ranks_are_those_of_demsar():
    ranks = _ranks(DEMSAR)
    assert ranks.mean(axis=0).round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    n, k = ranks.shape
    # The paper does not correct for ties: 9.28 and, of that, F = 3.69.
    chi2 = 12 * n / (k * (k + 1)) * (np.square(ranks.mean(axis=0)).sum() - k * (k + 1) ** 2 / 4)
    assert chi2 == pytest.approx(9.28, abs=0.005)
    untied = 12 * np.square(ranks - 2.5).sum() / (n * k * (k**2 - 1))
    corrected, _ = friedman(DEMSAR)
    assert corrected == pytest.approx(chi2 / untied)
    assert (n - 1) * chi2 / (n * (k - 1) - chi2) == pytest.approx(3.69, abs=0.005)
    f, p = friedman(DEMSAR, statistic="F")
    assert f > 3.69  # the correction makes it less careful
    assert p < 0.05


@given(SCORES.filter(lambda values: values.shape[1] > 2 and np.ptp(values, axis=1).any()))
def test_friedman_is_scipys_with_ties(values):
    if len(values) < 2:
        values = np.vstack([values, values])
    expected = stats.friedmanchisquare(*values.T)
    assert friedman(values) == pytest.approx((expected.statistic, expected.pvalue))


def test_friedman_at_its_limits():
    alike = np.tile([0.5, 0.7, 0.9], (10, 1))
    assert friedman(alike)[0] == pytest.approx(10 * 2)
    assert friedman(alike, statistic="F") == (np.inf, 0.0)
    assert friedman(np.full((5, 4), 0.3)) == (0.0, 1.0)
    assert friedman(np.full((5, 4), 0.3), statistic="F") == (0.0, 1.0)
    assert friedman([[0.1, 0.2, 0.3]])[0] == pytest.approx(2)
    with pytest.raises(ValueError, match=r"one block.*two or more"):
        friedman([[0.1, 0.2, 0.3]], statistic="F")


def test_shaffer_gives_the_p_values_of_garcia_and_herrera():
    # Their five classifiers on 30 data sets: C4.5, 1-NN, NaiveBayes, Kernel, CN2.
    p = _shaffer_of_ranks([2.100, 3.250, 2.200, 130 / 30, 93.5 / 30], 30)
    # Unadjusted 4.487e-8, 1.736e-7, 0.002880, 0.004849, 0.007963, 0.010112, 0.012763, 0.024745,
    # 0.743971, 0.806496, times 10, 6, 6, 6, 6, 4, 4, 3, 2, 1, by S(5) = {0, 1, 2, 3, 4, 6, 10}.
    expected = {
        (0, 3): 4.487e-7,
        (2, 3): 1.042e-6,
        (3, 4): 0.01728,
        (0, 1): 0.02909,
        (1, 3): 0.04778,
        (1, 2): 0.04778,  # 4 x 0.010112 is less than the one before
        (0, 4): 0.05105,
        (2, 4): 0.07423,
        (1, 4): 1.0,
        (0, 2): 1.0,
    }
    for pair, value in expected.items():
        assert p[pair] == pytest.approx(value, rel=2e-3)
        assert p[pair[::-1]] == p[pair]
    assert np.diag(p).tolist() == [1.0] * 5


@pytest.mark.parametrize("k", range(2, 7))
def test_numbers_of_true_hypotheses_are_those_of_all_partitions(k):
    # Every way to put k methods into groups of equal ones.
    found = set()
    for grouping in itertools.product(range(k), repeat=k):
        sizes = np.bincount(grouping)
        found.add(int((sizes * (sizes - 1) // 2).sum()))
    assert _true_hypotheses(k) == found


@given(SCORES)
def test_shaffer_lies_between_no_adjustment_and_holm(values):
    n, k = values.shape
    pairs = np.triu_indices(k, 1)
    adjusted = shaffer(values)
    ranks = _ranks(values).mean(axis=0)
    z = (ranks[pairs[0]] - ranks[pairs[1]]) / np.sqrt(k * (k + 1) / (6 * n))
    raw = 2 * stats.norm.sf(np.abs(z))
    order = np.argsort(raw, kind="stable")
    holm = np.empty_like(raw)
    factors = np.arange(len(raw), 0, -1)
    holm[order] = np.minimum(np.maximum.accumulate(raw[order] * factors), 1)
    assert (adjusted[pairs] >= np.minimum(raw, 1) - 1e-12).all()
    assert (adjusted[pairs] <= holm + 1e-12).all()
    assert (adjusted == adjusted.T).all()
    assert (np.diff(adjusted[pairs][order]) >= 0).all()


def test_shaffer_does_not_depend_on_the_order_or_the_scale():
    values = np.random.default_rng(1).normal(np.arange(6) / 4, size=(10, 6))
    p, shuffled = shaffer(values), np.array([3, 0, 5, 1, 4, 2])
    assert shaffer(values[:, shuffled]) == pytest.approx(p[np.ix_(shuffled, shuffled)])
    assert shaffer(np.exp(values)).tolist() == p.tolist()


@pytest.mark.parametrize(
    "difference, share",
    [
        # Beside the prior's weight w ~ Beta(s, 1) the one difference has 1 - w. Its pair with the
        # pseudo-observation is beyond the rope if it is more than twice as wide: right if w^2 < 1/2
        (0.03, 0.5**0.25),
        # else right if (1 - w)^2 > 1/2.
        (0.015, (1 - 0.5**0.5) ** 0.5),
        (0.01, 0.0),
        (0.0, 0.0),
    ],
)
def test_signed_rank_of_a_single_difference(difference, share):
    left, rope, right = bayesian_signed_rank([difference], 0.01)
    assert right == pytest.approx(share, abs=0.008)
    assert (left, left + rope + right) == (0.0, pytest.approx(1))
    assert bayesian_signed_rank([-difference], 0.01) == (right, rope, left)


def test_signed_rank_without_prior_is_certain_beyond_the_rope():
    beyond = np.linspace(0.02, 0.3, 7)
    assert bayesian_signed_rank(beyond, 0.01, prior_strength=0) == (0.0, 0.0, 1.0)
    # With one, of 7 differences, all pairs but that of the prior with itself: right if w^2 < 1/2
    # with w ~ Beta(s, 7).
    *_, right = bayesian_signed_rank(beyond + 0.02, 0.01, prior_strength=5)
    assert right == pytest.approx(stats.beta.cdf(0.5**0.5, 5, 7), abs=0.008)
    assert bayesian_signed_rank(beyond, 0.01, prior_strength=1e6) == (0.0, 1.0, 0.0)
    assert bayesian_signed_rank(beyond, 0.5) == (0.0, 1.0, 0.0)


def test_signed_rank_of_two_opposite_differences():
    # Without a prior, w ~ U(0, 1) beside 1 - w; the pairs of the two have a sum of 0: w^2, (1-w)^2
    # and 2 w (1 - w) are largest where w > 2/3, w < 1/3 and between.
    shares = bayesian_signed_rank([0.1, -0.1], 0.01, prior_strength=0)
    assert shares == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.01)


@given(DIFFERENCES, st.floats(0, 0.1))
def test_signed_rank_is_what_its_definition_says(differences, rope):
    n_draws = 200
    z = np.append(0, differences)
    stream = np.random.default_rng(3)
    weights = stream.standard_exponential((len(z), n_draws))
    weights[0] = stream.standard_gamma(0.5, n_draws)
    sums = z[:, None] + z
    right = np.einsum("id,jd,ij->d", weights, weights, sums > 2 * rope)
    left = np.einsum("id,jd,ij->d", weights, weights, sums < -2 * rope)
    within = np.einsum("id,jd,ij->d", weights, weights, np.abs(sums) <= 2 * rope)
    most = np.argmax([left, within, right], axis=0)
    expected = np.bincount(most, minlength=3) / n_draws
    found = bayesian_signed_rank(differences, rope, n_draws=n_draws, random_state=3)
    assert found == pytest.approx(expected, abs=1.1 / n_draws)  # a draw may be a tie but for digits


def test_several_pairs_share_the_draws():
    z = np.random.default_rng(0).normal(0.01, 0.02, (4, 9))
    together = np.array(bayesian_signed_rank(z, 0.01, n_draws=2000))
    assert together.shape == (3, 4)
    for k in range(4):
        assert bayesian_signed_rank(z[k], 0.01, n_draws=2000) == tuple(together[:, k])
    t = np.array(bayesian_correlated_t(z, 0.01, test_share=0.2))
    for k in range(4):
        assert bayesian_correlated_t(z[k], 0.01, test_share=0.2) == pytest.approx(t[:, k])


@pytest.mark.parametrize("n_folds, share", [(5, 0.2), (10, 0.1), (100, 0.1), (2, 0.0)])
def test_correlated_t_is_a_t_distribution(n_folds, share):
    x = np.random.default_rng(n_folds).normal(0.01, 0.02, n_folds)
    scale = np.sqrt((1 / n_folds + share / (1 - share)) * x.var(ddof=1))
    posterior = stats.t(n_folds - 1, loc=x.mean(), scale=scale)
    expected = [posterior.cdf(-0.01), posterior.cdf(0.01) - posterior.cdf(-0.01)]
    found = bayesian_correlated_t(x, 0.01, test_share=share)
    assert found == pytest.approx([*expected, posterior.sf(0.01)])


def test_correlated_t_without_correlation_and_rope_is_the_t_test():
    x = np.random.default_rng(0).normal(0.3, 1, 12)
    left, rope, _ = bayesian_correlated_t(x, 0.0, test_share=0.0)
    assert left == pytest.approx(stats.ttest_1samp(x, 0, alternative="greater").pvalue)
    assert rope == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "difference, expected",
    [(0.1, (0, 0, 1)), (-0.1, (1, 0, 0)), (0.01, (0, 1, 0)), (0.0, (0, 1, 0)), (-0.01, (0, 1, 0))],
)
def test_correlated_t_of_equal_differences_is_certain(difference, expected):
    assert bayesian_correlated_t([difference] * 7, 0.01, test_share=0.2) == expected


@pytest.mark.parametrize("values", [[0.1, 0.2], [[0.1], [0.2]], np.empty((0, 3)), [[[0.1, 0.2]]]])
def test_refuses_values_of_another_shape(values):
    for test in (friedman, shaffer):
        with pytest.raises(ValueError, match="at least one block and two methods"):
            test(values)


def test_names_the_value_that_is_no_number():
    with pytest.raises(ValueError, match=r"values\[1, 0\] is nan.*leave out the blocks"):
        shaffer([[0.1, 0.2], [np.nan, 0.3]])
    with pytest.raises(ValueError, match=r"differences\[2\] is inf"):
        bayesian_signed_rank([0.1, 0.2, np.inf], 0.01)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"differences": []}, r"differences has shape \(0,\)"),
        ({"rope": -0.01}, "rope=-0.01 must be a number of at least 0"),
        ({"prior_strength": -1}, "prior_strength=-1"),
        ({"n_draws": 0}, "n_draws=0"),
    ],
)
def test_refuses_what_has_no_meaning(change, message):
    with pytest.raises(ValueError, match=message):
        bayesian_signed_rank(**{"differences": [0.1], "rope": 0.01, **change})


def test_refuses_what_has_no_meaning_for_folds():
    with pytest.raises(ValueError, match=r"one value.*two folds or more"):
        bayesian_correlated_t([0.1], 0.01, test_share=0.2)
    with pytest.raises(ValueError, match="test_share=1 must be at least 0 and below 1"):
        bayesian_correlated_t([0.1, 0.2], 0.01, test_share=1)
    with pytest.raises(ValueError, match="statistic='t' must be"):
        friedman([[0.1, 0.2]], statistic="t")
