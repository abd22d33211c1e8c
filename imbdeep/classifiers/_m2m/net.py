"""The net of M2m: batches that carry a plan, and a step that carries it out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from imbdeep.classifiers._m2m.translation import Planner, noise, translate
from imbdeep.classifiers._net import ClassifierNet, TrainingBatches


class TranslationBatches(TrainingBatches):
    """Training batches that name, once they are re-sampled, the rows to translate.

    Plans are made some batches ahead on the processor and moved to the device together, so that no
    step waits for the device.
    """

    #: Batches planned ahead.
    _AHEAD = 64

    def __init__(
        self, dataset: Any, batch_size: int, n_classes: int, planner: Mapping[str, Any]
    ) -> None:
        super().__init__(dataset, batch_size, n_classes)
        self.planner = Planner(self.codes, n_classes, **planner)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        if self.weights is None:
            yield from super().__iter__()
            return
        batches = self.draw().split(self.sizes())
        for start in range(0, len(batches), self._AHEAD):
            some = batches[start : start + self._AHEAD]
            plans = [self.planner.plan(self.codes[rows], rows) for rows in some]
            parts = [part for rows, plan in zip(some, plans, strict=True) for part in (rows, *plan)]
            moved = torch.cat(parts).to(self.y.device).split([len(part) for part in parts])
            for rows, *plan in zip(*[iter(moved)] * 4, strict=True):
                yield self.x[rows], self.y[rows], *plan


@dataclass(frozen=True)
class Settings:
    """How rows are translated; see :class:`M2mClassifier`."""

    gamma: float
    logit_lambda: float
    n_steps: int
    step_size: float
    noise_radius: float
    from_batch: bool
    ablation: str | None
    stop_at_gamma: bool

    @property
    def enough(self) -> float:
        """Log-probability from which a translation is accepted."""
        return math.log(self.gamma) if self.gamma else -math.inf


class M2mNet(ClassifierNet):
    """The student f: its steps replace rows of the batch by translations.

    ``teachers`` are pairs of a trained net g and the places of the student's classes among its
    logits (None: they are the same), none where the student is its own teacher. ``box`` holds the
    smallest and the largest value of each feature, ``seed_rows`` the training rows, None after the
    training.
    """

    def __init__(
        self,
        *args: Any,
        teachers: Any,
        settings: Settings,
        box: Any,
        seed_rows: Tensor | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.teachers = teachers
        self.settings = settings
        self.box = box
        self.seed_rows = seed_rows

    def initialize_history(self) -> M2mNet:
        """Start the counts of accepted translations together with the history."""
        super().initialize_history()
        n = len(self.classes)
        self.tried_ = torch.zeros(n * n, dtype=torch.int64, device=self.device)
        self.accepted_ = torch.zeros_like(self.tried_)
        self._so_far = (0, 0)
        return self

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the batches; the planner of those of the training keeps its counts."""
        iterator = super().get_iterator(dataset, training=training)
        if training:
            self.planner_ = iterator.planner
        return iterator

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record which share of the marked rows was translated and accepted in this epoch."""
        super().on_epoch_end(net, **kwargs)
        so_far = int(self.planner_.marked.sum()), int(self.accepted_.sum())
        marked, accepted = (now - before for now, before in zip(so_far, self._so_far, strict=True))
        self._so_far = so_far
        if marked:
            self.history.record("accepted_share", accepted / marked)

    def training_rows(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the rows of a step, translated where planned and accepted by the teacher."""
        x, y = super().training_rows(batch[:2])
        if len(batch) == 2:
            return x, y
        where, seeds, sources = batch[2:]
        if not len(where):
            return x, y
        if self.settings.from_batch:
            x0 = x[seeds]
        else:
            assert self.seed_rows is not None
            x0 = self.seed_rows[seeds]
            x0 = x0 if self.augment is None else self.augment(x0)
        targets = y[where]
        x_star, log_p = self.translated(x0, targets, sources)
        sure = log_p >= self.settings.enough
        kind = targets * len(self.classes) + sources
        ones = torch.ones_like(kind)
        self.tried_.index_add_(0, kind, ones)
        self.accepted_.index_add_(0, kind, ones * sure)
        if self.settings.ablation == "clean":
            x_star = x0
        chosen = sure.view(-1, *[1] * (x.ndim - 1))
        replaced = torch.where(chosen, x_star, x[where])
        x = x.clone()
        x[where] = replaced
        if self.settings.ablation == "random_label":
            y = y.clone()
            y[where] = torch.where(sure, self._others(targets, sources), targets)
        return x, y

    def _others(self, targets: Tensor, sources: Tensor) -> Tensor:
        """Draw classes other than the target and the seed's, uniformly."""
        low, high = torch.minimum(targets, sources), torch.maximum(targets, sources)
        drawn = torch.randint(len(self.classes) - 2, targets.shape, device=targets.device)
        drawn = drawn + (drawn >= low)
        return drawn + (drawn >= high)

    def translated(self, x0: Tensor, targets: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Translate seeds ``x0``, (m, ...), from ``sources`` to ``targets``, both (m,).

        Returns the translations, and the teacher's log-probability of the targets, (m,).
        """
        with self.frozen():
            x_star = translate(
                x0 + noise(x0, self.settings.noise_radius),
                targets,
                sources,
                self.teacher_log_proba,
                self._logits,
                n_steps=self.settings.n_steps,
                step_size=self.settings.step_size,
                logit_lambda=self.settings.logit_lambda,
                low=self.box[0].to(x0.device),
                high=self.box[1].to(x0.device),
                enough=self.settings.enough if self.settings.stop_at_gamma else None,
            )
            with torch.no_grad():
                log_p = self.teacher_log_proba(x_star).gather(1, targets[:, None])[:, 0]
        return x_star, log_p

    def frozen(self) -> _frozen:
        """Freeze f and g while they are only evaluated."""
        return _frozen([self.module_, *(net.module_ for net, _ in self.teachers)])

    def _logits(self, x: Tensor) -> Tensor:
        """Logits whose softmax is the probability: LDAM's cosines times its scale."""
        return _scaled(self, x)

    def teacher_log_proba(self, x: Tensor) -> Tensor:
        """Return the teacher's log-probabilities of the student's classes, shape (m, K)."""
        if not self.teachers:
            return torch.log_softmax(self._logits(x), dim=1)
        each = []
        for net, columns in self.teachers:
            log_p = torch.log_softmax(_scaled(net, x), dim=1)
            each.append(log_p if columns is None else log_p[:, columns])
        if len(each) == 1:
            return each[0]
        # The ensemble's probability is the mean of its members'.
        return torch.logsumexp(torch.stack(each), dim=0) - math.log(len(each))


def _scaled(net: ClassifierNet, x: Tensor) -> Tensor:
    scale, logits = net.predict_nonlinearity.scale, net.infer(x)
    return logits if scale == 1 else scale * logits


class _frozen:
    """Inside, modules are in evaluation mode and their weights get no gradient.

    Batch statistics stay clean, and the layers need not keep activations for weight gradients.
    """

    def __init__(self, modules: list[nn.Module]) -> None:
        self.training = [(m, m.training) for module in modules for m in module.modules()]
        self.weights = [(p, p.requires_grad) for module in modules for p in module.parameters()]

    def __enter__(self) -> None:
        for module, _ in self.training:
            module.training = False
        for weight, _ in self.weights:
            weight.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for module, mode in self.training:
            module.training = mode
        for weight, learns in self.weights:
            weight.requires_grad_(learns)
