"""Random streams, and what torch has once in a process: threads take turns with it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import check_random_state

#: Seconds that a callback may take before another thread trains meanwhile: see :func:`paused`.
_PATIENCE = 0.5


def random_stream(random_state: int | np.random.RandomState | None = None) -> np.random.RandomState:
    """Turn the ``random_state`` parameter of an estimator into a stream of random numbers.

    None is not numpy's global stream here, as it is in :func:`sklearn.utils.check_random_state`:
    what an estimator draws by itself leaves the user's own draws as they were.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        An integer starts the same stream each time, a stream is returned as it is and goes on
        where it stopped, and None starts a new stream that nobody can foresee.

    Returns
    -------
    RandomState
        The stream.

    Raises
    ------
    ValueError
        If ``random_state`` is none of the three.

    Examples
    --------
    >>> from imbdeep.training import draw_seed, random_stream
    >>> draw_seed(random_stream(0)) == draw_seed(random_stream(0))
    True
    """
    return check_random_state(np.random.RandomState() if random_state is None else random_state)


def draw_seed(stream: np.random.RandomState) -> int:
    """Draw the seed of one training or one draw of rows, for :func:`seeded`.

    Parameters
    ----------
    stream : RandomState
        The stream of an estimator, from :func:`random_stream`; it moves on by one draw.

    Returns
    -------
    int
        A seed from 0 to 2**31 - 2.

    Examples
    --------
    >>> from imbdeep.training import draw_seed, random_stream
    >>> stream = random_stream(0)
    >>> draw_seed(stream) == draw_seed(stream)
    False
    """
    return int(stream.randint(np.iinfo(np.int32).max))


@dataclass(eq=False)
class _Turn:
    """A block that may use what torch has once in a process, and since when it is paused."""

    thread: int
    paused: float | None = None


#: Those that have begun, of which the last one runs.
_turns: list[_Turn] = []
_changed = threading.Condition()


def _forget_turns() -> None:
    """Start anew in a forked process, which has none of the other threads."""
    global _changed
    _changed = threading.Condition()
    _turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_turns)


def _has_turn() -> bool:
    """Tell whether this thread runs inside :func:`turn`."""
    return bool(_turns) and _turns[-1].thread == threading.get_ident()


def _is_free() -> bool:
    since = _turns[-1].paused if _turns else 0.0
    return _has_turn() or (since is not None and time.monotonic() - since >= _PATIENCE)


@contextmanager
def turn() -> Iterator[None]:
    """Let one thread at a time into the block; a thread that is in may enter again.

    Yields
    ------
    None
        Nothing; other threads wait while the block runs.
    """
    mine = _Turn(threading.get_ident())
    try:
        with _changed:
            while not _is_free():
                _changed.wait(_PATIENCE)
            _turns.append(mine)
        yield
    finally:
        with _changed:
            if mine in _turns:
                _turns.remove(mine)
            _changed.notify_all()


@contextmanager
def paused() -> Iterator[None]:
    """Let other threads in where the block takes long, because it may wait for one of them.

    What they do to torch's state is undone before the block ends. Inside :func:`turn`, this is for
    the user's own code, such as a callback that starts a training in another thread.

    Yields
    ------
    None
        Nothing; after half a second another thread may begin its turn.
    """
    if not _has_turn():
        yield
        return
    mine = _turns[-1]
    with _changed:
        mine.paused = time.monotonic()
    try:
        yield
    finally:
        with _changed:
            mine.paused = None
            while mine in _turns and _turns[-1] is not mine:
                _changed.wait()


@contextmanager
def seeded(seed: int, device: torch.device, n_threads: int | None = None) -> Iterator[None]:
    """Seed torch inside the block and leave no trace after it.

    The global random streams (processor and ``device``) continue after the block as if it had
    not been there. Denormal numbers are flushed to zero inside: Adam's moments of weights that
    get no gradient decay into them, and arithmetic on denormals is many times slower. New tensors
    are float32 inside, whatever torch's default dtype.

    The streams and the dtype exist once in a process, so that threads take turns: a block waits
    until no other thread is in one.

    Parameters
    ----------
    seed : int
        Seed of every draw inside the block.
    device : torch.device
        The device whose stream is seeded beside the processor's.
    n_threads : int, default=None
        Threads that torch uses inside the block; None leaves their number alone. Small networks
        want one: two threads save a third of the time on an idle machine, but wait for each
        other, spinning, many times as long on a busy one, and sums in another order give other
        last digits in a worker process, where joblib allows one thread.

    Yields
    ------
    None
        Nothing; the seeding holds while the block runs.
    """
    devices = [device] if device.type == "cuda" else []
    with turn(), ExitStack() as after:
        after.enter_context(torch.random.fork_rng(devices=devices))
        after.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        if device.type == "mps":
            after.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())
        # torch has no getter for the processor flag: a denormal product tells.
        flushed = torch.tensor(1e-40).mul(1.0).item() == 0.0
        after.callback(torch.set_flush_denormal, flushed)
        after.enter_context(_threads(n_threads))
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach every GPU
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        torch.set_flush_denormal(True)
        yield


@contextmanager
def _threads(n: int | None) -> Iterator[None]:
    """Let torch use n threads in this thread alone."""
    before = torch.get_num_threads()
    if n is None or n == before:
        yield
        return
    with _changed:
        torch.set_num_threads(n)
        # The number is that of this thread, and what later threads start with. For those, another
        # thread sets it back.
        other = threading.Thread(target=torch.set_num_threads, args=(before,))
        other.start()
        other.join()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settle_threads() -> None:
    """Let this thread take its number of torch's threads, which is fixed at its first work there.

    Not while :func:`seeded` changes the number for another thread.
    """
    with _changed:
        torch.get_num_threads()
