"""What the reproductions share: one classifier for all methods, scores, and tables of both."""

from __future__ import annotations

import csv
import math
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from imbdeep.losses import FocalLoss, LDAMLoss, class_balanced_weights
from imbdeep.networks import CosineLinear
from imbdeep.training import run, seeded

#: The metrics, in the order of the tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "ROC-AUC", "average precision")
_COLUMNS = ("dataset", "method", "trial", "metric", "value", "seconds")
_FOLDS = 3


class Task(NamedTuple):
    """Rows as they come from the file, split; the minority is 1 and everything else 0."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int64]
    x_test: NDArray[Any]
    y_test: NDArray[np.int64]
    image_shape: tuple[int, int, int] | None = None


class Scale(NamedTuple):
    """How much is run.

    ``steps`` of the classifier, None for the 100 epochs of the paper over the balanced rows, with
    its decay of the rate on images; at most ``train`` rows of each class (majority, minority) and
    ``test`` rows; ``sampler`` and ``rival`` hold parameters other than the defaults of the
    reproduced sampler and of the deep samplers beside it.
    """

    steps: int | None
    train: tuple[int, int] | None = None
    test: int | None = None
    sampler: Mapping[str, Any] = {}  # read only
    rival: Mapping[str, Any] = {}  # read only


SCALES = {
    "full": Scale(steps=None),
    "medium": Scale(steps=6000),
    "short": Scale(
        steps=2000,
        sampler={"pretrain_steps": 2000, "finetune_steps": 500},
        rival={"max_steps": 2000},
    ),
    "smoke": Scale(
        steps=40,
        train=(300, 40),
        test=300,
        sampler={"pretrain_steps": 10, "finetune_steps": 5},
        rival={"max_steps": 10},
    ),
}
#: Epochs of the paper's classifier, and the factor of its rate after each of them on images.
_EPOCHS, _DECAY = 100, 0.95
_BATCH_SIZE = 100

#: (task, to_inputs, scale, seed, device) -> inputs of the classifier and their labels.
Resample = Callable[
    [Task, Callable[[Any], NDArray[np.float32]], Scale, int, torch.device],
    tuple[NDArray[np.float32], NDArray[np.int64]],
]


@dataclass(frozen=True)
class Method:
    """A way to deal with the imbalance: by data, by weights or by the threshold.

    ``paper`` is the row of the published table that does the same, None where there is none.
    ``class_weights`` are "balanced" (1 / N_k) or "class_balanced" (by effective numbers), and the
    ``criterion`` is "cross_entropy", "focal" or "ldam", the last on cosines.
    """

    paper: str | None = None
    resample: Resample | None = None
    class_weights: str | None = None
    criterion: str = "cross_entropy"
    tune_threshold: bool = False


class Row(Protocol):
    """What a row of a table must tell: the row of the published table that it stands beside."""

    @property
    def paper(self) -> str | None:
        """Name of the published row, None where there is none."""


class Outcome(NamedTuple):
    """Metrics of one trial, its seconds, and what the classifier was given and said."""

    metrics: dict[str, float]
    seconds: float
    threshold: float = 0.0
    # Of each classifier that was trained, the last one being the one scored.
    steps: Sequence[int] = ()
    said: Sequence[str] = ()  # warnings, where they are kept


@dataclass
class Results:
    """All trials so far; each is written to ``file`` at once, to outlast an interruption."""

    file: TextIO | None = None
    outcomes: dict[tuple[str, str], list[Outcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._write(_COLUMNS)

    def add(self, dataset: str, method: str, trial: int, outcome: Outcome) -> None:
        """Keep an outcome and write its rows."""
        self.outcomes.setdefault((dataset, method), []).append(outcome)
        for metric, value in outcome.metrics.items():
            self._write((dataset, method, trial, metric, f"{value:.6f}", f"{outcome.seconds:.2f}"))

    def _write(self, row: Sequence[Any]) -> None:
        if self.file is not None:
            csv.writer(self.file, lineterminator="\n").writerow(row)
            self.file.flush()


def reduced(task: Task, scale: Scale, seed: int) -> Task:
    """The task with as many rows as the scale allows."""
    random = np.random.default_rng(seed)
    x, y, x_test, y_test = task[:4]
    if scale.train is not None:
        rows = np.concatenate(
            [
                random.permutation(np.flatnonzero(y == code))[:most]
                for code, most in enumerate(scale.train)
            ]
        )
        x, y = x[rows], y[rows]
    if scale.test is not None and scale.test < len(y_test):
        x_test, _, y_test, _ = train_test_split(
            x_test, y_test, train_size=scale.test, stratify=y_test, random_state=seed
        )
    return Task(x, y, x_test, y_test, task.image_shape)


def development(task: Task, seed: int) -> Task:
    """The training part split again, for choices: the test part is left out."""
    x_train, x_test, y_train, y_test = train_test_split(
        task.x_train, task.y_train, test_size=0.3, stratify=task.y_train, random_state=seed
    )
    return Task(x_train, y_train, x_test, y_test, task.image_shape)


def to_inputs(task: Task) -> Callable[[Any], NDArray[np.float32]]:
    """How rows become inputs of the classifier, learned from the original training rows alone."""
    if task.image_shape is not None:
        return lambda x: np.divide(x, 255, dtype=np.float32)
    scaler = StandardScaler().fit(task.x_train.astype(np.float64))

    def standardised(x: Any) -> NDArray[np.float32]:
        scaled: NDArray[Any] = scaler.transform(np.asarray(x, dtype=np.float64))
        return scaled.astype(np.float32)

    return standardised


def _criterion(
    name: str, class_weights: str | None, counts: Tensor
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of logits and labels."""
    weight = None
    if class_weights == "balanced":  # as in scikit-learn
        weight = counts.sum() / (2 * counts.float())
    elif class_weights == "class_balanced":
        weight = class_balanced_weights(counts).to(counts.device)
    if name == "focal":
        return FocalLoss(weight=weight)
    if name == "ldam":
        return LDAMLoss(counts, weight=weight).to(counts.device)
    return nn.CrossEntropyLoss(weight)


