"""Texts that several docstrings share, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from string import Template
from typing import TypeVar

_T = TypeVar("_T", bound=type)


def documented(entries: Mapping[str, str]) -> Callable[[_T], _T]:
    """Return a decorator of classes that puts the entries where a docstring has their ``$name``.

    The docstrings of the class's own methods are filled too.
    """

    def fill(cls: _T) -> _T:
        for member in (cls, *vars(cls).values()):
            described = getattr(member, "__func__", member)  # that of a classmethod
            is_ours = described is cls or inspect.isfunction(described)
            if is_ours and described.__doc__:  # None under python -OO
                text = inspect.cleandoc(described.__doc__)
                described.__doc__ = Template(text).substitute(entries)
        return cls

    return fill
