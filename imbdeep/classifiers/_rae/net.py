"""The net of RAE: cycles of balanced groups of rows, and a step for each player."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.classifiers._adversarial import AdversarialNet, step
from imbdeep.classifiers._net import ClassRows, balanced_accuracy
from imbdeep.classifiers._rae.losses import (
    critic_loss,
    entropy,
    gradient_penalty,
    mixed,
    mixer_loss,
    wrong_labels,
)
from imbdeep.classifiers._rae.players import RAE

#: Encoder updates between two records, and two looks at the validation rows.
EPOCH_STEPS = 100
#: Rows that are generated at a time.
_GENERATED_ROWS = 4096
#: Of Adam, for all but encoder and head (section A.6 of the paper).
_BETAS = (0.5, 0.9)


@dataclass(frozen=True)
class Schedule:
    """How often each player moves in a cycle, and how many encoder updates there are in all."""

    encoder_steps: int
    decoder_steps: int
    critic_steps: int
    max_steps: int

    @property
    def order(self) -> list[str]:
        """Who moves, batch by batch: each decoder update follows its critic updates."""
        adversarial = ["critic"] * self.critic_steps + ["decoder"]
        return adversarial * self.decoder_steps + ["encoder"] * self.encoder_steps

    @property
    def n_cycles(self) -> int:
        """Cycles in all."""
        return math.ceil(self.max_steps / self.encoder_steps)

    @property
    def epoch_cycles(self) -> int:
        """Cycles between two records."""
        return max(1, round(EPOCH_STEPS / self.encoder_steps))

    @property
    def n_epochs(self) -> int:
        """Records in all."""
        return math.ceil(self.n_cycles / self.epoch_cycles)


class CycleBatches:
    """Groups of rows of one class each, for all updates of a cycle together."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        n_classes: int,
        n_mixed: int,
        balanced: bool,
        schedule: Schedule,
    ) -> None:
        self.x, self.y = dataset.X, dataset.y
        self.rows = ClassRows(self.y.cpu(), n_classes)
        self.share = torch.ones(n_classes) if balanced else self.rows.counts.float()
        self.shape = (len(schedule.order), batch_size)
        self.n_mixed = n_mixed
        self.epoch_cycles, self.left = schedule.epoch_cycles, schedule.n_cycles

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n = min(self.epoch_cycles, self.left)
        self.left -= n
        shape = (n, *self.shape)
        classes = torch.multinomial(self.share, math.prod(shape), replacement=True)
        rows = self.rows.draw_groups(classes, self.n_mixed).view(*shape, self.n_mixed)
        device = self.y.device
        for some, y in zip(rows.to(device), classes.view(shape).to(device), strict=True):
            yield self.x[some], y  # (updates, B, t, ...) and (updates, B)


@dataclass(frozen=True)
class Settings:
    """Weights of the losses and rates; see :class:`RAEClassifier`."""

    clf_lambda: float
    mae_lambda: float
    decoder_clf_lambda: float
    decoder_mae_lambda: float
    penalty_lambda: float
    ema_decay: float
    mixer_target: str
    weight_decay: float


