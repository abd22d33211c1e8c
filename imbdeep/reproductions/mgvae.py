"""MGVAE (AISTATS 2023): Tables 2, 3, 5, 6, 7, 8 and 9, beside our own numbers.

``python -m imbdeep.reproductions.mgvae [data sets] --data DIR`` runs every method on every data
set named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
Data via Majority-Guided VAE", AISTATS 2023.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from imbdeep.over_sampling import CGANSampler, CVAESampler
from imbdeep.reproductions._command import (
    command,
    named,
    parsed,
    run_trials,
    shown,
    write_tables,
)
from imbdeep.reproductions._harness import Approach, Length
from imbdeep.reproductions._mgvae_data import (
    fashion,
    isolet,
    mammography,
    mnist,
    musk,
    water,
)
from imbdeep.reproductions._mgvae_published import PUBLISHED
from imbdeep.reproductions._mgvae_trial import (
    METRICS,
    Trial,
    generated,
    interpolated,
    reduced,
    repeated,
)
from imbdeep.reproductions._results import Results, markdown, warned
from imbdeep.reproductions._rows import Task, development

__all__ = [
    "ABLATIONS",
    "DATASETS",
    "METHODS",
    "PROTOCOL",
    "PUBLISHED",
    "SWEEP",
    "TABLES",
    "TITLES",
    "main",
]

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

_BESIDE = {"balanced accuracy": "ACSA", "G-mean": "GM"}
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


#: What each name loads: (folder or None, seed) -> Task.
DATASETS: dict[str, Callable[[Any, int], Task]] = {
    "mnist-100": partial(mnist, n_minority=60),
    "mnist-600": partial(mnist, n_minority=10),
    "fashion-100": partial(fashion, n_minority=60),
    "fashion-600": partial(fashion, n_minority=10),
    "musk": musk,
    "water": water,
    "isolet": isolet,
    "mammography": mammography,
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
VARIANTS: dict[str, Approach] = {
    f"MGVAE, {name}={value}": _mgvae(**{name: value}) for name, value in _OTHER_VALUES
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


def _parser() -> argparse.ArgumentParser:
    parser = command("mgvae", __doc__, PROTOCOL, DATASETS, SCALES)
    parser.set_defaults(scale="medium")
    parser.add_argument("--ablations", action="store_true", help="Table 8 too, on images")
    parser.add_argument("--sweep", action="store_true", help="Table 9 too, on images")
    parser.add_argument(
        "--development",
        action="store_true",
        help="score other parameters of MGVAE too, on 30 %% of the training part alone",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=[*METHODS, *ABLATIONS, *SWEEP, *VARIANTS],
        help="only these",
    )
    return parser


def _methods_for(dataset: str, options: argparse.Namespace) -> dict[str, Approach]:
    methods, only = dict(METHODS), options.methods
    for asked, more in ((options.ablations, ABLATIONS), (options.sweep, SWEEP)):
        if dataset.startswith(("mnist", "fashion")) and (asked or only):
            methods |= more
    if options.development:
        methods |= VARIANTS
    return {name: method for name, method in methods.items() if not only or name in only}


def _run(dataset: str, results: Results, options: argparse.Namespace, device: torch.device) -> str:
    """All trials of a data set; their table."""
    methods, scale = _methods_for(dataset, options), SCALES[options.scale]
    published = shown(PUBLISHED.get(dataset, {}), methods, *_GROUPS)
    if options.development:  # the paper has no numbers on these rows
        published = {}

    def trial(task: Task, seed: int) -> Trial:
        if options.development:
            task = development(task, seed)
        return Trial(reduced(task, scale.most, seed), scale, seed, device)

    return run_trials(
        dataset,
        methods,
        results,
        options,
        load=DATASETS[dataset],
        trial=trial,
        table=lambda known: markdown(dataset, methods, known, published, _BESIDE, metrics=METRICS),
        below=lambda task: warned({name: results.outcomes[dataset, name] for name in methods}),
    )


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
            f"{', '.join(idle)}: not for these data sets (ablations and lambdas are for images, "
            "other parameters for --development)"
        )
    return write_tables(
        options,
        names,
        lambda dataset, results, device: _run(dataset, results, options, device),
        f"{options.trials} trials, scale {options.scale}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
