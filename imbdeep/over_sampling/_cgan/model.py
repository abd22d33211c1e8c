"""The networks of a conditional GAN, its game, and what has become of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import (
    ConditionalDecoder,
    ConvConditionalDecoder,
    ConvCritic,
    Discriminator,
)
from imbdeep.training import class_rows, flatten_parameters, release_parameters, run

#: Decay rates of Adam's moments, as in DCGAN: slow momentum makes the players circle.
_BETAS = (0.5, 0.999)
#: Slope of the discriminator's leaky ReLUs, as in the authors' code.
_SLOPE = 0.2
#: Temperature of relaxed categories. Rows are exact indicators at any; it shapes gradients only.
_TEMPERATURE = 0.5
#: Rows of each class that the diagnosis looks at.
_DIAGNOSED_ROWS = 256


def relaxed(likelihood: ObservationLikelihood, outputs: Tensor) -> Tensor:
    """Draw rows from a likelihood so that gradients pass, (n, width) -> (n, width).

    Numbers and intensities are their means. Events and categories are drawn as exact indicators,
    as real rows have them, or a discriminator would know made rows by their softness; their
    gradient is that of the softmax perturbed by Gumbel noise (straight through). A number is 0
    where an indicator says that it means nothing, as in encoded rows.
    """
    if likelihood.intensities:
        return likelihood.mean(outputs)
    g, b = likelihood.n_gaussian, likelihood.n_gaussian + likelihood.n_bernoulli
    if outputs.shape[1] == g:
        return outputs
    gumbel = torch.empty_like(outputs[:, g:]).exponential_()
    gumbel = -gumbel.clamp_(min=torch.finfo(gumbel.dtype).tiny).log_()
    if b > g:  # an event has a second level, of logit 0 and noise of its own
        other = torch.empty_like(outputs[:, g:b]).exponential_()
        gumbel[:, : b - g] += other.clamp_(min=torch.finfo(other.dtype).tiny).log_()
    perturbed = (outputs[:, g:] + gumbel) / _TEMPERATURE
    soft = likelihood.mean(torch.cat([outputs[:, :g], perturbed], dim=1))
    hard = soft.detach().clone()
    hard[:, g:b] = (perturbed[:, : b - g] > 0).to(hard.dtype)
    if likelihood.group_sizes:
        columns = likelihood.group_columns  # short groups point to an impossible level
        level = F.pad(perturbed.detach()[:, b - g :], (0, 1), value=-torch.inf)[:, columns]
        chosen = columns[torch.arange(len(columns), device=columns.device), level.argmax(dim=2)]
        hard[:, b:] = 0
        hard[:, b:].scatter_(1, chosen, 1.0)
    rows = hard + (soft - soft.detach())  # in this order exactly hard
    if len(likelihood.missing_values):
        absent = rows[:, likelihood.missing_indicators]
        ones = torch.ones_like(outputs)
        rows = rows * ones.index_add(1, likelihood.missing_values, absent, alpha=-1)
    return rows


class CGAN(nn.Module):
    """Generator G(z, y) and discriminator D(x, y).

    Parameters
    ----------
    shape : tuple of int
        ``(width,)`` of an encoded row, or ``(channels, height, width)`` of an image.
    likelihood : ObservationLikelihood
        What each column is.
    n_classes : int
        Number of classes.
    convolutional : bool
        Whether the networks are convolutional, for images.
    latent_dim : int
        Number of latent dimensions.
    generator_sizes, discriminator_sizes : sequence of int
        Hidden layers of the networks that are not convolutional.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        likelihood: ObservationLikelihood,
        n_classes: int,
        *,
        convolutional: bool,
        latent_dim: int,
        generator_sizes: Sequence[int],
        discriminator_sizes: Sequence[int],
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim, self.convolutional = shape, latent_dim, convolutional
        width = math.prod(shape)
        self.likelihood = likelihood.requires_grad_(False)
        self.generator: nn.Module
        self.discriminator: nn.Module | None
        if convolutional:
            # Sides are halved twice: of others, networks see the next larger picture.
            channels, *sides = shape
            self.padding = [-side % 4 for side in sides]
            larger = (channels, *(s + p for s, p in zip(sides, self.padding, strict=True)))
            self.generator = ConvConditionalDecoder(latent_dim, larger, n_classes)
            self.discriminator = ConvCritic(larger, n_classes)
        else:
            self.generator = ConditionalDecoder(latent_dim, width, n_classes, generator_sizes)
            self.discriminator = Discriminator(width, n_classes, discriminator_sizes, _SLOPE)

    def outputs(self, z: Tensor, y: Tensor) -> Tensor:
        """G's means and logits, (n, latent_dim) and (n,) -> (n, width)."""
        outputs: Tensor = self.generator(z, y)
        if self.convolutional:
            outputs = outputs[..., : self.shape[1], : self.shape[2]]
        return outputs.flatten(1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """G(z, y): rows that gradients pass through, (n, width)."""
        return relaxed(self.likelihood, self.outputs(z, y))

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """D(x, y): logits of the probability that rows (n, width) are real, (n,)."""
        assert self.discriminator is not None
        if self.likelihood.intensities:  # about 0, as other columns are
            x = 2 * x - 1
        if self.convolutional:
            x = x.view(-1, *self.shape)
            if any(self.padding):
                high, wide = self.padding
                x = F.pad(x, (0, wide, 0, high), value=-1.0)
        logits: Tensor = self.discriminator(x, y)
        return logits

    def noise(self, y: Tensor) -> Tensor:
        """z ~ N(0, I) for each row of y, (n, latent_dim)."""
        like = next(self.generator.parameters())  # whatever torch's default dtype
        return torch.randn(len(y), self.latent_dim, dtype=like.dtype, device=like.device)

    @torch.no_grad()
    def generate(self, y: Tensor) -> Tensor:
        """New rows of the classes y, (n,) -> (n, width)."""
        return self(self.noise(y), y)


def fit_gan(
    model: CGAN,
    x: Tensor,
    codes: NDArray[np.int64],
    *,
    sampling: str | None,
    max_steps: int,
    batch_size: int,
    learning_rate: float,
    ema_decay: float,
    verbose: bool | int,
) -> list[dict[str, Any]]:
    """Play the game on rows x (n, width), leave the averaged G in the model, return the history."""
    device = x.device
    balanced = sampling == "balanced"
    rows_of = class_rows(codes, device)
    y_all = torch.from_numpy(codes).to(device)
    assert model.discriminator is not None
    generator, discriminator = model.generator, model.discriminator
    flat_g, flat_d = flatten_parameters(generator), flatten_parameters(discriminator)
    gradient_g, gradient_d = flat_g.grad, flat_d.grad
    assert gradient_g is not None
    assert gradient_d is not None
    options: dict[str, Any] = {
        "lr": learning_rate,
        "betas": _BETAS,
        "fused": True if device.type in ("cpu", "cuda") else None,
    }
    adam_g, adam_d = torch.optim.Adam([flat_g], **options), torch.optim.Adam([flat_d], **options)
    now = [flat_g.data, *(b for b in generator.buffers() if b.is_floating_point())]
    averaged = [value.clone() for value in now]
    done = 0

    def step(idx: Tensor) -> dict[str, Tensor]:
        nonlocal done
        y = idx if balanced else y_all[idx]
        real = x[rows_of(y) if balanced else idx]
        fake = model(model.noise(y), y)
        discriminator.requires_grad_(True)
        # D judges each row by itself, so that real and made ones may pass together.
        scores = model.judge(torch.cat([real, fake.detach()]), torch.cat([y, y]))
        on_real, on_fake = scores.chunk(2)
        loss_d = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        gradient_d.zero_()
        loss_d.backward()
        adam_d.step()
        # D's weights are given now: nothing of G's step reaches them.
        discriminator.requires_grad_(False)
        loss_g = F.softplus(-model.judge(fake, y)).mean()
        gradient_g.zero_()
        loss_g.backward()
        adam_g.step()
        if ema_decay:
            done += 1
            decay = min(ema_decay, done / (done + 10))  # the first weights are soon forgotten
            torch._foreach_lerp_(averaged, now, 1 - decay)
        return {
            "discriminator": loss_d,
            "generator_discriminator": loss_g,
            "discriminator_real": torch.sigmoid(on_real.detach()).mean(),
            "discriminator_generated": torch.sigmoid(on_fake.detach()).mean(),
        }

    model.train()
    try:
        return run(
            step,
            # Balanced, what is drawn, each as often as any other, are the classes.
            int(codes.max()) + 1 if balanced else len(x),
            max_steps=max_steps,
            batch_size=batch_size,
            device=device,
            module=model,
            verbose=verbose,
            description="training the conditional GAN",
        )
    finally:
        if ema_decay:
            torch._foreach_copy_(now, averaged)
        release_parameters(model)


@torch.no_grad()
def diagnose(model: CGAN, x: Tensor, code: int) -> dict[str, float]:
    """What has become of a class, from its real rows x (n, width)."""
    real = x[torch.randperm(len(x), device=x.device)[:_DIAGNOSED_ROWS]]
    made = model.generate(torch.full((_DIAGNOSED_ROWS,), code, device=x.device))
    found = {}
    for name, rows in (("real", real), ("generated", made)):
        y = torch.full((len(rows),), code, device=x.device)
        found[f"discriminator_{name}"] = float(torch.sigmoid(model.judge(rows, y)).mean())
    spread = float(real.var(dim=0, correction=0).sum())
    if spread > 0:
        found["generated_spread"] = float(made.var(dim=0, correction=0).sum()) / spread
    return found
