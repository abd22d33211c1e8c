"""The networks, the objective and the two training phases of MGVAE."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep._interrupts import was_interrupted
from imbdeep.losses import ObservationLikelihood, gaussian_log_density
from imbdeep.networks import (
    ConvDecoder,
    ConvEncoder,
    LinearChain,
    MLPDecoder,
    MLPEncoder,
    chains_of,
)
from imbdeep.over_sampling._mgvae.ewc import EWCPenalty, fisher_diagonal, linear_squares
from imbdeep.over_sampling._mgvae.priors import ExemplarPrior, GaussianPrior
from imbdeep.seeding import seeded
from imbdeep.training import Descent, add_gradient, batch_indices, release_parameters, run

#: Bounds of log variances in latent space, against overflow of their exponential.
_LOG_VARIANCE_BOUNDS = (-10.0, 4.0)
#: Held-out rows on which early stopping looks, at the most.
_VALIDATION_ROWS = 2000
#: Rows that the networks see at a time outside training.
_FORWARD_ROWS = 4096
#: Codes from which the weights of exemplars are estimated, at least; exemplars at the most; and
#: numbers that a matrix of both may hold at a time.
_WEIGHT_CODES, _CANDIDATES, _ELEMENTS = 500, 100_000, 2**23
#: Generated rows from which the Fisher information is taken (the authors' code: 100).
_FISHER_ROWS = 128
#: Exemplars in the prior of a step where n_exemplars="auto".
N_EXEMPLARS = 100


class MGVAE(nn.Module):
    """Model of one class, with the symbols of the paper: Psi = {theta, phi}."""

    def __init__(
        self,
        shape: tuple[int, ...],
        likelihood: ObservationLikelihood,
        *,
        network: str,
        latent_dim: int,
        hidden_layer_sizes: tuple[int, ...],
        prior: str,
    ) -> None:
        super().__init__()
        self.latent_dim, self.prior = latent_dim, prior
        self.encoder: nn.Module
        self.decoder: nn.Module
        if network == "cnn":
            channels, size, _ = shape
            self.encoder = ConvEncoder(channels, size, latent_dim)
            self.decoder = ConvDecoder(latent_dim, channels, size)
            self.row_shape = shape
        else:
            width = math.prod(shape)
            self.encoder = MLPEncoder(width, latent_dim, hidden_layer_sizes)
            self.decoder = MLPDecoder(latent_dim, width, hidden_layer_sizes)
            self.row_shape = (width,)
        self.likelihood = likelihood
        self.prior_log_variance = nn.Parameter(torch.zeros(()))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each (n, d); r(z|x) shares the mean."""
        mean, log_variance = self.encoder(x.view(-1, *self.row_shape))
        return mean, log_variance.clamp(*_LOG_VARIANCE_BOUNDS)

    def _seen(self, x: Tensor, exemplars: Tensor | None) -> Tensor:
        """Rows that the encoder sees, (n + S, width)."""
        if exemplars is None or self.prior == "gaussian":
            return x
        return torch.cat([x, exemplars])

    def decode(self, z: Tensor) -> Tensor:
        """Outputs of p(x|z), flat: (n, width)."""
        outputs: Tensor = self.decoder(z)
        return outputs.flatten(1)

    def log_sigma2(self) -> Tensor:
        """Log variance of r(z|x), one scalar for all exemplars and dimensions."""
        return self.prior_log_variance.clamp(*_LOG_VARIANCE_BOUNDS)

    def forward(
        self, x: Tensor, exemplars: Tensor | None, noise: Tensor, own: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The two parts of Eq. 4, each (B,), for rows x (B, width) and exemplars (S, width).

        The expectation over q is taken with one draw, z = mu(x) + sigma(x) * noise. ``own``
        (B, S) marks exemplars to leave out of a row's prior. ``exemplars`` None: the rows x.
        """
        n = len(x)
        mean, log_variance = self.encode(self._seen(x, exemplars))  # one pass: (B + S, d)
        exemplar_means = mean if exemplars is None else mean[n:]
        mean, log_variance = mean[:n], log_variance[:n]
        z = mean + torch.exp(0.5 * log_variance) * noise  # (B, d)
        reconstruction = self.likelihood.log_prob(x, self.decode(z))  # (B,)
        if self.prior == "exemplar":
            log_prior = ExemplarPrior(exemplar_means, self.log_sigma2()).log_prob(z, own)
        else:
            log_prior = GaussianPrior(self.latent_dim).log_prob(z)
        # log q(z|x), in which (z - mu) / sigma is the noise: (B,)
        log_posterior = gaussian_log_density(noise, noise.new_zeros(()), noise.new_zeros(()))
        log_posterior = log_posterior - 0.5 * log_variance.sum(dim=1)
        kl = log_posterior - log_prior  # (B,)
        return reconstruction, kl

    def write_gradients(
        self,
        chains: tuple[LinearChain, LinearChain],
        x: Tensor,
        exemplars: Tensor | None,
        noise: Tensor,
        own: Tensor | None,
        beta: float,
    ) -> tuple[Tensor, Tensor]:
        """Add the gradient of the mean of beta * kl - reconstruction, for fully connected networks.

        The arguments and the two parts that are returned are those of :meth:`forward`, and the
        gradients those of automatic differentiation, in closed form: one pass through each network
        of the ``chains``, encoder and decoder, and back.
        """
        encoder, decoder = chains
        n, d = len(x), self.latent_dim
        codes = encoder.forward(self._seen(x, exemplars))  # (n + S, 2 d)
        mean, raw = codes[:n, :d], codes[:n, d:]
        log_variance = raw.clamp(*_LOG_VARIANCE_BOUNDS)
        spread = torch.exp(0.5 * log_variance) * noise
        z = mean + spread
        reconstruction, slopes, by_scale = self.likelihood.gradients(x, decoder.forward(z))
        by_z = decoder.inwards(decoder.backward(slopes.mul_(-1 / n)))
        add_gradient(self.likelihood.log_scale, by_scale, -1 / n)

        by_codes = torch.zeros_like(codes)
        if self.prior == "exemplar":
            shown = slice(0 if exemplars is None else n, None)
            prior = ExemplarPrior(codes[shown, :d], self.log_sigma2())
            log_prior, prior_by_z, by_means, by_sigma = prior.gradients(z, own)
            torch.mul(by_means, -beta / n, out=by_codes[shown, :d])
            within = prior.log_variance == self.prior_log_variance  # at its bound it does not move
            add_gradient(self.prior_log_variance, by_sigma * within, -beta / n)
        else:
            log_prior, prior_by_z = GaussianPrior(d).gradients(z)
        # log q(z|x), in which (z - mu) / sigma is the noise: (n,)
        log_posterior = -0.5 * (noise.square() + log_variance).sum(dim=1)
        kl = log_posterior - 0.5 * d * math.log(2 * math.pi) - log_prior
        by_z.add_(prior_by_z, alpha=-beta / n)
        by_codes[:n, :d] += by_z
        # z depends on the log variance by half the spread, log q by -1/2.
        by_log_variance = (by_z * spread).sub_(beta / n).mul_(0.5)
        torch.mul(by_log_variance, raw == log_variance, out=by_codes[:n, d:])
        encoder.backward(by_codes)
        return reconstruction, kl

    def generate(self, exemplars: Tensor, mean: bool) -> Tensor:
        """Algorithm 1 from step 2 on: one new row for each exemplar, (n, width)."""
        if self.prior == "exemplar":
            means = self.encode(exemplars)[0]
            z = ExemplarPrior(means, self.log_sigma2()).around(means)
        else:
            z = GaussianPrior(self.latent_dim, exemplars.device).sample(len(exemplars))
        return self.likelihood.sample(self.decode(z), mean=mean)


def build(spec: dict[str, Any], device: torch.device) -> MGVAE:
    """Make a model from plain data; the global random stream gives its first weights."""
    spec = dict(spec)
    likelihood = ObservationLikelihood(**spec.pop("likelihood"))
    return MGVAE(likelihood=likelihood, **spec).to(device)


def fit_model(
    model: MGVAE,
    x: Tensor,
    majority: Tensor,
    *,
    is_majority: bool,
    beta: float,
    penalty: EWCPenalty | None,
    max_steps: int,
    batch_size: int,
    n_exemplars: int | None,
    learning_rate: float,
    validation_fraction: float,
    patience: int | None,
    verbose: bool | int,
    description: str,
) -> list[dict[str, Any]]:
    """Algorithm 2, either phase: fit ``model`` to rows x (n, width), return the history.

    The prior's exemplars are ``n_exemplars`` rows of ``majority``; where x is the majority itself,
    a row is never its own exemplar, and None takes the other rows of the batch. ``patience`` None
    holds out nothing and trains for ``max_steps``.
    """
    device = x.device
    shuffled = torch.randperm(len(x), device=device)
    n_held = 0
    if patience is not None and len(x) > 1:
        n_held = min(max(1, int(validation_fraction * len(x))), len(x) - 1)
    held, train = shuffled[:n_held], shuffled[n_held:]
    # Held-out majority rows must not be exemplars either.
    pool = train if is_majority else torch.arange(len(majority), device=device)
    draws = None
    if n_exemplars is not None or not is_majority:
        draws = _exemplar_draws(pool, min(n_exemplars or N_EXEMPLARS, len(pool)))

    descent = Descent(model, learning_rate, max_steps)
    chains = chains_of(model)

    def step(idx: Tensor) -> dict[str, Tensor]:
        rows = train[idx]  # (B,)
        exemplars = rows if draws is None else next(draws)  # (S,)
        own = rows[:, None] == exemplars if is_majority else None  # (B, S)
        noise = torch.randn(len(rows), model.latent_dim, device=device)
        ewc = None
        if penalty is None:
            descent.gradient.zero_()
        else:
            ewc = penalty.write_gradient(descent.vector.data, descent.gradient)  # Eq. 6
        seen = x[rows], (None if draws is None else majority[exemplars]), noise, own
        if chains:
            with torch.inference_mode():
                parts = model.write_gradients(chains, *seen, beta)
                reconstruction, kl = parts[0].mean(), parts[1].mean()
                loss = beta * kl - reconstruction  # minus O of Eq. 4
        else:
            parts = model(*seen)
            reconstruction, kl = parts[0].mean(), parts[1].mean()
            loss = beta * kl - reconstruction
            loss.backward()
        descent.step()
        terms = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
        if ewc is not None:
            terms |= {"loss": loss.detach() + ewc, "ewc": ewc}
        return terms

    validate: Callable[[], Tensor] | None = None
    if n_held:
        held_x = x[held[:_VALIDATION_ROWS]]
        held_exemplars = majority[next(_exemplar_draws(pool, min(N_EXEMPLARS, len(pool))))]
        # The same noise and exemplars every time: epochs differ by the weights alone.
        held_noise = torch.randn(len(held_x), model.latent_dim, device=device)

        def validate() -> Tensor:
            reconstruction, kl = model(held_x, held_exemplars, held_noise)
            return (beta * kl - reconstruction).mean()

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
            description=description,
        )
    finally:
        release_parameters(model)


def _exemplar_draws(pool: Tensor, n_exemplars: int) -> Iterator[Tensor]:
    """Row numbers of the exemplars of one step after another, (n_exemplars,) each."""
    while True:
        yield from pool[batch_indices(len(pool), n_exemplars, 250, pool.device)]


def fisher(model: MGVAE, majority: Tensor, n_exemplars: int | None, mean: bool) -> Tensor:
    """Fisher diagonal (Eq. 5) of the majority model on rows that it generated, (n_parameters,).

    0 for the noise of Gaussian columns. Its information is a thousand times the mean: any penalty
    would force the majority's spread on the minority.
    """
    n, device = len(majority), majority.device
    chosen = batch_indices(n, min(_FISHER_ROWS, n), 1, device)[0]
    shown = majority[batch_indices(n, min(n_exemplars or N_EXEMPLARS, n), 1, device)[0]]
    with torch.no_grad():  # the generated rows are data: no gradient passes through them
        generated = model.generate(majority[chosen], mean=mean)
    noise = torch.randn(len(generated), model.latent_dim, device=device)
    if isinstance(model.encoder, MLPEncoder):
        return _linear_fisher(model, generated, shown, noise)

    def loss(parameters: dict[str, Tensor], x: Tensor, noise: Tensor) -> Tensor:
        arguments = (x[None], shown, noise[None])
        reconstruction, kl = torch.func.functional_call(model, parameters, arguments)
        return (kl - reconstruction).sum()

    return fisher_diagonal(loss, dict(model.named_parameters()), (generated, noise))


def _linear_fisher(model: MGVAE, generated: Tensor, shown: Tensor, noise: Tensor) -> Tensor:
    """The same for fully connected networks, from the gradients by the outputs of their layers.

    One forward pass serves all samples. A sample's loss depends on its own row and, through the
    prior alone, on the exemplars.
    """
    n = len(generated)
    log_variance = model.prior_log_variance.detach().requires_grad_()
    inputs: dict[nn.Linear, Tensor] = {}
    probes: dict[nn.Linear, Tensor] = {}

    # Zeros are added to a layer's outputs: the gradient by them is that by the outputs, also where
    # a ReLU overwrites these.
    def probe(layer: nn.Linear, given: tuple[Tensor], output: Tensor) -> Tensor:
        inputs[layer], probes[layer] = given[0].detach(), torch.zeros_like(output).requires_grad_()
        return output + probes[layer]

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    handles = [layer.register_forward_hook(probe) for layer in layers]
    changed = {"prior_log_variance": log_variance}
    reconstruction, kl = torch.func.functional_call(model, changed, (generated, shown, noise))
    for handle in handles:
        handle.remove()

    # The gradient by a generated row's own outputs is that of its own loss: one pass for all rows.
    own = torch.autograd.grad((kl - reconstruction).sum(), list(probes.values()), retain_graph=True)
    gradients = dict(zip(probes, own, strict=True))
    total: dict[Tensor, Tensor] = {p: torch.zeros_like(p) for p in model.parameters()}
    # An exemplar's outputs have one gradient for each generated row, and a part of the rows at a
    # time is asked for. The decoder does not see the exemplars: it is left out of these passes.
    encoder = [layer for layer in layers if layer in set(model.encoder.modules())]
    most = max(1, _ELEMENTS // (max(1, len(shown)) * max(len(layer.bias) for layer in encoder)))
    for rows in torch.arange(n, device=kl.device).split(most):
        of_shown: dict[nn.Linear, list[Tensor]] = {layer: [] for layer in encoder}
        # Gradients of scalars, one after another: batched ones import torch's compiler, which takes
        # longer than all of these.
        for i in rows.tolist():
            by_variance, *by_outputs = torch.autograd.grad(
                kl[i],
                [log_variance, *(probes[layer] for layer in encoder)],
                retain_graph=True,
                materialize_grads=True,
            )
            total[model.prior_log_variance] += by_variance.square()
            for layer, gradient in zip(encoder, by_outputs, strict=True):
                of_shown[layer].append(gradient[n:])
        for layer in layers:
            g, x = gradients[layer][rows], inputs[layer]
            seen = layer in of_shown
            g_shown = torch.stack(of_shown[layer]) if seen else g.new_zeros(len(g), 0, g.shape[1])
            total[layer.weight] += linear_squares(x[rows], g, x[n:], g_shown)
            total[layer.bias] += (g + g_shown.sum(dim=1)).square().sum(dim=0)
    return torch.cat([squares.flatten() for squares in total.values()]) / n


class Unfinished(Exception):
    """Carries what an interrupted pre-training returns past the memory."""


def pretrain(
    x: NDArray[np.float32],
    spec: dict[str, Any],
    hyper: dict[str, Any],
    mean: bool,
    seed: int,
    device: str,
    n_threads: int | None,
    versions: tuple[str, ...],
    verbose: bool | int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[dict[str, Any]]]:
    """Weights, Fisher diagonal and history of the majority model, from plain data to plain data.

    This is what the sampler's ``memory`` keeps, for each of the ``versions`` (which do nothing
    else). It holds nothing that fine-tuning may vary: neither ``ewc_lambda`` nor ``beta``, which is
    1 here. Without steps, the weights are the first random ones and the information is zero.
    """
    target = torch.device(device)
    with seeded(seed, target, n_threads):
        model = build(spec, target)
        history: list[dict[str, Any]] = []
        vector = nn.utils.parameters_to_vector(model.parameters())
        information = torch.zeros_like(vector)
        if hyper["max_steps"]:
            majority = torch.from_numpy(x).to(target)
            history = fit_model(
                model,
                majority,
                majority,
                is_majority=True,
                beta=1.0,
                penalty=None,
                verbose=verbose,
                description="pre-training on the majority",
                **hyper,
            )
            information = fisher(model, majority, hyper["n_exemplars"], mean)
            vector = nn.utils.parameters_to_vector(model.parameters())
    made = vector.detach().cpu().numpy(), information.cpu().numpy(), history
    if was_interrupted():
        raise Unfinished(*made)  # what returns is kept in the memory
    return made


def exemplar_weights(model: MGVAE, x: Tensor, majority: Tensor) -> tuple[Tensor, Tensor]:
    """Majority rows, (n,), and the probability of each, (n,), to be the exemplar of a row of x.

    The mean over codes z ~ q(z|x) of the exemplars' responsibilities: one EM step from Eq. 2's
    uniform weights towards the weights under which the rows x are most likely.
    """
    n = len(majority)
    # No more candidates than this get weights: of more, a random part stands for all.
    candidates = torch.randperm(n, device=x.device)[:_CANDIDATES]
    rows = batch_indices(len(x), min(_VALIDATION_ROWS, len(x)), 1, x.device)[0]
    codes, log_variance = model.encode(x[rows])
    repeats = -(-_WEIGHT_CODES // len(rows))  # a tiny class gives several codes a row
    codes, log_variance = codes.repeat(repeats, 1), log_variance.repeat(repeats, 1)
    codes = codes + torch.exp(0.5 * log_variance) * torch.randn_like(codes)
    means = [model.encode(majority[part])[0] for part in candidates.split(_FORWARD_ROWS)]
    prior = ExemplarPrior(torch.cat(means), model.log_sigma2())
    total = torch.zeros(len(candidates), device=x.device)
    for part in codes.split(max(1, _ELEMENTS // len(candidates))):
        total += prior.responsibilities(part).sum(dim=0)
    return candidates, total / total.sum()


def diagnose(
    model: MGVAE,
    x: Tensor,
    majority: Tensor,
    n_exemplars: int | None,
    records: list[dict[str, Any]],
) -> dict[str, float]:
    """Numbers that show how the model of a class works, over its own rows."""
    rows = x[batch_indices(len(x), min(_VALIDATION_ROWS, len(x)), 1, x.device)[0]]
    most = min(n_exemplars or N_EXEMPLARS, len(majority))
    shown = majority[batch_indices(len(majority), most, 1, x.device)[0]]
    with torch.no_grad():
        reconstruction, kl = model(
            rows, shown, torch.randn(len(rows), model.latent_dim, device=x.device)
        )
        spread = model.encode(shown)[0].var(dim=0, unbiased=False).mean().sqrt()
        return {
            "elbo": float((reconstruction - kl).mean()),
            "reconstruction": float(reconstruction.mean()),
            "kl": float(kl.mean()),
            "exemplar_spread": float(spread),
            "prior_scale": float(torch.exp(0.5 * model.log_sigma2())),
            "ewc_share": _ewc_share(records),
        }


def _ewc_share(records: list[dict[str, Any]]) -> float:
    if not records or "ewc" not in records[-1]:
        return 0.0
    last = records[-1]
    total = abs(last["reconstruction"]) + abs(last["kl"]) + last["ewc"]
    return float(last["ewc"] / total) if total else 0.0
