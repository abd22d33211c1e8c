"""Texts that several docstrings share, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from string import Template
from typing import Any, TypeVar

_T = TypeVar("_T", bound=Callable[..., Any])


def documented(entries: Mapping[str, str]) -> Callable[[_T], _T]:
    """Return a decorator that puts the entries where a docstring has their ``$name``.

    Of a class, the docstrings of its own methods are filled too.
    """

    def fill(thing: _T) -> _T:
        for member in (thing, *vars(thing).values()):
            described = getattr(member, "__func__", member)  # that of a classmethod
            is_ours = described is thing or inspect.isfunction(described)
            if is_ours and described.__doc__:  # None under python -OO
                text = inspect.cleandoc(described.__doc__)
                described.__doc__ = Template(text).substitute(entries)
        return thing

    return fill
