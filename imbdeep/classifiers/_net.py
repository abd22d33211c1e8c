"""The skorch net of the classifiers: batches by tensor indexing, no synchronisation per batch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import recall_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochTimer, PrintLog
from torch import Tensor, nn

from imbdeep.seeding import (
    Portable,
    draw_seed,
    keep_on_interrupt,
    paused,
    random_stream,
    seeded,
    there_or_cpu,
)
from imbdeep.training import DivergedError


class PixelStandardiser(nn.Module):
    """Subtract the mean of each colour and divide by its deviation.

    It is the first layer, so that what comes before it, such as translation, works on pixels in [0,
    1].
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Standardise images of shape (n, channels, height, width)."""
        standardised: Tensor = (x - self.mean) / self.deviation
        return standardised


@dataclass(frozen=True)
class Blueprint:
    """How a module is made: skorch keeps this and not the module, which it would pickle twice."""

    network: Callable[[], nn.Module]
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __call__(self) -> nn.Module:
        """Make the module, with fresh weights from torch's random stream."""
        module = self.network().float()  # whatever torch's default dtype
        if self.pixels is None:
            return module
        return nn.Sequential(PixelStandardiser(*self.pixels), module)


@dataclass(frozen=True)
class ScaledSoftmax:
    """Logits to probabilities; cosines become logits by the scale of their loss (LDAM)."""

    scale: float = 1.0

    def __call__(self, logits: Tensor) -> Tensor:
        """Return probabilities of shape (n, n_classes), float64, so that rows sum to 1."""
        return torch.softmax(self.scale * logits.double(), dim=1)


class ClassRows:
    """The rows of each class, to draw from many classes at once.

    ``y`` are the classes of the rows, on the processor. With ``max_rows``, at most so many rows of
    each class are kept, chosen at random.
    """

    def __init__(self, y: Tensor, n_classes: int, max_rows: int | None = None) -> None:
        shuffled = torch.arange(len(y)) if max_rows is None else torch.randperm(len(y))
        # Rows sorted by class; those of class k start at starts[k].
        self.order = shuffled[torch.argsort(y[shuffled], stable=True)]
        self.counts = torch.bincount(y, minlength=n_classes)
        self.starts = self.counts.cumsum(0) - self.counts
        self.sizes = self.counts if max_rows is None else self.counts.clamp(max=max_rows)

    def draw(self, classes: Tensor) -> Tensor:
        """Draw a row, uniformly, for each entry of ``classes`` (any shape)."""
        uniform = torch.rand(classes.shape, dtype=torch.float64)
        sizes = self.sizes[classes]
        place = torch.minimum((uniform * sizes).long(), sizes - 1)
        return self.order[self.starts[classes] + place]

    def draw_groups(self, classes: Tensor, size: int) -> Tensor:
        """Draw ``size`` rows for each of the classes, (...) -> (..., size), in random order.

        They are distinct where the class has that many, every ordered choice being as likely as any
        other; a smaller class is drawn from with replacement.
        """
        uniform = torch.rand((*classes.shape, size), dtype=torch.float64)
        sizes = self.sizes[classes]
        distinct = sizes >= size
        places = torch.empty(uniform.shape, dtype=torch.int64)
        for j in range(size):
            left = sizes - j * distinct
            place = torch.minimum((uniform[..., j] * left).long(), left - 1)
            # A place among those still free, counted without the taken ones before it, lies behind
            # the i-th smallest taken place (i from 0) if that has no more free places before it.
            taken = places[..., :j].sort(dim=-1).values - torch.arange(j)
            passed = (taken <= place[..., None]).sum(dim=-1)
            places[..., j] = place + passed * distinct
        return self.order[self.starts[classes][..., None] + places]