class RAENet(AdversarialNet):
    """Five players in turn; see Algorithm 1 and :class:`RAEClassifier`."""

    _ADVICE = "Try a smaller learning_rate, or a larger penalty_lambda"
    _BYSTANDERS = frozenset({"alpha_entropy"})

    def __init__(
        self,
        *args: Any,
        settings: Settings,
        schedule: Schedule,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.settings = settings
        self.schedule = schedule

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> RAENet:
        """Give the players optimisers, with the settings of section A.6 of the paper."""
        rae: RAE = self.module_
        fused = torch.device(self.device).type in ("cpu", "cuda") or None

        def adam(player: nn.Module | None) -> torch.optim.Optimizer | None:
            if player is None:
                return None
            return torch.optim.Adam(player.parameters(), self.lr, _BETAS, fused=fused)

        # AdamW without decay is Adam: one optimiser for the three that move together.
        decayed = [*rae.encoder.parameters(), *rae.head.parameters()]
        groups = [{"params": decayed, "weight_decay": self.settings.weight_decay}]
        if rae.mixer is not None:
            mixer = [*rae.mixer.parameters()]
            groups.append({"params": mixer, "weight_decay": 0.0, "betas": _BETAS})
        self.optimizer_: torch.optim.Optimizer | None = torch.optim.AdamW(
            groups, self.lr, fused=fused
        )
        self.decoder_optimizer_ = adam(rae.decoder)
        self.critic_optimizer_ = adam(rae.critic)
        return self

    def initialize_history(self) -> RAENet:
        """Start the sums of an epoch together with the history."""
        super().initialize_history()
        self._raw: list[tuple[Tensor, Tensor]] = []
        self._n_cycles = 0
        return self

    def shown(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the real rows of the last update of the encoder, and their labels."""
        x, y = (updates[-1] for updates in batch)
        return x.flatten(0, 1), y.repeat_interleave(x.shape[1])

    @torch.enable_grad()
    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Let the players move, one after the other, and average their weights."""
        moves = {
            "critic": self._critic_step,
            "decoder": self._decoder_step,
            "encoder": self._encoder_step,
        }
        steps = [
            moves[player](x, y) for player, x, y in zip(self.schedule.order, *batch, strict=True)
        ]
        self._n_cycles += 1
        # Early averages forget the start faster.
        decay = min(self.settings.ema_decay, self._n_cycles / (self._n_cycles + 9))
        self.module_.average(decay)
        loss = torch.stack([step["loss"] for step in steps if step]).mean()
        return {**steps[-1], "loss": loss}

    def _encoder_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Encoder and head by Eq. 6 and 7, the mixer by Eq. 3, from one pass.

        Codes reach the mixer, and its weights the encoder, as constants.
        """
        rae, s = self.module_, self.settings
        n, t = x.shape[:2]
        rae.play(rae.encoder, rae.head, rae.mixer)
        x, each = x.flatten(0, 1), y.repeat_interleave(t)  # (B t, ...) and (B t,)
        z = rae.encoder(x)  # (B t, m)
        codes, labels = z if s.clf_lambda else z.detach(), each
        loss = z.new_zeros(())
        if rae.sizes.mixing is not None:
            groups = codes.view(n, t, -1)  # (B, t, m)
            alpha = rae.alpha(groups.detach(), y, rae.sizes.mixing)  # (B, t)
            codes = torch.cat([codes, mixed(alpha.detach(), groups)])  # (B t + B, m)
            labels = torch.cat([each, y])
            self.note("alpha_entropy", entropy(alpha))
            if rae.mixer is not None:
                against = mixer_loss(rae.head, mixed(alpha, groups.detach()), self._wrong(y))
                self.note("mixer", against)
                loss = loss + against
        logits = rae.head(codes)
        classification = F.cross_entropy(logits, labels)
        self.note("classification", classification)
        own = s.clf_lambda * classification
        if not s.clf_lambda:  # of the head alone
            loss = loss + classification
        if rae.decoder is not None and s.mae_lambda:
            reconstruction = (x - rae.decode(z, each)).abs().mean()
            self.note("reconstruction", reconstruction)
            own = own + s.mae_lambda * reconstruction
        (loss + own).backward()
        step(self.optimizer_)
        return {"loss": own.detach(), "y_pred": logits.detach()}

    def _decoder_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Eq. 4, and what the authors' code adds to it."""
        rae, s = self.module_, self.settings
        rae.play(rae.decoder)
        rows, z, each = self._codes(x, y)
        made = rae.decode(z, each)  # (B t, ...)
        loss = -rae.critic(made, each).mean()
        self.note("decoder", loss)
        if s.decoder_clf_lambda:
            recognised = F.cross_entropy(rae.head(rae.encoder(made)), each)
            self.note("decoder_classification", recognised)
            loss = loss + s.decoder_clf_lambda * recognised
        if s.decoder_mae_lambda:
            whose = slice(None) if rae.sizes.mixing is None else slice(-1)  # not of combinations
            difference = (rows - made).view(x.shape)[:, whose].abs().mean()
            self.note("decoder_reconstruction", difference)
            loss = loss + s.decoder_mae_lambda * difference
        loss.backward()
        step(self.decoder_optimizer_)
        return {}

    def _critic_step(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Eq. 5."""
        rae, s = self.module_, self.settings
        rae.play(rae.critic)
        with torch.no_grad():
            real, z, each = self._codes(x, y)
            fake = rae.decode(z, each)
        n = len(real)
        scores = rae.critic(torch.cat([real, fake]), torch.cat([each, each]))
        gap = critic_loss(scores[:n], scores[n:])
        loss = gap
        if s.penalty_lambda:
            penalty = gradient_penalty(rae.critic, real, fake, each)
            self.note("gradient_penalty", penalty)
            loss = loss + s.penalty_lambda * penalty
        loss.backward()
        step(self.critic_optimizer_)
        self.note("critic_gap", -gap)
        return {}

    @torch.no_grad()
    def _codes(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the decoder is given: rows (B t, ...), codes (B t, m) and classes (B t,).

        The last code of each group gives way to the group's combination, so that there are as many
        codes as rows, and row and code are of one class.
        """
        rae = self.module_
        n, t = x.shape[:2]
        x, each = x.flatten(0, 1), y.repeat_interleave(t)
        z = rae.encoder(x)
        if rae.sizes.mixing is not None:
            groups = z.view(n, t, -1)
            alpha = rae.alpha(groups, y, rae.sizes.mixing)
            z = torch.cat([groups[:, :-1], mixed(alpha, groups).unsqueeze(1)], dim=1).flatten(0, 1)
        return x, z, each

    def _wrong(self, y: Tensor) -> Tensor:
        if self.settings.mixer_target == "permuted":
            return y[torch.randperm(len(y), device=y.device)]
        return wrong_labels(y, self.module_.sizes.n_classes)

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Return loss and logits by the averaged weights; keep what the raw ones say."""
        x, y = batch
        with torch.no_grad():
            raw = self.module_.head(self.module_.encoder(x))
        self._raw.append((y, raw.argmax(dim=1)))
        return super().validation_step(batch, **fit_params)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the means of the epoch, and what the raw weights score."""
        super().on_epoch_end(net, **kwargs)
        if self._raw:
            score = balanced_accuracy(*map(torch.cat, zip(*self._raw, strict=True)))
            self.history.record("validation_raw_balanced_accuracy", score)
            self._raw = []

    @torch.no_grad()
    def codes(self, x: NDArray[np.float32]) -> Tensor:
        """Latent codes of encoded rows, (n, ...) -> (n, m), on the device."""
        self.module_.eval()
        rows = torch.from_numpy(x).view(-1, *self.module_.sizes.shape).split(_GENERATED_ROWS)
        return torch.cat([self.module_.averaged["encoder"](x.to(self.device)) for x in rows])

    def generate(self, z: Tensor, code: int, n: int, mixing: str | float) -> NDArray[np.float32]:
        """Make n encoded rows of a class from its codes, (n_class, m) -> (n, ...)."""
        rae: RAE = self.module_
        own = torch.zeros(len(z), dtype=torch.int64)
        groups = ClassRows(own, 1).draw_groups(own.new_zeros(n), rae.sizes.n_mixed)
        rows = np.empty((n, *rae.sizes.shape), dtype=np.float32)
        for start in range(0, n, _GENERATED_ROWS):
            some = groups[start : start + _GENERATED_ROWS].to(z.device)
            y = torch.full((len(some),), code, device=z.device)
            rows[start : start + len(some)] = rae.generate(z[some], y, mixing).cpu().numpy()
        return rows

    def release(self) -> None:
        """Delete what only the training needed."""
        self.released = True
        self.module_.release()
        # An optimiser holds, beside its state, the weights that it moved.
        self.optimizer_ = None
        self.decoder_optimizer_ = self.critic_optimizer_ = None
