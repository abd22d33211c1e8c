"""CGANSampler: a generator and a discriminator that are given the class of each row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep._warnings import warn
from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import (
    ConditionalDecoder,
    ConvConditionalDecoder,
    ConvCritic,
    Discriminator,
    choose_network,
)
from imbdeep.over_sampling._shared import constraints, documented
from imbdeep.over_sampling.base import DeepOverSampler, check_layer_sizes
from imbdeep.training import class_rows, flatten_parameters, release_parameters, run

#: Decay rates of Adam's moments, as in DCGAN: slow momentum makes the players circle.
_BETAS = (0.5, 0.999)
#: Slope of the discriminator's leaky ReLUs, as in the authors' code.
_SLOPE = 0.2
#: Temperature of relaxed categories. Rows are exact indicators at any; it shapes gradients only.
_TEMPERATURE = 0.5
#: Rows of each class that the diagnosis looks at.
_DIAGNOSED_ROWS = 256
#: Rows that are generated at a time.
_GENERATED_ROWS = 4096
#: Pixels a side that the convolutional networks need, which halve images twice.
_SMALLEST_SIDE = 4
#: Below this share of the variance of its class, a generator has collapsed.
_COLLAPSED = 0.05


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
    """Generator G(z, y) and discriminator D(x, y), for rows (width,) or images (c, h, w)."""

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

    def score(self, x: Tensor, y: Tensor) -> Tensor:
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
    y_all: Tensor,
    *,
    sampling: str | None,
    max_steps: int,
    batch_size: int,
    learning_rate: float,
    ema_decay: float,
    verbose: bool | int,
) -> list[dict[str, Any]]:
    """Play the game on rows x (n, width) of classes y_all (n,), and return the history.

    The averaged G is left in the model.
    """
    device = x.device
    balanced = sampling == "balanced"
    rows_of = class_rows(y_all)
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
        # D scores each row by itself, so that real and made ones may pass together.
        scores = model.score(torch.cat([real, fake.detach()]), torch.cat([y, y]))
        on_real, on_fake = scores.chunk(2)
        loss_d = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        gradient_d.zero_()
        loss_d.backward()
        adam_d.step()
        # D's weights are given now: nothing of G's step reaches them.
        discriminator.requires_grad_(False)
        loss_g = F.softplus(-model.score(fake, y)).mean()
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
            int(y_all.max()) + 1 if balanced else len(x),
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
        found[f"discriminator_{name}"] = float(torch.sigmoid(model.score(rows, y)).mean())
    spread = float(real.var(dim=0, correction=0).sum())
    if spread > 0:
        found["generated_spread"] = float(made.var(dim=0, correction=0).sum()) / spread
    return found


@documented
class CGANSampler(DeepOverSampler):
    r"""Over-sampling by a conditional generative adversarial network ([1]_, [2]_).

    A generator G makes rows of a class from noise, and a discriminator D, which gets the class
    too, learns to tell them from real rows of it. Both are trained against each other on the rows
    of *all* classes: what a small class shares with the others is learned from those. New rows of a
    class y are :math:`G(z, y)` with :math:`z \sim \mathcal{N}(0, I)`. With the networks of
    ``network="mlp"`` this is what the tables of [3]_ call OCGAN, with those of ``"cnn"`` OCDCGAN.

    In each step, over rows (x, y) and as many noises z, D takes a step of Adam down

    .. math::
        L_D = - \operatorname{mean} \log \sigma(D(x, y))
              - \operatorname{mean} \log \big(1 - \sigma(D(G(z, y), y))\big)

    and G one down the loss that does not saturate where D is sure (section 3 of [4]_),

    .. math::
        L_G = - \operatorname{mean} \log \sigma(D(G(z, y), y)).

    Parameters
    ----------
    $sampling_strategy
    latent_dim : int, default=100
        Number of values of z, as in the authors' code of [3]_.
    hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of G's hidden layers, where the networks are fully connected.
    discriminator_layer_sizes : tuple of int, default=(256, 256)
        Units of D's, likewise.
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks, or convolutional ones for images of at least 4 pixels a side.
        "auto" takes the former for tables and for images of up to 1024 values, the latter for
        larger images. On a processor a step of the latter takes half a second at 28 x 28 pixels,
        of the former 11 milliseconds.
    sampling : {"balanced"} or None, default="balanced"
        How often a class is drawn in training: "balanced" as often as any other; None, the
        authors' way, as often as it is in the data, so that a step sees few rows of a small class
        or none. On parts of the training rows of three tables (one seed), "balanced" made rows with
        which boosted trees ranked held-out rows better on all three (average precision up by 0.01
        to 0.06), and whose columns were closer to those of held-out minority rows on two (mean
        Kolmogorov-Smirnov distance 0.17 and 0.04, against 0.20 and 0.05); on the third they were
        farther (0.23, against 0.18), and less spread.
    max_steps : int, default=2000
        Steps of D and of G. On the same tables 5000 changed little, and where the minority had 150
        rows it made columns worse: D knew them by heart.
    batch_size : int, default=100
        Real rows in a step, and generated ones; at least 2, for batch normalisation.
    learning_rate : float, default=2e-4
        Step size of Adam for both.
    ema_decay : float, default=0.99
        New rows come from a moving average of G's weights, which keeps this share of itself in a
        step: the players circle, and the average stays in the middle. On the same three tables it
        was closer to held-out rows than the last weights, which 0 takes.
    $data_parameters
    $common_parameters

    Attributes
    ----------
    $class_attributes
    generator_ : torch.nn.Module
        G, one for all classes; ``generator_.generate(y)`` makes encoded rows of the classes ``y``,
        an int64 tensor of positions in ``classes_``. None where no rows were to be added.
    history_ : list of dict
        A record an epoch: ``epoch``, ``step`` and the epoch's means of the losses ``discriminator``
        and ``generator_discriminator`` and of D's probability that rows are real, for real rows
        (``discriminator_real``) and generated ones (``discriminator_generated``). Where both of
        these are near 1/2, D cannot tell them apart.
    diagnostics_ : dict of label to dict
        After training, for each class: ``discriminator_real`` and ``discriminator_generated`` as
        above, by the averaged G; and ``generated_spread``, the total variance of generated rows as
        a share of that of the class's rows: near 0, G has collapsed to one row. A class whose rows
        are all the same has no such share.
    $common_attributes

    Warns
    -----
    UserWarning
        If G has collapsed for a class that rows are added to.

    See Also
    --------
    MGVAESampler : Starts from the majority's rows, and has a likelihood, which says when to stop.
    GAMO2PixSampler : Its generator combines real rows, and plays against a classifier too.

    Notes
    -----
    A GAN has no likelihood, so that nothing says when to stop: all ``max_steps`` are done. Of a
    tiny class D soon knows all rows by heart, and G then makes copies or is lost; look at
    ``diagnostics_`` and at the rows. There is no encoder either: rows have no codes.

    Numbers are G's outputs as they are. Categories, events and indicators of missing values are
    drawn as exact indicators, in training too, with the gradient of a softmax with Gumbel noise:
    D would know soft ones at a glance. Pixels are intensities through a sigmoid.

    What [3]_ says of OCGAN, that it could not be trained on small data, has plain causes in the
    authors' code, which are left out here: batch normalisation with its ε set to 0.8, outputs of a
    tanh against data in [0, 1], and tiny classes at their natural frequencies.

    References
    ----------
    .. [1] M. Mirza and S. Osindero, "Conditional Generative Adversarial Nets", 2014: Eq. 2.
    .. [2] V. A. Fajardo et al., "On Oversampling Imbalanced Data with Deep Conditional Generative
       Models", Expert Systems with Applications 169, 2021.
    .. [3] Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
       Data via Majority-Guided VAE", AISTATS 2023: section 5.
    .. [4] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.over_sampling import CGANSampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = CGANSampler(max_steps=100, random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    >>> sampler.sample(3, target=1).shape
    (3, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **DeepOverSampler._parameter_constraints,
        **constraints(
            "latent_dim hidden_layer_sizes discriminator_layer_sizes network sampling max_steps "
            "learning_rate",
            # Batch normalisation needs two.
            batch_size=[Interval(Integral, 2, None, closed="left")],
            ema_decay=[Interval(Real, 0, 1, closed="left")],
        ),
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        latent_dim: int = 100,
        hidden_layer_sizes: tuple[int, ...] = (256, 256),
        discriminator_layer_sizes: tuple[int, ...] = (256, 256),
        network: str = "auto",
        sampling: str | None = "balanced",
        max_steps: int = 2000,
        batch_size: int = 100,
        learning_rate: float = 2e-4,
        ema_decay: float = 0.99,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        row_filter: Any = "auto",
        n_candidates: int = 8,
        memory: Any = None,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self._store(locals())

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        for name in ("hidden_layer_sizes", "discriminator_layer_sizes"):
            check_layer_sizes(name, getattr(self, name))
        choose_network(self.network, image, _SMALLEST_SIDE)

    def _convolves(self, shape: tuple[int, ...]) -> bool:
        return choose_network(self.network, shape, _SMALLEST_SIDE) == "cnn"

    def _fit_generator(
        self,
        x: Tensor,
        y: Tensor,
        *,
        n_new: dict[int, int],
        shape: tuple[int, ...],
        layout: dict[str, Any],
        seed: int,
        stream: np.random.RandomState,
    ) -> None:
        model = CGAN(
            shape,
            ObservationLikelihood(**layout),
            len(self.classes_),
            convolutional=self._convolves(shape),
            latent_dim=int(self.latent_dim),
            generator_sizes=[int(size) for size in self.hidden_layer_sizes],
            discriminator_sizes=[int(size) for size in self.discriminator_layer_sizes],
        ).to(self.device_)
        self.history_ = fit_gan(
            model,
            x,
            y,
            sampling=self.sampling,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            learning_rate=float(self.learning_rate),
            ema_decay=float(self.ema_decay),
            verbose=self.verbose,
        )
        self.diagnostics_ = {
            label: diagnose(model, x[y == code], code)
            for code, label in enumerate(self.classes_.tolist())
        }
        model.discriminator = None  # it has no further use
        self.generator_ = model
        labels = self.classes_.tolist()
        collapsed = [
            labels[code]
            for code in n_new
            if self.diagnostics_[labels[code]].get("generated_spread", 1.0) < _COLLAPSED
        ]
        if collapsed:
            warn(
                f"The generator has collapsed: for the classes {collapsed} its rows are nearly one "
                "and the same. Try other max_steps, a smaller learning_rate, or another sampler.",
            )

    def _generate(self, code: int, n: int) -> Iterator[Tensor]:
        y = torch.full((n,), code, device=self.device_)
        for part in y.split(_GENERATED_ROWS):
            yield self.generator_.generate(part)
