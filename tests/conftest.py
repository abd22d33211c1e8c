"""Settings and shared data of the suite, and the guard that no test leaves a global trace."""

import os

# All before the first import of scikit-learn, matplotlib and torch. Without the first, scikit-learn
# skips one of its estimator checks; the second draws without a screen. The third: the networks of
# the tests are too small for threads, and on busy cores waiting for one another makes them ten
# times slower.
os.environ["SCIPY_ARRAY_API"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gzip
import random
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

hypothesis.settings.register_profile("imbdeep", derandomize=True, deadline=None, max_examples=40)
hypothesis.settings.load_profile("imbdeep")


REAL = os.environ.get("IMBDEEP_DATA")  # before a fixture takes it away


@pytest.fixture
def real(request):
    """The folder with the real data; without it the test is skipped."""
    if REAL is None or not (Path(REAL) / request.param).is_dir():
        pytest.skip(f"needs the real {request.param}: set IMBDEEP_DATA to the folder with the data")
    return Path(REAL)


@pytest.fixture(scope="session")
def idx():
    """An array of bytes in the idx format, gzipped."""

    def make(array):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
        return gzip.compress(header + array.tobytes())

    return make


def _numpy_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the old stream is what is watched
    return name, keys.tobytes(), *rest


def _restore_numpy_state(state):
    name, keys, *rest = state
    np.random.set_state((name, np.frombuffer(keys, np.uint32), *rest))  # noqa: NPY002 - as above


# What a test may not change: how to read it, and how to put it back.
GLOBAL_STATE = {
    "the random stream of Python": (random.getstate, random.setstate),
    "the random stream of numpy": (_numpy_state, _restore_numpy_state),
    "the random stream of torch": (
        lambda: torch.get_rng_state().numpy().tobytes(),
        lambda s: torch.set_rng_state(torch.frombuffer(bytearray(s), dtype=torch.uint8)),
    ),
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's treatment of denormal numbers": (
        lambda: bool(torch.tensor(1e-40, dtype=torch.float32).mul(1.0) == 0.0),
        torch.set_flush_denormal,
    ),
    "torch's deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
}


@pytest.fixture(autouse=True)
def global_state_untouched(request):
    """Fail the test that changed a global stream or setting, and put it back for the next one."""
    before = {name: read() for name, (read, _) in GLOBAL_STATE.items()}
    yield
    changed = [name for name, (read, _) in GLOBAL_STATE.items() if read() != before[name]]
    for name in changed:
        GLOBAL_STATE[name][1](before[name])
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if changed and request.node.get_closest_marker("changes_global_state") is None:
        pytest.fail(
            f"The test changed {', '.join(changed)}. Draw from a local generator, or mark the test "
            "with changes_global_state if that is what it is about.",
            pytrace=False,
        )
