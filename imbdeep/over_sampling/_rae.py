"""RAESampler: rows decoded from convex combinations of codes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from imbdeep.classifiers import RAEClassifier
from imbdeep.over_sampling._estimator import EstimatorOverSampler, _unwrapped
from imbdeep.over_sampling._shared import documented


@documented
class RAESampler(EstimatorOverSampler):
    """Over-sampling by convex combinations in the latent space of an RAE, decoded ([1]_).

    An :class:`~imbdeep.classifiers.RAEClassifier` learns codes in which the classes are linearly
    separable, so that a convex combination z' of codes of one class stays in the class (Proposition
    1), and a decoder D(z', y) that makes rows of them which a critic takes for real. A new row is

        x' = D(α_1 z_1 + … + α_t z_t, y)        (Eq. 1)

    of t rows of its class, drawn at random. SMOTE combines neighbours in the space of the columns,
    where the middle of two rows may lie in another class, or be no row at all.

    The paper classifies by the RAE itself, without making rows: where any classifier will do, use
    the classifier.

    Parameters
    ----------
    estimator : RAEClassifier, FrozenEstimator or None, default=None
        $estimator
    $sampling_strategy
    mixing : float or "mixer", default=1.0
        Where α comes from: a Dirichlet distribution with this concentration (1 is uniform on the
        simplex), or the mixer that was trained. What serves the training need not serve the rows:
        a mixer often picks the hardest code of a group, and makes the same rows again and again.
    $estimator_parameters
    random_state : int, RandomState instance or None, default=None
        Seed of the draws, and of the training where the ``estimator`` has none.
    verbose : bool or int, default=False
        Whether to print a line an epoch. With an ``estimator``, set its own parameter.

    Attributes
    ----------
    $class_attributes
    estimator_ : RAEClassifier
        The RAE in use, with its ``history_`` and ``diagnostics_``; missing where no rows were to be
        added.
    $common_attributes

    See Also
    --------
    imbdeep.classifiers.RAEClassifier : The model, as a classifier.
    MGVAESampler : Rows made from rows of the majority.

    Notes
    -----
    Decoded numbers are the decoder's own; categories and missing values are drawn from its
    probabilities. t is ``n_mixed`` of the classifier; of a class of one row, all codes are one.

    References
    ----------
    .. [1] A. K. Mondal, L. Singhal, P. Tiwary, P. Singla, Prathosh AP, "Minority Oversampling for
       Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023: Eq. 1 and 4,
       Proposition 1, Tables 3 and 11.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import RAEClassifier
    >>> from imbdeep.over_sampling import RAESampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = RAESampler(RAEClassifier(max_steps=50, device="cpu"), random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    >>> sampler.sample(3, target=1).shape
    (3, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **EstimatorOverSampler._parameter_constraints,
        "estimator": [RAEClassifier, FrozenEstimator, None],
        "mixing": [StrOptions({"mixer"}), Interval(Real, 1e-3, None, closed="left")],
    }

    _ESTIMATOR = RAEClassifier
    _NAME = "an RAE"

    def __init__(
        self,
        estimator: Any = None,
        *,
        sampling_strategy: Any = "auto",
        mixing: Any = 1.0,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        row_filter: Any = "auto",
        n_candidates: int = 8,
        memory: Any = None,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self._store(locals())

    def encode(self, X: Any) -> NDArray[np.float32]:
        """Latent codes of rows, to look at the latent space.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Rows with the fitted columns, of any class.

        Returns
        -------
        ndarray of shape (n, latent_dim), float32
            Codes z, of which those of a class are combined (Eq. 1).

        Raises
        ------
        ValueError
            If no class lacked rows, so that there is no RAE.
        """
        check_is_fitted(self, "encoder_")
        if not hasattr(self, "estimator_"):
            raise ValueError(
                "No class lacked rows in fit_resample, so that no RAE was trained: name totals in "
                "sampling_strategy, or use RAEClassifier and its penultimate_features."
            )
        z: NDArray[np.float32] = self.estimator_.penultimate_features(X)
        return z

    def _fitted_parameters(self) -> dict[str, Any]:
        sizes = _unwrapped(self.estimator).net_.module_.sizes
        own = {"decoder_steps": int(sizes.decoder), "mixing": sizes.mixing}
        return {**super()._fitted_parameters(), **own}

    def _check_estimator(self, has: dict[str, Any]) -> None:
        if not has["decoder_steps"]:
            raise ValueError(
                "estimator has decoder_steps=0, and rows must be decoded: give one with "
                "decoder_steps=1 or more."
            )
        super()._check_estimator(has)
        if self.mixing == "mixer" and has["mixing"] != "mixer":
            raise ValueError(
                f"mixing='mixer' needs a mixer, and estimator has mixing={has['mixing']!r}: give "
                "one with mixing='mixer', or a concentration here, such as 1.0."
            )

    def _draws(self) -> bool:
        return False

    def _fit_generator(
        self,
        x: Tensor,
        y: Tensor,
        *,
        n_new: dict[int, int],
        shape: tuple[int, ...],
        layout: dict[str, Any],
        seed: int,
        stream: np.random.RandomState,
    ) -> None:
        """Keep the latent codes of the classes that rows are added to."""
        self._mixing = self.mixing if self.mixing == "mixer" else float(self.mixing)
        net = self.estimator_.net_
        self._z = {code: net.codes(x[y == code].cpu().numpy()) for code in n_new}

    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Eq. 1, and the decoder."""
        rows: NDArray[np.float32] = self.estimator_.net_.generate(
            self._z[code], code, n, self._mixing
        )
        return rows
