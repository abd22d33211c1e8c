"""One trial of MGVAE's reproduction: the papers' classifier behind every method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score, roc_curve
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from imbdeep.losses import FocalLoss, LDAMLoss, class_balanced_weights
from imbdeep.networks import CosineLinear
from imbdeep.over_sampling import MGVAESampler
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._rows import Task
from imbdeep.seeding import seeded
from imbdeep.training import run

#: The metrics, in the order of the tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "ROC-AUC", "average precision")
#: Folds on which the threshold is tuned.
_FOLDS = 3
#: Epochs of the paper's classifier, and the factor of its rate after each of them on images.
_EPOCHS, _DECAY = 100, 0.95
_BATCH_SIZE = 100


def reduced(task: Task, most: tuple[int, ...] | None, seed: int) -> Task:
    """The task with at most so many rows of majority and minority to train on, and to test on."""
    if most is None:
        return task
    random = np.random.default_rng(seed)
    rows = np.concatenate(
        [random.permutation(np.flatnonzero(task.y_train == k))[: most[k]] for k in range(2)]
    )
    x, y, x_test, y_test = task.x_train[rows], task.y_train[rows], task.x_test, task.y_test
    if len(most) > 2 and most[2] < len(y_test):
        x_test, _, y_test, _ = train_test_split(
            x_test, y_test, train_size=most[2], stratify=y_test, random_state=seed
        )
    return Task(x, y, x_test, y_test, task.image_shape)


class PaperClassifier(ClassifierMixin, BaseEstimator):
    """The papers' classifier of two classes: 256-128 with ReLU, Adam at 1e-3, batches of 100.

    It counts steps, so that more rows do not buy more training.

    Parameters
    ----------
    steps : int
        Number of steps.
    device : torch.device
        Where to train.
    random_state : int
        Seed.
    class_weights : {"balanced", "class_balanced"} or None, default=None
        1 / N_k, or by effective numbers.
    criterion : {"cross_entropy", "focal", "ldam"}, default="cross_entropy"
        The loss; the last on cosines.
    decay : bool, default=False
        Whether the rate falls by 5 % after each hundredth of the steps.
    tune_threshold : bool, default=False
        Whether scores are counted from the threshold of best balanced accuracy, by out-of-fold
        scores of the training rows.
    """

    def __init__(
        self,
        steps: int,
        device: Any,
        random_state: int,
        class_weights: str | None = None,
        criterion: str = "cross_entropy",
        decay: bool = False,
        tune_threshold: bool = False,
    ) -> None:
        self.steps, self.device, self.random_state = steps, device, random_state
        self.class_weights, self.criterion, self.decay = class_weights, criterion, decay
        self.tune_threshold = tune_threshold

    def fit(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> PaperClassifier:
        """Train; the threshold first, if it is tuned."""
        self.classes_, self.threshold_ = np.arange(2), 0.0
        if self.tune_threshold:
            folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=self.random_state)
            plain = clone(self).set_params(tune_threshold=False)
            scores = cross_val_predict(plain, x, y, cv=folds, method="decision_function")
            self.threshold_ = best_threshold(y, scores)
        device = self.device
        rows, labels = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
        loss_of = self._loss(torch.bincount(labels, minlength=2))
        with seeded(self.random_state, device, n_threads=1):
            head = CosineLinear if self.criterion == "ldam" else nn.Linear
            self.net_ = net = nn.Sequential(
                nn.Linear(x.shape[1], 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), head(128, 2)
            ).to(device)
            fused = True if device.type in ("cpu", "cuda") else None
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=fused)
            epoch = math.ceil(self.steps / _EPOCHS)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, epoch, _DECAY)

            def step(idx: Tensor) -> dict[str, Tensor]:
                loss = loss_of(net(rows[idx]), labels[idx])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if self.decay:
                    schedule.step()
                return {"loss": loss}

            run(
                step,
                len(x),
                max_steps=self.steps,
                batch_size=_BATCH_SIZE,
                device=device,
                module=net,
                description="classifier",
            )
        return self

    def _loss(self, counts: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        weight = None
        if self.class_weights == "balanced":  # as in scikit-learn
            weight = counts.sum() / (2 * counts.float())
        elif self.class_weights == "class_balanced":
            weight = class_balanced_weights(counts).to(counts.device)
        if self.criterion == "focal":
            return FocalLoss(weight=weight)
        if self.criterion == "ldam":
            return LDAMLoss(counts, weight=weight).to(counts.device)
        return nn.CrossEntropyLoss(weight)

    def decision_function(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of the minority, less the threshold.

        Probabilities in float32 are exactly 0 or 1 for the surest rows, and lose their ranking.
        """
        with torch.no_grad():
            logits = self.net_(torch.from_numpy(x).to(self.device)).double().cpu()
        log_odds: NDArray[np.float64] = (logits[:, 1] - logits[:, 0]).numpy()
        return log_odds - self.threshold_

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """1 where the log-odds reach the threshold."""
        return (self.decision_function(x) >= 0).astype(np.int64)


