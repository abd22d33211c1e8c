"""What samplers keep in ``memory``, to be used again with the same rows and seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sklearn.utils.validation import check_memory

from imbdeep import __version__

#: An argument of each function that is remembered: what another version made is not taken.
VERSIONS = (__version__, torch.__version__)


def remembered(
    memory: Any, function: Callable[..., Any], ignore: list[str] | None = None
) -> Callable[..., Any]:
    """Return the function, whose results are kept, whatever the arguments named by ``ignore``."""
    cached: Callable[..., Any] = check_memory(memory).cache(function, ignore=ignore)
    return cached


def fitted(estimator: Any, x: Any, y: Any, versions: tuple[str, ...]) -> Any:
    """Fit an encoder, or the classifier that filters rows."""
    return estimator.fit(x, y)
