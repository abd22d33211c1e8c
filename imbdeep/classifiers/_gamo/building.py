"""From the parameters of a GAMOClassifier to the sizes of its players and its schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imbdeep.classifiers._building import observed_columns
from imbdeep.classifiers._gamo.net import EPOCH_STEPS, Schedule
from imbdeep.classifiers._gamo.players import Architecture


def sizes_of(
    classifier: Any, x: Tensor, minority: tuple[int, ...], convolutional: bool
) -> Architecture:
    """Return what players are made for encoded rows like those of ``x``."""
    counts = [int(classifier.class_counts_[code]) for code in minority]
    most = classifier.max_anchors or max(counts, default=0)
    largest = classifier.class_counts_ == classifier.class_counts_.max()
    return Architecture(
        shape=tuple(x.shape[1:]),
        n_classes=len(classifier.classes_),
        convolutional=convolutional,
        minority=minority,
        n_anchors=tuple(min(n, most) for n in counts),
        generator=classifier.generator,
        discriminator=classifier.discriminator,
        without=(
            tuple(np.flatnonzero(largest).tolist())
            if classifier._setting("complement") == "minority"
            else ()
        ),
        latent_dim=int(classifier.latent_dim),
        hidden=classifier._units("hidden_layer_sizes"),
        generator_hidden=classifier._units("generator_layer_sizes"),
        discriminator_hidden=classifier._units("discriminator_layer_sizes"),
        n_extracted=int(classifier.n_extracted),
        columns=observed_columns(classifier.encoder_, x),
    )


def schedule_of(classifier: Any, n: int, convolutional: bool) -> Schedule:
    """Return how a training on ``n`` rows is divided into rounds."""
    a_pass = math.ceil(n / classifier.batch_size)
    u, v = classifier._setting("feature_steps"), classifier._setting("game_steps")
    return Schedule(
        feature_steps=(a_pass if u == "auto" else int(u)) if convolutional else 0,
        game_steps=(a_pass if convolutional else EPOCH_STEPS) if v == "auto" else int(v),
        max_steps=int(classifier.max_steps),
    )


def choose_anchors(
    y: NDArray[np.int64], sizes: Architecture, stream: np.random.RandomState
) -> list[NDArray[np.int64]]:
    """Return which training rows are the anchors of each minority class."""
    chosen = []
    for code, n in zip(sizes.minority, sizes.n_anchors, strict=True):
        rows = np.flatnonzero(y == code)
        if n < len(rows):
            rows = np.sort(stream.choice(rows, n, replace=False))
        chosen.append(rows)
    return chosen
