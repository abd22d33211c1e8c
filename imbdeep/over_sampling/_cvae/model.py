"""The networks, the objective and the training of the conditional VAE."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from imbdeep.losses import ObservationLikelihood, standard_normal_kl
from imbdeep.networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder
from imbdeep.training import class_rows, flatten_parameters, release_parameters, run

#: Bounds of log variances in latent space, against overflow of their exponential.
_LOG_VARIANCE_BOUNDS = (-10.0, 4.0)
#: Held-out rows on which early stopping looks, and rows of a class behind its diagnostics, at most.
_VALIDATION_ROWS = 2000


class CVAE(nn.Module):
    """The model, p(x|z, y) and q(z|x, y).

    Parameters
    ----------
    shape : tuple of int
        ``(width,)`` of an encoded row, or ``(channels, height, width)`` of an image.
    n_classes : int
        Number of classes.
    likelihood : ObservationLikelihood
        p(x|z, y) given the decoder's outputs.
    network : {"mlp", "cnn"}
        Kind of encoder and decoder.
    latent_dim : int
        Number of latent dimensions.
    hidden_layer_sizes : tuple of int
        Hidden layers of the fully connected networks.
    """

    indicators: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        n_classes: int,
        likelihood: ObservationLikelihood,
        *,
        network: str,
        latent_dim: int,
        hidden_layer_sizes: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim, self.likelihood = shape, latent_dim, likelihood
        self.register_buffer("indicators", torch.eye(n_classes), persistent=False)
        self.encoder: nn.Module
        self.decoder: nn.Module
        self.planes: nn.Embedding | None = None
        if network == "cnn":
            channels, size, _ = shape
            # A learned plane a class beside the colours. They start alike, and so a class of few
            # images starts as all others do.
            self.planes = nn.Embedding(n_classes, size * size)
            nn.init.zeros_(self.planes.weight)
            self.encoder = ConvEncoder(channels + 1, size, latent_dim)
            self.decoder = ConvDecoder(latent_dim + n_classes, channels, size)
        else:
            width = math.prod(shape)
            self.encoder = MLPEncoder(width + n_classes, latent_dim, hidden_layer_sizes)
            self.decoder = MLPDecoder(latent_dim + n_classes, width, hidden_layer_sizes)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x, y), each (n, d), of rows (n, width) and classes (n,)."""
        if self.planes is None:
            joined = torch.cat([x, self.indicators[y]], dim=1)
        else:
            channels, *sides = self.shape
            plane = self.planes(y).view(-1, 1, *sides)
            joined = torch.cat([x.view(-1, channels, *sides), plane], dim=1)
        mean, log_variance = self.encoder(joined)
        return mean, log_variance.clamp(*_LOG_VARIANCE_BOUNDS)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Outputs of p(x|z, y), flat: (n, width)."""
        outputs: Tensor = self.decoder(torch.cat([z, self.indicators[y]], dim=1))
        return outputs.flatten(1)

    def forward(self, x: Tensor, y: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two parts of the bound, each (n,): the first by one code a row, z = mu + sigma e."""
        mean, log_variance = self.encode(x, y)
        z = mean + torch.exp(0.5 * log_variance) * noise
        log_likelihood = self.likelihood.log_prob(x, self.decode(z, y))
        return log_likelihood, standard_normal_kl(mean, log_variance)

    def generate(self, y: Tensor, mean: bool) -> Tensor:
        """New rows of classes y (n,), (n, width): codes from N(0, I), decoded."""
        z = torch.randn(len(y), self.latent_dim, dtype=torch.float32, device=y.device)
        return self.likelihood.sample(self.decode(z, y), mean=mean)


def hold_out(y: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Numbers of the training rows and of the held-out ones, in random order.

    The fraction of each class, rounded down: of few rows, none is given away. Where that holds out
    nothing at all, one row of the largest class is held out, if it has two.
    """
    counts = torch.bincount(y)
    quota = torch.minimum((fraction * counts.double()).long(), counts - 1).clamp(min=0)
    if not quota.sum() and counts.max() > 1:
        quota[counts.argmax()] = 1
    shuffled = torch.randperm(len(y), device=y.device)
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(y), device=y.device) - starts[y[by_class]]  # within its class
    held = torch.empty(len(y), dtype=torch.bool, device=y.device)
    held[by_class] = rank < quota[y[by_class]]
    return shuffled[~held[shuffled]], shuffled[held[shuffled]]


def fit_model(
    model: CVAE,
    x: Tensor,
    y: Tensor,
    *,
    balanced: bool,
    beta: float,
    max_steps: int,
    batch_size: int,
    learning_rate: float,
    validation_fraction: float,
    patience: int | None,
    verbose: bool | int,
) -> list[dict[str, Any]]:
    """Maximise the bound on rows x (n, width) of classes y (n,), and return the history.

    ``patience`` None holds out nothing and trains for ``max_steps``.
    """
    device, n_classes = x.device, len(model.indicators)
    train, held = torch.arange(len(x), device=device), y[:0]
    if patience is not None:
        train, held = hold_out(y, validation_fraction)
    rows_of = class_rows(y[train].cpu().numpy(), device) if balanced else None

    flat = flatten_parameters(model)
    gradient = flat.grad
    assert gradient is not None
    fused = True if device.type in ("cpu", "cuda") else None
    optimizer = torch.optim.Adam([flat], lr=learning_rate, fused=fused)

    def step(idx: Tensor) -> dict[str, Tensor]:
        if rows_of is not None:
            idx = rows_of(torch.randint(n_classes, (len(idx),), device=device))
        rows = train[idx]
        noise = torch.randn(len(rows), model.latent_dim, dtype=x.dtype, device=device)
        parts = model(x[rows], y[rows], noise)
        reconstruction, kl = parts[0].mean(), parts[1].mean()
        loss = beta * kl - reconstruction
        gradient.zero_()
        loss.backward()
        optimizer.step()
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    validate: Callable[[], Tensor] | None = None
    if len(held):
        held = held[:_VALIDATION_ROWS]
        held_x, held_y = x[held], y[held]
        # The same noise every time: epochs differ by the weights alone.
        held_noise = torch.randn(len(held), model.latent_dim, dtype=x.dtype, device=device)
        # What is weighed is what is trained: classes as they come, or all alike.
        weight = torch.ones_like(held_noise[:, 0])
        if balanced:
            weight /= torch.bincount(held_y)[held_y]
        weight /= weight.sum()

        def validate() -> Tensor:
            reconstruction, kl = model(held_x, held_y, held_noise)
            return ((beta * kl - reconstruction) * weight).sum()

    try:
        return run(
            step,
            len(train),
            max_steps=max_steps,
            batch_size=batch_size,
            device=device,
            module=model,
            validate=validate,
            patience=patience,
            verbose=verbose,
            description="training on all classes",
        )
    finally:
        release_parameters(model)


def diagnose(model: CVAE, x: Tensor, y: Tensor) -> dict[str, float]:
    """Numbers that show how the model works for a class, over its own rows."""
    rows = torch.randperm(len(x), device=x.device)[:_VALIDATION_ROWS]
    x, y = x[rows], y[rows]
    noise = torch.randn(len(x), model.latent_dim, dtype=x.dtype, device=x.device)
    with torch.no_grad():
        reconstruction, kl = (part.mean() for part in model(x, y, noise))
        codes = model.encode(x, y)[0]
    found = {
        "elbo": reconstruction - kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "code_spread": codes.var(dim=0, unbiased=False).mean().sqrt(),
        "code_offset": codes.mean(dim=0).square().mean().sqrt(),
    }
    return {name: float(value) for name, value in found.items()}
