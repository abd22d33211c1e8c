"""What the nets of several players share: the terms of their losses, and who broke first."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from imbdeep.classifiers._net import ClassifierNet
from imbdeep.training import DivergedError


class AdversarialNet(ClassifierNet):
    """A net in which several players have a loss each.

    A step notes its terms by name; an epoch records their means. If one is not finite, the error
    names the term that broke first.
    """

    #: Terms that are no part of a loss and break only together with one.
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
        """Run one epoch; if its loss is not finite, name the term that broke first."""
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
            # Soon all are lost: the one that broke first was finite in the fewest steps, or has
            # too large a sum.
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
    """Let those that an optimiser moves take their step."""
    assert optimizer is not None
    optimizer.step()
    optimizer.zero_grad()