class TrainingBatches:
    """Batches of an epoch, by tensor indexing on the device.

    Rows are drawn on the processor, all of an epoch at once. Without ``weights`` an epoch is a
    shuffled pass; with them it is as many rows drawn with replacement. A last batch of one row
    joins the one before, for batch normalisation has no variance of one row.
    """

    def __init__(self, dataset: Any, batch_size: int, n_classes: int) -> None:
        self.x, self.y = dataset.X, dataset.y
        self.batch_size = batch_size
        self.codes = self.y.cpu()
        self.rows = ClassRows(self.codes, n_classes)
        self.weights: Tensor | None = None

    def draw(self) -> Tensor:
        """Draw the rows of an epoch, in order, on the processor."""
        n = len(self.codes)
        if self.weights is None:
            return torch.randperm(n)
        # By class and then within it: torch.multinomial over rows ends at 2**24 of them.
        share = self.weights * self.rows.counts
        return self.rows.draw(torch.multinomial(share, n, replacement=True))

    def sizes(self) -> list[int]:
        """Return the number of rows of each batch."""
        n = len(self.codes)
        full, rest = divmod(n, self.batch_size)
        sizes = [self.batch_size] * full + [rest] * (rest > 0)
        if self.batch_size > 1 and len(sizes) > 1 and sizes[-1] == 1:
            sizes[-2:] = [sizes[-2] + 1]
        return sizes

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for rows in self.draw().to(self.y.device).split(self.sizes()):
            yield self.x[rows], self.y[rows]

    def __len__(self) -> int:
        return len(self.sizes())


class EvaluationBatches:
    """Rows in order, in batches; labels where the dataset has them."""

    def __init__(self, dataset: Any, batch_size: int) -> None:
        self.x, self.y = dataset.X, dataset.y
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        for start in range(0, len(self.x), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield self.x[rows], None if self.y is None else self.y[rows]

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.batch_size)


