"""Warnings that point at the user's line, however deep in the package they begin."""

from __future__ import annotations

import sys
import warnings

#: Frames of these packages, and of what they call fits through, are not the user's.
_PACKAGES = frozenset({"imbdeep", "imblearn", "sklearn", "skorch", "joblib", "contextlib"})


def warn(message: str) -> None:
    """Issue a UserWarning at the first line outside this package and the ones it builds on."""
    # warnings.warn(skip_file_prefixes=...) does this from Python 3.12 on.
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
