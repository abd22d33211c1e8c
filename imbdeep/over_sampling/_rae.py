"""RAESampler: rows decoded from convex combinations of codes."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from imbdeep.classifiers import RAEClassifier
from imbdeep.encoding import is_frame
from imbdeep.over_sampling.base import DeepOverSampler
from imbdeep.training import draw_seed


class RAESampler(DeepOverSampler):
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
        "estimator": [RAEClassifier, FrozenEstimator, None],
        "sampling_strategy": [
            Interval(Real, 0, 1, closed="right"),
            StrOptions({"auto", "minority", "not minority", "not majority", "all"}),
            dict,
            callable,
        ],
        "mixing": [StrOptions({"mixer"}), Interval(Real, 1e-3, None, closed="left")],
        "categorical_features": [StrOptions({"auto"}), "array-like", None],
        "image_shape": [tuple, list, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        sampling_strategy: Any = "auto",
        mixing: Any = 1.0,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            categorical_features=categorical_features,
            image_shape=image_shape,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.estimator = estimator
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

    def _check_data(self, data: Any, counts: NDArray[np.int64]) -> None:
        self.__dict__.pop("estimator_", None)  # of an earlier fit
        if self.estimator is None:
            return
        defaults = {
            "categorical_features": "auto",
            "image_shape": None,
            "device": "auto",
            "verbose": False,
        }
        for name, default in defaults.items():
            value = getattr(self, name)
            given = value if name == "verbose" else not isinstance(value, type(default))
            if given or value != default:
                raise ValueError(
                    f"{name}={value!r} is for an RAE that is made here, and estimator is given: "
                    f"set it there, estimator=RAEClassifier({name}=...)."
                )
        rae = _unwrapped(self.estimator)
        if not isinstance(rae, RAEClassifier):
            raise ValueError(
                f"estimator is a frozen {type(rae).__name__}: freeze an RAEClassifier, "
                "FrozenEstimator(RAEClassifier().fit(X, y))."
            )
        if rae is not self.estimator and not hasattr(rae, "net_"):
            raise ValueError(
                "estimator is frozen and not fitted: fit it before it is frozen, or give it as it "
                "is, to be trained here."
            )
        if hasattr(rae, "net_"):  # its parameters may have changed since
            sizes, encode = rae.net_.module_.sizes, rae.encoder_ is not None
            has = {"decoder": sizes.decoder, "encode": encode, "mixing": sizes.mixing}
        else:
            rae._validate_params()  # scikit-learn leaves it out within another estimator's fit
            has = rae.get_params(deep=False)
        for name in ("decoder", "encode"):
            if not has[name]:
                raise ValueError(
                    f"estimator has {name}=False, and rows must be decoded: give one with "
                    f"{name}=True."
                )
        if self.mixing == "mixer" and has["mixing"] != "mixer":
            raise ValueError(
                f"mixing='mixer' needs a mixer, and estimator has mixing={has['mixing']!r}: give "
                "one with mixing='mixer', or a concentration here, such as 1.0."
            )

    def _fit_encoder(self, data: Any, labels: NDArray[Any]) -> NDArray[np.float32]:
        """Train the classifier, which has an encoder of its own."""
        if not self._deficits:  # nothing to train for
            return super()._fit_encoder(data, labels)
        rae = _unwrapped(self.estimator)
        if not hasattr(rae, "net_"):
            rae = self._made().fit(data, labels)
        elif rae.classes_.tolist() != self.classes_.tolist():
            raise ValueError(
                f"estimator was fitted on the classes {rae.classes_.tolist()}, and y holds "
                f"{self.classes_.tolist()}: fit it on these data, or give an unfitted one."
            )
        else:
            _check_rows(data, rae)
        self.estimator_, self.encoder_, self.device_ = rae, rae.encoder_, rae.device_
        x: NDArray[np.float32] = rae.encoder_.transform(data)
        return x

    def _fit_generator(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        """Keep the latent codes of the classes that rows are added to."""
        self._row_shape = x.shape[1:]
        net = self.estimator_.net_
        self._n_threads = None if net.module_.sizes.convolutional else 1
        self._mixing = self.mixing if self.mixing == "mixer" else float(self.mixing)
        # On the processor, so that a pickle can be read where there is no such device.
        self._codes = {code: net.codes(x[codes == code]).cpu() for code in self._deficits}

    def _made(self) -> RAEClassifier:
        """An RAE to train, by a seed of this sampler where it has none of its own."""
        if self.estimator is None:
            rae = RAEClassifier(
                categorical_features=self.categorical_features,
                image_shape=self.image_shape,
                device=self.device,
                verbose=self.verbose,
            )
        else:
            rae = clone(_unwrapped(self.estimator))
        seed = draw_seed(self._random)
        return rae if rae.random_state is not None else rae.set_params(random_state=seed)

    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Eq. 1, and the decoder."""
        net = self.estimator_.net_
        codes = self._codes[code].to(net.device)
        rows: NDArray[np.float32] = net.generate(codes, code, n, self._mixing)
        return rows.reshape(n, *self._row_shape)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "estimator_" in state:  # it moves to the processor where its device is missing
            self.device_ = self.estimator_.device_


def _unwrapped(estimator: Any) -> Any:
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _check_rows(data: Any, rae: RAEClassifier) -> None:
    """Refuse rows that a fitted classifier does not know, or that are not as those it makes."""
    width = math.prod(rae.net_.module_.sizes.shape)
    made = rae.encoder_.inverse_transform(np.zeros((1, width), dtype=np.float32))
    if not isinstance(data, type(made)):
        fitted, given = (f"{type(x).__module__}.{type(x).__name__}" for x in (made, data))
        raise ValueError(
            f"estimator was fitted on {fitted}, and X is {given}: convert X, or give an unfitted "
            "estimator."
        )
    rae.predict(data[:1])  # refuses other columns, and images of another size
    shape, given = (np.shape(x)[1:] for x in (rae._as_fitted(data[:1]), data))
    if shape != given:
        raise ValueError(
            f"estimator was fitted on rows of shape {shape}, and those of X have shape {given}: "
            "reshape X, or give an unfitted estimator."
        )
    for (name, fitted), (_, dtype) in zip(_dtypes(made), _dtypes(data), strict=True):
        if fitted != dtype:
            raise ValueError(
                f"estimator was fitted on {name} of {fitted!r}, and X has {dtype!r} there: "
                "convert X, or give an unfitted estimator."
            )


def _dtypes(rows: Any) -> list[tuple[str, Any]]:
    """Dtype of each column of a frame; of an array what it holds, in whatever precision."""
    if not is_frame(rows):
        return [("columns", rows.dtype.kind)]
    return [(f"column {c!r}", dtype) for c, dtype in zip(rows.columns, rows.dtypes, strict=True)]
