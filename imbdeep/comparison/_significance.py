"""Is a method better than another, or is the difference chance?

Over the folds of one data set: the correlated t-test. Over several data sets: the tests of Friedman
and Shaffer and the signed-rank test, which take their values for independent, as folds are not.
Shaffer's procedure and the Bayesian tests are written here because no well-kept library of a
permissive licence has them: baycomp is under the GPL, autorank stands on it, and scikit-posthocs
has no Shaffer. Ranks and distributions are scipy's.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

#: Weights that are drawn at a time, so that a block stays in the cache of a core, and draws at the
#: least.
_CHUNK, _MIN_DRAWS = 2**17, 512


def friedman(values: ArrayLike, *, statistic: Literal["chi2", "F"] = "chi2") -> tuple[float, float]:
    r"""Friedman's test: do the methods differ at all?

    The methods are ranked within each block (1 is the best, equal values share the mean of their
    ranks), and the ranks :math:`r_{ij}` of k methods in n blocks enter

    .. math:: \chi^2_F = (k - 1) \frac{\sum_j \left(\sum_i (r_{ij} - \frac{k+1}{2})\right)^2}
       {\sum_{ij} (r_{ij} - \frac{k+1}{2})^2}, \qquad
       F_F = \frac{(n - 1) \chi^2_F}{n (k - 1) - \chi^2_F}.

    Without ties the first is the statistic of [1]_, section 3.2.2, and with ties the one corrected
    for them. It is compared with :math:`\chi^2` of k - 1 degrees of freedom, which is too careful
    where blocks are few. The second, of Iman and Davenport, is compared with F of k - 1 and
    (k - 1)(n - 1) degrees and is the better one there.

    Parameters
    ----------
    values : array-like of shape (n_blocks, n_methods)
        Scores, higher is better. A block is what all methods have met alike: a data set. Folds of
        one data set share training rows, and tests that take them for independent blocks find
        too much.
    statistic : {"chi2", "F"}, default="chi2"
        Which of the two.

    Returns
    -------
    statistic : float
        The statistic: 0 if all methods have the same ranks everywhere. F is infinite where all
        blocks rank the methods alike.
    p : float
        The p-value.

    Raises
    ------
    ValueError
        If there are fewer than two methods or no block (for F, fewer than two blocks), or a value
        is not a finite number.

    See Also
    --------
    shaffer : Which pairs differ.

    References
    ----------
    .. [1] J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7,
       2006.

    Examples
    --------
    >>> from imbdeep.comparison import friedman
    >>> accuracy = [[0.7, 0.8, 0.9], [0.6, 0.7, 0.8], [0.9, 0.8, 0.95], [0.5, 0.6, 0.7]]
    >>> chi2, p = friedman(accuracy)
    >>> round(chi2, 2), round(p, 3)
    (6.5, 0.039)
    """
    if statistic not in ("chi2", "F"):
        raise ValueError(f"statistic={statistic!r} must be 'chi2' or 'F' (Iman and Davenport's).")
    ranks = _ranks(values)
    n, k = ranks.shape
    centred = ranks - (k + 1) / 2
    spread = float(np.square(centred).sum())
    between = float(np.square(centred.sum(axis=0)).sum())
    chi2 = (k - 1) * between / spread if spread else 0.0
    if statistic == "chi2":
        return chi2, float(stats.chi2.sf(chi2, k - 1))
    if n < 2:
        raise ValueError(
            "values has one block, and Iman and Davenport's F compares blocks: give two or more."
        )
    rest = n * (k - 1) - chi2
    # Ranks are halves of whole numbers: what remains of equal rankings is rounding.
    f = (n - 1) * chi2 / rest if rest > 1e-9 * n * k else np.inf
    return f, float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))


def shaffer(values: ArrayLike) -> NDArray[np.float64]:
    r"""P-values of all pairs of methods, adjusted by Shaffer's static procedure.

    Methods i and j of mean ranks :math:`R_i, R_j` over n blocks are compared with the normal
    distribution at

    .. math:: z = (R_i - R_j) \Big/ \sqrt{\frac{k (k + 1)}{6 n}}

    ([1]_, section 3.2.2). Of k methods there are m = k (k - 1) / 2 such hypotheses of equality, and
    they hang together: if a differs from b, a third method cannot equal both. So only some numbers
    of them can be true at once,

    .. math:: S(k) = \bigcup_{j=1}^{k} \left\{ \tbinom{j}{2} + s : s \in S(k - j) \right\},
       \qquad S(0) = S(1) = \{0\},

    and the i-th smallest p-value is multiplied with the largest of these numbers that does not
    exceed m - i + 1, where Holm's procedure takes m - i + 1 itself [2]_. It rejects all that Holm's
    does, often more, and keeps the probability of any false rejection below the level.

    Parameters
    ----------
    values : array-like of shape (n_blocks, n_methods)
        Scores, higher is better; blocks as in :func:`friedman`.

    Returns
    -------
    ndarray of shape (n_methods, n_methods)
        The adjusted p-values: symmetric, 1 on the diagonal, and 1 for methods of equal ranks.

    Raises
    ------
    ValueError
        If there are fewer than two methods or no block, or a value is not a finite number.

    References
    ----------
    .. [1] J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7,
       2006.
    .. [2] S. Garcia, F. Herrera, "An Extension on 'Statistical Comparisons of Classifiers over
       Multiple Data Sets' for all Pairwise Comparisons", JMLR 9, 2008; J. P. Shaffer, "Modified
       Sequentially Rejective Multiple Test Procedures", JASA 81, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.comparison import shaffer
    >>> quality = np.random.default_rng(0).normal([0.0, 0.0, 2.0], size=(20, 3))
    >>> p = shaffer(quality)
    >>> bool(p[0, 1] > 0.3), bool(p[0, 2] < 0.001)
    (True, True)
    """
    ranks = _ranks(values)
    return _shaffer_of_ranks(ranks.mean(axis=0), len(ranks))


def bayesian_signed_rank(
    differences: ArrayLike,
    rope: float,
    *,
    prior_strength: float = 0.5,
    n_draws: int = 50_000,
    random_state: Any = 0,
) -> tuple[Any, Any, Any]:
    r"""Probabilities that a method is worse, equal or better in practice, over several data sets.

    A p-value cannot say that two methods are equal. This test can: differences within the rope, the
    region of practical equivalence, count as equal. It is the signed-rank test of Benavoli et al.
    ([1]_, section 4.2; [2]_): of the differences :math:`z_1, \dots, z_n` between the methods and a
    pseudo-observation :math:`z_0 = 0`, which stands for the prior, the posterior is a Dirichlet
    process. A draw from it gives weights and with them a share of pairs in each region,

    .. math:: (w_0, w_1, \dots, w_n) \sim \mathrm{Dir}(s, 1, \dots, 1), \qquad
       \theta_\mathrm{right} = \sum_{ij} w_i w_j \, [z_i + z_j > 2 r],

    the left likewise below -2 r, and the rope what is between. The probability of a region is the
    share of draws in which it has most of the pairs.

    Parameters
    ----------
    differences : array-like of shape (n,) or (n_pairs, n)
        A method's score less that of another, higher is better: one number a data set (block).
        Several pairs of methods at once share the draws, which is faster.
    rope : float
        Half the width r of the region, in units of the score: a difference of exactly that much is
        still equal.
    prior_strength : float, default=0.5
        Weight s of the pseudo-observation. 0 leaves the prior out; the larger it is, the more it
        takes to leave the rope.
    n_draws : int, default=50_000
        Draws from the posterior. The probabilities have a standard error of at most 0.0022.
    random_state : int, numpy Generator or None, default=0
        Seed of the draws.

    Returns
    -------
    p_left, p_rope, p_right : float, or ndarray of shape (n_pairs,)
        Probabilities that the method is worse, equal and better. They sum to 1.

    Raises
    ------
    ValueError
        If there is no difference or one is not a finite number, or a parameter has no meaning.

    See Also
    --------
    bayesian_correlated_t : For the folds of one data set.

    References
    ----------
    .. [1] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon, "Time for a Change: a Tutorial for
       Comparing Multiple Classifiers Through Bayesian Analysis", JMLR 18, 2017.
    .. [2] A. Benavoli, F. Mangili, G. Corani, M. Zaffalon, F. Ruggeri, "A Bayesian Wilcoxon
       Signed-rank Test Based on the Dirichlet Process", ICML 2014.

    Examples
    --------
    >>> from imbdeep.comparison import bayesian_signed_rank
    >>> worse, equal, better = bayesian_signed_rank([0.03, 0.05, 0.02, 0.04, 0.03], rope=0.01)
    >>> worse < 0.01, better > 0.9
    (True, True)
    """
    pairs, is_single = _differences(differences, rope)
    if not (np.isfinite(prior_strength) and prior_strength >= 0):
        raise ValueError(
            f"prior_strength={prior_strength!r} must be a number of at least 0: the weight of the "
            "pseudo-observation beside rows of weight 1."
        )
    if n_draws < 1 or n_draws != int(n_draws):
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least 1.")
    stream = np.random.default_rng(random_state)
    values = np.pad(pairs, ((0, 0), (1, 0)))
    sums = values[:, :, None] + values[:, None, :]  # (n_pairs, n + 1, n + 1)
    beyond = [(each > 2 * rope, each < -2 * rope) for each in sums]
    wins = np.zeros((len(pairs), 3))
    step = max(_MIN_DRAWS, _CHUNK // values.shape[1])
    for start in range(0, int(n_draws), step):
        # Weights up to their sum, on which it does not depend where most of the pairs are.
        size = min(step, int(n_draws) - start)
        weights = stream.standard_exponential((values.shape[1], size))
        weights[0] = stream.standard_gamma(prior_strength, size)
        total = np.square(weights.sum(axis=0))
        for k, regions in enumerate(beyond):
            right, left = ((weights * (is_in @ weights)).sum(axis=0) for is_in in regions)
            wins[k] += _most(left, total - (left + right), right)
    return _as_given(wins / n_draws, is_single)


def bayesian_correlated_t(
    differences: ArrayLike, rope: float, *, test_share: float
) -> tuple[Any, Any, Any]:
    r"""Probabilities that a method is worse, equal or better in practice, on one data set.

    Folds of cross-validation share training rows, so that their differences are correlated and a
    plain t-test is too sure of itself. With the correlation set to the share :math:`\rho` of rows
    that are tested in a fold (Nadeau and Bengio's correction), the posterior of the mean difference
    is a t-distribution of n - 1 degrees of freedom ([1]_, [2]_ section 3.1),

    .. math:: \mu \sim t_{n-1}\left(\bar{x}, \;
       \left(\frac{1}{n} + \frac{\rho}{1 - \rho}\right) \hat\sigma^2\right),

    and the probabilities are its shares below, in and above the rope.

    Parameters
    ----------
    differences : array-like of shape (n,) or (n_pairs, n)
        A method's score less that of another on each fold, higher is better. The folds of repeated
        cross-validation stand one after the other.
    rope : float
        Half the width of the region of practical equivalence, in units of the score.
    test_share : float
        Share of the rows that are in the test part of a fold: 0.2 for 5 folds. 0 gives the t-test
        of independent differences.

    Returns
    -------
    p_left, p_rope, p_right : float, or ndarray of shape (n_pairs,)
        Probabilities that the method is worse, equal and better. They sum to 1. Where all folds
        have the same difference, all of the probability is on that.

    Raises
    ------
    ValueError
        If there are fewer than two differences or one is not a finite number, or a parameter has no
        meaning.

    See Also
    --------
    bayesian_signed_rank : For several data sets.

    References
    ----------
    .. [1] G. Corani, A. Benavoli, "A Bayesian Approach for Comparing Cross-Validated Algorithms on
       Multiple Data Sets", Machine Learning 100, 2015.
    .. [2] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon, "Time for a Change: a Tutorial for
       Comparing Multiple Classifiers Through Bayesian Analysis", JMLR 18, 2017.

    Examples
    --------
    >>> from imbdeep.comparison import bayesian_correlated_t
    >>> folds = [0.02, 0.03, 0.01, 0.02, 0.02]
    >>> [round(p, 3) for p in bayesian_correlated_t(folds, rope=0.01, test_share=0.2)]
    [0.002, 0.05, 0.949]
    """
    pairs, is_single = _differences(differences, rope)
    n = pairs.shape[1]
    if n < 2:
        raise ValueError(
            "differences has one value, which has no spread: give those of two folds or more."
        )
    if not 0 <= test_share < 1:
        raise ValueError(
            f"test_share={test_share!r} must be at least 0 and below 1: the share of all rows that "
            "a fold is tested on, such as 0.2 for 5 folds."
        )
    scale = pairs.std(axis=1, ddof=1) * np.sqrt(1 / n + test_share / (1 - test_share))
    # Equal numbers have a mean that may differ from them in the last digit, and so a deviation.
    is_sure = (np.ptp(pairs, axis=1) == 0) | (scale == 0)
    mean = np.where(is_sure, pairs[:, 0], pairs.mean(axis=1))
    unit = np.where(is_sure, 1.0, scale)
    left = np.where(is_sure, mean < -rope, special.stdtr(n - 1, (-rope - mean) / unit))
    right = np.where(is_sure, mean > rope, special.stdtr(n - 1, (mean - rope) / unit))
    within = np.clip(1 - left - right, 0, 1)
    return _as_given(np.stack([left, within, right], axis=1), is_single)


def _ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return the rank of each method in each block, 1 for the highest value."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or len(array) < 1 or array.shape[1] < 2:
        raise ValueError(
            f"values has shape {array.shape}: give (n_blocks, n_methods), at least one block and "
            "two methods."
        )
    _check_finite(array, "values", "leave out the blocks or methods that failed")
    return stats.rankdata(-array, axis=1)


def _check_finite(array: NDArray[np.float64], name: str, advice: str) -> None:
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise ValueError(
            f"{name}[{', '.join(map(str, at))}] is {array[at]}, not a finite number: {advice}."
        )


def _shaffer_of_ranks(mean_ranks: ArrayLike, n_blocks: int) -> NDArray[np.float64]:
    """Shaffer's adjusted p-values from the mean ranks of the methods."""
    mean_ranks = np.asarray(mean_ranks, dtype=np.float64)
    k = len(mean_ranks)
    first, second = np.triu_indices(k, 1)
    z = np.abs(mean_ranks[first] - mean_ranks[second]) / np.sqrt(k * (k + 1) / (6 * n_blocks))
    p = 2 * stats.norm.sf(z)
    order = np.argsort(p, kind="stable")
    possible = np.array(sorted(_true_hypotheses(k)))
    at_most = np.arange(len(p), 0, -1)
    factor = possible[np.searchsorted(possible, at_most, side="right") - 1]
    adjusted = np.ones((k, k))
    adjusted[first[order], second[order]] = np.minimum(
        np.maximum.accumulate(factor * p[order]), 1.0
    )
    return np.minimum(adjusted, adjusted.T)


@cache
def _true_hypotheses(k: int) -> frozenset[int]:
    """Return how many of the k (k - 1) / 2 equalities of pairs can be true at once."""
    # Bit s of sets[j] says that s equalities can be true among j methods: the union over the size
    # of one group of equal methods is then a shift.
    sets = [1, 1]
    for n in range(2, k + 1):
        bits = 0
        for size in range(1, n + 1):
            bits |= sets[n - size] << (size * (size - 1) // 2)
        sets.append(bits)
    return frozenset(s for s, bit in enumerate(reversed(f"{sets[k]:b}")) if bit == "1")


def _differences(differences: ArrayLike, rope: float) -> tuple[NDArray[np.float64], bool]:
    """Return the differences as (n_pairs, n), and whether they were those of a single pair."""
    array = np.asarray(differences, dtype=np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"differences has shape {array.shape}: give (n,), or (n_pairs, n) for several pairs of "
            "methods, with at least one difference."
        )
    _check_finite(array, "differences", "leave out the blocks in which a method failed")
    if not (np.isfinite(rope) and rope >= 0):
        raise ValueError(
            f"rope={rope!r} must be a number of at least 0: the largest difference that makes no "
            "difference in practice, such as 0.01."
        )
    return np.atleast_2d(array), array.ndim == 1


def _most(*regions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count in how many draws each region has most of the weight; equal ones share a draw."""
    stacked = np.stack(regions)
    is_most = stacked == stacked.max(axis=0)
    return (is_most / is_most.sum(axis=0)).sum(axis=1)


def _as_given(shares: NDArray[np.float64], is_single: bool) -> tuple[Any, Any, Any]:
    """Return the three columns: arrays for several pairs, numbers for a single one."""
    left, rope, right = shares[0].tolist() if is_single else shares.T
    return left, rope, right
