"""The networks of RAE, and which of them learn in a step."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imbdeep.classifiers._building import Columns
from imbdeep.classifiers._rae.losses import mixed
from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import (
    CodeEncoder,
    ConditionalDecoder,
    ConvCodeEncoder,
    ConvConditionalDecoder,
    ConvCritic,
    Critic,
    Mixer,
)


@dataclass(frozen=True)
class Architecture:
    """What the networks are made for, and how large they are."""

    shape: tuple[int, ...]
    n_classes: int
    convolutional: bool
    latent_dim: int
    n_mixed: int
    mixing: str | float | None
    decoder: bool
    hidden: tuple[int, ...]
    mixer_hidden: tuple[int, ...]
    critic_hidden: tuple[int, ...]
    dropout: float
    columns: Columns


class RAE(nn.Module):
    """Encoder, linear classifier, mixer, decoder and critic, and averages of the first and fourth.

    As a module of its own it classifies rows by the averaged weights.
    """

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        self.sizes = sizes
        m, k, width = sizes.latent_dim, sizes.n_classes, math.prod(sizes.shape)
        self.likelihood = ObservationLikelihood(*sizes.columns).requires_grad_(False)
        self.encoder: nn.Module
        self.decoder: nn.Module | None = None
        self.critic: nn.Module | None = None
        self.mixer: nn.Module | None = None
        if sizes.convolutional:
            self.encoder = ConvCodeEncoder(sizes.shape, m, dropout=sizes.dropout)
            if sizes.decoder:
                self.decoder = ConvConditionalDecoder(m, sizes.shape, k)
                self.critic = ConvCritic(sizes.shape, k)
        else:
            self.encoder = CodeEncoder(width, m, sizes.hidden, sizes.dropout)
            if sizes.decoder:
                self.decoder = ConditionalDecoder(m, width, k, sizes.hidden)
                self.critic = Critic(width, k, sizes.critic_hidden)
        if sizes.mixing == "mixer":
            self.mixer = Mixer(m, sizes.n_mixed, k, sizes.mixer_hidden, sizes.dropout)
        self.head = nn.Linear(m, k)
        # The head comes last: what its layer is given are the features of a classifier.
        named = {"decoder": self.decoder, "encoder": self.encoder, "head": self.head}
        self.averaged = nn.ModuleDict(
            {name: copy.deepcopy(part) for name, part in named.items() if part is not None}
        ).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Classify rows by the averaged weights: logits of shape (n, n_classes)."""
        logits: Tensor = self.averaged["head"](self.averaged["encoder"](x))
        return logits

    def play(self, *players: nn.Module | None) -> None:
        """Let these networks move; the others rest in evaluation mode, and their weights are fixed.

        So batch normalisation counts no rows of another network's step, and no gradient of
        another network's weights is computed.
        """
        for player in (self.encoder, self.head, self.mixer, self.decoder, self.critic):
            if player is None:
                continue
            moves = any(player is one for one in players)
            if player.training != moves:
                player.train(moves)
            if next(player.parameters()).requires_grad != moves:
                player.requires_grad_(moves)

    def alpha(self, z: Tensor, y: Tensor, mixing: str | float) -> Tensor:
        """Mixing weights of groups of codes, (n, t, m) -> (n, t); rows sum to 1."""
        if isinstance(mixing, str):
            assert self.mixer is not None
            learned: Tensor = self.mixer(z, y)
            return learned
        # Drawn on the processor: not every version of torch can on every device.
        concentration = torch.full((len(z), z.shape[1]), mixing, dtype=torch.float32)
        drawn = torch.distributions.Dirichlet(concentration, validate_args=False).sample()
        return drawn.to(z)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Expected rows, given codes and classes, (n, m) -> (n, ...)."""
        assert self.decoder is not None
        outputs: Tensor = self.decoder(z, y)
        return self.likelihood.mean(outputs.flatten(1)).view(-1, *self.sizes.shape)

    @torch.no_grad()
    def generate(self, z: Tensor, y: Tensor, mixing: str | float) -> Tensor:
        """New rows by the averaged decoder from groups of codes of a class, (n, t, m) -> (n, ...).

        Categories and events are drawn.
        """
        outputs: Tensor = self.averaged["decoder"](mixed(self.alpha(z, y, mixing), z), y)
        return self.likelihood.sample(outputs.flatten(1), mean=True).view(-1, *self.sizes.shape)

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights and statistics towards the present ones."""
        old: list[Tensor] = []
        new: list[Tensor] = []
        for name, kept in self.averaged.items():
            old += [v for v in (*kept.parameters(), *kept.buffers()) if v.is_floating_point()]
            now = getattr(self, name)
            new += [v for v in (*now.parameters(), *now.buffers()) if v.is_floating_point()]
        torch._foreach_lerp_(old, new, 1 - decay)

    def release(self) -> None:
        """Keep what predicts and generates, and delete what only trained."""
        self.eval().requires_grad_(False)
        self.critic = None
        for name, kept in self.averaged.items():
            setattr(self, name, kept)
