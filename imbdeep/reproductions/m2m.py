"""M2m (CVPR 2020): Tables 1 to 5, beside our own numbers.

``python -m imbdeep.reproductions.m2m [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor
Translation", CVPR 2020.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imbdeep.datasets import exponential_counts, fetch
from imbdeep.datasets._texts import (
    WIDTH,
    by_size,
    most_frequent,
    presence,
    reuters36_documents,
    words_of,
)
from imbdeep.reproductions._harness import METRICS, Approach, Length
from imbdeep.reproductions._m2m_trial import GRID, PLAIN_M2M, Recipe, Trial, to_mean
from imbdeep.reproductions._paper import Dataset, Paper
from imbdeep.reproductions._results import Outcome, published
from imbdeep.reproductions._rows import MNIST_SIZES, Task, absent, held_out, images

__all__ = ["ABLATIONS", "DATASETS", "METHODS", "PUBLISHED", "SCALES", "TABLES", "TITLES", "main"]

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

#: The numbers of the paper. Tables 3 to 5 are at ratio 100.
PUBLISHED = published("m2m")


def reuters(folder: Path, seed: int) -> Task:
    """R52 with the 36 classes of at least five test documents, as presence of 1000 words.

    999 words of the training rows by frequency, ties by alphabet, and a last column for any other
    word. The paper's preprocessing is not public: stop words here are scikit-learn's, not the list
    of NLTK that others used on R52, and words are runs of at least two letters.

    A tenth of the training documents, drawn by ``seed``, is for choices; the vocabulary is counted
    without them.
    """
    documents = reuters36_documents(data_home=folder, download=True)
    codes = by_size([document.label for document in documents if document.part == "train"])
    is_test = np.array([document.part == "test" for document in documents])
    y = np.array([codes[document.label] for document in documents], dtype=np.int64)
    is_valid = np.zeros(len(y), dtype=bool)
    is_valid[~is_test] = held_out(y[~is_test], np.random.default_rng(seed))
    words = [words_of(document.text) for document in documents]
    is_train = ~is_test & ~is_valid
    columns = most_frequent((words[i] for i in np.flatnonzero(is_train)), WIDTH - 1)
    x = presence(words, columns, other=True)
    return Task(
        *(x[is_train], y[is_train], x[is_test], y[is_test]),
        x_valid=x[is_valid],
        y_valid=y[is_valid],
    )


def twitter_brown(folder: Path, seed: int) -> Task:
    """Part-of-speech tags of tweets from Brown clusters: the paper's labels, not its inputs.

    The word embeddings of the paper are not to be had, so this is another data set and is called
    so: see "twitter_pos" in ``imbdeep.datasets.DATASETS``. The parts are those of the release (its
    "dev" is for choices), so ``seed`` draws nothing here.
    """
    (x, y), (x_valid, y_valid), (x_test, y_test) = (
        fetch("twitter_pos", subset=subset, data_home=folder, return_X_y=True)
        for subset in ("train", "dev", "test")
    )
    return Task(x, y, x_test, y_test, x_valid=x_valid, y_valid=y_valid)


def _cifar10(ratio: float) -> Any:
    """Airplane (5000 rows) to truck (5000 / ``ratio``)."""
    sizes = exponential_counts(5000, 10, ratio)
    return partial(images, "cifar10", sizes=sizes, hold_out=True)


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
_SHORT = Length(most=(500, 50, 200), epochs=5)
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
    "mnist-lt": Dataset(
        "MNIST-LT",
        partial(images, "mnist", sizes=MNIST_SIZES, hold_out=True),
        _DIGITS,
        "Not in the paper.",
    ),
    "cifar10-jpeg-100": Dataset(
        "CIFAR-10 (JPEG), ratio 100",
        _cifar10(100),
        _COLOURS,
        _LOSSY,
        _SHORT,
        columns=("major", "minor"),
    ),
    "cifar10-jpeg-10": Dataset("CIFAR-10 (JPEG), ratio 10", _cifar10(10), _COLOURS, _LOSSY, _SHORT),
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
    "full": Length(grid=GRID),
    "short": Length(),
    "smoke": Length(most=(24, 3, 5), epochs=3, grid=GRID[:2]),
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


_OPTIONAL = {"ablations": (ABLATIONS, "Tables 3, 4 and 5 too")}
_BESIDE = {"balanced accuracy": "bACC", "G-mean": "GM", "major": "Major", "minor": "Minor"}


class M2m(Paper):
    """The experiments of M2m's paper."""

    name, doc, protocol = "m2m", __doc__, PROTOCOL
    datasets, methods, published, groups = DATASETS, METHODS, PUBLISHED, _GROUPS
    optional, metrics, beside = _OPTIONAL, METRICS, _BESIDE
    scales, scale = SCALES, "full"
    trial = Trial

    def parser(self) -> argparse.ArgumentParser:
        """With the length of the training and the search."""
        parser = super().parser()
        parser.add_argument("--epochs", type=int, help="default: those of the protocol")
        parser.add_argument(
            "--search",
            choices=["auto", "grid", "none"],
            default="auto",
            help="parameters of M2m by validation rows; auto: on text (and two candidates for "
            "smoke)",
        )
        return parser

    def length(self, dataset: str, options: argparse.Namespace) -> Length:
        """The epochs of the command line or the data set, and the candidates of the search."""
        length, recipe = super().length(dataset, options), self.datasets[dataset].setting
        grid = length.grid if recipe.searched else ({},)
        if options.search == "none":
            grid = ({},)
        elif options.search == "grid":
            grid = GRID[:2] if options.scale == "smoke" else GRID
        return length._replace(epochs=options.epochs or length.epochs or recipe.epochs, grid=grid)

    def title(self, dataset: str, options: argparse.Namespace) -> str:
        """With the epochs, where they are not the paper's."""
        title, whole = super().title(dataset, options), self.datasets[dataset].setting.epochs
        epochs = self.length(dataset, options).epochs
        return title if epochs == whole else f"{title}, {epochs} of {whole} epochs"

    def summary(self, options: argparse.Namespace) -> str:
        """With the search."""
        return f"{super().summary(options)}, search {options.search}"

    def below(
        self, rows: Mapping[str, Any], outcomes: Mapping[str, list[Outcome]], task: Task, note: str
    ) -> str:
        """What the table is of, and what M2m's parameters were in each trial."""
        lines = ""
        for name, found in outcomes.items():
            if "accepted" in found[0].metrics:
                by_trial = (
                    "beta {beta:g}, lambda {logit_lambda:g}, gamma {gamma:g}, accepted "
                    "{accepted:.1%}".format(**outcome.metrics)
                    for outcome in found
                )
                lines += f"- {name}, by trial: {'; '.join(by_trial)}\n"
        return (f"\n{note}\n" if note else "") + (f"\n{lines}" if lines else "")


main = M2m().main

if __name__ == "__main__":
    raise SystemExit(main())
