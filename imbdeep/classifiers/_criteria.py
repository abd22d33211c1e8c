"""The losses that ``criterion`` names, and how classes of the user's own are called."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions
from torch import Tensor, nn

from imbdeep.losses import FocalLoss, LDAMLoss
from imbdeep.seeding import seeded


class Criterion(NamedTuple):
    """A named loss, and the last layer, "linear" or "cosine", of the built-in networks for it.

    The arguments of its constructor that have a default are what ``criterion_params`` may hold.
    """

    loss: Callable[..., nn.Module]
    head: str = "linear"


#: The registry: a loss that stands here is a ``criterion`` of ERMClassifier, and so of M2m.
CRITERIA = {
    "cross_entropy": Criterion(nn.CrossEntropyLoss),
    "focal": Criterion(FocalLoss),
    "ldam": Criterion(LDAMLoss, head="cosine"),
}


class NameOrClass(StrOptions):
    """Constraint of scikit-learn: one of some names, or a class of the user's own."""

    def __init__(self, names: set[str], what: str) -> None:
        super().__init__(names)
        self.what = what

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is one of the names or a class."""
        return isinstance(val, type) or super().is_satisfied_by(val)

    def __str__(self) -> str:
        names = ", ".join(map(repr, sorted(self.options)))
        return f"one of {names}, or a class of {self.what} (the class itself, not an instance)"


def head_of(criterion: Any) -> str:
    """Return the last layer that a criterion needs."""
    return CRITERIA[criterion].head if isinstance(criterion, str) else "linear"


def criterion_of(
    kind: Any, counts: NDArray[np.int64], params: dict[str, Any] | None = None
) -> partial[nn.Module]:
    """Return a function that makes the loss, which gives a value a row."""
    given: dict[str, Any] = {**(params or {}), "reduction": "none"}
    if isinstance(kind, str):
        kind = CRITERIA[kind].loss
    if "class_counts" in _parameters_of(kind):
        # A class whose rows are all still to come (partial_fit) counts one.
        given["class_counts"] = np.maximum(counts, 1).tolist()
    advice = (
        "It is called with reduction='none' and, where its constructor has it, class_counts: give "
        "other arguments a default, or a value in criterion_params."
    )
    check_arguments("criterion", kind, given, advice)
    return partial(kind, **given)


def check_criterion(
    kind: Any, counts: NDArray[np.int64], params: dict[str, Any] | None = None
) -> nn.Module:
    """Make the loss, and refuse, before training, what is not a loss of rows."""
    make, k = criterion_of(kind, counts, params), len(counts)
    name = kind if isinstance(kind, str) else kind.__name__
    logits = torch.zeros(3, k, dtype=torch.float32, requires_grad=True)
    labels = torch.arange(3) % k
    try:
        loss = make()
    except TypeError as error:
        given = ", ".join(f"{n}={value!r}" for n, value in make.keywords.items())
        raise TypeError(
            f"criterion={name} cannot be made with {given}: {error}. Give a class of losses such "
            "as torch.nn.CrossEntropyLoss, or other criterion_params."
        ) from error
    cause: Exception | None = None
    try:
        with seeded(0, torch.device("cpu")), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of shapes that torch broadcasts
            values = loss(logits, labels)
    except Exception as error:
        found, cause = f"it raised {type(error).__name__}: {error}", error
    else:
        if not isinstance(values, Tensor):
            found = f"it gave {type(values).__name__}"
        elif values.shape != labels.shape:
            found = f"for three rows it gave the shape {tuple(values.shape)}"
        elif not values.requires_grad:
            found = "it gave numbers without a gradient"
        else:
            return loss
    raise TypeError(
        f"criterion={name} is no loss of classifiers: of logits of shape (n, {k}) and labels of "
        "shape (n,) it must make a number for each row, as torch.nn.CrossEntropyLoss does, and "
        f"{found}."
    ) from cause


def module_of(
    module: Any, x: Tensor, n_classes: int, given: dict[str, Any] | None
) -> Callable[[], nn.Module]:
    """Return a function that makes the user's own module, with the sizes of the data filled in."""
    known = dict.fromkeys(("n_classes", "num_classes", "out_features"), n_classes)
    known |= dict.fromkeys(("n_features", "in_features"), math.prod(x.shape[1:]))
    if x.ndim == 4:
        known |= dict.fromkeys(("n_channels", "in_channels"), x.shape[1])
    asked = _parameters_of(module)
    arguments = {name: known[name] for name in asked if name in known} | (given or {})
    advice = (
        f"Filled in by name are {', '.join(known)}: call its arguments so, or give them in "
        "module_params."
    )
    check_arguments("module", module, arguments, advice)
    return partial(_own_module, module, arguments, advice)


def _own_module(module: Any, arguments: dict[str, Any], advice: str) -> nn.Module:
    name = getattr(module, "__name__", repr(module))
    try:
        made = module(**arguments)
    except TypeError as error:  # of one whose signature does not say what it takes
        given = ", ".join(arguments) or "no arguments"
        raise TypeError(f"module={name} was called with {given}: {error}. {advice}") from error
    if not isinstance(made, nn.Module):
        raise TypeError(f"module={name} made {made!r}, which is no torch.nn.Module: give a class.")
    if not any(True for _ in made.parameters()):
        raise TypeError(f"module={name} has no parameters, so that there is nothing to train.")
    return made


def check_arguments(parameter: str, kind: Any, arguments: dict[str, Any], advice: str) -> None:
    """Refuse the class in a parameter if it cannot be called with these arguments."""
    try:
        signature = inspect.signature(kind)
    except ValueError:  # of some classes that are not written in Python
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        name = getattr(kind, "__name__", repr(kind))
        raise TypeError(
            f"{parameter}={name} takes {signature}, and cannot be called: {error}. {advice}"
        ) from error


def _parameters_of(kind: Any) -> Any:
    try:
        return inspect.signature(kind).parameters
    except ValueError:
        return {}
