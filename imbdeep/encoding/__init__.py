"""Encode data for a generative network, and decode what the network generates.

:class:`TabularEncoder` turns a table of mixed types (array, sparse matrix, pandas or polars frame)
into a ``float32`` matrix whose columns each have one likelihood, and turns such matrices back into
the same kind of table. :class:`ImageScaler` does the same between images of any dtype and the
interval [0, 1].
"""

from ._image import ImageScaler
from ._tabular import Layout, TabularEncoder

__all__ = ["ImageScaler", "Layout", "TabularEncoder"]
