"""The one training loop of the generative methods, and what must surround it.

A method hands :func:`run` a function that does one optimisation step on a batch of row
indices. The loop owns everything else: epochs, batches drawn on the device, early stopping
with the best weights restored, the progress bar, the history, non-finite losses and Ctrl-C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from imbdeep._warnings import warn
from imbdeep.seeding import keep_on_interrupt

__all__ = [
    "Descent",
    "DivergedError",
    "add_gradient",
    "batch_indices",
    "budget",
    "class_rows",
    "flatten_parameters",
    "release_parameters",
    "run",
]

#: An epoch is never shorter (the losses are read from the device once an epoch, which would
#: otherwise be once a step for a tiny class) nor longer (early stopping would otherwise wait
#: for a whole pass over a huge class).
_STEPS_PER_EPOCH = (50, 250)

#: How much of the means of gradients and of their squares Adam keeps in a step.
_ADAM = (0.9, 0.999)
#: Part of the steps in which the learning rate grows to its highest value.
_WARM_UP = 0.05


class DivergedError(ArithmeticError):
    """The training loss became infinite or not a number.

    The message names the epoch and the term of the loss that left the finite numbers first,
    and what to try.
    """


def flatten_parameters(module: nn.Module) -> nn.Parameter:
    """Store all parameters of ``module`` in one vector, gradients too.

    The parameters become views of the vector, so an optimiser over this one tensor, a penalty on
    the distance to other weights and a copy of the best weights each cost one operation instead
    of one for each layer.

    Parameters
    ----------
    module : nn.Module
        Changed in place. All parameters must share device and dtype.

    Returns
    -------
    nn.Parameter of shape (n_parameters,)
        The vector, in the order of ``module.parameters()``, with its gradient set to zeros.
        Zero the gradient in place (``flat.grad.zero_()``): a gradient set to None would cut the
        views.
    """
    parameters = list(module.parameters())
    flat = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach().clone())
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = flat.data[start:stop].view_as(parameter)
        parameter.grad = flat.grad[start:stop].view_as(parameter)
        start = stop
    return flat


def release_parameters(module: nn.Module) -> None:
    """Give each parameter its own memory again, after :func:`flatten_parameters` and the training.

    Pickled as views, each parameter would carry the whole vector. The module is left as what only
    predicts or generates: in evaluation mode, and none of its parameters asks for a gradient.

    Parameters
    ----------
    module : nn.Module
        Changed in place; its values stay.

    Examples
    --------
    >>> from torch import nn
    >>> from imbdeep.training import flatten_parameters, release_parameters
    >>> layer = nn.Linear(2, 1)
    >>> flat = flatten_parameters(layer)
    >>> layer.bias.untyped_storage().nbytes()
    12
    >>> release_parameters(layer)
    >>> layer.bias.untyped_storage().nbytes()
    4
    """
    module.requires_grad_(False).eval()
    for parameter in module.parameters():
        parameter.grad = None
        parameter.data = parameter.data.clone()


class Descent:
    r"""Adam on all parameters of a module as one vector, with warm-up and cosine decay.

    In step t of T the learning rate is

    .. math::
        \eta_t = \eta \, \min\big(1, (t + 1) / (w T)\big) \, \tfrac12 (1 + \cos(\pi t / T)),
        \qquad w = 0.05.

    The rate is high at first and low in the end, so that a short training ends with small steps.

    Parameters
    ----------
    module : nn.Module
        Its parameters become views, see :func:`flatten_parameters`.
    learning_rate : float
        The highest rate, eta.
    max_steps : int
        Number of steps, T.

    Attributes
    ----------
    vector : nn.Parameter of shape (n_parameters,)
        The parameters.
    gradient : Tensor of shape (n_parameters,)
        Their gradient. What a step leaves there stays: set it to zero, or overwrite it, in place.
    """

    def __init__(self, module: nn.Module, learning_rate: float, max_steps: int) -> None:
        self.vector = flatten_parameters(module)
        assert self.vector.grad is not None
        self.gradient = self.vector.grad
        self._rate, self._max_steps, self._done = learning_rate, max_steps, 0
        self._mean, self._square = (torch.zeros_like(self.gradient) for _ in range(2))

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters by the gradient."""
        # Adam in full: the first optimiser of torch in a process imports its compiler, which takes
        # as long as the training of a small table.
        t, n, (keep, keep_square) = self._done, self._max_steps, _ADAM
        self._done += 1
        warm_up = min(1.0, self._done / max(1.0, _WARM_UP * n))
        rate = self._rate * warm_up * (1 + math.cos(math.pi * t / n)) / 2
        self._mean.lerp_(self.gradient, 1 - keep)
        self._square.mul_(keep_square).addcmul_(self.gradient, self.gradient, value=1 - keep_square)
        scale = (self._square / (1 - keep_square**self._done)).sqrt_().add_(1e-8)
        self.vector.addcdiv_(self._mean, scale, value=-rate / (1 - keep**self._done))


