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

from ._containers import check_shape as check_shape
from ._containers import data_array as data_array
from ._containers import image_shape_of as image_shape_of
from ._containers import in_container as in_container
from ._containers import is_arrow as is_arrow
from ._containers import is_frame as is_frame
from ._containers import plain_labels as plain_labels
from ._containers import position_of as position_of
from ._containers import refuse_missing_labels as refuse_missing_labels
from ._containers import target_array as target_array
from ._identifiers import advice_on_numbers as advice_on_numbers
from ._identifiers import identifiers as identifiers
from ._identifiers import warn_of_identifiers as warn_of_identifiers
from ._image import ImageScaler
from ._rows import append_rows as append_rows
from ._rows import rows_like as rows_like
from ._rows import take_rows as take_rows
from ._tabular import Layout, TabularEncoder

# The other names are for the rooms of this package.
__all__ = ["ImageScaler", "Layout", "TabularEncoder"]
