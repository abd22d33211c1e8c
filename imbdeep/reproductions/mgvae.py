"""MGVAE (AISTATS 2023): Tables 2, 3, 5, 6, 7, 8 and 9, beside our own numbers.

``python -m imbdeep.reproductions.mgvae [data sets] --data DIR`` runs every method on every data
set named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
Data via Majority-Guided VAE", AISTATS 2023.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
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
from imbdeep.over_sampling import CGANSampler, CVAESampler, MGVAESampler
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._paper import Dataset, Paper, Varied
from imbdeep.reproductions._results import published
from imbdeep.reproductions._rows import Task, images, table
from imbdeep.seeding import seeded
from imbdeep.training import run

__all__ = ["ABLATIONS", "DATASETS", "METHODS", "PUBLISHED", "SCALES", "TABLES", "TITLES", "main"]

PROTOCOL = """\
protocol:
  Images: digits 0-4 (of Fashion-MNIST: classes 0-4) are the majority (6000 training rows each,
  fewer where fewer exist), 5-9 the minority (60 or 10 each), drawn anew in every trial; the test
  part is the data set's own. Tables: a stratified random 70/30 split in every trial. Where a data
  set cannot be had, our columns stay empty and a line says why.
  Classifier of every method: fully connected 256-128 with ReLU, Adam at 1e-3, batches of 100 and
  the same 6000 steps whatever the number of rows (an augmented set of twice the rows would
  otherwise buy twice the training); cross-entropy of the logits. Pixels are divided by 255, tables
  standardised by their original training rows. Class weights are 1/N_k, class-balanced weights
  those of effective numbers with beta 0.9999; the focal loss has gamma 1; LDAM has cosines for
  logits, margins up to 0.5 and scale 30. All three are used from the first step on.
  MGVAE is MGVAESampler, OCVAE is CVAESampler and OCGAN is CGANSampler, each with its defaults but
  for the scale and for the row filter, row_filter, which the papers' methods have not; on
  the rows as they come.
  The tuned threshold is the one of best balanced accuracy on out-of-fold scores of 3 stratified
  folds of the training part; the classifier itself is then trained on all of it. The test part is
  used once, for the numbers shown, and chooses nothing. The trial's number is the seed of all.
  Table 9: lambda of the paper weighs a raw Fisher information, ours one that is normalised to mean
  1, so rows of ours stand beside none of the paper's. MGVAE itself has lambda 1; 0.01, 100 and
  10 000 are as far from one another as the paper's four.
  Scales. medium (the default; docs/results.md was made with it): 6000 steps, samplers with their
  defaults. full: the paper's 100 epochs of batches of 100 over the balanced rows (some 60 000 steps
  on images, 8000 to 12 000 on tables), on images with its rate that falls by 5 % an epoch. short:
  2000 steps, MGVAE with 2000 and 500, OCVAE and OCGAN with 2000: all tables in about half an hour
  of two idle processors. smoke: only whether it runs.
  Percent, mean and standard deviation over trials. Balanced accuracy is the paper's ACSA; the
  G-mean is the square root of the product of both recalls.
  The paper's ERM rows of 50.0 / 0.0 are not what this classifier does on these data.
