"""Devices: those of this machine, and estimators that move between machines."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from imbdeep.training._streams import settle_threads


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
    >>> from imbdeep.training import resolve_device
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
    """What can be pickled on one device and read where there is no such device.

    A mixin of estimators with an attribute ``device_``. A pickle, or a copy, holds all tensors on
    the processor, however deep they lie in modules and containers. Read again, they go to
    ``device_`` if this machine has it, and ``device_`` is the processor otherwise.

    Examples
    --------
    >>> import copy
    >>> import torch
    >>> from sklearn.base import BaseEstimator
    >>> from imbdeep.training import Portable
    >>> class Estimator(Portable, BaseEstimator):
    ...     pass
    >>> estimator = Estimator()
    >>> estimator.device_ = torch.device("cuda:99")  # of a large machine
    >>> copy.copy(estimator).device_  # by the state that a pickle has
    device(type='cpu')
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
    """Return the device if this machine has it, or the processor.

    Parameters
    ----------
    device : str or torch.device
        Where something was, perhaps on another machine.

    Returns
    -------
    torch.device
        Where it can be here.
    """
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
