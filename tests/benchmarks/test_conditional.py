"""A line for each of the two generators, of a fit with the asked parameters."""

import pytest

from imbdeep.benchmarks import _conditional
from imbdeep.benchmarks._conditional import cgan_lines, cvae_lines
from imbdeep.benchmarks._measuring import FULL


@pytest.mark.parametrize(
    "lines, name", [(cvae_lines, "CVAE"), (cgan_lines, "CGAN")], ids=["cvae", "cgan"]
)
def test_a_fit_is_timed(lines, name, monkeypatch, tiny):
    made = []
    sampler = getattr(_conditional, f"{name}Sampler")

    def make(**given):
        made.append(sampler(**given))
        return made[-1]

    monkeypatch.setattr(_conditional, f"{name}Sampler", make)
    (line,) = lines(tiny)
    assert line.what == f"{name}'s defaults: 400 x 30"
    assert line.measured > 0
    assert made[0].max_steps == tiny.conditional["max_steps"]
    assert made[0].generator_ is not None


def test_full_sizes_leave_the_defaults():
    assert FULL.conditional == {}