def add_gradient(parameter: nn.Parameter, slopes: Tensor, weight: float) -> None:
    """Add ``weight`` times the slopes to the gradient of a parameter, which must have one.

    Parameters
    ----------
    parameter : nn.Parameter
        See :func:`flatten_parameters`.
    slopes : Tensor of the parameter's shape
        Derivatives.
    weight : float
        Their factor.
    """
    assert parameter.grad is not None
    parameter.grad.add_(slopes, alpha=weight)


def budget(steps: int | str, per_power: int, n: int) -> int:
    """Optimisation steps: those given, or with "auto" so many for each power of ten of n rows.

    Parameters
    ----------
    steps : int or "auto"
        The user's parameter.
    per_power : int
        Steps for each power of ten.
    n : int
        Number of rows; fewer than ten count as ten.

    Returns
    -------
    int
        Steps.

    Examples
    --------
    >>> from imbdeep.training import budget
    >>> budget("auto", 100, 1000), budget("auto", 100, 2), budget(7, 100, 1000)
    (300, 100, 7)
    """
    if isinstance(steps, str):
        return round(per_power * math.log10(max(n, 10)))
    return int(steps)


def batch_indices(n: int, batch_size: int, n_steps: int, device: torch.device) -> Tensor:
    """Draw the row indices of ``n_steps`` batches.

    Parameters
    ----------
    n : int
        Number of rows.
    batch_size : int
        Rows in a batch.
    n_steps : int
        Number of batches.
    device : torch.device
        Where the indices are made.

    Returns
    -------
    Tensor of shape (n_steps, batch_size), int64
        Shuffled passes over the rows, laid end to end; with replacement where a batch is larger
        than the class, so that a class of ten rows still fills its batches.
    """
    if batch_size > n:
        return torch.randint(n, (n_steps, batch_size), device=device)
    passes = math.ceil(n_steps * batch_size / n)
    order = torch.cat([torch.randperm(n, device=device) for _ in range(passes)])
    return order[: n_steps * batch_size].view(n_steps, batch_size)


