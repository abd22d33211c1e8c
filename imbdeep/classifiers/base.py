"""What all classifiers share: a scikit-learn classifier that owns a skorch net."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from skorch.callbacks import EarlyStopping
from skorch.dataset import Dataset
from torch import Tensor, nn

from imbdeep._warnings import warn
from imbdeep.classifiers._building import check_output
from imbdeep.classifiers._docs import documented
from imbdeep.classifiers._net import ClassifierNet, records
from imbdeep.classifiers.schedules import check_callbacks
from imbdeep.encoding import (
    ImageScaler,
    TabularEncoder,
    check_shape,
    data_array,
    image_shape_of,
    is_frame,
    plain_labels,
    refuse_missing_labels,
    target_array,
    warn_of_identifiers,
)
from imbdeep.networks import CosineLinear
from imbdeep.seeding import (
    Portable,
    random_stream,
    refuse_arguments,
    resolve_device,
    restored_on_failure,
    seeded,
)

__all__ = ["DeepClassifier"]


@documented
class DeepClassifier(Portable, ClassifierMixin, BaseEstimator, ABC):
    """Base class of the classifiers that train a network.

    It validates and encodes rows and labels, splits off validation rows before anything is
    re-sampled or made, trains the method's skorch net within its own random stream, and predicts. A
    method implements ``_train(x, y, valid, stream)``. The parameters mean what they mean in
    :class:`~imbdeep.classifiers.ERMClassifier`.

    Attributes
    ----------
    $classes
    $net
    history_ : list of dict
        A record an epoch: ``epoch``, ``loss``, ``learning_rate`` and, with validation rows,
        ``validation`` (loss) and ``validation_balanced_accuracy``.
    $fitted
    """

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like"],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "encode": ["boolean"],
        "categorical_features": ["array-like", StrOptions({"auto"}), None],
        "image_shape": ["array-like", None],
        "callbacks": ["array-like", None],
        "training_params": [dict, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    #: What ``training_params`` may hold: the value it has otherwise, and its constraint.
    _TRAINING: ClassVar[dict[str, tuple[Any, list[Any]]]] = {}
    #: Parameters that hold the units of hidden layers.
    _LAYERS: ClassVar[tuple[str, ...]] = ("hidden_layer_sizes",)

    if TYPE_CHECKING:  # the parameters, which _store sets

        def __getattr__(self, name: str) -> Any: ...

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of a constructor under their names, as scikit-learn asks."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    def _option(self, name: str) -> Any:
        """Return ``device``, ``random_state`` or ``verbose``."""
        return getattr(self, name)

    def _setting(self, name: str) -> Any:
        """Return a setting of ``training_params``, or its default."""
        return (self.training_params or {}).get(name, self._TRAINING[name][0])

    @abstractmethod
    def _train(self, x: Tensor, y: Tensor, valid: Any, stream: np.random.RandomState) -> None:
        """Train on encoded rows and their classes and set ``net_``; ``valid`` is a pair or None."""

    def _convolutional(self, x: Tensor) -> bool:
        """Tell whether the networks convolve encoded rows of the shape of ``x``."""
        return x.ndim == 4

    def _check_method(self, n: int) -> None:
        """Refuse, before training, parameters of the method that do not fit the n training rows."""

    def _make_encoder(self, image: bool) -> Any:
        """Return the encoder to fit on the training rows."""
        if not self.encode:
            return None
        encoder = (
            ImageScaler()
            if image
            else TabularEncoder(
                categorical_features=self.categorical_features, handle_unknown="ignore"
            )
        )
        return encoder.set_output(transform="default")  # whatever scikit-learn's global setting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> DeepClassifier:
        """Train the network.

        Ctrl-C ends the training and keeps the best weights so far, of the validation rows, or else
        the last ones. A second Ctrl-C in the same call, or one before the first step, aborts it. A
        call that fails or is aborted leaves the classifier as it was before.

        Parameters
        ----------
        X : array-like, sparse matrix, pandas or polars DataFrame, or torch.Tensor
            Rows, of shape (n_samples, n_features), or images, of shape (n_samples, channels,
            height, width). Tables may have mixed columns and missing values (with ``encode``).
        y : array-like of shape (n_samples,)
            Labels of any kind that has an order, dates and tuples too.
        *args, **kwargs : none
            There are no more arguments; sample weights are refused.

        Returns
        -------
        DeepClassifier
            This object.

        Raises
        ------
        ValueError
            If the data cannot be used (one class, infinite values, dates, ...) or a parameter does
            not fit it; before any training.
        TypeError
            If the labels have no order or a container cannot be read, before any training; or if
            there are more arguments, such as ``sample_weight``.
        imbdeep.training.DivergedError
            If the training loss stops being finite.

        Warns
        -----
        UserWarning
            If Ctrl-C has ended the training, with the epoch that it had reached.
        """
        self._refuse_arguments("fit", args, kwargs)
        with restored_on_failure(self):
            return self._fit(X, y)

    def _refuse_arguments(self, method: str, args: Any, kwargs: Any) -> None:
        where = "" if "class_weight" in self._parameter_constraints else " of ERMClassifier"
        advice = f"weigh classes by class_weight{where}, or repeat rows"
        refuse_arguments(self, method, args, kwargs, advice)

    def _fit(self, X: Any, y: Any) -> DeepClassifier:
        data, labels = self._check_X_y(X, y)
        self.classes_, y = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y holds one class, {self.classes_.tolist()[0]!r}: a classifier needs rows of two "
                "classes or more."
            )
        self._check_parameters()
        self.device_ = resolve_device(self._option("device"))
        stream = random_stream(self._option("random_state"))
        train, held_out = self._split(y, stream)
        self.class_counts_ = np.bincount(y[train], minlength=len(self.classes_))
        self._check_method(int(self.class_counts_.sum()))

        self.encoder_ = self._make_encoder(self._image is not None)
        x = self._fit_encoder(_rows(data, train), y[train])
        self._check_row(x)
        valid = None
        if held_out is not None:
            held = self._encode(_rows(data, held_out))
            valid = self._to_device(held), self._to_device(y[held_out])
        self._train(self._to_device(x), self._to_device(y[train]), valid, stream)
        self.history_ = records(self.net_.history)
        return self

    def _fit_encoder(self, data: Any, y: NDArray[np.intp]) -> NDArray[np.float32]:
        if self.encoder_ is not None:
            self.encoder_.fit(data, y)
            warn_of_identifiers(self.encoder_)
        return self._encode(data)

    def _encode(self, data: Any) -> NDArray[np.float32]:
        if isinstance(self.encoder_, ImageScaler) and self.encoder_.dtype_.kind != data.dtype.kind:
            raise ValueError(
                f"X holds images of dtype {data.dtype}, and the encoder was fitted on "
                f"{self.encoder_.dtype_}: their values may be in another unit. Convert them."
            )
        x = _plain(data) if self.encoder_ is None else self.encoder_.transform(data)
        return x if self._image is None else x.reshape(-1, *self._image)

    def _to_device(self, rows: NDArray[Any]) -> Tensor:
        # A copy where the array may not be written to: torch would warn.
        tensor = torch.from_numpy(np.require(rows, requirements=["C", "W"]))
        if self._channels_last(tensor):
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor.to(self.device_)

    def _channels_last(self, x: Tensor) -> bool:
        """Tell whether convolutions are faster on this memory format (a quarter, on processors)."""
        return self._convolutional(x) and self.device_.type in ("cpu", "cuda")

    def _check_X_y(self, X: Any, y: Any, reset: bool = True) -> tuple[Any, NDArray[Any]]:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        targets = target_array(y)
        refuse_missing_labels(targets)
        plain = plain_labels(targets)
        assert_all_finite(plain, input_name="y")
        kind = type_of_target(plain, input_name="y") if targets.ndim else ""
        if kind.startswith("multi") and kind != "multiclass":
            raise ValueError("Multilabel and multioutput targets are not supported.")
        data = data_array(X, self.image_shape)
        if is_frame(data) and self.encode:
            validate_data(self, X=data, y=plain, reset=reset, skip_check_array=True)
            labels = column_or_1d(plain, warn=True)
            check_consistent_length(data, labels)
        else:
            data, labels = validate_data(self, X=data, y=plain, reset=reset, **self._array_rules())
        check_classification_targets(labels)
        check_shape(data, self.image_shape)
        if reset:
            self._image = image_shape_of(data, self.image_shape)
        else:
            self._check_row_shape(data)
        return data, labels if plain is targets else targets.ravel()

    def _array_rules(self) -> dict[str, Any]:
        if self.encode:  # missing values are encoded; the encoder refuses infinite ones by column
            return {
                "accept_sparse": ["csr", "csc"],
                "allow_nd": True,
                "dtype": None,
                "ensure_all_finite": False,
            }
        return {"accept_sparse": ["csr"], "allow_nd": True, "dtype": np.float32}

    def _check_parameters(self) -> None:
        given = self.training_params or {}
        unknown = [name for name in given if name not in self._TRAINING]
        if unknown:
            raise ValueError(
                f"training_params has {unknown}, which it does not take: give some of "
                f"{list(self._TRAINING)}."
            )
        rules = {name: rule for name, (_, rule) in self._TRAINING.items()}
        validate_parameter_constraints(rules, given, f"training_params of {type(self).__name__}")
        check_callbacks(self.callbacks or (), self.early_stopping)
        for name in self._LAYERS:
            sizes = getattr(self, name)
            if isinstance(sizes, str):
                continue
            if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
                raise ValueError(
                    f"{name}={sizes!r} must be positive integers: the units of each hidden layer."
                )
        named = not isinstance(self.categorical_features, str | None)
        if named and (self._image is not None or not self.encode):
            raise ValueError(
                f"categorical_features={self.categorical_features!r} is for tables that are "
                "encoded here, and X is not: leave it out."
            )

    def _split(
        self, y: NDArray[np.intp], stream: np.random.RandomState
    ) -> tuple[NDArray[np.intp] | slice, NDArray[np.intp] | None]:
        """Hold out a share of each class, of two rows one, of a single row none."""
        if not self.early_stopping:
            return slice(None), None
        held_out = np.zeros(len(y), dtype=bool)
        for code in range(len(self.classes_)):
            rows = stream.permutation(np.flatnonzero(y == code))
            n = max(1, round(self.validation_fraction * len(rows)))
            held_out[rows[: min(n, len(rows) - 1)]] = True
        if not held_out.any():
            raise ValueError(
                "early_stopping holds rows out, and every class has one row, which is needed for "
                "training: set early_stopping=False."
            )
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def _check_row(self, x: NDArray[np.float32]) -> None:
        if not math.prod(x.shape[1:]):
            raise ValueError(
                f"All {self.n_features_in_} columns of X are constant: there is nothing to learn "
                "the classes from."
            )

    def _trained(
        self, net: ClassifierNet, x: Tensor, y: Tensor, seed: int, keeps: bool = True
    ) -> ClassifierNet:
        """Initialise a net, train it on these rows, all by this seed, and return it.

        With ``keeps``, Ctrl-C ends the training and keeps what it has learned.
        """
        net.keeps = keeps
        with seeded(seed, self.device_, self._n_threads(x)):
            net.own_stream(seed, self._n_threads(x))
            net.initialize()
            if self._channels_last(x):
                net.module_.to(memory_format=torch.channels_last)
            check_output(net, x)
            return self._run(net, x, y)

    def _run(self, net: ClassifierNet, x: Tensor, y: Tensor) -> ClassifierNet:
        net.go_on(x, y)
        if net.aborted_:
            raise KeyboardInterrupt
        if net.interrupted_:
            best = [c.best_epoch_ for _, c in net.callbacks_ if isinstance(c, EarlyStopping)]
            what = f"best weights so far, of epoch {best[0]}," if any(best) else "weights"
            warn(
                f"The training was interrupted in epoch {net.history[-1, 'epoch']} of at most "
                f"{net.max_epochs}: the {what} are kept. Interrupt fit once more to give them "
                "up too."
            )
        net.train_split = None  # holds the validation rows
        return net

    def _n_threads(self, x: Tensor) -> int | None:
        """Return 1 for small networks: see :func:`imbdeep.seeding.seeded`."""
        return None if self._convolutional(x) else 1

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the label of each row: the class of the highest probability.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels.
        """
        places = self.predict_proba(X).argmax(
            axis=1
        )  # first: an unfitted estimator has no classes_
        labels: NDArray[Any] = self.classes_[places]
        return labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of the predicted labels.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, with the columns seen in ``fit``.
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        float
            Share of the rows whose label is predicted.
        """
        labels, predicted = target_array(y), self.predict(X)
        if labels.dtype.kind not in "biufcU":  # such as dates, which metrics do not take
            both = plain_labels(np.concatenate([labels.ravel(), predicted]))
            labels, predicted = np.split(both, [labels.size])
        return float(accuracy_score(labels, predicted, sample_weight=sample_weight))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class, by the loss that was trained.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, with the columns seen in ``fit``. A level that ``fit`` did not see
            counts as none of the levels, a missing value in a column that had none as the middle.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.
        """
        rows = Dataset(self._new_rows(X))
        probabilities: NDArray[np.float64] = self.net_.predict_proba(rows)
        return probabilities

    def penultimate_features(self, X: Any) -> NDArray[np.float32]:
        """Return what the last linear layer, in the order of definition, is given.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Features, learned to be separable by hyperplanes (by angles, for LDAM).

        Raises
        ------
        ValueError
            If the module has no linear layer.
        """
        x = self._new_rows(X)
        # Hooks do not fire in a compiled module; the one that it was made of shares the weights.
        module = getattr(self.net_.module_, "_orig_mod", self.net_.module_)
        layers = [m for m in module.modules() if isinstance(m, (nn.Linear, CosineLinear))]
        if not layers:
            kinds = ", ".join(sorted({type(m).__name__ for m in module.modules()}))
            raise ValueError(
                f"The network, made of {kinds}, has no linear layer, before which features could "
                "be read: end it with torch.nn.Linear."
            )
        seen: list[Tensor] = []
        device = torch.device(self.net_.device)
        here = threading.get_ident()

        def see(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if threading.get_ident() == here:  # others may predict meanwhile
                seen.append(inputs[0].detach().float().cpu())

        hook = layers[-1].register_forward_pre_hook(see)
        module.eval()
        try:
            with torch.no_grad():
                for rows, _ in self.net_.get_iterator(Dataset(x)):
                    module(rows.to(device))
        finally:
            hook.remove()
        features: NDArray[np.float32] = torch.cat(seen).numpy()
        return features

    def _new_rows(self, X: Any) -> Tensor:
        """Validate and encode rows to predict, as a tensor on the processor."""
        check_is_fitted(self, "net_")
        data = self._as_fitted(data_array(X, self._image))
        if is_frame(data) and isinstance(self.encoder_, TabularEncoder):
            validate_data(self, X=data, reset=False, skip_check_array=True)
        else:
            if getattr(data, "ndim", 0) > 2:
                self._check_row_shape(data)
            data = validate_data(self, X=data, reset=False, **self._array_rules())
        self._check_row_shape(data)
        return torch.from_numpy(np.require(self._encode(data), requirements=["C", "W"]))

    def _as_fitted(self, data: Any) -> Any:
        """Flatten images, or unflatten them, as those of ``fit`` were."""
        if self._image is None or not isinstance(data, np.ndarray):
            return data
        flat = (math.prod(self._image),)
        if data.shape[1:] not in (self._image, flat):
            return data
        return data.reshape(-1, *(flat if self.n_features_in_ == flat[0] else self._image))

    def _check_row_shape(self, data: Any) -> None:
        if self._image is not None:
            row = np.shape(data)[1:]
            if row != self._image and row != (math.prod(self._image),):
                raise ValueError(
                    f"X has rows of shape {row}, and {type(self).__name__} was fitted on images of "
                    f"shape {self._image}: pass images of that shape, or flattened ones."
                )
        elif np.ndim(data) != 2 and not is_frame(data):
            raise ValueError(
                f"X has shape {np.shape(data)}, and {type(self).__name__} was fitted on a table: "
                "pass rows of shape (n_samples, n_features)."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.encode)
        tags.input_tags.string = bool(self.encode)
        tags.input_tags.sparse = True
        return tags


def _rows(data: Any, rows: Any) -> Any:
    """Rows of any container, all of them without a copy."""
    if isinstance(rows, slice):
        return data
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    return data[rows]


def _plain(data: Any) -> NDArray[np.float32]:
    """Numbers as they are, dense, in float32."""
    return np.asarray(data.toarray() if hasattr(data, "toarray") else data, dtype=np.float32)
