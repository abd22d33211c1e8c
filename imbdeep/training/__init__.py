"""Training: the loop of the generative methods, random streams, and devices."""

from imbdeep.training._devices import Portable, resolve_device, there_or_cpu
from imbdeep.training._loop import (
    DivergedError,
    batch_indices,
    class_rows,
    flatten_parameters,
    refuse_arguments,
    release_parameters,
    restored_on_failure,
    run,
)
from imbdeep.training._streams import draw_seed, paused, random_stream, seeded, turn

__all__ = [
    "DivergedError",
    "Portable",
    "batch_indices",
    "class_rows",
    "draw_seed",
    "flatten_parameters",
    "paused",
    "random_stream",
    "refuse_arguments",
    "release_parameters",
    "resolve_device",
    "restored_on_failure",
    "run",
    "seeded",
    "there_or_cpu",
    "turn",
]
