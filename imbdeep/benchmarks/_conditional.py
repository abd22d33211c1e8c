"""What the conditional generators cost on a table: CVAE and CGAN with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from imbdeep.benchmarks._gamo import no_advice
from imbdeep.benchmarks._measuring import Line, Sizes, seconds_of
from imbdeep.benchmarks._mgvae import _table
from imbdeep.over_sampling import CGANSampler, CVAESampler


def cvae_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds that CVAE takes for a table."""
    yield _fit_line("CVAE", CVAESampler, sizes)


def cgan_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds that CGAN takes for a table."""
    yield _fit_line("CGAN", CGANSampler, sizes)


def _fit_line(name: str, make: Callable[..., Any], sizes: Sizes) -> Line:
    x, y = _table(sizes.rows)
    sampler = make(random_state=0, **sizes.conditional)
    with no_advice():
        seconds = seconds_of(partial(sampler.fit_resample, x, y))
    return Line(f"{name}'s defaults: {len(x)} x {x.shape[1]}", seconds, "s", 90.0)
