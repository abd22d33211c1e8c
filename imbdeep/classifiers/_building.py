"""From the parameters of a classifier to its net: module, loss, optimiser and schedule."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import Tensor, nn

from imbdeep.classifiers._augment import crop_flip
from imbdeep.classifiers._criteria import criterion_of, head_of, module_of
from imbdeep.classifiers._net import (
    Blueprint,
    ClassifierNet,
    EvaluationBatches,
    ScaledSoftmax,
    TrainingBatches,
)
from imbdeep.classifiers.schedules import DeferredEarlyStopping, WarmupStepDecay, epoch_of
from imbdeep.encoding import TabularEncoder
from imbdeep.networks import MLP, ResNet

#: Arguments of ObservationLikelihood: Gaussian and Bernoulli columns, groups, missing, intensities.
Columns = tuple[int, int, Sequence[int], Sequence[tuple[int, int]], bool]

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
#: max_epochs="auto": as many epochs as this number of steps takes, within these bounds.
_AUTO_STEPS, _AUTO_EPOCHS = 3000, (20, 300)
#: warmup_epochs="auto".
_WARMUP_EPOCHS = 5
#: Rows of a table, and images, that are predicted at a time. On the processor, smaller batches keep
#: the memory of the activations from being scattered between the results.
_PREDICT_ROWS, _PREDICT_ROWS_CPU, _PREDICT_IMAGES = 8192, 1024, 512
#: From at most so many images come the mean and the deviation of each colour.
_PIXEL_SAMPLE = 10_000


def blueprint_of(classifier: Any, x: Tensor, head: str) -> Blueprint:
    """Return how the module for rows like those of ``x`` is made, with a linear or cosine head."""
    n_classes = len(classifier.classes_)
    kind = classifier.module
    if kind == "auto":
        kind = "mlp" if x.ndim == 2 else f"resnet{20 if x.shape[1] == 1 else 32}"
    made: Callable[[], nn.Module]
    pixels = None
    if x.ndim == 4 and classifier.encode:
        sample = x[:: max(1, len(x) // _PIXEL_SAMPLE)].cpu().double()
        deviation, mean = torch.std_mean(sample, dim=(0, 2, 3), correction=0)
        pixels = (tuple(mean.tolist()), tuple(deviation.clamp(min=1e-3).tolist()))
    if kind == "mlp":
        sizes = tuple(int(size) for size in classifier.hidden_layer_sizes)
        made = partial(MLP, math.prod(x.shape[1:]), n_classes, sizes, head=head)
    elif isinstance(kind, str):
        depth = int(kind.removeprefix("resnet"))
        made = partial(ResNet, x.shape[1], n_classes, depth, head=head)
    else:
        made = module_of(kind, x, n_classes, classifier.module_params)
    return Blueprint(made, pixels)


def n_epochs_of(classifier: Any, n: int) -> int:
    """Return the length of the training on ``n`` rows."""
    if classifier.max_epochs != "auto":
        return int(classifier.max_epochs)
    epochs = math.ceil(_AUTO_STEPS / math.ceil(n / classifier.batch_size))
    return min(max(epochs, _AUTO_EPOCHS[0]), _AUTO_EPOCHS[1])


def evaluation_size(x: Tensor) -> int:
    """Return how many rows like those of ``x`` are predicted at a time."""
    if x.ndim == 4:
        return _PREDICT_IMAGES
    return _PREDICT_ROWS_CPU if x.device.type == "cpu" else _PREDICT_ROWS


def observed_columns(encoder: Any, x: Tensor) -> Columns:
    """Return what kinds of columns encoded rows have, for ObservationLikelihood."""
    width = math.prod(x.shape[1:])
    if isinstance(encoder, TabularEncoder):
        layout = encoder.layout_
        return layout.n_gaussian, layout.n_bernoulli, layout.group_sizes, layout.missing, False
    low, high = (float(bound) for bound in x.aminmax())
    if x.ndim == 4 and low >= 0 and high <= 1:
        return 0, width, (), (), True
    return width, 0, (), (), False  # numbers taken as they are


def early_stopping(classifier: Any, start: int = 0) -> DeferredEarlyStopping:
    """Return what keeps the best epoch from ``start`` on, by the balanced accuracy, and stops."""
    return DeferredEarlyStopping(
        start,
        monitor="valid_balanced_accuracy",
        lower_is_better=False,
        patience=classifier.n_iter_no_change,
        load_best=True,
    )


def make_net(
    classifier: Any,
    x: Tensor,
    y: Tensor,
    valid: tuple[Tensor, Tensor] | None,
    *,
    net_class: type[ClassifierNet] = ClassifierNet,
    batches: type[TrainingBatches] = TrainingBatches,
    callbacks: Sequence[Any] = (),
    start: int = 0,
    n_epochs: int | None = None,
    plain: bool = False,
    **parameters: Any,
) -> ClassifierNet:
    """Return the net for the encoded rows ``x`` and classes ``y``, not yet initialised.

    ``classifier`` has the parameters, ``classes_`` and ``device_``. With the pair ``valid`` of
    validation rows and classes, training stops early, counting from epoch ``start``, and the best
    epoch is restored. ``net_class``, ``batches`` and ``callbacks`` are the method's own.
    ``n_epochs`` trains so long at a constant rate, instead of by the schedule. ``plain`` takes the
    cross-entropy and leaves the user's callbacks out. Other parameters are the net's.
    """
    n_classes = len(classifier.classes_)
    warmup = 0
    milestones: tuple[int, ...] = ()
    if n_epochs is None:
        n_epochs = n_epochs_of(classifier, len(x))
        warmup = classifier.warmup_epochs
        warmup = _WARMUP_EPOCHS if warmup == "auto" else int(warmup)
        milestones = tuple(epoch_of(when, n_epochs) for when in classifier.milestones)
    rates = WarmupStepDecay(
        classifier.learning_rate,
        warmup=warmup,
        milestones=milestones,
        decay=classifier._setting("lr_decay"),
    )
    used: list[Any] = [rates, *callbacks]
    if valid is not None:
        used.append(early_stopping(classifier, start))
    optimizer = OPTIMIZERS.get(classifier.optimizer, classifier.optimizer)
    options: dict[str, Any] = {}
    if "weight_decay" in inspect.signature(optimizer).parameters:
        options["weight_decay"] = classifier.weight_decay
    elif classifier.weight_decay:
        raise ValueError(
            f"weight_decay={classifier.weight_decay}, and {optimizer.__name__} has none: set "
            "weight_decay=0."
        )
    if optimizer is torch.optim.SGD:
        options["momentum"] = classifier._setting("momentum")
    if optimizer in OPTIMIZERS.values() and classifier.device_.type in ("cpu", "cuda"):
        options["fused"] = True
    augment = classifier.augment
    counts = torch.bincount(y, minlength=n_classes).cpu().numpy()
    kind, arguments = (
        ("cross_entropy", None) if plain else (classifier.criterion, classifier.criterion_params)
    )
    made = criterion_of(kind, counts, arguments)
    return net_class(
        blueprint_of(classifier, x, head_of(kind)),
        criterion=made,
        optimizer=optimizer,
        lr=classifier.learning_rate,
        max_epochs=n_epochs,
        batch_size=classifier.batch_size,
        iterator_train=batches,
        iterator_train__n_classes=n_classes,
        iterator_valid=EvaluationBatches,
        iterator_valid__batch_size=evaluation_size(x),
        train_split=None if valid is None else predefined_split(Dataset(*valid)),
        classes=list(range(n_classes)),
        callbacks=[*used, *((not plain and classifier.callbacks) or ())],
        predict_nonlinearity=ScaledSoftmax(float(getattr(made(), "scale", 1.0))),
        device=str(classifier.device_),
        compile=classifier._setting("compile"),
        verbose=int(classifier._option("verbose")),
        augment=crop_flip if augment == "crop_flip" else augment,
        bfloat16=classifier._setting("precision") == "bfloat16",
        **{f"optimizer__{name}": value for name, value in options.items()},
        **parameters,
    )


def check_output(net: ClassifierNet, x: Tensor) -> None:
    """Refuse a module that does not give a logit for each class, before any training."""
    rows = x[:2]
    net.module_.eval()
    with torch.no_grad():
        logits = net.infer(rows)
    expected = (len(rows), len(net.classes))
    got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if got != expected:
        raise ValueError(
            f"The module made {got} of a batch of shape {tuple(rows.shape)}: it must return logits "
            f"of shape {expected}, one for each class. Take n_classes as an argument of its "
            "constructor, or pass module_params."
        )
