"""What changes during training: the learning rate, and when balancing begins.

The callbacks are skorch's, for the nets of this room (``net_`` of a classifier). An epoch is named
by its index: ``start=160`` leaves epochs 0 to 159 as they are and applies from epoch 160 on, as in
[1]_ and [2]_.

References
----------
.. [1] K. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
   NeurIPS 2019, section 3.3.
.. [2] J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor Translation",
   CVPR 2020.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, InputShapeSetter
from skorch.callbacks.scoring import ScoringBase

__all__ = [
    "DeferredEarlyStopping",
    "DeferredResampling",
    "DeferredReweighting",
    "WarmupStepDecay",
]


def epoch_of(when: float, max_epochs: int) -> int:
    """Turn a moment, an index or a share of the training, into the index of an epoch."""
    return int(when) if isinstance(when, Integral) else round(when * max_epochs)


def start_of(defer: float, max_epochs: int) -> int:
    """Return the first epoch of a deferred phase, and refuse one after the last."""
    start = epoch_of(defer, max_epochs)
    if isinstance(defer, Integral) and start >= max_epochs:
        raise ValueError(
            f"defer={defer} never comes in a training of {max_epochs} epochs: give a smaller "
            "number, or a share such as 0.8."
        )
    return min(start, max_epochs - 1)


def check_moment(name: str, when: Any) -> None:
    """Refuse a moment that is neither the index of an epoch nor a share of the training."""
    index = isinstance(when, Integral) and int(when) >= 0
    share = not isinstance(when, Integral) and isinstance(when, Real) and 0 <= float(when) <= 1
    if not index and not share:
        raise ValueError(
            f"{name} holds {when!r}: a moment of the training is a share of it, from 0.0 to 1.0, "
            "or the index of an epoch, an integer from 0."
        )


def check_callbacks(callbacks: Sequence[Any], validated: bool) -> None:
    """Refuse skorch callbacks that cannot work here.

    Those monitor values of validation rows where there are none, or values that no epoch records,
    or are an InputShapeSetter.
    """
    known = {"train_loss", "train_batch_count"}
    if validated:
        known |= {"valid_loss", "valid_batch_count", "valid_balanced_accuracy"}
    plain = [callback[1] if isinstance(callback, tuple) else callback for callback in callbacks]
    plain = [callback() if isinstance(callback, type) else callback for callback in plain]
    for callback in plain:
        if isinstance(callback, ScoringBase) and (validated or callback.on_train):
            known.add(copy.deepcopy(callback).initialize().name_)
    # Callbacks of the user's own may record anything.
    own = any(not type(callback).__module__.startswith("skorch.") for callback in plain)
    for callback in plain:
        if isinstance(callback, InputShapeSetter):
            raise ValueError(
                "callbacks holds InputShapeSetter, and modules get the sizes of the data here: "
                "leave it out, and take n_features (of images n_channels) as an argument of the "
                "module's constructor."
            )
        monitor = getattr(callback, "monitor", None)
        name = monitor.removesuffix("_best") if isinstance(monitor, str) else ""
        if name in known or not name.startswith(("train_", "valid_")):
            continue
        what = f"callbacks holds {type(callback).__name__}(monitor={monitor!r})"
        if not validated and name in ("valid_loss", "valid_balanced_accuracy", "valid_acc"):
            raise ValueError(
                f"{what}, and there are no validation rows: set early_stopping=True, or "
                "monitor='train_loss'."
            )
        if not own:
            raise ValueError(
                f"{what}, and epochs record {sorted(known)}: monitor one of them, or put an "
                f"EpochScoring with name={name!r} before it."
            )


class WarmupStepDecay(Callback):
    """Raise the learning rate linearly, then cut it at milestones.

    In epoch t it is ``learning_rate * min(1, (t + 1) / warmup) * decay**m``, where m is the number
    of milestones that t has reached. Recorded as ``learning_rate`` in the history.

    Parameters
    ----------
    learning_rate : float
        The full rate.
    warmup : int, default=5
        Epochs until the full rate is reached; the first has ``1 / warmup`` of it. 0 is no warm-up.
    milestones : sequence of int, default=()
        Indices of the epochs from which the rate is lower by ``decay``.
    decay : float, default=0.01
        Factor at each milestone.

    Examples
    --------
    >>> from imbdeep.classifiers.schedules import WarmupStepDecay
    >>> schedule = WarmupStepDecay(0.1, warmup=2, milestones=(3, 5), decay=0.1)
    >>> [round(schedule.rate(epoch), 6) for epoch in range(6)]
    [0.05, 0.1, 0.1, 0.01, 0.01, 0.001]
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        warmup: int = 5,
        milestones: Sequence[int] = (),
        decay: float = 0.01,
    ) -> None:
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.milestones = milestones
        self.decay = decay

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, by its index."""
        warm = min(1.0, (epoch + 1) / self.warmup) if self.warmup else 1.0
        reached = sum(epoch >= milestone for milestone in self.milestones)
        return float(self.learning_rate * warm * self.decay**reached)

    def hold(self, net: Any) -> None:
        """Stay at the present rate of the net from now on."""
        self.learning_rate = net.optimizer_.param_groups[0]["lr"]
        self.warmup, self.milestones = 0, ()

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set the rate where it changes, and leave it to other schedulers elsewhere."""
        epoch = net.history[-1, "epoch"] - 1
        rate = self.rate(epoch)
        groups = net.optimizer_.param_groups
        if epoch == 0 or rate != self.rate(epoch - 1):
            for group in groups:
                group["lr"] = rate
        net.history.record("learning_rate", groups[0]["lr"])


