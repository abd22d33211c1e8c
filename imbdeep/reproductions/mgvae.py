"""MGVAE (AISTATS 2023): Tables 2, 5, 6, 7 and 8, beside our own numbers.

``python -m imbdeep.reproductions.mgvae [data sets] --data DIR`` runs every method on every data
set named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
Data via Majority-Guided VAE", AISTATS 2023.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler

from imbdeep.over_sampling import MGVAESampler
from imbdeep.reproductions._command import command, named, parsed, write_tables
from imbdeep.reproductions._rows import MNIST_SHAPE, drawn, mnist, stratified
from imbdeep.reproductions._runner import (
    SCALES,
    Method,
    Results,
    Scale,
    Task,
    development,
    evaluate,
    markdown,
    reduced,
)

__all__ = ["ABLATIONS", "DATASETS", "METHODS", "PROTOCOL", "PUBLISHED", "main"]

PROTOCOL = """\
protocol:
  Images: digits 0-4 are the majority (6000 training rows each, fewer where fewer exist), 5-9 the
  minority (60 or 10 each), drawn anew in every trial; the test part is MNIST's own. Tables: a
  stratified random 70/30 split in every trial.
  Classifier of every method: fully connected 256-128 with ReLU, Adam at 1e-3, batches of 100 and
  the same 6000 steps whatever the number of rows (an augmented set of twice the rows would
  otherwise buy twice the training); cross-entropy of the logits. Pixels are divided by 255, tables
  standardised by their original training rows.
  The tuned threshold is the one of best balanced accuracy on out-of-fold scores of 3 stratified
  folds of the training part; the classifier itself is then trained on all of it. The test part is
  used once, for the numbers shown, and chooses nothing. The trial's number is the seed of all.
  Percent, mean and standard deviation over trials. Balanced accuracy is the paper's ACSA; the
  G-mean is the square root of the product of both recalls.
  The paper trains 100 epochs with a learning rate that decays; its ERM rows of 50.0 / 0.0 are not
  what this classifier does on these data.
