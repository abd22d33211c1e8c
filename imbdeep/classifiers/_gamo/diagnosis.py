"""What has become of a generator: numbers that say whether it has collapsed, and onto what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from imbdeep.classifiers._gamo.players import GAMO

#: Generated rows of each class that are looked at.
_ROWS = 256
#: Below this effective number of anchors, rows are copies; below this share of the variance of
#: the class, they are all one.
_COPIES, _ONE_POINT = 1.05, 0.01


class Diagnosis(NamedTuple):
    """Means over the minority classes, and the codes of those whose rows have collapsed."""

    values: dict[str, float]
    copied: list[int]
    merged: list[int]

    def collapsed(self, discriminator: bool) -> Iterator[tuple[list[int], str, str]]:
        """Say for which classes what has become of their rows, and what to try."""
        if self.copied:
            advice = "a smaller discriminator_lambda" if discriminator else "discriminator=True"
            yield self.copied, "copies of single real rows", advice
        if self.merged:
            rows = "nearly one and the same row a class, such as its mean"
            yield self.merged, rows, "more max_steps, or a larger learning_rate"


@torch.no_grad()
def diagnose(game: GAMO, real: Tensor) -> Diagnosis:
    """Compare generated rows with the real ones of their classes; see ``diagnostics_``.

    ``real``, (n_anchors, width), is what M and D see of the anchors of all minority classes, in
    order.
    """
    game.eval()
    of_class: dict[str, list[Tensor]] = {}
    copied, merged = [], []
    for code, own in zip(game.sizes.minority, real.split(list(game.sizes.n_anchors)), strict=True):
        drawn = list(game.draw(code, _ROWS))
        rows = torch.cat([part for part, _ in drawn])
        confidence = game.classifier(rows).softmax(dim=1)[:, code].mean()
        of_class.setdefault("classifier_confidence", []).append(confidence)
        if game.discriminator is not None:
            for name, some in (("real", own), ("generated", rows)):
                y = torch.full((len(some),), code, device=some.device)
                probability = torch.sigmoid(game.discriminator(some, y)).mean()
                of_class.setdefault(f"discriminator_{name}", []).append(probability)
        weights = [part for _, part in drawn if part is not None]
        if weights:
            numbers = torch.cat([effective_anchors(part) for part in weights])
            of_class.setdefault("effective_anchors", []).append(numbers.mean())
            of_class.setdefault("effective_share", []).append(numbers.mean() / len(own))
            if len(own) > 1 and numbers.mean() < _COPIES:
                copied.append(code)
        variance = _spread(own)
        if variance > 0:
            share = _spread(rows) / variance
            of_class.setdefault("generated_spread", []).append(share)
            if share < _ONE_POINT:
                merged.append(code)
    values = {name: float(torch.stack(all_).mean()) for name, all_ in of_class.items()}
    return Diagnosis(values, copied, merged)


def effective_anchors(weights: Tensor) -> Tensor:
    """Effective number of anchors of each row, exp of the entropy of its weights, (n, n_i) -> (n,).

    1 is a copy of an anchor, n_i their mean.
    """
    terms = weights * weights.clamp(min=torch.finfo(weights.dtype).tiny).log()
    return torch.exp(-terms.sum(dim=1))


def _spread(rows: Tensor) -> Tensor:
    """Total variance of rows."""
    return rows.var(dim=0, correction=0).sum()
