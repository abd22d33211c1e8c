"""CVAESampler: one variational auto-encoder for the rows of all classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from imbdeep.encoding import position_of
from imbdeep.losses import ObservationLikelihood, standard_normal_kl
from imbdeep.networks import (
    ConvDecoder,
    ConvEncoder,
    LinearChain,
    MLPDecoder,
    MLPEncoder,
    chains_of,
    choose_network,
)
from imbdeep.over_sampling._shared import constraints, documented
from imbdeep.over_sampling.base import DeepOverSampler, check_layer_sizes, layer_sizes
from imbdeep.training import Descent, add_gradient, budget, class_rows, release_parameters, run

#: Bounds of log variances in latent space, against overflow of their exponential.
_LOG_VARIANCE_BOUNDS = (-10.0, 4.0)
#: Held-out rows on which early stopping looks, and rows of a class behind its diagnostics, at most.
_VALIDATION_ROWS = 2000
#: Steps for each power of ten of the rows, of tables and of images.
_TABLE_STEPS, _IMAGE_STEPS = 350, 700
#: Rows that the networks see at a time outside training.
_FORWARD_ROWS = 4096


class CVAE(nn.Module):
    """p(x|z, y) and q(z|x, y), for rows of a shape: (width,), or (channels, height, width)."""

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

    def write_gradients(
        self,
        chains: tuple[LinearChain, LinearChain],
        x: Tensor,
        y: Tensor,
        noise: Tensor,
        beta: float,
    ) -> tuple[Tensor, Tensor]:
        """Add the gradient of the mean of beta * kl - reconstruction, for fully connected networks.

        The arguments and the two parts that are returned are those of :meth:`forward`, and the
        gradients those of automatic differentiation, in closed form.
        """
        encoder, decoder = chains
        n, d, indicators = len(x), self.latent_dim, self.indicators[y]
        codes = encoder.forward(torch.cat([x, indicators], dim=1))
        mean, raw = codes[:, :d], codes[:, d:]
        log_variance = raw.clamp(*_LOG_VARIANCE_BOUNDS)
        spread = torch.exp(0.5 * log_variance) * noise
        outputs = decoder.forward(torch.cat([mean + spread, indicators], dim=1))
        reconstruction, slopes, by_scale = self.likelihood.gradients(x, outputs)
        by_z = decoder.inwards(decoder.backward(slopes.mul_(-1 / n)))[:, :d]
        add_gradient(self.likelihood.log_scale, by_scale, -1 / n)
        by_mean = torch.add(by_z, mean, alpha=beta / n)
        by_log_variance = by_z * spread + (log_variance.exp() - 1).mul_(beta / n)
        by_log_variance *= 0.5 * (raw == log_variance)
        encoder.backward(torch.cat([by_mean, by_log_variance], dim=1))
        return reconstruction, standard_normal_kl(mean, log_variance)

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
    rows_of = class_rows(y[train]) if balanced else None

    descent = Descent(model, learning_rate, max_steps)
    chains = chains_of(model)

    def step(idx: Tensor) -> dict[str, Tensor]:
        if rows_of is not None:
            idx = rows_of(torch.randint(n_classes, (len(idx),), device=device))
        rows = train[idx]
        noise = torch.randn(len(rows), model.latent_dim, dtype=x.dtype, device=device)
        seen = x[rows], y[rows], noise
        descent.gradient.zero_()
        if chains:
            with torch.inference_mode():
                parts = model.write_gradients(chains, *seen, beta)
                reconstruction, kl = parts[0].mean(), parts[1].mean()
                loss = beta * kl - reconstruction
        else:
            parts = model(*seen)
            reconstruction, kl = parts[0].mean(), parts[1].mean()
            loss = beta * kl - reconstruction
            loss.backward()
        descent.step()
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
        z = model.encode(x, y)[0]
    found = {
        "elbo": reconstruction - kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "code_spread": z.var(dim=0, unbiased=False).mean().sqrt(),
        "code_offset": z.mean(dim=0).square().mean().sqrt(),
    }
    return {name: float(value) for name, value in found.items()}


@documented
class CVAESampler(DeepOverSampler):
    r"""Over-sampling by a conditional variational auto-encoder (the OCVAE of [1]_, after [2]_).

    One variational auto-encoder learns the rows of all classes together, given the class of
    each. What the classes have in common, a class of few rows gets from the others. The objective
    is the evidence lower bound,

    .. math::
        O(\theta, \phi; x, y) = \mathbb{E}_{q_\phi(z \mid x, y)} \log p_\theta(x \mid z, y)
        - \beta \, \mathrm{KL}\big(q_\phi(z \mid x, y) \,\|\, \mathcal{N}(0, I)\big),
        \qquad q_\phi(z \mid x, y) = \mathcal{N}\big(\mu_\phi(x, y),
        \operatorname{diag} \sigma_\phi^2(x, y)\big),

    with the divergence in closed form. A new row of class :math:`y` is a code :math:`z \sim
    \mathcal{N}(0, I)`, decoded with :math:`y`. :class:`MGVAESampler` has a model for each class
    instead, and makes a new row from the code of a majority row.

    Parameters
    ----------
    $sampling_strategy
    beta : float, default=1.0
        Weight of the KL term; 1 is the bound. More of it ties codes closer to the prior, less
        reconstructs rows better from codes that the prior may never draw.
    latent_dim : int or "auto", default="auto"
        Number of latent dimensions. "auto" takes those of [1]_: 40 for images, 10 for tables.
    $hidden_layer_sizes
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks, or the convolutional ones of appendix E.1 of [1]_ for square
        images of 28, 32 or 64 pixels. "auto" takes the former for tables and for images of up to
        1024 values, the latter for larger images.
    decoder_output : {"auto", "sample", "mean"}, default="auto"
        Whether new rows are drawn from :math:`p_\theta(x \mid z, y)` or are its mean. "auto" draws
        for tables, where means would crowd the middle of the class, and takes the mean for images,
        where noise is no picture. Categories and missing values are drawn in any case.
    sampling : {"balanced"} or None, default="balanced"
        How often training shows a class: "balanced" each as often as any other, by repeating the
        rows of the small ones; None as often as it is in the data, as in the authors' program. A
        class of one row in a hundred then has one row in a batch, and little say in the networks.
        On the training parts of two tables (mammography, satimage), logistic regression and
        boosted trees ranked held-out rows better after balanced training; on a third (yeast) one
        of them did, the other did not.
    max_steps : int or "auto", default="auto"
        Optimisation steps, for all classes together. "auto" takes 350 for each power of ten of the
        rows, 1500 for 20 000; 700 for images.
    $batch_size
    $learning_rate
    early_stopping : bool, default=False
        Whether to hold out a part of each class, stop when the bound on it no longer improves and
        put the best weights back. False trains for ``max_steps`` on all rows.
    validation_fraction : float, default=0.1
        Part of each class held out by ``early_stopping``, rounded down, so that a class of one row
        is trained on.
    n_iter_no_change : int, default=10
        Epochs (50 to 250 steps each) without improvement after which training stops.
    $data_parameters
    $common_parameters

    Attributes
    ----------
    $class_attributes
    generator_ : torch.nn.Module or None
        The model of all classes; None where there was nothing to add or to learn.
    history_ : list of dict
        A record an epoch: ``epoch``, ``step``, the epoch's means of ``loss``, ``reconstruction``
        (expected log likelihood) and ``kl``, in nats a row, and ``validation``.
    diagnostics_ : dict of label to dict
        For each class that grew, over its own rows: ``elbo``, ``reconstruction``, ``kl``;
        ``code_spread``, the root mean square deviation of their codes from the mean code (near 0
        the code says nothing, and new rows differ by noise alone); and ``code_offset``, the root
        mean square of that mean (where it is large, codes drawn from the prior are not those of
        the class).
    $common_attributes

    See Also
    --------
    MGVAESampler : A prior of majority rows, and a model for each class.
    imblearn.over_sampling.SMOTE : Interpolates between neighbours of the minority.

    Notes
    -----
    The class enters as indicators beside the row and beside the code, and before convolutions as
    a learned plane beside the colours. The authors' program takes the weights of a fixed epoch
    without validation, and on tables the squared error and the decoder's mean.

    References
    ----------
    .. [1] Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
       Data via Majority-Guided VAE", AISTATS 2023: Tables 2 to 7, appendix E.1.
    .. [2] V. A. Fajardo et al., "On oversampling imbalanced data with deep conditional generative
       models", Expert Systems with Applications, 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.over_sampling import CVAESampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> X_res, y_res = CVAESampler(max_steps=100, random_state=0).fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **DeepOverSampler._parameter_constraints,
        **constraints(
            "beta network decoder_output sampling batch_size learning_rate early_stopping "
            "validation_fraction n_iter_no_change",
            hidden_layer_sizes=[tuple, list, StrOptions({"auto"})],
            max_steps=[Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
            latent_dim=[Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        ),
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        beta: float = 1.0,
        latent_dim: int | str = "auto",
        hidden_layer_sizes: tuple[int, ...] | str = "auto",
        network: str = "auto",
        decoder_output: str = "auto",
        sampling: str | None = "balanced",
        max_steps: int | str = "auto",
        batch_size: int = 100,
        learning_rate: float = 4e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
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

    def encode(self, X: Any, target: Any) -> NDArray[np.float32]:
        """Latent codes of rows, read as rows of a class, to look at its latent space.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Rows with the fitted columns.
        target : label
            The class that the encoder gets; any class of the fitted data.

        Returns
        -------
        ndarray of shape (n, latent_dim), float32
            Posterior means.

        Raises
        ------
        ValueError
            If there is no such class, or nothing was learned: no class lacked rows, or all columns
            are constant.
        """
        check_is_fitted(self, "encoder_")
        code = position_of(target, self.classes_)
        if code is None:
            raise ValueError(
                f"target={target!r} is not a class of the fitted data: choose one of "
                f"{self.classes_.tolist()}."
            )
        if self.generator_ is None:
            raise ValueError(
                "Nothing was learned, because no class lacked rows or all columns are constant: "
                "there is nothing to encode."
            )
        model, y = self.generator_, torch.tensor(code, device=self.device_)
        return self._latent(X, lambda x: model.encode(x, y.expand(len(x)))[0], _FORWARD_ROWS)

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        check_layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        choose_network(self.network, image)

    def _convolves(self, shape: tuple[int, ...]) -> bool:
        return choose_network(self.network, shape) == "cnn"

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
        images, output = len(shape) == 3, self.decoder_output
        self._mean = images if output == "auto" else output == "mean"
        latent_dim = (40 if images else 10) if self.latent_dim == "auto" else self.latent_dim
        model = CVAE(
            shape,
            len(self.classes_),
            ObservationLikelihood(**layout),
            network=choose_network(self.network, shape),
            latent_dim=int(latent_dim),
            hidden_layer_sizes=layer_sizes(self.hidden_layer_sizes, images),
        ).to(self.device_)
        self.history_ = fit_model(
            model,
            x,
            y,
            balanced=self.sampling == "balanced",
            beta=self.beta,
            max_steps=budget(self.max_steps, _IMAGE_STEPS if images else _TABLE_STEPS, len(x)),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            validation_fraction=self.validation_fraction,
            patience=self.n_iter_no_change if self.early_stopping else None,
            verbose=self.verbose,
        )
        self.diagnostics_ = {
            self.classes_[code]: diagnose(model, x[y == code], y[y == code]) for code in n_new
        }
        self.generator_ = model

    def _generate(self, code: int, n: int) -> Iterator[Tensor]:
        y = torch.full((n,), code, device=self.device_)
        for part in y.split(_FORWARD_ROWS):
            yield self.generator_.generate(part, self._mean)
