"""The net of GAMO: rounds of the feature extractor, and the game of the three players."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.classifiers._adversarial import AdversarialNet, step
from imbdeep.classifiers._gamo.players import GAMO
from imbdeep.classifiers._net import ClassRows
from imbdeep.networks import ConvexGenerator
from imbdeep.training import batch_indices

#: Mini-batches of the game between two records where there is no feature extractor.
EPOCH_STEPS = 100
#: Rows of each class on which the players are compared once an epoch.
_PROBE_ROWS = 16
#: Of Adam, for all players (the authors' code).
_BETAS = (0.5, 0.999)


@dataclass(frozen=True)
class Schedule:
    """Mini-batches of F and of the game in a round (u and v of Algorithm 1), and of all rounds."""

    feature_steps: int
    game_steps: int
    max_steps: int

    @property
    def n_epochs(self) -> int:
        """Rounds in all."""
        return math.ceil(self.max_steps / self.game_steps)


class GameBatches:
    """The mini-batches of a round: for F, and then for the game.

    ``shares`` says how often M and D see each minority class among generated rows; ``balanced``,
    whether all classes are equally frequent among the real ones.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        schedule: Schedule,
        shares: NDArray[np.float64],
        n_classes: int,
        balanced: bool,
    ) -> None:
        self.x, self.y = dataset.X, dataset.y
        self.rows = ClassRows(self.y.cpu(), n_classes)
        self.n_classes, self.balanced = n_classes, balanced
        self.batch_size, self.schedule = batch_size, schedule
        self.shares = shares
        self.left = schedule.max_steps
        self.rows_now: Tensor = torch.empty(0, dtype=torch.int64)  # those of the mini-batch
        self.extract: Callable[[Tensor], Tensor] | None = None  # set by the net

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for rows in self._real(self.schedule.feature_steps):
            self.rows_now = rows
            yield self.x[rows], self.y[rows]
        assert self.extract is not None
        x = self.extract(self.x)
        steps = min(self.schedule.game_steps, self.left)
        self.left -= steps
        batches = self._real(steps)
        if not len(self.shares):
            for rows in batches:
                self.rows_now = rows
                yield x[rows], self.y[rows], None, None
            return
        shown = self._places(self.shares, steps)
        own = self._places(np.ones_like(self.shares), steps)
        for rows, one, other in zip(batches, shown, own, strict=True):
            self.rows_now = rows
            yield x[rows], self.y[rows], one, other

    def _real(self, steps: int) -> Tensor:
        """Draw the real rows of mini-batches, (steps, B)."""
        if self.balanced:
            classes = torch.randint(self.n_classes, (steps, self.batch_size))
            return self.rows.draw(classes).to(self.y.device)
        if not steps:
            return torch.empty(0, self.batch_size, dtype=torch.int64)
        return batch_indices(len(self.y), self.batch_size, steps, self.y.device)

    def _places(self, shares: NDArray[np.float64], steps: int) -> list[tuple[list[int], Tensor]]:
        """Draw which minority classes the generated rows of each mini-batch are of, in order.

        Each row is of a class with the probability of its share, and a mini-batch holds each class
        as often as its share says, to the next whole number (systematic sampling): Algorithm 1
        draws every row by itself, which only adds noise.
        """
        edges = torch.from_numpy(np.cumsum(shares)[:-1] / shares.sum())
        start = torch.rand(steps, 1, dtype=torch.float64)
        points = (torch.arange(self.batch_size) + start) / self.batch_size
        places = torch.bucketize(points, edges, right=True)  # (steps, B), ascending
        classes = torch.arange(len(shares))
        behind = torch.searchsorted(places, classes.expand(steps, -1).contiguous(), right=True)
        counts = torch.diff(behind, dim=1, prepend=torch.zeros(steps, 1, dtype=torch.int64))
        return list(zip(counts.tolist(), places.to(self.y.device), strict=True))


@dataclass(frozen=True)
class Settings:
    """Weights of the losses and rates; see :class:`GAMOClassifier`."""

    least_squares: bool
    generated_lambda: float
    discriminator_lambda: float
    label_smoothing: float
    ema_decay: float
    weight_decay: float