def train_classifier(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    *,
    steps: int,
    seed: int,
    device: torch.device,
    class_weights: str | None = None,
    criterion: str = "cross_entropy",
    decay: bool = False,
) -> tuple[Callable[[NDArray[np.float32]], NDArray[np.float64]], int]:
    """Train the papers' classifier; return its log-odds of the minority and the steps it did.

    Log-odds and not probabilities: in float32 those of the surest rows are all exactly 0 or 1,
    and their ranking would be lost. ``decay`` lets the rate fall by 5 % after each hundredth of
    the steps.
    """
    rows, labels = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    loss_of = _criterion(criterion, class_weights, torch.bincount(labels, minlength=2))
    with seeded(seed, device, n_threads=1):
        head = CosineLinear if criterion == "ldam" else nn.Linear
        net = nn.Sequential(
            nn.Linear(x.shape[1], 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), head(128, 2)
        ).to(device)
        fused = True if device.type in ("cpu", "cuda") else None
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)
        epoch = math.ceil(steps / _EPOCHS)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, epoch, _DECAY)

        def step(idx: Tensor) -> dict[str, Tensor]:
            loss = loss_of(net(rows[idx]), labels[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if decay:
                schedule.step()
            return {"loss": loss}

        history = run(
            step,
            len(x),
            max_steps=steps,
            batch_size=_BATCH_SIZE,
            device=device,
            module=net,
            description="classifier",
        )

    def log_odds(x: NDArray[np.float32]) -> NDArray[np.float64]:
        with torch.no_grad():
            logits = net(torch.from_numpy(x).to(device)).double().cpu()
        return (logits[:, 1] - logits[:, 0]).numpy()

    return log_odds, history[-1]["step"]


def best_threshold(y: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The threshold of best balanced accuracy, midway to the next lower score."""
    false_rate, true_rate, thresholds = roc_curve(y, scores, drop_intermediate=False)
    threshold = float(thresholds[np.argmax(true_rate - false_rate)])
    lower = scores[scores < threshold]
    return (threshold + float(lower.max())) / 2 if len(lower) else threshold


def n_steps(scale: Scale, y: NDArray[np.int64]) -> int:
    """Steps of every classifier: those of the scale, or the paper's epochs over balanced rows."""
    if scale.steps is not None:
        return scale.steps
    return _EPOCHS * math.ceil(2 * int(np.bincount(y).max()) / _BATCH_SIZE)


def tuned_threshold(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    *,
    steps: int,
    seed: int,
    device: torch.device,
    decay: bool = False,
) -> tuple[float, list[int]]:
    """Threshold from out-of-fold log-odds of stratified folds of the training rows."""
    scores = np.empty(len(y))
    done = []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for fit, held in folds.split(x, y):
        log_odds, n = train_classifier(
            x[fit], y[fit], steps=steps, seed=seed, device=device, decay=decay
        )
        scores[held] = log_odds(x[held])
        done.append(n)
    return best_threshold(y, scores), done


def scored(y: NDArray[np.int64], scores: NDArray[np.float64], threshold: float) -> dict[str, float]:
    """The metrics, by name."""
    recalls = recall_score(y, scores >= threshold, average=None, zero_division=0)
    values = (
        float(np.mean(recalls)),
        float(np.prod(recalls) ** (1 / len(recalls))),
        float(roc_auc_score(y, scores)),
        float(average_precision_score(y, scores)),
    )
    return dict(zip(METRICS, values, strict=True))


def evaluate(task: Task, method: Method, scale: Scale, seed: int, device: torch.device) -> Outcome:
    """One trial: resample, train with the same number of steps as everyone, score the test part."""
    start = time.perf_counter()
    inputs = to_inputs(task)
    x, y = inputs(task.x_train), task.y_train
    threshold = 0.0
    done: list[int] = []
    training: dict[str, Any] = {"steps": n_steps(scale, y), "seed": seed, "device": device}
    training["decay"] = scale.steps is None and task.image_shape is not None
    if method.tune_threshold:
        threshold, done = tuned_threshold(x, y, **training)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        if method.resample is not None:
            x, y = method.resample(task, inputs, scale, seed, device)
    log_odds, n = train_classifier(
        x, y, **training, class_weights=method.class_weights, criterion=method.criterion
    )
    metrics = scored(task.y_test, log_odds(inputs(task.x_test)), threshold)
    seconds = time.perf_counter() - start
    return Outcome(metrics, seconds, threshold, [*done, n], [str(each.message) for each in said])


def _plain(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def _percent(values: Sequence[float]) -> str:
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def warned(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """What the methods warned of, for below a table: how often, and the first sentence of each."""
    lines = []
    for method, found in outcomes.items():
        said = [sentence for outcome in found for sentence in outcome.said]
        if said:
            lines.append(f"- {method}, {len(said)} in all, the first: {said[0]}\n")
    return f"\nWarnings:\n\n{''.join(lines)}" if lines else ""


def markdown(
    dataset: str,
    methods: Mapping[str, Row],
    results: Results,
    published: Mapping[str, Mapping[str, tuple[float, ...]]],
    beside: Mapping[str, str],
    *,
    metrics: Sequence[str] = METRICS,
    title: str | None = None,
    percent: bool = True,
) -> str:
    """Our numbers beside the published ones, a row a method, in percent or as they are.

    ``published`` holds the paper's rows for this data set, with a deviation or without, ``beside``
    the published metric that corresponds to one of ours. Rows that only the paper has come last.
    A method that was not run stands there without numbers of ours.
    ``metrics`` are the columns of ours; without any, the table is the paper's alone. The heading is
    ``title`` or else the name of the data set.
    """
    ours = [*metrics, "seconds"] if metrics else []
    header = ["method", *ours, *(f"published {name}" for name in beside.values())]
    lines = [f"### {title or dataset}", "", _row(header), _row(["---"] * len(header))]

    digits, told = (1, _percent) if percent else (3, _plain)

    def theirs(row: str | None) -> list[str]:
        values = published.get(row or "", {})
        return [
            " ± ".join(f"{value:.{digits}f}" for value in values.get(name, ()))
            for name in beside.values()
        ]

    for name, method in methods.items():
        outcomes = results.outcomes.get((dataset, name), [])
        cells = [""] * len(ours)
        if outcomes:
            cells = [told([outcome.metrics[metric] for outcome in outcomes]) for metric in metrics]
            cells.append(f"{statistics.mean(outcome.seconds for outcome in outcomes):.0f}")
        lines.append(_row([name, *cells, *theirs(method.paper)]))
    known = {method.paper for method in methods.values()}
    for row in published:
        if row not in known:
            lines.append(_row([f"{row} (paper only)", *[""] * len(ours), *theirs(row)]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