def class_rows(y: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what draws a row of each class that it is given, for batches of chosen classes.

    Parameters
    ----------
    y : Tensor of shape (n,), int64
        Class of each row, from 0.

    Returns
    -------
    callable
        ``draw(classes)`` gives for each of the classes, int64 of shape (m,), the index of one of
        its rows, int64 of shape (m,): any row of the class as likely as any other, with
        replacement. Each of the classes must have rows.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.training import class_rows
    >>> draw = class_rows(torch.tensor([1, 0, 2]))
    >>> draw(torch.tensor([0, 0, 1, 2]))
    tensor([1, 1, 0, 2])
    """
    order, counts = torch.argsort(y, stable=True), torch.bincount(y)
    starts = counts.cumsum(0) - counts

    def draw(classes: Tensor) -> Tensor:
        n = counts[classes]
        place = (torch.rand(len(n), device=n.device) * n).long()
        return order[starts[classes] + torch.minimum(place, n - 1)]  # a product may round up

    return draw


def run(
    step: Callable[[Tensor], Mapping[str, Tensor]],
    n: int,
    *,
    max_steps: int,
    batch_size: int,
    device: torch.device,
    module: nn.Module,
    validate: Callable[[], Tensor] | None = None,
    patience: int | None = None,
    verbose: bool | int = False,
    description: str = "training",
) -> list[dict[str, Any]]:
    """Train: call ``step`` on batches of row indices until done or no longer better.

    Parameters
    ----------
    step : callable
        ``step(idx)`` does one optimisation step on the rows ``idx`` (int64, shape
        (batch_size,)) and returns its terms by name, scalar tensors on the device.
    n : int
        Number of rows to draw from.
    max_steps : int
        Number of steps at the most. The budget is in steps and not in passes over the data:
        with small classes a pass is far too little.
    batch_size : int
        Rows in a batch; drawn with replacement where it exceeds ``n``.
    device : torch.device
        Where indices are made and sums are kept.
    module : nn.Module
        What is trained; its best weights are put back at the end when ``validate`` is given.
    validate : callable, default=None
        Called once an epoch without gradients; returns a scalar tensor, lower is better. None
        trains for all ``max_steps`` and keeps the last weights.
    patience : int, default=None
        Number of epochs without a better validation value after which training stops. None
        never stops early, but still keeps the best weights.
    verbose : bool or int, default=False
        Whether to show a progress bar (tqdm).
    description : str, default="training"
        What the progress bar and the errors call this training.

    Returns
    -------
    list of dict
        One record an epoch: ``epoch``, ``step`` (steps done so far), the mean of every term over
        the epoch and, where validated, ``validation``.

    Raises
    ------
    DivergedError
        If a term is not finite; the best weights so far are put back first.
    KeyboardInterrupt
        Ctrl-C passes through, after the best weights so far are put back, before the first step is
        done, outside the fit of an estimator, and where a training of the same fit has been
        interrupted before.

    Warns
    -----
    UserWarning
        If Ctrl-C has ended the training. The best weights so far, or without ``validate`` the last
        ones, are kept.
    """
    low, high = _STEPS_PER_EPOCH
    epoch_steps = min(max(math.ceil(n / batch_size), low), high)
    history: list[dict[str, Any]] = []
    best, best_step, best_state, waited, done = math.inf, 0, None, 0, 0
    epoch = _Epoch(description)
    bar = None
    if verbose:
        from tqdm.auto import tqdm

        bar = tqdm(total=max_steps, desc=description, unit="step", leave=True)
    try:
        while done < max_steps:
            steps = min(epoch_steps, max_steps - done)
            epoch = _Epoch(description)
            for idx in batch_indices(n, batch_size, steps, device):
                epoch.add(step(idx))
                done += 1
            record = epoch.record(len(history) + 1, done)
            if validate is not None:
                with torch.no_grad():
                    record["validation"] = float(validate())
                if not math.isfinite(record["validation"]):
                    _diverged("validation", record, description)
            history.append(record)
            if bar is not None:
                bar.update(steps)
                bar.set_postfix(
                    {k: f"{v:.4g}" for k, v in record.items() if k not in ("epoch", "step")}
                )
            if validate is None:
                continue
            if record["validation"] < best:
                best, best_step, waited = record["validation"], done, 0
                best_state = {name: value.clone() for name, value in module.state_dict().items()}
            else:
                waited += 1
                if patience is not None and waited >= patience:
                    break
    except KeyboardInterrupt:
        if not done or not keep_on_interrupt():
            raise
        if not history or history[-1]["step"] < done:
            history.append(epoch.record(len(history) + 1, done))
        kept = f"the best weights so far, of step {best_step}," if best_state else "the weights"
        warn(
            f"{description} was interrupted after {done} of at most {max_steps} steps: {kept} are "
            "kept, and the fit goes on. Interrupt it once more to give up all of it."
        )
    finally:
        if best_state is not None:
            module.load_state_dict(best_state)
        if bar is not None:
            bar.close()
    return history


class _Epoch:
    """Terms of the steps of an epoch; they stay on the device, which is not waited for."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.names: tuple[str, ...] = ()
        self.values: list[Tensor] = []

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Keep the terms of a step."""
        self.names = tuple(terms)
        self.values.append(torch.stack([value.detach() for value in terms.values()]))

    def record(self, epoch: int, step: int) -> dict[str, Any]:
        """The means of the terms, all of which must be finite."""
        values = torch.stack(self.values)
        means = values.mean(dim=0).tolist()  # the only synchronisation of the epoch
        record = {"epoch": epoch, "step": step, **dict(zip(self.names, means, strict=True))}
        if not all(map(math.isfinite, means)):
            # Soon all terms are lost: the one that broke first was finite in fewest steps; the
            # loss, their sum, is named only where it stands alone.
            lasted = dict(zip(self.names, values.isfinite().sum(dim=0).tolist(), strict=True))
            named = min(lasted, key=lambda name: (lasted[name], name == "loss"))
            _diverged(named, record, self.description)
        return record


def _diverged(term: str, record: Mapping[str, Any], description: str) -> NoReturn:
    advice = "Try a smaller learning_rate, and look for columns with extreme values."
    if term == "ewc":
        advice = "Try a smaller ewc_lambda."
    raise DivergedError(
        f"{description}: the term '{term}' of the loss became {record[term]} in epoch "
        f"{record['epoch']} (by step {record['step']}). {advice}"
    )