"""

#: The numbers of the paper, which also writes "ASCA" for ACSA.
PUBLISHED = published("mgvae")
#: The metrics, in the order of the tables; the names are those of the files.
METRICS = ("balanced accuracy", "G-mean", "ROC-AUC", "average precision")
#: Folds on which the threshold is tuned.
_FOLDS = 3
#: Epochs of the paper's classifier, and the factor of its rate after each of them on images.
_EPOCHS, _DECAY = 100, 0.95
_BATCH_SIZE = 100


#: How much is run, by name.
SCALES = {
    "full": Length(),
    "medium": Length(steps=6000),
    "short": Length(
        steps=2000,
        own={"pretrain_steps": 2000, "finetune_steps": 500},
        rival={"max_steps": 2000},
    ),
    "smoke": Length(
        steps=40,
        most=(300, 40, 300),
        own={"pretrain_steps": 10, "finetune_steps": 5},
        rival={"max_steps": 10},
    ),
}


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

    It counts steps, so that more rows do not buy more training. ``class_weights`` are "balanced",
    1 / N_k, or "class_balanced", by effective numbers; ``criterion`` is "cross_entropy", "focal" or
    "ldam", the last on cosines; ``decay`` lets the rate fall by 5 % after each hundredth of the
    steps. ``tune_threshold`` counts from the threshold of best balanced accuracy, by out-of-fold
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


def two_classes(name: str, folder: Path | None, seed: int, n_minority: int) -> Task:
    """MNIST or Fashion-MNIST as two classes: 0-4 against 5-9, so many of each of these."""
    task = images(name, folder, seed, sizes=[6000] * 5 + [n_minority] * 5)
    y, y_test = ((part >= 5).astype(np.int64) for part in (task.y_train, task.y_test))
    return task._replace(y_train=y, y_test=y_test)


#: What each name loads. Mammography is not in the paper.
DATASETS: dict[str, Dataset] = {
    **{
        f"{title}-{ratio}": Dataset(
            f"{title}-{ratio}", partial(two_classes, name, n_minority=6000 // ratio)
        )
        for title, name in (("mnist", "mnist"), ("fashion", "fashion_mnist"))
        for ratio in (100, 600)
    },
    **{
        title: Dataset(title, partial(table, name, test_size=0.3))
        for title, name in (
            ("musk", "musk2"),
            ("water", "water_quality"),
            ("isolet", "isolet"),
            ("mammography", "mammography"),
        )
    },
}


#: What is compared, with the row of the paper's table that it stands beside.
METHODS: dict[str, Approach] = {
    "nothing": Approach("ERM"),
    "tuned threshold": Approach(parameters={"tune_threshold": True}),
    "class weights": Approach("RW", {"class_weights": "balanced"}),
    "class-balanced weights": Approach("CBRW", {"class_weights": "class_balanced"}),
    "focal loss": Approach("FOCAL", {"criterion": "focal"}),
    "LDAM": Approach("LDAM", {"criterion": "ldam"}),
    "random over-sampling": Approach("RS", resample=repeated),
    "SMOTE": Approach("SMOTE", resample=interpolated),
    "OCVAE": Approach("OCVAE", resample=partial(generated, sampler=CVAESampler)),
    # The paper has it on CelebA.
    "OCGAN": Approach(resample=partial(generated, sampler=CGANSampler)),
    "MGVAE": Approach("MGVAE", resample=generated),
}


def _mgvae(paper: str | None = None, **parameters: Any) -> Approach:
    return Approach(paper, resample=partial(generated, **parameters))


#: Table 8, images only.
ABLATIONS: dict[str, Approach] = {
    "MGVAE, Gaussian prior": _mgvae("VAE w/ PT+EWC", prior="gaussian"),
    "MGVAE, no pre-training": _mgvae("MGVAE w/o PT", pretrain_steps=0, ewc_lambda=0.0),
    "MGVAE, no EWC": _mgvae("MGVAE w/o EWC", ewc_lambda=0.0),
}
#: Table 9, images only: lambda on either side of the default, by factors of the paper's.
SWEEP: dict[str, Approach] = {
    f"MGVAE, lambda {value:g}": _mgvae(ewc_lambda=value) for value in (0.01, 100.0, 10_000.0)
}

#: The command line of each table of the paper.
TABLES: dict[str, tuple[str, ...]] = {
    "table2": ("mnist-100", "mnist-600"),
    "table3": ("fashion-100", "fashion-600"),
    "table5": ("musk",),
    "table6": ("water",),
    "table7": ("isolet",),
    "table8": ("mnist-100", "mnist-600", "--methods", "MGVAE", *ABLATIONS),
    "table9": (
        *("fashion-100", "fashion-600", "mnist-100", "mnist-600"),
        *("--methods", "MGVAE", *SWEEP),
    ),
}
#: Our rows and the paper's of Tables 2 to 7, 8 and 9; "MGVAE" is in all of them.
_GROUPS = (
    (METHODS.keys() - {"MGVAE"}, {method.paper for method in METHODS.values()} - {"MGVAE"}),
    (set(ABLATIONS), {method.paper for method in ABLATIONS.values()}),
    (set(SWEEP), {f"MGVAE, lambda {value}" for value in ("5e2", "5e4", "5e6", "5e8")}),
)
#: What each table is of.
TITLES: dict[str, str] = {
    "table2": "MNIST, 0-4 against a few of 5-9, at ratios 100 and 600",
    "table3": "Fashion-MNIST, classes 0-4 against a few of 5-9, at ratios 100 and 600",
    "table5": "Musk",
    "table6": "Water Quality",
    "table7": "Isolet, A and B against the rest",
    "table8": "ablations of MGVAE on MNIST",
    "table9": "lambda of MGVAE on Fashion-MNIST, and on MNIST",
}


_OPTIONAL = {
    "ablations": (ABLATIONS, "Table 8 too, on images"),
    "sweep": (SWEEP, "Table 9 too, on images"),
}


_BESIDE = {"balanced accuracy": "ACSA", "G-mean": "GM"}


class MGVAE(Paper):
    """The experiments of MGVAE's paper."""

    name, doc, protocol = "mgvae", __doc__, PROTOCOL
    datasets, methods, published, groups = DATASETS, METHODS, PUBLISHED, _GROUPS
    optional, metrics, beside = _OPTIONAL, METRICS, _BESIDE
    scales, scale = SCALES, "medium"
    trial = Trial
    varied = Varied(MGVAESampler(), "MGVAE", _mgvae)

    def fewer(self, task: Task, most: Any, seed: int) -> Task:
        """So many rows of majority and minority."""
        return reduced(task, most, seed)

    def fits(self, dataset: str, name: str, row: Any, options: argparse.Namespace) -> bool:
        """Ablations and lambdas are for images."""
        return dataset.startswith(("mnist", "fashion")) or name not in ABLATIONS | SWEEP

    def check(
        self,
        parser: argparse.ArgumentParser,
        options: argparse.Namespace,
        rows: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Refuse ablations and lambdas of tables."""
        known = {name for of_dataset in rows.values() for name in of_dataset}
        idle = [name for name in options.methods or [] if name not in known]
        if idle:
            parser.error(
                f"{', '.join(idle)}: not for these data sets (ablations and lambdas are for images)"
            )


main = MGVAE().main

if __name__ == "__main__":
    raise SystemExit(main())
