"""The losses that ``criterion`` names, and how classes of the user's own are called.

A new named loss is one entry of :data:`CRITERIA`. A parameter of it that users may choose is a
parameter of the classifiers too; one that a classifier does not have keeps the loss's default.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from imbdeep.losses import FocalLoss, LDAMLoss


class Criterion(NamedTuple):
    """A named loss.

    Attributes
    ----------
    loss : class
        Called with ``reduction="none"``, and with the counts if it has ``class_counts``.
    parameters : dict
        Arguments of the loss by the parameter of the classifier that sets them.
    constraints : dict
        What values these parameters may have.
    head : {"linear", "cosine"}
        The last layer of the built-in networks.
    """

    loss: Callable[..., nn.Module]
    parameters: dict[str, str] = {}
    constraints: dict[str, Any] = {}
    head: str = "linear"


CRITERIA = {
    "cross_entropy": Criterion(nn.CrossEntropyLoss),
    "focal": Criterion(
        FocalLoss,
        {"focal_gamma": "gamma"},
        {"focal_gamma": [Interval(Real, 0, None, closed="left")]},
    ),
    "ldam": Criterion(
        LDAMLoss,
        {"ldam_margin": "max_margin", "ldam_scale": "scale"},
        {
            "ldam_margin": [Interval(Real, 0, None, closed="left")],
            "ldam_scale": [Interval(Real, 0, None, closed="neither")],
        },
        head="cosine",
    ),
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


#: Of ``_parameter_constraints``.
CONSTRAINTS: dict[str, Any] = {
    "criterion": [NameOrClass(set(CRITERIA), "losses such as torch.nn.CrossEntropyLoss")],
    **{name: rule for named in CRITERIA.values() for name, rule in named.constraints.items()},
}


def head_of(criterion: Any) -> str:
    """Return the last layer that a criterion needs."""
    return CRITERIA[criterion].head if isinstance(criterion, str) else "linear"


def criterion_of(classifier: Any, kind: Any, counts: NDArray[np.int64]) -> Callable[..., nn.Module]:
    """Return a function that makes the loss, which gives a value a row."""
    given: dict[str, Any] = {"reduction": "none"}
    if isinstance(kind, str):
        named = CRITERIA[kind]
        kind = named.loss
        for parameter, argument in named.parameters.items():
            if hasattr(classifier, parameter):
                given[argument] = getattr(classifier, parameter)
    if "class_counts" in _parameters_of(kind):
        # A class whose rows are all still to come (partial_fit) counts one.
        given["class_counts"] = np.maximum(counts, 1).tolist()
    advice = (
        "It is called with reduction='none' and, where its constructor has it, class_counts: give "
        "other arguments a default."
    )
    check_arguments("criterion", kind, given, advice)
    return partial(kind, **given)


def module_arguments(
    module: Any, x: Tensor, n_classes: int, given: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the arguments of the user's own module, the sizes of the data among them."""
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
    return arguments


def check_arguments(parameter: str, kind: Any, arguments: dict[str, Any], advice: str) -> None:
    """Refuse a class that cannot be called with these arguments, and say what it is called with.

    Parameters
    ----------
    parameter : str
        The parameter of the classifier that holds the class.
    kind : callable
        The class.
    arguments : dict
        What it is called with.
    advice : str
        What to do, as a sentence.
    """
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
