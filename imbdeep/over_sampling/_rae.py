"""RAESampler: rows decoded from convex combinations of codes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from imbdeep.classifiers import RAEClassifier
from imbdeep.over_sampling._estimator import EstimatorOverSampler, _unwrapped


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
        The RAE. None trains one with its defaults, an unfitted one is copied and trained, and a
        fitted one is used as it is: it must have seen the same columns, container, dtypes and
        classes. Copying a sampler, as ``GridSearchCV`` does, drops what was fitted, unless the
        classifier is wrapped in :class:`sklearn.frozen.FrozenEstimator`.
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class gets, as everywhere in imbalanced-learn: "auto" fills every
        class up to the largest; a float is the wanted ratio of two classes; a dict maps labels to
        wanted totals.
    mixing : float or "mixer", default=1.0
        Where α comes from: a Dirichlet distribution with this concentration (1 is uniform on the
        simplex), or the mixer that was trained. What serves the training need not serve the rows:
        a mixer often picks the hardest code of a group, and makes the same rows again and again.
    categorical_features : "auto", list of names or indices, mask or None, default="auto"
        Columns to treat as categories beside those whose dtype says so. With an ``estimator``, set
        its own parameter.
    image_shape : tuple of (channels, height, width), default=None
        What the rows of a two-dimensional ``X`` are when they are flattened images. With an
        ``estimator``, set its own parameter.
    row_filter : "auto", classifier or None, default="auto"
        Who judges generated rows. Of ``n_candidates`` rows for each that is wanted, rows are kept
        in proportion to the probability that a classifier, trained on the real rows, gives to
        their class. "auto" takes :class:`~imbdeep.classifiers.VotingEnsembleClassifier`
        for tables (see
        :class:`DeepOverSampler`); a classifier of yours is copied and trained. None keeps all rows.
    n_candidates : int, default=8
        Rows generated for each that is kept, where there is a judge.
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where to train. With an ``estimator``, set its own parameter.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws, and of the training where the ``estimator`` has none.
    verbose : bool or int, default=False
        Whether to print a line an epoch. With an ``estimator``, set its own parameter.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    class_counts_ : ndarray of shape (n_classes,)
        Number of original rows of each class.
    sampling_strategy_ : dict
        Number of rows to add to each class.
    estimator_ : RAEClassifier
        The RAE in use, with its ``history_`` and ``diagnostics_``; missing where no rows were to be
        added.
    encoder_ : TabularEncoder or ImageScaler
        Turns rows into what the network sees and back.
    filter_ : classifier or None
        Who judges encoded rows, or None.
    filter_scores_ : dict of label to dict
        Mean probability of a class, of its ``candidates`` and the rows ``kept`` in the fit.
    device_ : torch.device
        Where the networks were trained.
    n_features_in_ : int
        Number of columns (of channels, for images).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where the data has them.

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
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            estimator,
            sampling_strategy=sampling_strategy,
            categorical_features=categorical_features,
            image_shape=image_shape,
            row_filter=row_filter,
            n_candidates=n_candidates,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.mixing = mixing

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
        codes: NDArray[np.float32] = self.estimator_.penultimate_features(X)
        return codes

    def _fitted_parameters(self) -> dict[str, Any]:
        sizes = _unwrapped(self.estimator).net_.module_.sizes
        own = {"decoder": sizes.decoder, "mixing": sizes.mixing}
        return {**super()._fitted_parameters(), **own}

    def _check_estimator(self, has: dict[str, Any]) -> None:
        self._check_switch(has, "decoder")
        super()._check_estimator(has)
        if self.mixing == "mixer" and has["mixing"] != "mixer":
            raise ValueError(
                f"mixing='mixer' needs a mixer, and estimator has mixing={has['mixing']!r}: give "
                "one with mixing='mixer', or a concentration here, such as 1.0."
            )

    def _fit_generator(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        """Keep the latent codes of the classes that rows are added to."""
        self._row_shape = x.shape[1:]
        net = self.estimator_.net_
        self._n_threads = None if net.module_.sizes.convolutional else 1
        self._mixing = self.mixing if self.mixing == "mixer" else float(self.mixing)
        self._codes = {code: net.codes(x[codes == code]) for code in self._deficits}

    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Eq. 1, and the decoder."""
        net = self.estimator_.net_
        rows: NDArray[np.float32] = net.generate(self._codes[code], code, n, self._mixing)
        return rows.reshape(n, *self._row_shape)
