"""What all deep over-samplers share: from the user's container to the network and back."""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from imbdeep.classifiers._voting import VotingEnsembleClassifier
from imbdeep.encoding import (
    ImageScaler,
    TabularEncoder,
    check_shape,
    data_array,
    image_shape_of,
    in_container,
    is_arrow,
    is_frame,
    plain_labels,
    refuse_missing_labels,
    target_array,
    warn_of_identifiers,
)
from imbdeep.networks import IMAGE_SIZES
from imbdeep.over_sampling._filter import (
    accepted,
    check_classes,
    checked_copy,
)
from imbdeep.seeding import (
    Portable,
    draw_seed,
    random_stream,
    refuse_arguments,
    resolve_device,
    restored_on_failure,
    seeded,
)

__all__ = ["DeepOverSampler", "check_layer_sizes", "choose_network"]

#: Where row_filter="auto", a class that needs more candidates than this is judged by nobody:
#: nothing is known of a gain there, and to judge so many rows takes minutes.
_CANDIDATES = 500_000
#: Rows decoded at a time: bounds the memory that a large deficit takes beside the result.
_CHUNK = 65_536
#: Images of more values than this get the convolutional network where network="auto".
MLP_VALUES = 1024


class DeepOverSampler(Portable, BaseOverSampler):
    """Base class of the over-samplers that train a network.

    It validates and encodes what the user hands in, calls the two hooks of the method and puts
    the generated rows behind the original ones, in the user's own container, columns and dtypes. A
    method implements ``_fit_generator(x, codes)`` and ``_generate(code, n)``.

    imbalanced-learn's own plumbing is not used for the containers: it truncates integers, loses
    nullable and categorical columns, refuses images, and fails on polars after the training.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class gets, as everywhere in imbalanced-learn.
    categorical_features : "auto", list of names or indices, mask or None, default="auto"
        Columns to treat as categories beside those whose dtype says so; see
        :class:`~imbdeep.encoding.TabularEncoder`.
    image_shape : tuple of (channels, height, width), default=None
        What the rows of a two-dimensional ``X`` are when they are flattened images.
    row_filter : "auto", classifier or None, default="auto"
        Who judges generated rows. Of ``n_candidates`` rows for each that is wanted, rows are kept
        in proportion to the probability that a classifier, trained on the real rows, gives to
        their class. "auto" takes :class:`~imbdeep.classifiers.VotingEnsembleClassifier` for tables,
        unless a class needs more than 500 000 candidates, and None for images; a
        classifier of yours is copied and trained on encoded rows. None keeps all rows.
        Kept rows lie further from the border of the class than its real rows, so that classifiers
        trained on them become overconfident.
    n_candidates : int, default=8
        Rows generated for each that is kept, where there is a judge.
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where to train.
    random_state : int, RandomState instance or None, default=None
        Seed of all randomness.
    verbose : bool or int, default=False
        Whether to show progress bars.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    class_counts_ : ndarray of shape (n_classes,)
        Number of original rows of each class.
    sampling_strategy_ : dict
        Number of rows to add to each class.
    encoder_ : TabularEncoder or ImageScaler
        Turns rows into what the network sees and back.
    filter_ : classifier or None
        Who judges encoded rows, ``filter_.predict_proba(encoder_.transform(X))``, or None. Where
        it can be used itself, it often predicts better than what is trained on its rows.
    filter_scores_ : dict of label to dict
        Of the rows that ``fit_resample`` drew for a class, the acceptor's mean probability of that
        class: of the ``candidates``, and of those ``kept``. Both near 0: the class was not found.
    device_ : torch.device
        Where the network was trained.
    """

    #: Of the parameters here; a method adds those of its own.
    _parameter_constraints: dict[str, list[Any]] = {
        **BaseOverSampler._parameter_constraints,
        "categorical_features": [StrOptions({"auto"}), "array-like", None],
        "image_shape": [tuple, list, None],
        "row_filter": [StrOptions({"auto"}), HasMethods(["fit", "predict_proba"]), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    #: Threads of torch while it trains and generates; None leaves their number alone.
    _n_threads: int | None = None

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        row_filter: Any = "auto",
        n_candidates: int = 8,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.categorical_features = categorical_features
        self.image_shape = image_shape
        self.row_filter = row_filter
        self.n_candidates = n_candidates
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _fit_generator(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        """Train on encoded rows of shape (n, ...) with class codes of shape (n,)."""

    @abstractmethod
    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Return ``n`` new encoded rows of the class ``code``."""

    def _check_data(self, data: Any, counts: NDArray[np.int64]) -> None:
        """Refuse, before training, parameters of the method that do not fit the data."""

    def _refuse_categories_of_images(self) -> None:
        if self._image is not None and not isinstance(self.categorical_features, str | None):
            raise ValueError(
                f"categorical_features={self.categorical_features!r} is for tables, but the rows "
                "are images: leave it out."
            )

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
        data, labels, _ = self._check_X_y(X, y)
        self.classes_, first, codes = np.unique(labels, return_index=True, return_inverse=True)
        self.sampling_strategy_ = self._checked_strategy(labels, codes)
        self.class_counts_ = np.bincount(codes)
        self.device_ = resolve_device(self.device)
        self._image = image_shape_of(data, self.image_shape)
        self._check_data(data, self.class_counts_)
        plain = plain_labels(labels)  # what a classifier of scikit-learn can learn
        acceptor = checked_copy(self.row_filter, np.unique(plain))
        # A second call with the same integer starts the same stream anew.
        self._random = random_stream(self.random_state)
        self._deficits = {
            code: int(n)
            for label, n in self.sampling_strategy_.items()
            if n > 0 and (code := self._position(label)) is not None
        }
        # A new label is a copy of an old one: exact in any dtype.
        rows = [np.repeat(first[code], n) for code, n in self._deficits.items()]
        y_res = _take(y, np.concatenate([np.arange(len(labels)), *rows]))

        # What cannot be put together again shows before the training.
        row = _take(X, np.zeros(1, dtype=np.intp)) if sparse.issparse(X) else X[:1]
        _append(row, [row], 1)
        self._like = X[:0] if is_arrow(X) or isinstance(X, np.ma.MaskedArray) else None

        x = self._fit_encoder(data, labels)
        self._width = math.prod(x.shape[1:])
        self.filter_: Any = None
        self._judged: set[int] = set()
        self.filter_scores_: dict[Any, dict[str, float]] = {}
        if self._deficits and self._width:
            self._fit_generator(x, codes)
            self._fit_acceptor(acceptor, x, plain)
        del x

        parts = (
            _as_container(X, part)
            for code, n in self._deficits.items()
            for part in self._new_rows(code, n, self._random)
        )
        return _append(X, parts, sum(self._deficits.values())), y_res

    def _checked_strategy(self, labels: NDArray[Any], codes: NDArray[np.intp]) -> dict[Any, int]:
        """Return the number of rows to add to each class, by its label."""
        wanted = self.sampling_strategy
        if isinstance(wanted, Real):  # imbalanced-learn asks what kind of labels these are
            found = check_sampling_strategy(wanted, codes, self._sampling_type)
            return {self.classes_[code]: n for code, n in found.items()}
        if callable(wanted):
            wanted = wanted(labels)
        if isinstance(wanted, dict):
            places = {label: self._position(label) for label in wanted}
            wanted = {
                label if place is None else self.classes_[place]: wanted[label]
                for label, place in places.items()
            }
        strategy: dict[Any, int] = check_sampling_strategy(wanted, labels, self._sampling_type)
        return strategy

    def _position(self, label: Any) -> int | None:
        """Return where the label is in ``classes_``, None for one that is not there."""
        classes = self.classes_
        if classes.dtype.kind in "mM":  # pandas, numpy and Python each have dates of their own
            try:
                found = np.flatnonzero(classes == np.asarray(label, dtype=classes.dtype))
            except (TypeError, ValueError):
                return None
            return int(found[0]) if found.size else None
        labels = classes.tolist()
        return labels.index(label) if label in labels else None

    def _fit_encoder(self, data: Any, labels: NDArray[Any]) -> NDArray[np.float32]:
        """Fit the encoder and return the encoded rows."""
        self.encoder_ = (
            ImageScaler()
            if self._image is not None
            else TabularEncoder(categorical_features=self.categorical_features)
        ).set_output(transform="default")  # whatever scikit-learn's global setting
        x: NDArray[np.float32] = self.encoder_.fit_transform(data, labels)
        warn_of_identifiers(self.encoder_)
        return x

    def _fit_acceptor(self, acceptor: Any, x: NDArray[np.float32], labels: NDArray[Any]) -> None:
        """Train who judges the rows of the generator, if anybody does."""
        judged = set(self._deficits)
        if acceptor is None:
            judged = {
                code
                for code, n in self._deficits.items()
                if self.n_candidates > 1 and n * self.n_candidates <= _CANDIDATES
            }
            # The encoder knows images whose shape only a sampler's estimator was told.
            if self.row_filter is None or isinstance(self.encoder_, ImageScaler) or not judged:
                return
            acceptor = VotingEnsembleClassifier(device=self.device)
        for name, value in acceptor.get_params().items():
            if name.split("__")[-1] == "random_state" and value is None:
                acceptor.set_params(**{name: draw_seed(self._random)})
        acceptor.fit(x.reshape(len(x), -1), labels)
        check_classes(acceptor, np.unique(labels))
        self._judged, self._per_row, self.filter_ = judged, int(self.n_candidates), acceptor

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
        return parts[0] if len(parts) == 1 else _append(parts[0], parts[1:], n - len(parts[0]))

    def _new_rows(self, code: int, n: int, stream: np.random.RandomState) -> Iterator[Any]:
        """Generate n rows of a class and decode them, some at a time."""
        if not self._width:  # only constant columns: nothing to draw
            x = np.empty((n, 0), dtype=np.float32)
        elif code not in self._judged:
            x = self._drawn(code, n, stream)
        else:
            x = self._accepted(code, n, stream)
        for start in range(0, n, _CHUNK):
            yield self._decoded(x[start : start + _CHUNK])

    def _decoded(self, x: NDArray[np.float32]) -> Any:
        return in_container(self._like, self.encoder_.inverse_transform(x))

    def _drawn(self, code: int, n: int, stream: np.random.RandomState) -> NDArray[np.float32]:
        with seeded(draw_seed(stream), self.device_, self._n_threads), torch.no_grad():
            return self._generate(code, n)

    def _accepted(self, code: int, n: int, stream: np.random.RandomState) -> NDArray[np.float32]:
        """Candidates that the acceptor takes for rows of the class."""
        kept, sums = [], np.zeros(2)
        most = max(1, _CHUNK // self._per_row)
        for start in range(0, n, most):
            wanted = min(most, n - start)
            x = self._drawn(code, self._per_row * wanted, stream)
            believed = np.asarray(self.filter_.predict_proba(x.reshape(len(x), -1)))[:, code]
            if not (np.isfinite(believed).all() and (believed >= 0).all()):
                raise ValueError(
                    f"row_filter: {type(self.filter_).__name__} gives probabilities that are "
                    "negative or not finite: take another classifier, or row_filter=None."
                )
            rows = accepted(believed, wanted, draw_seed(stream))
            kept.append(x[rows])
            sums += believed.sum() / self._per_row, believed[rows].sum()
        means = dict(zip(("candidates", "kept"), (sums / n).tolist(), strict=True))
        self.filter_scores_.setdefault(self.classes_[code], means)  # those of the fit stay
        return np.concatenate(kept)

    def _code_of(self, target: Any) -> int:
        check_is_fitted(self, "encoder_")
        labels, code = self.classes_.tolist(), self._position(target)
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
    sizes : sequence of int
        Units of each hidden layer.

    Raises
    ------
    ValueError
        If there is no layer, or a number of units is not a positive integer.
    """
    if not sizes or not all(
        isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0
        for size in sizes
    ):
        raise ValueError(
            f"{name}={sizes!r} must hold at least one positive integer: the units of each hidden "
            "layer."
        )


def choose_network(network: str, image: tuple[int, ...] | None) -> str:
    """Choose between fully connected networks and :class:`~imbdeep.networks.ConvEncoder`'s kind.

    Parameters
    ----------
    network : {"auto", "mlp", "cnn"}
        What the user asks for. "auto" takes the fully connected networks for tables and for images
        of up to 1024 values, the convolutional ones for larger images.
    image : tuple of (channels, height, width) or None
        Shape of an image; None stands for tables.

    Returns
    -------
    {"mlp", "cnn"}
        The kind that fits.

    Raises
    ------
    ValueError
        If the convolutional networks are asked for and the rows are no images; or if images, small
        ones only where ``network="cnn"``, are not squares of one of the sides that those networks
        are built for.

    Examples
    --------
    >>> from imbdeep.over_sampling.base import choose_network
    >>> choose_network("auto", (1, 28, 28)), choose_network("auto", (3, 32, 32))
    ('mlp', 'cnn')
    """
    if image is None:
        if network == "cnn":
            raise ValueError(
                "network='cnn' needs images: X of shape (n_samples, channels, height, width), or "
                "image_shape for flattened ones."
            )
        return "mlp"
    small = math.prod(image) <= MLP_VALUES
    if network == "mlp" or (network == "auto" and small):
        return "mlp"
    if image[1] != image[2] or image[1] not in IMAGE_SIZES:
        raise ValueError(
            f"No convolutional network fits images of shape {tuple(image)} (channels, height, "
            f"width): resize them to squares of {', '.join(map(str, IMAGE_SIZES))} pixels, or take "
            "the fully connected one with network='mlp'."
        )
    return "cnn"


def _as_container(like: Any, rows: Any) -> Any:
    """Decoded rows in the container of ``like``, where the encoder saw it as an array."""
    if isinstance(like, list | tuple):
        return _as_items(like, rows)
    if isinstance(like, torch.Tensor):
        return torch.as_tensor(rows).to(device=like.device, dtype=like.dtype)
    return rows


def _as_items(like: Sequence[Any], rows: Any) -> list[Any]:
    """Decoded rows as items of the type and dtype of those of ``like``."""
    first = like[0]
    if isinstance(first, np.ma.MaskedArray):
        rows = in_container(np.ma.stack(like[:1]), rows)
    if isinstance(first, np.ndarray):
        return list(rows.astype(np.result_type(*{item.dtype for item in like}), copy=False))
    if isinstance(first, torch.Tensor):
        return list(_as_container(first, rows))
    return [_as_item(first, row) for row in rows]


def _as_item(like: Any, row: NDArray[Any]) -> Any:
    """A decoded row, or part of one, as nested lists or tuples of cells like those."""
    if isinstance(like, np.ndarray):
        return row
    cell = like[0]
    if row.ndim > 1:
        cells = [_as_item(cell, part) for part in row]
    elif isinstance(cell, torch.Tensor):
        cells = [_as_container(cell, value) for value in row]
    else:
        cells = list(row) if isinstance(cell, np.generic) else row.tolist()
    if isinstance(like, tuple):
        return getattr(like, "_make", tuple)(cells)
    return cells


def _take(container: Any, rows: NDArray[np.intp]) -> Any:
    """These rows in a container of the same type and dtype."""
    if isinstance(container, torch.Tensor):
        return container[torch.as_tensor(rows, device=container.device)]
    if isinstance(container, list | tuple):
        return type(container)([container[row] for row in rows])
    if sparse.issparse(container):
        return container.tocsr()[rows].asformat(container.format)
    libraries = _libraries(container)
    try:
        if "pandas" in libraries:
            taken = container.take(rows)
            return taken.reset_index(drop=True) if hasattr(taken, "iloc") else taken
        if "pyarrow" in libraries:
            return container.take(rows)
    except NotImplementedError as error:
        dtype = getattr(container, "dtype", getattr(container, "type", container))
        raise TypeError(
            f"y has dtype {dtype}, of which pyarrow repeats no rows ({error}): cast it, "
            "string_view to string for instance."
        ) from error
    if isinstance(container, np.ndarray):
        return container[rows]
    return _safe_indexing(container, rows)


def _libraries(container: Any) -> set[str]:
    return {base.__module__.partition(".")[0] for base in type(container).__mro__}


def _append(original: Any, parts: Iterable[Any], n_new: int) -> Any:
    """Original rows, then the n_new rows of the parts, in the original's container."""
    if type(original) is np.ndarray:
        # Filled as the parts come: a large deficit is never held twice.
        n = len(original)
        rows = np.empty((n + n_new, *original.shape[1:]), dtype=original.dtype)
        rows[:n] = original
        for part in parts:
            rows[n : n + len(part)] = part
            n += len(part)
        return rows
    parts = list(parts)
    if isinstance(original, list | tuple):
        return type(original)([*original, *(row for part in parts for row in part)])
    pieces = [original, *parts]
    if isinstance(original, torch.Tensor):
        return torch.cat(pieces)
    if sparse.issparse(original):
        return sparse.vstack(pieces, format=original.format, dtype=original.dtype)
    if isinstance(original, np.ma.MaskedArray):
        joined = np.ma.concatenate(pieces).astype(original.dtype)
        with np.errstate(over="ignore"):  # numpy's own for float16 is infinite
            joined.fill_value = original.fill_value
        return joined.harden_mask() if original.hardmask else joined
    libraries = _libraries(original)
    if "pandas" in libraries:
        import pandas as pd

        return pd.concat(pieces, ignore_index=True)
    if "polars" in libraries:
        import polars as pl

        return pl.concat(pieces)
    if "pyarrow" in libraries:
        arrow = sys.modules["pyarrow"]  # the user has imported it
        join = arrow.concat_tables if hasattr(original, "to_batches") else arrow.concat_batches
        return join(pieces)
    # Arrays of other kinds, numpy's own subclasses among them.
    return np.concatenate([np.asarray(piece) for piece in pieces], dtype=original.dtype)