def best_threshold(y: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The threshold of best balanced accuracy, midway to the next lower score."""
    false_rate, true_rate, thresholds = roc_curve(y, scores, drop_intermediate=False)
    threshold = float(thresholds[np.argmax(true_rate - false_rate)])
    lower = scores[scores < threshold]
    return (threshold + float(lower.max())) / 2 if len(lower) else threshold


class Trial(_harness.Trial):
    """One draw of a data set; pixels are divided by 255, tables standardised."""

    keeps_warnings = True

    def inputs(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows as the classifier gets them, scaled by the original training rows."""
        scaler = StandardScaler()
        if self.task.image_shape is None:
            scaler.fit(self.task.x_train.astype(np.float64))

        def scaled(x: Any) -> NDArray[np.float32]:
            if self.task.image_shape is not None:
                return np.divide(x, 255, dtype=np.float32)
            return np.asarray(scaler.transform(np.asarray(x, dtype=np.float64)), dtype=np.float32)

        self.scaled = scaled
        return scaled(self.task.x_train), scaled(self.task.x_test)

    def estimator(self, approach: Approach, n_rows: int) -> PaperClassifier:
        """The classifier: the steps of the scale, or the paper's epochs over balanced rows."""
        largest = int(np.bincount(self.task.y_train).max())
        steps = self.length.steps or _EPOCHS * math.ceil(2 * largest / _BATCH_SIZE)
        decay = self.length.steps is None and self.task.image_shape is not None
        return PaperClassifier(steps, self.device, self.seed, decay=decay, **approach.parameters)

    def scores(self, classifier: Any, approach: Approach) -> dict[str, float]:
        """The metrics, by name."""
        y, scores = self.task.y_test, classifier.decision_function(self.x_test)
        recalls = recall_score(y, scores >= 0, average=None, zero_division=0)
        values = (
            float(np.mean(recalls)),
            float(np.prod(recalls) ** (1 / len(recalls))),
            float(roc_auc_score(y, scores)),
            float(average_precision_score(y, scores)),
        )
        return dict(zip(METRICS, values, strict=True))

    def details(self, classifier: Any) -> dict[str, float]:
        """Nothing: the steps are those of the scale."""
        return {}


def repeated(trial: Trial, x: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """Random over-sampling."""
    return RandomOverSampler(random_state=trial.seed).fit_resample(x, y)


def interpolated(trial: Trial, x: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """SMOTE on the inputs: its neighbours depend on the columns' scales."""
    neighbours = max(1, min(5, int(np.bincount(y).min()) - 1))
    return SMOTE(k_neighbors=neighbours, random_state=trial.seed).fit_resample(x, y)


def generated(
    trial: Trial, x: NDArray[Any], y: NDArray[np.int64], sampler: Any = MGVAESampler, **given: Any
) -> Any:
    """Rows of a deep sampler, on the rows as they come: it has an encoding of its own."""
    length: Length = trial.length
    made = sampler(
        image_shape=trial.task.image_shape,
        row_filter=None,
        device=trial.device,
        random_state=trial.seed,
        **{**(length.own if sampler is MGVAESampler else length.rival), **given},
    )
    rows, labels = made.fit_resample(trial.task.x_train, trial.task.y_train)
    return trial.scaled(rows), labels
