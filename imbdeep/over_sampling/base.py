"""What all deep over-samplers share: from the user's container to the network and back."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from imbdeep.encoding import (
    ImageScaler,
    TabularEncoder,
    append_rows,
    check_shape,
    data_array,
    image_shape_of,
    in_container,
    is_arrow,
    is_frame,
    plain_labels,
    position_of,
    refuse_missing_labels,
    rows_like,
    take_rows,
    target_array,
    warn_of_identifiers,
)
from imbdeep.over_sampling._filter import RowFilter
from imbdeep.over_sampling._memory import VERSIONS, fitted, remembered
from imbdeep.over_sampling._shared import documented
from imbdeep.seeding import (
    Portable,
    draw_seed,
    random_stream,
    refuse_arguments,
    resolve_device,
    restored_on_failure,
    seeded,
)

__all__ = ["DeepOverSampler", "check_layer_sizes", "layer_sizes"]

#: Rows decoded at a time: bounds the memory that a large deficit takes beside the result.
_CHUNK = 65_536


@documented
class DeepOverSampler(Portable, BaseOverSampler):
    """Base class of the over-samplers that train a network.

    It validates and encodes the data, calls the two hooks of the method and puts the generated
    rows behind the original ones, in the user's own container, columns and dtypes. A method
    implements ``_fit_generator(x, y, *, n_new, shape, layout, seed, stream)`` and
    ``_generate(code, n)``; ``docs/adding.md`` describes what they receive.

    For every method alike it seeds torch for both hooks, with float32 as default dtype and one
    thread for networks that do not convolve; drops what an earlier fit has learned; puts all back
    when a fit fails; and pickles tensors so that they can be read on another device.

    imbalanced-learn's own plumbing is not used for the containers: it truncates integers, loses
    nullable and categorical columns, refuses images, and fails on polars after the training.

    Parameters
    ----------
    $sampling_strategy
    $data_parameters
    $common_parameters

    Attributes
    ----------
    $class_attributes
    $common_attributes
    """

    #: Of the parameters here; a method adds those of its own.
    _parameter_constraints: dict[str, list[Any]] = {
        **BaseOverSampler._parameter_constraints,
        "categorical_features": [StrOptions({"auto"}), "array-like", None],
        "image_shape": [tuple, list, None],
        "row_filter": [StrOptions({"auto"}), HasMethods(["fit", "predict_proba"]), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, HasMethods(["cache"]), None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    #: Attributes after a fit that has nothing to add or to learn.
    _NOT_LEARNED: ClassVar[dict[str, Any]] = {
        "generator_": None,
        "history_": [],
        "diagnostics_": {},
    }

    def __init__(
        self,
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

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of a constructor, its ``locals()``, under their names."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # ----------------------------------------------------------------- what a method implements

    @abstractmethod
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
        """Train on encoded rows x, float32 (n, width), of classes y, int64 (n,), on the device.

        ``n_new`` has the classes that lack rows, with the number of rows to add; ``shape`` is
        (width,) for tables and (channels, height, width) for images;
        ``ObservationLikelihood(**layout)`` is the likelihood of the columns; torch is seeded by
        ``seed``, and more seeds are drawn from ``stream``.
        """

    @abstractmethod
    def _generate(
        self, code: int, n: int
    ) -> Tensor | NDArray[np.float32] | Iterable[Tensor | NDArray[np.float32]]:
        """Return ``n`` new encoded rows of the class ``code``, (n, ...), or parts of them."""

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        """Refuse, before training, parameters that do not fit the rows of each class or images.

        ``image`` is the shape of an image, (channels, height, width), or None for tables.
        """

    def _convolves(self, shape: tuple[int, ...]) -> bool:
        """Tell whether the networks convolve encoded rows of this shape."""
        return False

    def _draws(self) -> bool:
        """Tell whether ``_fit_generator`` needs a seed."""
        return True

    # --------------------------------------------------------------------- what the user calls

    def fit(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> DeepOverSampler:
        """Check the data and the parameters, without any training: use ``fit_resample``.

        Parameters
        ----------
        X : array-like, sparse matrix, pandas or polars DataFrame, or torch.Tensor
            Rows or images.
        y : array-like of shape (n_samples,)
            Labels.
        *args, **kwargs : none
            There are no more arguments; sample weights are refused.

        Returns
        -------
        DeepOverSampler
            This object.

        Raises
        ------
        TypeError
            If there are more arguments, such as ``sample_weight``.
        """
        self._refuse_arguments("fit", args, kwargs)
        checked: DeepOverSampler = super().fit(X, y)
        return checked

    def _fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        return self.fit_resample(X, y)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Train the generator and return the data with generated rows behind the original ones.

        A call that fails or is interrupted leaves the sampler as it was before.

        Parameters
        ----------
        X : array-like, sparse matrix, pandas, polars or pyarrow table, or torch.Tensor
            Rows, of shape (n_samples, n_features), or images, of shape (n_samples, channels,
            height, width). Tables may have mixed columns and missing values, such as the masked
            cells of a masked array.
        y : array-like of shape (n_samples,)
            Labels of any kind that has an order, dates and tuples too; one-hot rows of shape
            (n_samples, n_classes) as well.
        *args, **kwargs : none
            There are no more arguments; sample weights are refused.

        Returns
        -------
        X_resampled : same type and dtypes as ``X``
            The original rows first, unchanged and in order, then the generated ones; items of a
            list are of the type and dtype of those that went in.
        y_resampled : same type and dtype as ``y``
            Their labels.

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
        """
        self._refuse_arguments("fit_resample", args, kwargs)
        with restored_on_failure(self):
            return self._resample(X, y)

    def _refuse_arguments(self, method: str, args: Any, kwargs: Any) -> None:
        advice = "say by sampling_strategy how many rows each class gets"
        refuse_arguments(self, method, args, kwargs, advice)

    def _resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        self._forget()
        data, labels, _ = self._check_X_y(X, y)
        self.classes_, first, codes = np.unique(labels, return_index=True, return_inverse=True)
        self.sampling_strategy_ = self._checked_strategy(labels, codes)
        self.class_counts_ = np.bincount(codes)
        self.device_ = resolve_device(self.device)
        image = image_shape_of(data, self.image_shape)
        self._check_parameters(self.class_counts_, image)
        if image is not None and not isinstance(self.categorical_features, str | None):
            raise ValueError(
                f"categorical_features={self.categorical_features!r} is for tables, but the rows "
                "are images: leave it out."
            )
        plain = plain_labels(labels)  # labels that a classifier of scikit-learn can learn
        self._filter = RowFilter(self.row_filter, self.n_candidates, np.unique(plain))
        # A second call with the same integer starts the same stream anew.
        self._random = random_stream(self.random_state)
        self._deficits = {
            code: int(n)
            for label, n in self.sampling_strategy_.items()
            if n > 0 and (code := position_of(label, self.classes_)) is not None
        }
        # A new label is a copy of an old one: exact in any dtype.
        rows = [np.repeat(first[code], n) for code, n in self._deficits.items()]
        y_res = take_rows(y, np.concatenate([np.arange(len(labels)), *rows]))

        # A container whose rows cannot be put together again fails before the training.
        row = take_rows(X, np.zeros(1, dtype=np.intp)) if sparse.issparse(X) else X[:1]
        append_rows(row, [row], 1)
        self._like = X[:0] if is_arrow(X) or isinstance(X, np.ma.MaskedArray) else None

        x = self._fit_encoder(data, labels, image)
        self._row_shape = x.shape[1:]
        self._width = math.prod(self._row_shape)
        self._shape = self._network_shape(image)
        if self._deficits and self._width:
            # An encoder may know images by the shape that the sampler's estimator has.
            images = isinstance(self.encoder_, ImageScaler)
            self._filter.prepare(self._deficits, images, self._random)
            self._train(x, codes)
            self._filter.fit(x.reshape(len(x), -1), plain, self.memory)
            self.filter_ = self._filter.classifier
        del x

        parts = (
            rows_like(X, part)
            for code, n in self._deficits.items()
            for part in self._new_rows(code, n, self._random)
        )
        return append_rows(X, parts, sum(self._deficits.values())), y_res

    def _network_shape(self, image: tuple[int, ...] | None) -> tuple[int, ...]:
        """Return the shape in which networks see a row: images may be flattened in the data."""
        return image or self._row_shape

    def _forget(self) -> None:
        """Drop what an earlier fit has learned."""
        kept = self.get_params(deep=False)
        for name in set(vars(self)) - set(kept):
            if not name.startswith(("_sklearn", "_metadata")):  # settings of scikit-learn
                delattr(self, name)
        for name, value in self._NOT_LEARNED.items():
            setattr(self, name, copy(value))
        self.filter_ = None
        self.filter_scores_: dict[Any, dict[str, float]] = {}

    def _train(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        """Call the first hook, seeded, with what it needs."""
        table = isinstance(self.encoder_, TabularEncoder)
        images = {"n_gaussian": 0, "n_bernoulli": self._width, "intensities": True}
        seed = draw_seed(self._random) if self._draws() else 0
        # Small networks want one thread: see imbdeep.seeding.seeded.
        self._n_threads = None if self._convolves(self._shape) else 1
        with seeded(seed, self.device_, self._n_threads):
            self._fit_generator(
                torch.from_numpy(x.reshape(len(x), self._width)).to(self.device_),
                torch.from_numpy(codes).to(self.device_),
                n_new=self._deficits,
                shape=self._shape,
                layout=asdict(self.encoder_.layout_) if table else images,
                seed=seed,
                stream=self._random,
            )

    def _checked_strategy(self, labels: NDArray[Any], codes: NDArray[np.intp]) -> dict[Any, int]:
        """Return the number of rows to add to each class, by its label."""
        wanted = self.sampling_strategy
        if isinstance(wanted, Real):  # imbalanced-learn asks what kind of labels these are
            found = check_sampling_strategy(wanted, codes, self._sampling_type)
            return {self.classes_[code]: n for code, n in found.items()}
        if callable(wanted):
            wanted = wanted(labels)
        if isinstance(wanted, dict):
            places = {label: position_of(label, self.classes_) for label in wanted}
            wanted = {
                label if place is None else self.classes_[place]: wanted[label]
                for label, place in places.items()
            }
        strategy: dict[Any, int] = check_sampling_strategy(wanted, labels, self._sampling_type)
        return strategy

    def _fit_encoder(
        self, data: Any, labels: NDArray[Any], image: tuple[int, ...] | None
    ) -> NDArray[np.float32]:
        """Fit the encoder and return the encoded rows."""
        encoder = (
            ImageScaler()
            if image is not None
            else TabularEncoder(categorical_features=self.categorical_features)
        ).set_output(transform="default")  # whatever scikit-learn's global setting
        if self.memory is None:
            x: NDArray[np.float32] = encoder.fit_transform(data, labels)
        else:  # the encoded rows may be many: only what was learned from them is kept
            encoder = remembered(self.memory, fitted)(encoder, data, labels, VERSIONS)
            x = encoder.transform(data)
        self.encoder_ = encoder
        warn_of_identifiers(encoder)
        return x

    def sample(self, n: int, target: Any, *, random_state: Any = None) -> Any:
        """Draw more rows of a class after fitting.

        Parameters
        ----------
        n : int
            Number of rows.
        target : label
            One of the classes that ``fit_resample`` added rows to.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. None goes on where the last draw stopped, so that repeated calls give
            new rows.

        Returns
        -------
        ndarray or DataFrame of n rows
            The rows, in the container that was fitted (an array for tensors and lists).

        Raises
        ------
        ValueError
            If no rows were added to the class, or ``n`` is not a positive integer.
        """
        code = self._code_of(target)
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"n={n!r} must be a positive integer: the number of rows to draw.")
        stream = self._random if random_state is None else random_stream(random_state)
        parts = list(self._new_rows(code, int(n), stream))
        return parts[0] if len(parts) == 1 else append_rows(parts[0], parts[1:], n - len(parts[0]))

    def _new_rows(self, code: int, n: int, stream: np.random.RandomState) -> Iterator[Any]:
        """Generate n rows of a class and decode them, some at a time."""

        def generate(n: int) -> NDArray[np.float32]:
            return self._generated(code, n, stream)

        if not self._width:  # only constant columns: nothing to draw
            x = np.empty((n, 0), dtype=np.float32)
        elif self._filter.applies_to(code):
            x, means = self._filter.draw(generate, code, n, stream)
            self.filter_scores_.setdefault(self.classes_[code], means)  # those of the fit stay
        else:
            x = generate(n)
        for start in range(0, n, _CHUNK):
            yield self._decoded(x[start : start + _CHUNK])

    def _decoded(self, x: NDArray[np.float32]) -> Any:
        x = x.reshape(len(x), *self._row_shape)
        return in_container(self._like, self.encoder_.inverse_transform(x))

    def _encoded(self, X: Any) -> Tensor:
        """Encoded rows of the fitted columns, (n, width), on the processor."""
        x = self.encoder_.transform(data_array(X))
        return torch.from_numpy(x.reshape(len(x), self._width))

    def _latent(self, X: Any, encode: Callable[[Tensor], Tensor], most: int) -> NDArray[np.float32]:
        """Latent codes of rows, (n, latent_dim), of at most so many rows at a time."""
        with torch.no_grad():
            parts = [encode(x.to(self.device_)).cpu() for x in self._encoded(X).split(most)]
        z: NDArray[np.float32] = torch.cat(parts).numpy()
        return z

    def _generated(self, code: int, n: int, stream: np.random.RandomState) -> NDArray[np.float32]:
        """Call the second hook: (n, width)."""
        return self._collected(lambda: self._generate(code, n), n, stream)

    def _collected(
        self, make: Callable[[], Any], n: int, stream: np.random.RandomState
    ) -> NDArray[np.float32]:
        """Call what makes n encoded rows, seeded, and put its parts together: (n, width)."""
        rows = np.empty((n, self._width), dtype=np.float32)
        start = 0
        with seeded(draw_seed(stream), self.device_, self._n_threads), torch.no_grad():
            made = make()
            for part in [made] if isinstance(made, Tensor | np.ndarray) else made:
                found = torch.as_tensor(part).reshape(len(part), -1).cpu().numpy()
                rows[start : start + len(found)] = found
                start += len(found)
        if start != n:
            raise RuntimeError(f"{type(self).__name__} made {start} rows instead of {n}.")
        return rows

    def _code_of(self, target: Any) -> int:
        check_is_fitted(self, "encoder_")
        labels, code = self.classes_.tolist(), position_of(target, self.classes_)
        if code is None or code not in self._deficits:
            there = [labels[code] for code in self._deficits]
            raise ValueError(
                f"target={target!r} is not a class that rows were added to (those are {there}): "
                "choose one of them, or name it in sampling_strategy and fit again."
            )
        return code

    def _check_X_y(self, X: Any, y: Any, accept_sparse: Any = None) -> tuple[Any, Any, bool]:
        targets = target_array(y)
        refuse_missing_labels(targets)
        plain = plain_labels(targets)
        if targets.ndim:  # what is no array at all gets scikit-learn's own message
            check_classification_targets(plain)
        labels, one_vs_all = check_target_type(plain, indicate_one_vs_all=True)
        data = data_array(X, self.image_shape)
        if is_frame(data):
            validate_data(self, X=data, y=labels, reset=True, skip_check_array=True)
            check_consistent_length(data, labels)
        else:
            # Missing values are modelled; infinite ones are refused by the encoder, by column.
            data, _ = validate_data(
                self,
                X=data,
                y=labels,
                reset=True,
                accept_sparse=["csr", "csc"],
                allow_nd=True,
                dtype=None,
                ensure_all_finite=False,
            )
        check_shape(data, self.image_shape)
        return data, labels if plain is targets else targets.ravel(), one_vs_all

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def check_layer_sizes(name: str, sizes: Any) -> None:
    """Refuse units of hidden layers that are none.

    Parameters
    ----------
    name : str
        What the parameter is called.
    sizes : sequence of int or "auto"
        Units of each hidden layer.

    Raises
    ------
    ValueError
        If there is no layer, or a number of units is not a positive integer.
    """
    if isinstance(sizes, str):
        return
    if not sizes or not all(
        isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0
        for size in sizes
    ):
        raise ValueError(
            f"{name}={sizes!r} must hold at least one positive integer: the units of each hidden "
            "layer."
        )


def layer_sizes(sizes: Any, images: bool) -> tuple[int, ...]:
    """Units of the hidden layers of an auto-encoder: those given, or those of "auto".

    Parameters
    ----------
    sizes : sequence of int or "auto"
        The parameter ``hidden_layer_sizes``.
    images : bool
        Whether rows are images.

    Returns
    -------
    tuple of int
        "auto" gives the paper's 300 and 300 for images, and 128 and 128 for tables.
    """
    if isinstance(sizes, str):
        return (300, 300) if images else (128, 128)
    return tuple(sizes)
