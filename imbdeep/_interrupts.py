"""How many interruptions a fit survives. No torch here: the command line starts without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Fit:
    """A call of fit: how many interrupted trainings may still keep what they learned, and did."""

    allowed: int
    kept: int = 0


#: The outermost fit that runs here. Each thread has its own.
_fit: ContextVar[_Fit | None] = ContextVar("_fit", default=None)


@contextmanager
def one_fit(allowed: int = 1) -> Iterator[None]:
    """Count interruptions in the block, unless it is part of another fit."""
    token = _fit.set(_fit.get() or _Fit(allowed))
    try:
        yield
    finally:
        _fit.reset(token)


@contextmanager
def abort_on_interrupt() -> Iterator[None]:
    """Let the first KeyboardInterrupt abort each fit of the block: no training keeps anything.

    For programs that fit many estimators in turn, and that one Ctrl-C must stop. A decorator too.

    Yields
    ------
    None
        Nothing; fits restore their estimators, and the exception passes through.

    Examples
    --------
    >>> from imbdeep.seeding import abort_on_interrupt, keep_on_interrupt
    >>> with abort_on_interrupt():
    ...     keep_on_interrupt()
    False
    """
    with one_fit(allowed=0):
        yield


def keep_on_interrupt() -> bool:
    """Tell a training that KeyboardInterrupt has ended whether to keep what it has learned.

    To be called once for an interruption, by the code that has caught it; where the answer is no,
    that code raises the exception again.

    Returns
    -------
    bool
        True for the first interruption in a fit, which is a block of :func:`one_fit`; False for
        the next ones, outside of fits, and inside :func:`abort_on_interrupt`.
    """
    fit = _fit.get()
    if fit is None or fit.kept >= fit.allowed:
        return False
    fit.kept += 1
    return True


def was_interrupted() -> bool:
    """Tell whether an interrupted training of this fit has kept what it learned."""
    fit = _fit.get()
    return fit is not None and fit.kept > 0