"""

#: Order of the three pairs (mean, standard deviation) below, in percent.
_PUBLISHED_METRICS = ("B-ACC", "ACSA", "GM")
_TABLES: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {
    "mnist-100": {  # Table 2, then Table 8
        "ERM": ((51.4, 0.0), (50.0, 0.0), (0.0, 0.0)),
        "RW": ((77.4, 1.2), (76.7, 1.2), (73.1, 1.3)),
        "RS": ((79.2, 0.3), (78.5, 0.3), (75.4, 0.2)),
        "SMOTE": ((80.6, 0.3), (80.1, 0.2), (77.4, 0.1)),
        "OCVAE": ((83.0, 0.4), (82.6, 0.4), (80.6, 0.6)),
        "MGVAE": ((85.0, 0.2), (84.6, 0.2), (83.2, 0.2)),
        "VAE w/ PT+EWC": ((79.1, 0.4), (78.4, 0.6), (75.7, 0.4)),
        "MGVAE w/o PT": ((81.1, 0.6), (80.6, 0.5), (78.1, 0.7)),
        "MGVAE w/o EWC": ((84.0, 0.7), (83.5, 0.5), (81.9, 0.9)),
    },
    "mnist-600": {  # Table 2, then Table 8
        "ERM": ((51.4, 0.0), (50.0, 0.0), (0.0, 0.0)),
        "RW": ((59.9, 1.6), (58.8, 1.4), (41.7, 1.8)),
        "RS": ((58.5, 1.0), (57.3, 1.1), (37.7, 2.0)),
        "SMOTE": ((60.0, 0.9), (58.3, 1.0), (40.2, 1.1)),
        "OCVAE": ((63.8, 0.2), (62.8, 0.5), (50.7, 0.5)),
        "MGVAE": ((65.4, 1.0), (64.4, 1.1), (53.4, 1.1)),
        "VAE w/ PT+EWC": ((60.3, 0.8), (59.3, 0.7), (42.7, 0.3)),
        "MGVAE w/o PT": ((59.8, 0.8), (58.8, 0.5), (41.1, 1.0)),
        "MGVAE w/o EWC": ((62.5, 0.7), (61.5, 0.4), (47.7, 1.2)),
    },
    "musk": {  # Table 5
        "ERM": ((50.0, 0.0), (50.0, 0.0), (0.0, 0.0)),
        "RW": ((85.6, 1.1), (86.7, 1.0), (84.3, 1.2)),
        "RS": ((84.9, 0.9), (85.0, 1.0), (83.6, 1.1)),
        "SMOTE": ((83.6, 1.3), (83.5, 1.4), (81.8, 1.7)),
        "OCVAE": ((90.5, 0.3), (90.1, 0.2), (89.8, 0.2)),
        "MGVAE": ((92.4, 1.2), (92.4, 1.3), (92.1, 1.4)),
    },
    "water": {  # Table 6
        "ERM": ((50.0, 0.0), (50.0, 0.0), (0.0, 0.0)),
        "RW": ((57.7, 0.1), (57.6, 0.3), (48.7, 0.2)),
        "RS": ((58.3, 1.5), (58.2, 1.4), (51.3, 1.1)),
        "SMOTE": ((56.8, 1.4), (56.0, 1.5), (51.9, 1.6)),
        "OCVAE": ((61.9, 1.2), (62.1, 1.9), (58.3, 1.5)),
        "MGVAE": ((67.2, 1.1), (67.3, 1.3), (65.9, 1.2)),
    },
    "isolet": {  # Table 7
        "ERM": ((50.0, 0.0), (50.0, 0.0), (0.0, 0.0)),
        "RW": ((92.9, 0.4), (92.9, 0.2), (92.7, 0.2)),
        "RS": ((92.9, 0.3), (92.8, 0.4), (92.7, 0.4)),
        "SMOTE": ((93.8, 0.7), (93.7, 0.8), (93.6, 0.6)),
        "OCVAE": ((91.6, 0.4), (91.7, 0.2), (91.5, 0.2)),
        "MGVAE": ((95.1, 0.6), (95.0, 0.7), (94.9, 0.7)),
    },
}
#: Data set, row of the paper's table, metric: mean and standard deviation, in percent.
PUBLISHED: dict[str, dict[str, dict[str, tuple[float, float]]]] = {
    dataset: {
        row: dict(zip(_PUBLISHED_METRICS, values, strict=True)) for row, values in rows.items()
    }
    for dataset, rows in _TABLES.items()
}
_BESIDE = {"balanced accuracy": "ACSA", "G-mean": "GM"}


def _mnist(folder: Path, seed: int, n_minority: int) -> Task:
    """MNIST as two classes, digits 0-4 against a few of 5-9."""
    (x, digits), (x_test, digits_test) = mnist(folder)
    rows = drawn(digits, [6000] * 5 + [n_minority] * 5, np.random.default_rng(seed))
    y, y_test = ((part >= 5).astype(np.int64) for part in (digits[rows], digits_test))
    return Task(x[rows], y, x_test, y_test, image_shape=MNIST_SHAPE)


_split = partial(stratified, test_size=0.3)


def _musk(folder: Path, seed: int) -> Task:
    """Musk (version 2): musks are the minority."""
    with np.load(folder / "musk2" / "musk2.npz") as file:
        return _split(file["X"], file["y"] == 2, seed)


def _water(folder: Path, seed: int) -> Task:
    """Water Quality: safe water is the minority; rows without a label are dropped."""
    path = folder / "water_quality" / "waterQuality1.csv"
    frame = pd.read_csv(path, na_values="#NUM!").dropna()
    x = frame.drop(columns="is_safe").to_numpy(dtype=np.float64)
    return _split(x, frame["is_safe"].to_numpy() == 1, seed)


def _isolet(folder: Path, seed: int) -> Task:
    """Isolet: the letters A and B are the minority."""
    with np.load(folder / "isolet" / "isolet.npz") as file:
        return _split(file["X"], file["y"] <= 2, seed)


def _mammography(folder: Path, seed: int) -> Task:
    """Mammography: calcifications are the minority. Not in the paper."""
    path = folder / "mammography" / "mammography.csv"
    frame = pd.read_csv(path, header=None, quotechar="'")
    x = frame.iloc[:, :-1].to_numpy(dtype=np.float64)
    return _split(x, frame.iloc[:, -1].to_numpy() == 1, seed)


#: What each name loads: (folder, seed) -> Task.
DATASETS: dict[str, Callable[[Path, int], Task]] = {
    "mnist-100": partial(_mnist, n_minority=60),
    "mnist-600": partial(_mnist, n_minority=10),
    "musk": _musk,
    "water": _water,
    "isolet": _isolet,
    "mammography": _mammography,
}


def _random(
    task: Task, inputs: Callable[..., Any], scale: Scale, seed: int, device: torch.device
) -> Any:
    sampler = RandomOverSampler(random_state=seed)
    return sampler.fit_resample(inputs(task.x_train), task.y_train)


def _smote(
    task: Task, inputs: Callable[..., Any], scale: Scale, seed: int, device: torch.device
) -> Any:
    # On the inputs: its neighbours depend on the columns' scales.
    return SMOTE(random_state=seed).fit_resample(inputs(task.x_train), task.y_train)


def _mgvae(
    task: Task,
    inputs: Callable[..., Any],
    scale: Scale,
    seed: int,
    device: torch.device,
    **parameters: Any,
) -> Any:
    # On the rows as they are, as a user would: the sampler has an encoding of its own.
    sampler = MGVAESampler(
        image_shape=task.image_shape,
        device=device,
        random_state=seed,
        **{**scale.sampler, **parameters},
    )
    x, y = sampler.fit_resample(task.x_train, task.y_train)
    return inputs(x), y


#: What is compared, with the row of the paper's table that it stands beside.
METHODS: dict[str, Method] = {
    "nothing": Method("ERM"),
    "tuned threshold": Method(tune_threshold=True),
    "class weights": Method("RW", class_weights=True),
    "random over-sampling": Method("RS", _random),
    "SMOTE": Method("SMOTE", _smote),
    "MGVAE": Method("MGVAE", _mgvae),
}
#: Table 8, MNIST only.
ABLATIONS: dict[str, Method] = {
    "MGVAE, Gaussian prior": Method("VAE w/ PT+EWC", partial(_mgvae, prior="gaussian")),
    "MGVAE, no pre-training": Method(
        "MGVAE w/o PT", partial(_mgvae, pretrain_steps=0, ewc_lambda=0.0)
    ),
    "MGVAE, no EWC": Method("MGVAE w/o EWC", partial(_mgvae, ewc_lambda=0.0)),
}
#: What the defaults were chosen among, on parts of the training data alone.
_OTHER_VALUES: tuple[tuple[str, Any], ...] = (
    ("exemplar_weights", "uniform"),
    ("exemplar_weights", "posterior"),
    ("decoder_output", "mean"),
    ("decoder_output", "sample"),
    ("ewc_lambda", 0.0),
    ("ewc_lambda", 0.1),
    ("ewc_lambda", 10.0),
    ("beta", 0.5),
    ("beta", 2.0),
    ("finetune_steps", 300),
    ("finetune_steps", 3000),
)
VARIANTS: dict[str, Method] = {
    f"MGVAE, {name}={value}": Method(resample=partial(_mgvae, **{name: value}))
    for name, value in _OTHER_VALUES
}


def _parser() -> argparse.ArgumentParser:
    parser = command("mgvae", __doc__, PROTOCOL, DATASETS, SCALES)
    parser.add_argument("--ablations", action="store_true", help="Table 8 too, on MNIST")
    parser.add_argument(
        "--development",
        action="store_true",
        help="score other parameters of MGVAE too, on 30 %% of the training part alone",
    )
    parser.add_argument(
        "--methods", nargs="+", choices=[*METHODS, *ABLATIONS, *VARIANTS], help="only these"
    )
    return parser


def _methods_for(dataset: str, options: argparse.Namespace) -> dict[str, Method]:
    methods, only = dict(METHODS), options.methods
    if dataset.startswith("mnist") and (options.ablations or only):
        methods |= ABLATIONS
    if options.development:
        methods |= VARIANTS
    return {name: method for name, method in methods.items() if not only or name in only}


def _run(dataset: str, results: Results, options: argparse.Namespace, device: torch.device) -> str:
    """All trials of a data set; their table."""
    methods, scale = _methods_for(dataset, options), SCALES[options.scale]
    for seed in options.seeds:
        task = DATASETS[dataset](Path(options.data), seed)
        if options.development:
            task = development(task, seed)
        task = reduced(task, scale, seed)
        for name, method in methods.items():
            results.add(dataset, name, seed, evaluate(task, method, scale, seed, device))
    published = {} if options.development else PUBLISHED.get(dataset, {})
    return markdown(dataset, methods, results, published, _BESIDE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiments and write tables to the standard output.

    Parameters
    ----------
    argv : sequence of str, default=None
        Command-line arguments; None takes those of the process.

    Returns
    -------
    int
        0.
    """
    parser = _parser()
    options = parsed(parser, argv, lengths=("trials",))
    names = named(options, DATASETS)
    known = {name for dataset in names for name in _methods_for(dataset, options)}
    idle = [name for name in options.methods or [] if name not in known]
    if idle:
        parser.error(
            f"{', '.join(idle)}: not for these data sets (ablations are for MNIST, other "
            "parameters for --development)"
        )
    return write_tables(
        options,
        names,
        lambda dataset, results, device: _run(dataset, results, options, device),
        f"{options.trials} trials, scale {options.scale}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