class ClassifierNet(Portable, NeuralNetClassifier):
    """skorch's loop on tensors that stay on the device.

    It differs from :class:`skorch.NeuralNetClassifier` in what a step costs: the loss is read from
    the device once an epoch, and the per-batch hooks run only if a callback has any. An epoch
    records ``train_loss`` and, on validation rows, ``valid_loss`` and ``valid_balanced_accuracy``.
    A loss that is not finite raises :class:`~imbdeep.training.DivergedError`. ``augment(x)``
    changes a training batch of images, and with ``bfloat16`` the module computes in that where it
    is safe (autocast).
    """

    #: What to try when the loss leaves the finite numbers.
    _ADVICE = "Try a smaller learning_rate, a longer warmup_epochs, or smaller class weights"
    #: What the net draws its own seeds from, and torch's threads, where it is trained by itself.
    _stream: np.random.RandomState | None = None
    _n_threads: int | None = None
    #: Whether what only the training needs is gone.
    released = False
    #: Whether an interrupted training may end here with what it has learned.
    keeps = False

    def __init__(self, *args: Any, augment: Any = None, bfloat16: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.augment = augment
        self.bfloat16 = bfloat16

    def own_stream(self, seed: int, n_threads: int | None) -> None:
        """Decide by a seed what a training draws that the user starts by the net's own methods."""
        self._stream, self._n_threads = random_stream(seed), n_threads

    def initialize(self) -> ClassifierNet:
        """Start anew."""
        self.released = False
        return super().initialize()

    def _seeded(self) -> AbstractContextManager[None]:
        if self._stream is None:
            return nullcontext()
        return seeded(draw_seed(self._stream), torch.device(self.device), self._n_threads)

    def fit(self, X: Any, y: Any, **fit_params: Any) -> ClassifierNet:
        """Start anew and train."""
        with self._seeded():
            return super().fit(X, y, **fit_params)

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> ClassifierNet:
        """Train without a fresh start."""
        with self._seeded():
            return self.go_on(X, y, classes=classes, **fit_params)

    def go_on(self, X: Any, y: Any, **fit_params: Any) -> ClassifierNet:
        """Train without a fresh start, by the random stream of the classifier."""
        if self.released:
            raise RuntimeError(
                "This net keeps what predicts and generates, and can be trained no further: call "
                "fit of the classifier."
            )
        if self.initialized_ and min(len(X), self.batch_size) == 1:
            self._check_one_row(X)
        return super().partial_fit(X, y, **fit_params)

    def _check_one_row(self, X: Any) -> None:
        """Refuse batches of one row before the training, if the module cannot learn from them."""
        rows, _ = next(iter(self.get_iterator(self.get_dataset(X))))
        module: Any = copy.deepcopy(getattr(self.module_, "_orig_mod", self.module_))
        device = torch.device(self.device)
        try:
            with torch.random.fork_rng([device] * (device.type == "cuda")), torch.no_grad():
                module.train()(rows[:1].to(device))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            what = (
                "X has one row: give two rows or more"
                if len(X) == 1
                else f"batch_size={self.batch_size}: set batch_size=2 or more"
            )
            raise ValueError(
                "The network has batch normalisation, which cannot learn from a batch of one row, "
                f"and {what}."
            ) from error

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "device": str(there_or_cpu(state["device"]))})

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def torch_compile(self, module: nn.Module, name: str) -> nn.Module:
        """Compile the network alone: a loss changes its weights between epochs."""
        return module if name == "criterion" else super().torch_compile(module, name)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the batches; those of the training are kept for the schedules."""
        iterator = super().get_iterator(dataset, training=training)
        if training:
            self.batches_ = iterator
        return iterator

    def fit_loop(self, *args: Any, **kwargs: Any) -> ClassifierNet:
        """Train; record whether Ctrl-C ended it, with what was learned kept, or aborted it."""
        self.interrupted_ = self.aborted_ = self._stopping = False
        self._hooked = any(_has_batch_hooks(callback) for _, callback in self.callbacks_)
        try:
            super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt:
            # skorch calls on_train_end next, where early stopping puts the best weights back.
            if not self._stopping:
                begun = len(self.history) > 1 or "train_loss" in self.history[-1]
                self.aborted_ = not (begun and self._keep())
                if not self.aborted_ and len(self.history) > 1:
                    del self.history[-1]  # of an epoch that did not end
            raise
        finally:
            self.batches_ = None  # holds the data
        return self

    def _keep(self) -> bool:
        """Tell whether Ctrl-C, now, ends the training and keeps what it has learned."""
        self.interrupted_ = self.keeps and keep_on_interrupt()
        return self.interrupted_

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks; one that raises KeyboardInterrupt stops the training early."""
        try:
            getattr(self, method_name)(self, **cb_kwargs)
            with paused():  # a callback may wait for a training in another thread
                for _, callback in self.callbacks_:
                    getattr(callback, method_name)(self, **cb_kwargs)
        except KeyError as error:  # of the history: see check_callbacks
            if "was not found in history" not in str(error):
                raise
            there = sorted(name for name in self.history[-1] if name != "batches")
            raise ValueError(
                f"{type(callback).__name__} asks for what no epoch records: {error.args[0]} There "
                f"are {there}: monitor one of them."
            ) from error
        except KeyboardInterrupt:
            self._stopping = True
            raise
        if method_name == "on_epoch_end" and self.interrupted_:
            self._stopping = True
            raise KeyboardInterrupt

    def shown(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return what callbacks see of a batch: rows as in X, and their labels.

        Of the logits they see as many, the first ones: others are of rows that were made.
        """
        x, y = batch[:2]
        return x, y

    def _notify_batch(self, method_name: str, **cb_kwargs: Any) -> None:
        mode = self.module_.training
        self.notify(method_name, **cb_kwargs)
        if self.module_.training != mode:  # the callback has predicted
            self._set_training(mode)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run one epoch and record the mean loss of its rows."""
        if iterator is None:
            return
        self._set_training(training)
        total: Tensor | float = 0.0
        n_rows = n_batches = 0
        true, predicted = [], []
        try:
            for batch in iterator:
                if self._hooked:
                    rows = self.shown(batch) if training else batch
                    self._notify_batch("on_batch_begin", batch=rows, training=training)
                step = step_fn(batch, **fit_params)
                n = len(batch[1])
                n_rows, n_batches = n_rows + n, n_batches + 1
                total = total + step["loss"].detach() * n
                if not training:
                    true.append(batch[1])
                    predicted.append(step["y_pred"].argmax(dim=1))
                if self._hooked:
                    self.history.record_batch(f"{prefix}_loss", step["loss"].item())
                    self.history.record_batch(f"{prefix}_batch_size", len(rows[1]))
                    seen = {**step, "y_pred": step["y_pred"][: len(rows[1])]}
                    self._notify_batch("on_batch_end", batch=rows, training=training, **seen)
        except KeyboardInterrupt:
            # What has been trained of the epoch is validated and recorded like a whole one.
            if self._stopping or not training or not n_rows or not self._keep():
                raise
        loss = float(total) / n_rows  # the only synchronisation of the epoch
        if not math.isfinite(loss):
            raise DivergedError(
                f"The {prefix} loss became {loss} in epoch {self.history[-1, 'epoch']}. "
                f"{self._ADVICE}, and look for columns with extreme values."
            )
        self._record(prefix, loss, n_rows, n_batches)
        if not training:
            score = balanced_accuracy(torch.cat(true), torch.cat(predicted))
            self.history.record("valid_balanced_accuracy", score)

    def _record(self, prefix: str, loss: float, n_rows: int, n_batches: int) -> None:
        """Record what skorch's own callbacks look for (Checkpoint among them)."""
        past = [epoch[f"{prefix}_loss"] for epoch in self.history[:-1]]
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss_best", all(loss < before for before in past))
        self.history.record(f"{prefix}_batch_count", n_batches)
        if not self._hooked:
            if prefix == "train":
                self.history.new_batch()
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", n_rows)

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Do one optimisation step."""
        x, y = self.training_rows(batch)
        step: dict[str, Tensor] = {}

        def closure() -> Tensor:
            self.optimizer_.zero_grad()
            logits = self.infer(x)
            loss: Tensor = self.get_loss(logits, y, X=x, training=True)
            loss.backward()
            step.setdefault("loss", loss)
            step.setdefault("y_pred", logits)
            if self._hooked:
                self.notify(
                    "on_grad_computed",
                    named_parameters=self.get_all_learnable_params(),
                    batch=self.shown(batch),
                    training=True,
                )
            return loss

        self.optimizer_.step(closure)
        return step

    def training_rows(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the rows and labels of a step, augmented."""
        x, y = batch
        return (x if self.augment is None else self.augment(x)), y

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Return the loss and the logits of validation rows."""
        x, y = batch
        with torch.no_grad():
            logits = self.infer(x)
            return {"loss": self.get_loss(logits, y, X=x, training=False), "y_pred": logits}

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:
        """Return the logits of rows to predict."""
        self.check_is_fitted()
        self._set_training(training)
        with torch.set_grad_enabled(training):
            return self.infer(batch[0].to(self.device))

    def infer(self, x: Tensor, **fit_params: Any) -> Tensor:
        """Return the logits of rows on the device, shape (n, n_classes), float32."""
        if not self.bfloat16:
            logits: Tensor = self.module_(x)
            return logits
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            logits = self.module_(x)
        return logits.float()

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the mean of the losses of the rows, class weights not divided out (as M2m)."""
        loss: Tensor = self.criterion_(y_pred, y_true)
        return loss.mean()


def balanced_accuracy(y: Tensor, predicted: Tensor) -> float:
    """Mean recall of the classes among ``y``, both of shape (n,)."""
    true = y.cpu().numpy()
    recalls = recall_score(true, predicted.cpu().numpy(), labels=np.unique(true), average=None)
    return float(recalls.mean())


def _has_batch_hooks(callback: Callback) -> bool:
    return any(
        getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in ("on_batch_begin", "on_batch_end", "on_grad_computed")
    )


_NAMES = {
    "train_loss": "loss",
    "valid_loss": "validation",
    "valid_balanced_accuracy": "validation_balanced_accuracy",
}


def records(history: Any) -> list[dict[str, Any]]:
    """Return skorch's history under the names of ``history_``, without batches and times."""
    ignored = {"batches", "dur", "train_batch_count", "valid_batch_count"}
    return [
        {
            _NAMES.get(name, name): value
            for name, value in epoch.items()
            if name not in ignored and not name.endswith("_best")
        }
        for epoch in history
    ]
