"""What the adversarial methods, RAE and GAMO, share: parameters, networks and the net."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor

from imbdeep.classifiers._building import early_stopping, evaluation_size
from imbdeep.classifiers._net import ClassifierNet, EvaluationBatches, ScaledSoftmax
from imbdeep.classifiers.base import DeepClassifier
from imbdeep.training import DivergedError

#: Images of at least this side get convolutional networks where network="auto".
_CONVOLVED_SIDE = 16


class AdversarialClassifier(DeepClassifier):
    """Base class of the classifiers that train several networks against each other, by steps."""

    _parameter_constraints: ClassVar[dict] = {
        **DeepClassifier._parameter_constraints,
        "sampling": [StrOptions({"balanced"}), None],
        "network": [StrOptions({"auto", "mlp", "cnn"})],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        # Batch normalisation needs two rows.
        "batch_size": [Interval(Integral, 2, None, closed="left")],
    }
    #: What to do about images that ``_can_convolve`` refuses.
    _SIDES_ADVICE: ClassVar[str]

    @abstractmethod
    def _can_convolve(self, sides: Sequence[int]) -> bool:
        """Tell whether the convolutional networks take images of these sides."""

    def _convolutional(self, x: Tensor) -> bool:
        if x.ndim != 4 or self.network == "mlp":
            return False
        sides = x.shape[2:]
        large = min(sides) >= _CONVOLVED_SIDE and self._can_convolve(sides)
        return bool(self.network == "cnn" or large)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.network != "cnn":
            return
        if self._image is None:
            raise ValueError(
                "network='cnn' works on images: pass X of shape (n_samples, channels, height, "
                "width), or give image_shape for flattened images."
            )
        sides = self._image[1:]
        if not self._can_convolve(sides):
            raise ValueError(
                f"network='cnn' halves images twice, and these are {sides} pixels: "
                f"{self._SIDES_ADVICE}."
            )

    def _units(self, name: str) -> tuple[int, ...]:
        """Return the units of hidden layers that a parameter holds."""
        return tuple(int(size) for size in getattr(self, name))

    def _net_options(self, x: Tensor, valid: Any) -> dict[str, Any]:
        """Return the parameters of the net that are the same for all methods."""
        return {
            "lr": self.learning_rate,
            "batch_size": self.batch_size,
            "iterator_valid": EvaluationBatches,
            "iterator_valid__batch_size": evaluation_size(x),
            "train_split": None if valid is None else predefined_split(Dataset(*valid)),
            "classes": list(range(len(self.classes_))),
            "callbacks": [
                *([] if valid is None else [early_stopping(self)]),
                *(self.callbacks or ()),
            ],
            "predict_nonlinearity": ScaledSoftmax(),
            "device": str(self.device_),
            "verbose": int(self._option("verbose")),
        }


class AdversarialNet(ClassifierNet):
    """A net of several networks with a loss each.

    A step notes its terms by name; an epoch records their means. If one is not finite, the error
    names the term that was not finite first.
    """

    #: Terms that are part of no loss, and become infinite only together with one.
    _BYSTANDERS: ClassVar[frozenset[str]] = frozenset()

    def initialize_history(self) -> AdversarialNet:
        """Start the sums of an epoch together with the history."""
        super().initialize_history()
        self._terms: dict[str, list[Tensor]] = {}
        return self

    def note(self, name: str, value: Tensor) -> None:
        """Keep the value of a term until the end of the epoch, on the device."""
        self._terms.setdefault(name, []).append(value.detach())

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Run one epoch; if its loss is not finite, name the term that was not finite first."""
        try:
            super().run_single_epoch(*args, **kwargs)
        except DivergedError:
            self._means()
            raise

    def _means(self) -> dict[str, float]:
        """Return the mean of each term in the epoch so far, if all are finite."""
        if not self._terms:
            return {}
        terms = [torch.stack(values) for values in self._terms.values()]
        values = torch.stack([term.mean() for term in terms]).tolist()
        means = dict(zip(self._terms, values, strict=True))
        if not all(map(math.isfinite, values)):
            # Soon no term is finite. The first one was finite in the fewest steps, or has too
            # large a sum.
            finite = [float(torch.isfinite(term).float().mean()) for term in terms]
            lasted = dict(zip(self._terms, finite, strict=True))
            name = min(
                means,
                key=lambda name: (
                    lasted[name],
                    math.isfinite(means[name]),
                    name in self._BYSTANDERS,
                ),
            )
            raise DivergedError(
                f"The term '{name}' became {means[name]} in epoch {self.history[-1, 'epoch']}. "
                f"{self._ADVICE}, and look for columns with extreme values."
            )
        return means

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the means of the epoch."""
        super().on_epoch_end(net, **kwargs)
        for name, value in self._means().items():
            self.history.record(name, value)
        self._terms = {}


def step(optimizer: torch.optim.Optimizer | None) -> None:
    """Take a step with an optimiser, and clear its gradients."""
    assert optimizer is not None
    optimizer.step()
    optimizer.zero_grad()
