"""Encode data for a generative network, and decode what the network generates.

:class:`TabularEncoder` turns a table of mixed types (array, sparse matrix, pandas or polars frame)
into a ``float32`` matrix whose columns each have one likelihood, and turns such matrices back into
the same kind of table. :class:`ImageScaler` does the same between images of any dtype and the
interval [0, 1].

The functions read what the user hands to an estimator, before any encoding: :func:`data_array` and
:func:`target_array` make arrays of tensors and lists, :func:`is_frame` and :func:`is_arrow` tell
tables with named columns, :func:`image_shape_of` images, and :func:`refuse_missing_labels` and
:func:`check_shape` refuse what cannot be used. :func:`plain_labels` makes scikit-learn understand
dates and the like, :func:`position_of` finds a label among the classes, :func:`in_container` gives
rows back in the user's container,
:func:`take_rows`, :func:`append_rows` and :func:`rows_like` keep that container where rows are
repeated or added, and :func:`identifiers` finds columns from which nothing can be learned.
"""

from ._containers import (
    check_shape,
    data_array,
    image_shape_of,
    in_container,
    is_arrow,
    is_frame,
    plain_labels,
    position_of,
    refuse_missing_labels,
    target_array,
)
from ._identifiers import advice_on_numbers, identifiers, warn_of_identifiers
from ._image import ImageScaler
from ._rows import append_rows, rows_like, take_rows
from ._tabular import Layout, TabularEncoder

__all__ = [
    "ImageScaler",
    "Layout",
    "TabularEncoder",
    "advice_on_numbers",
    "append_rows",
    "check_shape",
    "data_array",
    "identifiers",
    "image_shape_of",
    "in_container",
    "is_arrow",
    "is_frame",
    "plain_labels",
    "position_of",
    "refuse_missing_labels",
    "rows_like",
    "take_rows",
    "target_array",
    "warn_of_identifiers",
]
