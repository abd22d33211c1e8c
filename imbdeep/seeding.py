"""Random streams, devices, and what torch has once in a process: threads take turns with it."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor, nn

from imbdeep._interrupts import abort_on_interrupt, keep_on_interrupt, one_fit

__all__ = [
    "abort_on_interrupt",
    "draw_seed",
    "keep_on_interrupt",
    "random_stream",
    "resolve_device",
    "seeded",
]

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
        where it stopped, and None starts a new stream, another one each time.

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
    >>> from imbdeep.seeding import draw_seed, random_stream
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
    >>> from imbdeep.seeding import draw_seed, random_stream
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
    """Let one thread at a time into the block; a thread that is in may enter again."""
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

    Inside :func:`turn`, this is for the user's own code, such as a callback that starts a training
    in another thread: after half a second another thread may begin its turn. What it does to
    torch's state is undone before the block ends.
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


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Turn the ``device`` parameter of an estimator into a device that is there.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        ``"auto"`` takes CUDA, else Apple's MPS, else the processor.

    Returns
    -------
    torch.device
        The device to train on.

    Raises
    ------
    ValueError
        If the device is not known or not on this machine.

    Examples
    --------
    >>> from imbdeep.seeding import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    settle_threads()
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if isinstance(device, str) and device == "auto":
        return torch.device(next(name for name, found in there.items() if found))
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not a device: use 'auto', 'cpu', 'cuda', 'mps' or a "
            "torch.device."
        ) from error
    if not there.get(resolved.type, False) or (
        resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count()
    ):
        raise ValueError(
            f"device={str(device)!r} was asked for, but this machine (or this build of torch) has "
            f"no such device: use device='auto', which here takes "
            f"'{next(name for name, found in there.items() if found)}'."
        )
    return resolved


class Portable:
    """Mixin of estimators with a ``device_``: pickles can be read where there is no such device.

    A pickle, or a copy, holds all tensors on the processor, however deep they lie in modules and
    containers. Read again, they go to ``device_`` if this machine has it, and ``device_`` is the
    processor otherwise.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, **_moved(state, torch.device("cpu"))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if "device_" not in state:
            return
        self.device_ = there_or_cpu(state["device_"])
        given = self.get_params(deep=False)  # type: ignore[attr-defined]
        learned = {name: value for name, value in state.items() if name not in given}
        self.__dict__.update(_moved(learned, self.device_))


def there_or_cpu(device: str | torch.device) -> torch.device:
    """Return the device if this machine has it, or the processor."""
    try:
        return resolve_device(device)
    except ValueError:
        return torch.device("cpu")


def _moved(attributes: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Copies of those attributes whose tensors are not all on the device, moved there."""
    moved: dict[int, Any] = {}  # what copy.deepcopy takes for copied already
    elsewhere = {}
    for name, value in attributes.items():
        for leaf in _leaves(value, {}):
            if isinstance(leaf, BaseEstimator):
                moved[id(leaf)] = leaf  # pickled by itself
            elif leaf.device != device:
                elsewhere[name] = value
                if id(leaf) not in moved:
                    moved[id(leaf)] = _tensor_on(leaf, device)
    return copy.deepcopy(elsewhere, moved)


def _tensor_on(tensor: Tensor, device: torch.device) -> Tensor:
    source = tensor.detach()
    # A tensor on "meta", which stands for any device in tests, has no values.
    there = torch.zeros_like(source, device=device) if source.is_meta else source.to(device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(there, requires_grad=tensor.requires_grad)
    return there.requires_grad_(tensor.requires_grad)


def _leaves(value: Any, seen: dict[int, Any]) -> Iterator[Tensor | BaseEstimator]:
    """All tensors and estimators inside, but not what is inside of those."""
    if isinstance(value, Tensor | BaseEstimator):
        yield value
        return
    left_out = (str, bytes, int, float, np.ndarray, type, FunctionType, ModuleType)
    if value is None or isinstance(value, left_out) or id(value) in seen:
        return
    seen[id(value)] = value  # an id is that of another object once this one is gone
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [*value]
    elif isinstance(value, partial):
        parts = [value.func, value.args, value.keywords]
    else:
        parts = []
    for part in (*parts, *getattr(value, "__dict__", {}).values()):
        yield from _leaves(part, seen)


@contextmanager
def restored_on_failure(estimator: Any) -> Iterator[None]:
    """Give an estimator back the attributes it had, if the block, a fit, fails or is interrupted.

    Attributes that the block replaces come back; objects that it changes in place do not, so it
    must copy those first. One training in the block may keep what it has learned when it is
    interrupted: see :func:`keep_on_interrupt`. Fits inside of the block share that one.
    """
    before = estimator.__dict__.copy()
    try:
        with one_fit():
            yield
    except BaseException:
        estimator.__dict__ = before
        raise


def refuse_arguments(estimator: Any, method: str, args: Any, kwargs: Any, advice: str) -> None:
    """Refuse what a method that takes X and y gets beside them, sample weights above all.

    A parameter of the name would make meta-estimators of scikit-learn hand weights on. ``advice``
    says what to use instead of them.
    """
    if not args and not kwargs:
        return
    name = f"{type(estimator).__name__}.{method}()"
    if args:
        what = f"takes X and y alone by position, and got {len(args)} more"
    else:
        what = f"got an unexpected keyword argument '{next(iter(kwargs))}'"
    if args or "sample_weight" in kwargs:
        what += f". Sample weights are not supported: {advice}"
    raise TypeError(f"{name} {what}.")
