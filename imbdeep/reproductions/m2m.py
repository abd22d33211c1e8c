"""M2m (CVPR 2020): Tables 1 to 5, beside our own numbers.

``python -m imbdeep.reproductions.m2m [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor
Translation", CVPR 2020.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from imbdeep.reproductions._command import (
    absent,
    chosen,
    command,
    named,
    parsed,
    run_trials,
    shown,
    write_tables,
)
from imbdeep.reproductions._harness import METRICS, Approach, Length
from imbdeep.reproductions._m2m_data import cifar10_lt, mnist_lt, reuters, twitter_brown
from imbdeep.reproductions._m2m_published import PUBLISHED
from imbdeep.reproductions._m2m_trial import GRID, PLAIN_M2M, Recipe, Trial, to_mean
from imbdeep.reproductions._results import Results, markdown
from imbdeep.reproductions._rows import Task, fewer

__all__ = [
    "ABLATIONS",
    "DATASETS",
    "GRID",
    "METHODS",
    "PROTOCOL",
    "PUBLISHED",
    "SCALES",
    "TABLES",
    "TITLES",
    "main",
]

PROTOCOL = """\
protocol:
  Data. reuters: R52 with the 36 classes of five test documents or more (6436 training documents,
  2840 to 4 a class), presence of 999 words and of any other; the stop words are scikit-learn's,
  for the paper's preprocessing is not public. twitter-brown: the tokens and 23 tags of the paper's
  Twitter with Brown clusters in the place of word embeddings that are not to be had, so a new data
  set that is called "Twitter (Brown clusters)". mnist-lt: 4000 to 40 digits a class, as RAE and
  GAMO; not in the paper. cifar10-jpeg-100 and -10: CIFAR-LT-10 at both ratios, from lossy JPEGs.
  CIFAR-LT-100, CelebA-5 and SUN397 are not run: the data are not at hand, and our columns stay
  empty, as they do wherever a data set cannot be had.
  Rows for choices are a tenth of the training rows, drawn anew in every trial (twitter-brown: the
  release's own development part), and no method trains on them. The paper takes them from the test
  part of CIFAR; here the test part is used once, for the numbers shown, and chooses nothing. The
  trial's number is the seed of all.
  Training. SGD at 0.1, momentum 0.9, warm-up of 5 epochs; the last epoch is scored. Text:
  1000-256-classes, batches of 64, weight decay 5e-5, 15 epochs, a tenth of the rate from epoch 10.
  mnist-lt: the same, 256-128, 30 epochs, a tenth from epoch 20. CIFAR: ResNet-32, batches of 128,
  weight decay 2e-4, 200 epochs, a hundredth from epoch 160 and again from 180, random crops and
  flips. Deferred methods begin where the rate falls first. --epochs shortens all in proportion.
  An epoch is as many draws as there are training rows, whatever the sampling. ERM-SMOTE raises
  every class to the mean class size with 5 neighbours (or as many as there are; classes of one
  row are repeated), draws classes equally often, and gets fewer epochs of its larger set so that
  all methods do the same number of steps.
  M2m. One classifier g (two for the ensemble) is trained by ERM in each trial, with another seed
  than f, and serves every M2m row of it: the seconds of these rows include its training and, in
  METHODS, the search. beta, lambda and gamma come from the paper's grid of 18 by balanced accuracy
  of the validation rows (the first of equals) on text; images take the authors' command (CIFAR) or
  the library's defaults. Ablations change one thing of what was chosen for ERM-M2m. The step is
  1.0 on text (the paper: on Reuters) and 0.1 on CIFAR. The ensemble's gamma is 0.99.
  ERM-prior divides the probabilities of ERM by the class shares: the threshold moved with nothing
  to tune, the rival that any training must beat.
  Scales. full (the default): all rows, the epochs above, the search on text. short: text and
  mnist-lt at full length without the search; CIFAR 5 epochs of a tenth of the training rows (500 of
  the largest class) and 200 test rows a class, which only says that it runs. smoke: only whether it
  runs. docs/results.md was made with full; Twitter, mnist-lt and the ablations with --search none,
  CIFAR with --epochs 5.
  Percent, mean and standard deviation over trials. The G-mean is the K-th root of the product of
  the K recalls, 0 as soon as one class is never found; the average precision is one class against
  the rest, mean over classes; major and minor (Table 4) are the mean recalls of the largest classes
  that hold over half of the rows, and of the others.
"""

_BESIDE = {"balanced accuracy": "bACC", "G-mean": "GM"}
_HALVES = {"major": "Major", "minor": "Minor"}


class Dataset(NamedTuple):
    """A data set: its title, loader and recipe, and what differs from the paper's.

    ``short`` are the rows and epochs of the short scale where it is too long for two processors;
    ``halves`` adds the columns of Table 4.
    """

    title: str
    load: Callable[[Path, int], Task]
    recipe: Recipe
    note: str = ""
    short: tuple[tuple[int, int, int], int] | None = None
    halves: bool = False


_SGD = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}
_DENSE = {**_SGD, "module": "mlp", "weight_decay": 5e-5, "batch_size": 64, "lr_decay": 0.1}
_TEXT = Recipe(
    epochs=15,
    milestones=(10,),
    parameters={**_DENSE, "hidden_layer_sizes": (256,), "encode": False},
    m2m={"step_size": 1.0},
    searched=True,
)
_DIGITS = Recipe(
    epochs=30,
    milestones=(20,),
    parameters={**_DENSE, "hidden_layer_sizes": (256, 128)},
    m2m={},
    searched=False,
)
_COLOURS = Recipe(
    epochs=200,
    milestones=(160, 180),
    parameters={
        **_SGD,
        "module": "resnet32",
        "weight_decay": 2e-4,
        "batch_size": 128,
        "lr_decay": 0.01,
        "augment": "crop_flip",
    },
    m2m={"step_size": 0.1, "beta": 0.999, "logit_lambda": 0.5, "gamma": 0.9},
    searched=False,
)
_SHORT = ((500, 50, 200), 5)
_LOSSY = "Published: the original pixels, and validation rows from the test part."
#: What each name loads, and how it is trained on.
DATASETS: dict[str, Dataset] = {
    "reuters": Dataset("Reuters", reuters, _TEXT),
    "twitter-brown": Dataset(
        "Twitter (Brown clusters)",
        twitter_brown,
        _TEXT,
        "Published: Twitter with word embeddings, other inputs than ours.",
    ),
    "mnist-lt": Dataset("MNIST-LT", mnist_lt, _DIGITS, "Not in the paper."),
    "cifar10-jpeg-100": Dataset(
        "CIFAR-10 (JPEG), ratio 100",
        partial(cifar10_lt, ratio=100),
        _COLOURS,
        _LOSSY,
        _SHORT,
        halves=True,
    ),
    "cifar10-jpeg-10": Dataset(
        "CIFAR-10 (JPEG), ratio 10", partial(cifar10_lt, ratio=10), _COLOURS, _LOSSY, _SHORT
    ),
    "cifar100-lt-100": Dataset("CIFAR-LT-100, ratio 100", absent("CIFAR-100"), _COLOURS),
    "cifar100-lt-10": Dataset("CIFAR-LT-100, ratio 10", absent("CIFAR-100"), _COLOURS),
    "celeba-5": Dataset("CelebA-5", absent("CelebA"), _COLOURS),
    "sun397": Dataset("SUN397", absent("SUN397"), _COLOURS),
}

_BALANCED = {"sampling": "balanced"}
#: What is compared.
METHODS: dict[str, Approach] = {
    "ERM": Approach("ERM"),
    "ERM-prior": Approach(prior=True),
    "ERM-RS": Approach("ERM-RS", _BALANCED),
    "ERM-SMOTE": Approach("ERM-SMOTE", _BALANCED, resample=to_mean),
    "ERM-RW": Approach("ERM-RW", {"class_weight": "balanced"}),
    "ERM-CB-RW": Approach("ERM-CB-RW", {"class_weight": "class_balanced"}),
    "ERM-DRS": Approach("ERM-DRS", _BALANCED, deferred=True),
    "ERM-M2m": PLAIN_M2M,
    "Focal": Approach("Focal", {"criterion": "focal"}),
    "LDAM": Approach("LDAM", {"criterion": "ldam"}),
    "LDAM-DRW": Approach(
        "LDAM-DRW", {"criterion": "ldam", "class_weight": "class_balanced"}, deferred=True
    ),
    "LDAM-M2m": Approach("LDAM-M2m", {"criterion": "ldam"}, "m2m", deferred=True, searched=True),
}


def _ablation(paper: str, *, deferred: bool = True, teachers: int = 1, **parameters: Any) -> Any:
    return Approach(paper, parameters, "m2m", deferred=deferred, teachers=teachers)


#: Tables 3, 4 and 5; their rows ERM-RS, ERM-DRS and M2m are among METHODS.
ABLATIONS: dict[str, Approach] = {
    "M2m, lambda 0": _ablation("M2m (lambda = 0)", logit_lambda=0.0),
    "M2m, clean seeds": _ablation("M2m-Clean", ablation="clean"),
    "M2m, not deferred": _ablation("M2m-RS", deferred=False),
    "M2m, not deferred, random labels": _ablation(
        "M2m-RS-Rand", deferred=False, ablation="random_label"
    ),
    "M2m, itself as teacher": _ablation("M2m-Self", teachers=0),
    "M2m, no rejection": _ablation("M2m-No-Reject", rejection=False),
    "M2m, gamma 0": _ablation("M2m (gamma = 0)", gamma=0.0),
    "M2m, two teachers": _ablation("M2m-Ensemble", teachers=2, gamma=0.99),
    **{
        f"M2m, {n} seeds a class": _ablation(f"{n} seeds", max_seeds=n)
        for n in (10, 50, 100, 200, 500)
    },
}


#: How much is run, by name.
SCALES: dict[str, Length] = {
    "full": Length(),
    "short": Length(searched=False),
    "smoke": Length(most=(24, 3, 5), epochs=3),
}
_SEEDS = tuple(name for name in ABLATIONS if "seeds a class" in name)
#: Our rows of Tables 4 and 5, but for those that are among METHODS.
_PARTS = (
    "M2m, lambda 0",
    "M2m, clean seeds",
    "M2m, not deferred",
    "M2m, not deferred, random labels",
)
_TEACHERS = ("M2m, itself as teacher", "M2m, no rejection", "M2m, gamma 0", "M2m, two teachers")
#: The command line of each table of the paper; Reuters is where its ablations can be run.
TABLES: dict[str, tuple[str, ...]] = {
    "table1": ("cifar10-jpeg-100", "cifar10-jpeg-10", "cifar100-lt-100", "cifar100-lt-10"),
    "table2": ("celeba-5", "sun397", "twitter-brown", "reuters"),
    "table3": ("reuters", "cifar10-jpeg-100", "--methods", *_SEEDS, "ERM-M2m"),
    "table4": ("reuters", "cifar10-jpeg-100", "--methods", *_PARTS, "ERM-RS", "ERM-M2m"),
    "table5": ("reuters", "cifar10-jpeg-100", "--methods", *_TEACHERS, "ERM-DRS", "ERM-M2m"),
}
#: Our rows and the paper's of each table; what stands in several of them is in none.
_GROUPS = tuple(
    (set(ours), {known[row].paper for row in ours})
    for known, ours in (
        (METHODS, METHODS.keys() - {"ERM-M2m", "ERM-RS", "ERM-DRS"}),
        (ABLATIONS, _SEEDS),
        (ABLATIONS, _PARTS),
        (ABLATIONS, _TEACHERS),
    )
)
#: What each table is of.
TITLES: dict[str, str] = {
    "table1": "long-tailed CIFAR-10 and CIFAR-100, at ratios 100 and 10",
    "table2": "CelebA-5, SUN397, Twitter and Reuters",
    "table3": "number of seeds of M2m, on CIFAR-10 and on Reuters",
    "table4": "ablations of M2m, on CIFAR-10 and on Reuters",
    "table5": "teachers and rejection of M2m, on CIFAR-10 and on Reuters",
}


def _parser() -> argparse.ArgumentParser:
    parser = command("m2m", __doc__, PROTOCOL, DATASETS, SCALES)
    parser.add_argument("--epochs", type=int, help="default: those of the protocol")
    parser.add_argument(
        "--search",
        choices=["auto", "grid", "none"],
        default="auto",
        help="parameters of M2m by validation rows; auto: on text (and two candidates for smoke)",
    )
    parser.add_argument("--ablations", action="store_true", help="Tables 3, 4 and 5 too")
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *ABLATIONS], help="only these")
    return parser


def _grid(search: str, recipe: Recipe, scale: str) -> Sequence[Mapping[str, float]]:
    searched = recipe.searched and SCALES[scale].searched
    if search == "none" or (search == "auto" and not searched):
        return ({},)
    return GRID[:2] if scale == "smoke" else GRID


def _footnotes(dataset: str, methods: Sequence[str], results: Results, note: str) -> str:
    """What the table is of, and what M2m's parameters were in each trial."""
    lines = []
    for method in methods:
        outcomes = results.outcomes[dataset, method]
        if "accepted" in outcomes[0].metrics:
            found = (
                "beta {beta:g}, lambda {logit_lambda:g}, gamma {gamma:g}, accepted "
                "{accepted:.1%}".format(**outcome.metrics)
                for outcome in outcomes
            )
            lines.append(f"- {method}, by trial: {'; '.join(found)}\n")
    parts = [f"{note}\n"] * bool(note) + ["".join(lines)] * bool(lines)
    return "".join(f"\n{part}" for part in parts)


def _run(
    name: str,
    methods: Mapping[str, Approach],
    results: Results,
    options: argparse.Namespace,
    device: torch.device,
) -> str:
    """All trials of a data set; their table."""
    dataset, scale = DATASETS[name], SCALES[options.scale]
    most, epochs = scale.most, scale.epochs
    if options.scale == "short" and dataset.short is not None:
        most, epochs = dataset.short
    recipe, n_epochs = dataset.recipe, options.epochs or epochs or dataset.recipe.epochs
    grid = _grid(options.search, recipe, options.scale)
    length = "" if n_epochs == recipe.epochs else f", {n_epochs} of {recipe.epochs} epochs"
    metrics: tuple[str, ...] = METRICS
    beside = dict(_BESIDE)
    if dataset.halves:
        metrics, beside = (*METRICS, "major", "minor"), beside | _HALVES

    def table(results: Results) -> str:
        return markdown(
            name,
            methods,
            results,
            shown(PUBLISHED.get(name, {}), methods, *_GROUPS),
            beside,
            metrics=metrics,
            title=dataset.title + length,
        )

    def trial(task: Task, seed: int) -> Trial:
        return Trial(fewer(task, most, seed), recipe, n_epochs, grid, seed, device)

    return run_trials(
        name,
        methods,
        results,
        options,
        load=dataset.load,
        trial=trial,
        table=table,
        below=lambda _: _footnotes(name, list(methods), results, dataset.note),
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
    options = parsed(_parser(), argv, lengths=("trials", "epochs"))
    methods = chosen(options, METHODS, ABLATIONS)
    return write_tables(
        options,
        named(options, DATASETS),
        lambda name, results, device: _run(name, methods, results, options, device),
        f"{options.trials} trials, scale {options.scale}, search {options.search}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
