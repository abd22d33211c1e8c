"""What the over-samplers share whose networks are those of a classifier."""

from __future__ import annotations

import math
from abc import ABC
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from imbdeep.classifiers.base import DeepClassifier
from imbdeep.encoding import is_frame
from imbdeep.over_sampling._shared import documented
from imbdeep.over_sampling.base import DeepOverSampler
from imbdeep.seeding import draw_seed

__all__ = ["EstimatorOverSampler"]

#: What a sampler hands on to the classifier that it makes itself, and what each is by default.
_HANDED_ON = {
    "categorical_features": "auto",
    "image_shape": None,
    "device": "auto",
    "verbose": False,
}


@documented
class EstimatorOverSampler(DeepOverSampler, ABC):
    """Base class of the over-samplers whose rows come from the networks of a classifier.

    It makes and trains the classifier, or takes a fitted one that suits the data, and encodes rows
    as the classifier does. A method names the classifier's class in ``_ESTIMATOR``, and what is
    made in ``_NAME``; the classifier's ``net_.module_.sizes.shape`` is that of an encoded row.

    Parameters
    ----------
    estimator : DeepClassifier, FrozenEstimator or None, default=None
        $estimator
    $sampling_strategy
    $estimator_parameters
    $random_state
    $verbose

    Attributes
    ----------
    estimator_ : DeepClassifier
        The classifier in use; missing where no rows were to be added.
    $class_attributes
    $common_attributes
    """

    _ESTIMATOR: ClassVar[type[DeepClassifier]]
    _NAME: ClassVar[str]
    #: Of those handed on, what the method itself uses too, so that it goes with an estimator.
    _OWN: ClassVar[frozenset[str]] = frozenset()
    _NOT_LEARNED: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        estimator: Any = None,
        *,
        sampling_strategy: Any = "auto",
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

    def _fitted_parameters(self) -> dict[str, Any]:
        """What a fitted classifier has: its parameters may have changed since."""
        return {"encode": _unwrapped(self.estimator).encoder_ is not None}

    def _check_estimator(self, has: dict[str, Any]) -> None:
        """Refuse, before training, a classifier whose parameters do not suit the method."""
        self._check_switch(has, "encode")

    @staticmethod
    def _check_switch(has: dict[str, Any], name: str) -> None:
        if not has[name]:
            raise ValueError(
                f"estimator has {name}=False, and rows must be decoded: give one with {name}=True."
            )

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        if self.estimator is None:
            return
        name_of_class = self._ESTIMATOR.__name__
        for name, default in _HANDED_ON.items():
            value = getattr(self, name)
            given = value if name == "verbose" else not isinstance(value, type(default))
            if name not in self._OWN and (given or value != default):
                raise ValueError(
                    f"{name}={value!r} is for {self._NAME} that is made here, and estimator is "
                    f"given: set it there, estimator={name_of_class}({name}=...)."
                )
        estimator = _unwrapped(self.estimator)
        if not isinstance(estimator, self._ESTIMATOR):
            raise ValueError(
                f"estimator is a frozen {type(estimator).__name__}: freeze {self._NAME}Classifier, "
                f"FrozenEstimator({name_of_class}().fit(X, y))."
            )
        if estimator is not self.estimator and not hasattr(estimator, "net_"):
            raise ValueError(
                "estimator is frozen and not fitted: fit it before it is frozen, or give it as it "
                "is, to be trained here."
            )
        if hasattr(estimator, "net_"):
            self._check_estimator(self._fitted_parameters())
        else:
            estimator._validate_params()  # scikit-learn leaves it out in another estimator's fit
            self._check_estimator(estimator.get_params(deep=False))

    def _network_shape(self, image: tuple[int, ...] | None) -> tuple[int, ...]:
        if not self._deficits:
            return super()._network_shape(image)
        shape: tuple[int, ...] = self.estimator_.net_.module_.sizes.shape
        return shape

    def _convolves(self, shape: tuple[int, ...]) -> bool:
        return bool(self.estimator_.net_.module_.sizes.convolutional)

    def _fit_encoder(
        self, data: Any, labels: NDArray[Any], image: tuple[int, ...] | None
    ) -> NDArray[np.float32]:
        """Train the classifier, which has an encoder of its own."""
        if not self._deficits:  # nothing to train for
            return super()._fit_encoder(data, labels, image)
        estimator = _unwrapped(self.estimator)
        if not hasattr(estimator, "net_"):
            estimator = self._made().fit(data, labels)
        elif estimator.classes_.tolist() != self.classes_.tolist():
            raise ValueError(
                f"estimator was fitted on the classes {estimator.classes_.tolist()}, and y holds "
                f"{self.classes_.tolist()}: fit it on these data, or give an unfitted one."
            )
        else:
            _check_rows(data, estimator)
        self.estimator_, self.encoder_ = estimator, estimator.encoder_
        self.device_ = estimator.device_
        x: NDArray[np.float32] = estimator.encoder_.transform(data)
        return x

    def _made(self) -> Any:
        """A classifier to train, by a seed of this sampler where it has none of its own."""
        if self.estimator is None:
            made = self._ESTIMATOR(**{name: getattr(self, name) for name in _HANDED_ON})
        else:
            made = clone(_unwrapped(self.estimator))
        seed = draw_seed(self._random)
        return made if made.random_state is not None else made.set_params(random_state=seed)


def _unwrapped(estimator: Any) -> Any:
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _check_rows(data: Any, estimator: DeepClassifier) -> None:
    """Refuse rows that a fitted classifier does not know, or that are not as those it makes."""
    width = math.prod(estimator.net_.module_.sizes.shape)
    made = estimator.encoder_.inverse_transform(np.zeros((1, width), dtype=np.float32))
    if not isinstance(data, type(made)):
        fitted, given = (f"{type(x).__module__}.{type(x).__name__}" for x in (made, data))
        raise ValueError(
            f"estimator was fitted on {fitted}, and X is {given}: convert X, or give an unfitted "
            "estimator."
        )
    estimator.predict(data[:1])  # refuses other columns, and images of another size
    shape, given = (np.shape(x)[1:] for x in (estimator._as_fitted(data[:1]), data))
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
