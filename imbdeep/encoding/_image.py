"""ImageScaler: pixels of any dtype to and from [0, 1]."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from ._containers import refuse_masked_images
from ._curve import cast

# Rows are scaled in blocks of about this many pixels, so that no float64 copy of the images exists.
BLOCK = 2**22


class ImageScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale images linearly to [0, 1] and back to their own dtype.

    The likelihood of a generative network of images needs pixels in [0, 1], and the images it
    generates should come back as images of the dtype, and inside the range, of the training set.
    Unlike :class:`~sklearn.preprocessing.MinMaxScaler` it uses one range for all pixels, takes
    arrays of any number of dimensions, maps unsigned bytes by their full range whatever the darkest
    pixel is, and rounds integers.

    Parameters
    ----------
    value_range : tuple of (float, float), default=None
        The values that become 0 and 1. By default 0 and 255 for unsigned bytes (images rarely fill
        the range and yet mean it), 0 and 1 for booleans, and the training minimum and maximum for
        any other dtype.

    Attributes
    ----------
    data_min_, data_max_ : int or float
        The values that become 0 and 1.
    dtype_ : dtype
        Dtype of the training images and of decoded ones.
    n_features_in_ : int
        Size of the second axis: pixels of flat images, channels of others.
    feature_names_in_ : ndarray of str
        Column names, if fitted on a frame whose column names are strings.

    See Also
    --------
    TabularEncoder : The same for tables.

    Examples
    --------
    >>> import numpy as np
    >>> from imbdeep.encoding import ImageScaler
    >>> images = np.array([[[[0, 51], [204, 255]]]], dtype=np.uint8)  # one of 2 x 2 pixels
    >>> scaler = ImageScaler().fit(images)
    >>> scaler.transform(images)
    array([[[[0. , 0.2],
             [0.8, 1. ]]]], dtype=float32)
    >>> scaler.inverse_transform(np.array([[[[-0.3, 0.21], [0.8, 1.7]]]]))
    array([[[[  0,  54],
             [204, 255]]]], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict] = {"value_range": ["array-like", None]}

    def __init__(self, *, value_range: Any = None) -> None:
        self.value_range = value_range

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> ImageScaler:
        """Learn the dtype and the range of the images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_channels, height, width) or (n_samples, n_pixels)
            Images, finite.
        y : None
            Ignored.

        Returns
        -------
        ImageScaler
            This object.

        Raises
        ------
        ValueError
            If a pixel is NaN, infinite, masked or outside `value_range`, or if that is not an
            increasing pair.
        """
        X = self._read(X, reset=True)
        low, high = X.min().item(), X.max().item()
        if self.value_range is not None:
            bounds = np.asarray(self.value_range, dtype=np.float64)
            if bounds.shape != (2,) or not np.isfinite(bounds).all() or not bounds[0] < bounds[1]:
                raise ValueError(
                    "value_range must be two finite numbers, the smaller first, got "
                    f"{self.value_range!r}."
                )
            if low < bounds[0] or high > bounds[1]:
                raise ValueError(
                    f"Pixels run from {low} to {high}, outside value_range={self.value_range!r}: "
                    "widen value_range or clip the images."
                )
            low, high = bounds.tolist()
        elif X.dtype in (np.uint8, np.bool_):
            low, high = 0, 255 if X.dtype == np.uint8 else 1
        self.data_min_, self.data_max_ = low, high
        self.dtype_ = X.dtype
        return self

    def _read(self, X: Any, *, reset: bool) -> np.ndarray:
        refuse_masked_images(X)
        # scikit-learn looks for NaN in the sum of all pixels, which may overflow without any.
        with np.errstate(over="ignore", invalid="ignore"):
            return validate_data(self, X, reset=reset, allow_nd=True)

    def _affine(self) -> tuple[float, float, float]:
        """Return unit, lowest and span: pixel = (lowest + span * scaled) * unit never overflows."""
        peak = max(abs(float(self.data_min_)), abs(float(self.data_max_)))
        # A power of two, so that the division is exact.
        unit = float(np.ldexp(1.0, int(np.frexp(peak)[1]) - 1))
        lowest = float(self.data_min_) / unit
        return unit, lowest, float(self.data_max_) / unit - lowest

    def transform(self, X: Any) -> np.ndarray:
        """Scale images to [0, 1].

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images, finite. A pixel outside the range counts as the nearest bound.

        Returns
        -------
        ndarray of the shape of `X`, float32
            All zeros if the training images were constant.
        """
        check_is_fitted(self)
        X = self._read(X, reset=False)
        unit, lowest, span = self._affine()
        out = np.zeros(X.shape, dtype=np.float32)
        if span > 0:
            for rows in self._blocks(X):
                pixels = np.clip(
                    X[rows].astype(np.float64), float(self.data_min_), float(self.data_max_)
                )
                out[rows] = (pixels / unit - lowest) / span
        return out

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return images of the fitted dtype and range.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Scaled images; what leaves [0, 1] is clipped.

        Returns
        -------
        ndarray of the shape of `X`, dtype `dtype_`
            Integers are rounded to the nearest; a boolean is True from 0.5 on.

        Raises
        ------
        ValueError
            If a value is NaN.
        """
        check_is_fitted(self)
        X = np.asarray(X)
        if np.isnan(X).any():
            raise ValueError(
                "The scaled images have NaN, which stands for no pixel: look for a generator that "
                "diverged."
            )
        unit, lowest, span = self._affine()
        low, high = self.data_min_, self.data_max_
        if self.dtype_.kind in "iu":
            # A value_range may be wider than the dtype, or end between two integers.
            info = np.iinfo(self.dtype_)
            low, high = max(int(np.ceil(low)), info.min), min(int(np.floor(high)), info.max)
        out = np.empty(X.shape, dtype=self.dtype_)
        for rows in self._blocks(X):
            pixels = (lowest + span * np.clip(X[rows].astype(np.float64), 0.0, 1.0)) * unit
            if self.dtype_ == np.bool_:
                out[rows] = pixels >= 0.5
            else:
                out[rows] = cast(pixels, low, high, self.dtype_)
        return out

    @staticmethod
    def _blocks(X: np.ndarray) -> list[slice]:
        step = max(1, BLOCK // max(1, X[:1].size))
        return [slice(start, start + step) for start in range(0, len(X), step)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
