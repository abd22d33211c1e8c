"""Checks of fitted teachers: whether they fit the data."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from imbdeep.classifiers._net import ClassifierNet
from imbdeep.classifiers.base import DeepClassifier


def given_teachers(student: Any) -> list[DeepClassifier]:
    """Return the fitted classifiers in ``student.teacher``, checked against its classes and X."""
    if student.teacher is None or isinstance(student.teacher, str):
        return []
    given = student.teacher if isinstance(student.teacher, list | tuple) else [student.teacher]
    if not given:
        raise ValueError("teacher is an empty list: give fitted classifiers, or None.")
    teachers = [t.estimator if isinstance(t, FrozenEstimator) else t for t in given]
    for teacher in teachers:
        _check(teacher, student)
    return teachers


def _check(teacher: Any, student: Any) -> None:
    if not isinstance(teacher, DeepClassifier):
        raise TypeError(
            f"teacher={teacher!r} is no classifier of imbdeep, and its gradients by the input are "
            "needed: fit an ERMClassifier (module= takes any network)."
        )
    if not hasattr(teacher, "net_"):
        raise ValueError(
            f"teacher={teacher!r} is not fitted: call its fit first. clone() and GridSearchCV undo "
            "a fit; wrap the teacher in sklearn.frozen.FrozenEstimator there."
        )
    unseen = np.setdiff1d(student.classes_, teacher.classes_)
    if len(unseen):
        raise ValueError(
            f"The teacher was not fitted on the classes {unseen.tolist()} of y (it knows "
            f"{teacher.classes_.tolist()}): fit it on rows of all of them."
        )
    for name, what in (
        ("encode", "the setting encode"),
        ("_image", "the image shape"),
        ("n_features_in_", "the number of columns"),
        ("feature_names_in_", "the column names"),
    ):
        theirs, ours = (_plain(getattr(x, name, None)) for x in (teacher, student))
        if theirs != ours:
            raise ValueError(
                f"The teacher was fitted on other features: {what} is {theirs!r} there and "
                f"{ours!r} here. Fit it on the same columns of X."
            )
    theirs, ours = (_plain(x.categorical_features) for x in (teacher, student))
    if ours not in ("auto", None, theirs):
        raise ValueError(
            f"categorical_features={ours!r}, and the teacher, whose encoding is used, was fitted "
            f"with {theirs!r}: leave it out, or fit the teacher with the same."
        )


def net_on(net: ClassifierNet, device: torch.device) -> ClassifierNet:
    """Return the net, or a copy of it on another device: the user's own stays where it is."""
    if torch.device(net.device) == device:
        return net
    net = copy.deepcopy(net)
    net.module_.to(device)
    net.device = str(device)
    return net


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def check_encodings(teachers: Sequence[DeepClassifier], data: Any, x: NDArray[np.float32]) -> None:
    """Refuse teachers that do not see ``data`` as ``x``, the rows as the first one sees them."""
    for teacher in teachers[1:]:
        if not np.array_equal(teacher._encode(data), x):
            raise ValueError(
                "The teachers encode the rows of X differently: fit all of them on the same rows, "
                "or with encode=False."
            )