class DeferredReweighting(Callback):
    """Give the classes weights in the loss from an epoch on (DRW of [1]_; RW with ``start=0``).

    Parameters
    ----------
    weights : sequence of float of length n_classes
        A factor for the loss of each class, in the order of the codes.
    start : int, default=0
        Index of the first epoch with weights.

    References
    ----------
    .. [1] K. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
       Loss", NeurIPS 2019, Algorithm 1.
    """

    def __init__(self, weights: Sequence[float], start: int = 0) -> None:
        self.weights = weights
        self.start = start

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Hand the weights to the criterion when their epoch has come."""
        begun = net.history[-1, "epoch"] > self.start
        weights = torch.tensor(self.weights, dtype=torch.float32, device=net.device)
        net.criterion_.weight = weights if begun else None


class DeferredResampling(Callback):
    """Draw rows by class weights from an epoch on (DRS; RS with ``start=0``).

    An epoch keeps its length, the number of rows N: N rows are drawn with replacement, each with a
    probability proportional to the weight of its class. With weights ∝ 1/N_k all classes are
    equally frequent.

    Parameters
    ----------
    weights : sequence of float of length n_classes
        Weight of one row of each class, in the order of the codes.
    start : int, default=0
        Index of the first epoch with this sampling.
    """

    def __init__(self, weights: Sequence[float], start: int = 0) -> None:
        self.weights = weights
        self.start = start

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Hand the weights to the batches when their epoch has come."""
        begun = net.history[-1, "epoch"] > self.start
        net.batches_.weights = torch.tensor(self.weights, dtype=torch.float64) if begun else None


class DeferredEarlyStopping(EarlyStopping):
    """skorch's early stopping, which begins with deferred balancing.

    Otherwise a long first phase would end the training, or have its best epoch restored, before
    the balancing that the user asked for had begun.

    Parameters
    ----------
    start : int, default=0
        Index of the first epoch that counts.
    **kwargs
        Parameters of :class:`skorch.callbacks.EarlyStopping`.
    """

    def __init__(self, start: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare the epoch that ended with the best, if it counts."""
        if net.history[-1, "epoch"] > self.start:
            super().on_epoch_end(net, **kwargs)