class GAMONet(AdversarialNet):
    """Three players, and F; see Algorithm 1 and :class:`GAMOClassifier`.

    ``anchors`` are the rows that are anchors of the minority classes, class by class.
    """

    _ADVICE = "Try a smaller learning_rate"

    def __init__(self, *args: Any, settings: Settings, anchors: Tensor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = settings
        self.anchors = anchors
        if not settings.least_squares:
            self._ADVICE += ", or loss='least_squares'"

    def initialize_history(self) -> GAMONet:
        """Start the averages together with the history."""
        super().initialize_history()
        self._n_games = 0
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> GAMONet:
        """Give the players optimisers: M and D, which share no weights, move in one."""
        game: GAMO = self.module_
        fused = torch.device(self.device).type in ("cpu", "cuda") or None

        def adam(parameters: Any, size: float = 1.0, decay: float = 0.0) -> Any:
            parameters = list(parameters)
            if not parameters:
                return None
            # Without decay it is Adam.
            return torch.optim.AdamW(
                parameters, size * self.lr, _BETAS, weight_decay=decay, fused=fused
            )

        d, g = game.discriminator, game.generator
        self._rivals = [*game.classifier.parameters(), *(d.parameters() if d else ())]
        self._maker = [] if g is None else [p for p in g.parameters() if p.requires_grad]
        self._extractor = [*game.features.parameters()]
        s = self.settings
        self.optimizer_: torch.optim.Optimizer | None = adam(self._rivals, decay=s.weight_decay)
        self.features_optimizer_ = adam(self._extractor, decay=s.weight_decay)
        sizes = [1.0] if d is None else [1.0, s.discriminator_lambda]
        self.generator_optimizers_ = [adam(self._maker, size) for size in sizes if self._maker]
        return self

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the batches; those of the game show what F makes of the rows."""
        iterator = super().get_iterator(dataset, training=training)
        if training:
            iterator.extract = self._extract
            self._probe: tuple[Tensor, Tensor] | None = self._real_probe(iterator)
        return iterator

    def _extract(self, x: Tensor) -> Tensor:
        """Features of all rows, which are those of the anchors too from now on."""
        game: GAMO = self.module_
        game.eval()
        features = game.extract(x)
        if game.sizes.convolutional:
            self._n_games = 0  # F has moved on: what M was before fits other features
        if isinstance(game.generator, ConvexGenerator):
            game.generator.anchors.copy_(features[self.anchors])
        return features

    def _real_probe(self, batches: GameBatches) -> tuple[Tensor, Tensor]:
        classes = self.module_.codes.cpu().repeat_interleave(_PROBE_ROWS)
        rows = batches.rows.draw(classes)
        return batches.x[rows.to(batches.y.device)], classes.to(batches.y.device)

    def shown(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the real rows of a mini-batch, those of the game as they were before F."""
        return self.batches_.x[self.batches_.rows_now], batch[1]

    @torch.enable_grad()
    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Let F move, or the players of the game, one after the other."""
        if len(batch) == 2:
            return self._features_step(*batch)
        x, y, shown, own = batch
        moved = self._rivals_step(x, y, shown)
        self._n_games += 1
        # Early averages forget the start faster.
        self.module_.average(min(self.settings.ema_decay, self._n_games / (self._n_games + 9)))
        if own is not None:
            self._generator_step(*own)
        return moved

    def _features_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Line 4: F through M, which is fixed; no other player reaches F."""
        game: GAMO = self.module_
        game.features.train()
        logits = game.classifier(game.features(x))
        loss = self.criterion_(logits, y).mean()
        moving = _moving(self._extractor)
        if moving:
            loss.backward(inputs=moving)
            step(self.features_optimizer_)
        self.note("features", loss)
        return {"loss": loss.detach(), "y_pred": logits.detach()}

    def _rivals_step(
        self, x: Tensor, y: Tensor, shown: tuple[list[int], Tensor] | None
    ) -> dict[str, Tensor]:
        """Lines 9 and 11: M and D on real and generated rows, in one pass."""
        game, s = self.module_, self.settings
        n = len(x)
        if shown is not None:
            counts, places = shown
            with torch.no_grad():
                x = torch.cat([x, game.generate(counts, places)])
            y = torch.cat([y, game.codes[places]])
        logits = game.classifier(x)
        losses = self.criterion_(logits, y)
        loss = classification = losses[:n].mean()
        self.note("classification", classification)
        if shown is not None:
            generated = losses[n:].mean()
            self.note("classification_generated", generated)
            loss = loss + s.generated_lambda * generated
        total = loss
        if game.discriminator is not None:
            of_d = self._discrimination(game.discriminator(x, y), n, s.label_smoothing)
            discrimination = of_d[:n].mean() + s.generated_lambda * of_d[n:].mean()
            self.note("discriminator", discrimination)
            total = loss + discrimination
        total.backward()
        step(self.optimizer_)
        return {"loss": loss.detach(), "y_pred": logits.detach()}

    def _generator_step(self, counts: list[int], places: Tensor) -> None:
        """Lines 14 and 15: a step of G against M, and one towards D (Eq. 6).

        An optimiser each, as in Algorithm 1: the step against M keeps its length where M is so
        confident that its gradient nearly vanishes, and D does not outweigh it.
        """
        game, moving = self.module_, _moving(self._maker)
        assert game.generator is not None
        if not moving:
            return
        game.generator.train()
        rows = game.generate(counts, places)
        y = game.codes[places]
        loss = self.criterion_(game.classifier(rows), game.targets[y], mask=game.counted[y]).mean()
        self.note("generator_classifier", loss)
        losses = [loss]
        if game.discriminator is not None:
            fooled = self._discrimination(game.discriminator(rows, y), len(y), 0.0).mean()
            self.note("generator_discriminator", fooled)
            losses.append(fooled)
        # Both gradients before both steps: one pass makes the rows for both.
        gradients = [
            torch.autograd.grad(loss, moving, retain_graph=loss is not losses[-1])
            for loss in losses
        ]
        for optimizer, gradient in zip(self.generator_optimizers_, gradients, strict=True):
            for parameter, own in zip(moving, gradient, strict=True):
                parameter.grad = own
            step(optimizer)
        game.generator.eval()

    def _discrimination(self, scores: Tensor, n_real: int, smoothing: float) -> Tensor:
        """Loss of D with the first rows as real and the others as generated."""
        targets = torch.zeros_like(scores)
        targets[:n_real] = 1.0
        if smoothing:
            # 1 - U(0, s) and U(0, s)
            targets = (targets - smoothing * torch.rand_like(targets)).abs_()
        if self.settings.least_squares:
            return (torch.sigmoid(scores) - targets).square()
        return F.binary_cross_entropy_with_logits(scores, targets, reduction="none")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the means of the epoch, and how the players stand."""
        super().on_epoch_end(net, **kwargs)
        for name, value in self._standing().items():
            self.history.record(name, value)

    @torch.no_grad()
    def _standing(self) -> dict[str, float]:
        """What M and D make of generated and of real rows of the minority classes."""
        game: GAMO = self.module_
        if game.generator is None:
            return {}
        game.eval()
        n = len(game.sizes.minority)
        places = torch.arange(n, device=game.codes.device).repeat_interleave(_PROBE_ROWS)
        rows, y = game.generate([_PROBE_ROWS] * n, places), game.codes[places]
        own = torch.softmax(game.classifier(rows), dim=1).gather(1, y[:, None])
        found = {"classifier_confidence": own.mean()}
        if game.discriminator is not None:
            assert self._probe is not None
            real, its = self._probe
            found["discriminator_real"] = torch.sigmoid(
                game.discriminator(game.extract(real), its)
            ).mean()
            found["discriminator_generated"] = torch.sigmoid(game.discriminator(rows, y)).mean()
        values = torch.stack(list(found.values())).tolist()
        return dict(zip(found, values, strict=True))

    @torch.no_grad()
    def features(self, x: NDArray[np.float32]) -> Tensor:
        """What M and D see of encoded rows, (n, ...) -> (n, width), on the device."""
        self.module_.eval()
        rows = torch.from_numpy(x).view(-1, *self.module_.sizes.shape)
        return torch.cat([self.module_.extract(some.to(self.device)) for some in rows.split(4096)])

    def generate_features(self, code: int, n: int) -> Tensor:
        """Draw rows of a minority class in the space that M sees, (n, width), on the device."""
        return torch.cat([rows for rows, _ in self.module_.draw(code, n)])

    def generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Draw encoded rows of a minority class, (n, ...), where there is no F."""
        game: GAMO = self.module_
        parts = [rows.view(-1, *game.sizes.shape).cpu().numpy() for rows, _ in game.made(code, n)]
        return np.concatenate(parts)

    def release(self) -> None:
        """Delete what only the training needed."""
        self.released = True
        self.module_.release()
        # An optimiser holds, beside its state, the weights that it moved.
        self.optimizer_ = None
        self.features_optimizer_ = None
        self.generator_optimizers_ = []
        self._rivals = self._maker = self._extractor = []
        self._probe = None


def _moving(parameters: list[nn.Parameter]) -> list[nn.Parameter]:
    """Return those that no callback has frozen."""
    return [parameter for parameter in parameters if parameter.requires_grad]


def minority_of(counts: NDArray[np.int64]) -> tuple[int, ...]:
    """Codes of the classes with fewer rows than the largest, the smallest first."""
    order = np.argsort(counts, kind="stable")
    return tuple(int(code) for code in order if counts[code] < counts.max())
