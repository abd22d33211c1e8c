"""RAE (AISTATS 2023): Tables 1, 3, 4, 5, 12, 13 and 15, beside our own numbers.

``python -m imbdeep.reproductions.rae [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: A. K. Mondal, L. Singhal, P. Tiwary, P. Singla, Prathosh AP, "Minority Oversampling for
Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep.classifiers import GAMOClassifier, RAEClassifier
from imbdeep.metrics import density_coverage
from imbdeep.networks import CodeEncoder, ConvCodeEncoder
from imbdeep.over_sampling import CGANSampler, CVAESampler, GAMO2PixSampler, RAESampler
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._paper import Dataset, Paper, Varied
from imbdeep.reproductions._results import Outcome, published, span, warned
from imbdeep.reproductions._rows import CIFAR_SIZES, MNIST_SIZES, Task, absent, images, table

__all__ = ["ABLATIONS", "DATASETS", "METHODS", "PUBLISHED", "SCALES", "TABLES", "TITLES", "main"]

PROTOCOL = """\
protocol:
  Data. mnist: 4000 to 40 digits a class, drawn from MNIST's training part, and 800 of each from its
  test part (Table 7's balanced test); fashion: Fashion-MNIST in the same way. cifar10: 4500 to 80
  images a class, from lossy JPEGs, and the whole test part. isolet and webpage: the rows of
  imbalanced-learn's data sets. optical_digits: the 1797 rows that scikit-learn holds of its 5620, 8
  against the rest. Tables are split at random, stratified, 80/20: the paper speaks of
  imbalanced-learn's train-test split, which does not exist. All is drawn anew in every trial, whose
  number is the seed of everything. The test part is used once, for the numbers shown, and chooses
  nothing. SVHN, CelebA, CIFAR-100, ImageNet-100 and Protein homo are not run: the data are not at
  hand, and our columns stay empty, as they do wherever a data set cannot be had.
  Inputs. Tables are encoded by TabularEncoder, fitted on the training rows: quantiles to normal
  scores, columns of two values to 0 and 1, few whole numbers to indicators. SMOTE interpolates
  encoded rows, and pixels of images.
  Networks. "MLP" is 512-256 with ReLU. "RAE's network" is RAE's encoder (with its dropout and batch
  normalisation) and a linear layer on its code, trained as a plain classifier: the paper compares
  classifiers of different networks (its two-stage methods use ResNet-18), which says nothing of
  over-sampling. All but RAE are trained by Adam at 1e-3 (warm-up for a tenth of the epochs, a tenth
  of the rate from 80 % and again from 90 %), weight decay 2e-4, batches of 128, and the same number
  of steps to within half an epoch (below each table; "steps" in the file): larger sets get fewer
  epochs. RAE's updates of encoder and classifier are counted; decoder and critic come on top, and
  so does the teacher of M2m.
  Methods. Class weights are 1/N_k. RS draws classes equally often. SMOTE raises all classes to the
  largest, with 5 neighbours (or as many as there are). M2m and RAE have the library's defaults, but
  for the scale. "prior" divides the probabilities by the class shares: the threshold moved with
  nothing to tune, the rival that any training must beat.
  --generated (Table 3): every sampler makes as many rows of each class but the largest as the test
  part has of it (800), from the training rows; density and coverage (Naeem et al. 2020, 5
  neighbours) of these among the test rows of their class, in pixels from 0 to 1, mean over classes.
  The paper, which has the largest class too, does not say in which features, nor whether classes
  were taken apart. "Random over-sampling" repeats training rows: what a generator without ideas
  would reach. RAE's and GAMO2pix's rows are those of RAESampler and GAMO2PixSampler, OCVAE's and
  OCGAN's those of CVAESampler and CGANSampler.
  Scales. full: the authors' schedule of RAE, 20 000 encoder updates, each after 4 decoder updates
  that follow 5 of the critic each, at 2e-4, their critic and no reconstruction error for the
  decoder, and 20 000 steps for all others; this needs a GPU. short (the default): RAE's defaults,
  3000 steps for all others; on mnist and fashion 500 encoder updates, 5 to each of decoder and
  critic, and 1000 steps for all others; on cifar10 150 and 300, which only says that it runs.
  smoke: only whether it runs. docs/results.md was made with short. Codes of tables are 32 wide (the
  paper's 8).
  --development scores 30 % of the training part, stratified, and never loads the test part into a
  classifier; --vary adds rows of RAE with other parameters there.
  Percent, mean and standard deviation over trials. Balanced accuracy is the paper's ACSA. The macro
  G-mean is the paper's GM: mean over classes of the root of sensitivity x specificity; the file
  also has the K-th root of the product of the recalls ("G-mean"). The average precision is one
  class against the rest, mean over classes; the paper (Table 12) does not say on which test part.
"""

#: The numbers of the paper, and those of generated rows, which are no percentages.
PUBLISHED, PUBLISHED_GENERATED = published("rae"), published("rae_generated")
#: Widths of the code in Table 5, a quarter, half and twice that of Table 1.
WIDTHS = ("code of a quarter", "code of half", "code of twice")
#: Columns of the tables; the files also hold the other G-mean, the root of the recalls' product.
METRICS = ("balanced accuracy", "macro F1", "macro G-mean", "average precision")
#: Hidden layers of the MLP: those of RAE's encoder for tables.
HIDDEN_LAYERS = (512, 256)


class CodeClassifier(nn.Module):
    """RAE's encoder, for tables or for images of a shape, and its linear head."""

    def __init__(self, n_features: int, n_classes: int, latent_dim: int, shape: Any = None) -> None:
        super().__init__()
        # Only one of the two is made: the other would draw weights, too.
        self.encoder: nn.Module = (
            CodeEncoder(n_features, latent_dim)
            if shape is None
            else ConvCodeEncoder(shape, latent_dim)
        )
        self.head = nn.Linear(latent_dim, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Rows (n, n_features), or images (n, channels, height, width), to logits."""
        logits: Tensor = self.head(self.encoder(x))
        return logits


class Trial(_harness.Trial):
    """One draw of a data set; its setting is the width of RAE's code."""

    batch_size = 128  # those that RAE's 64 pairs make
    said_elsewhere = (
        "The mixing weights have collapsed",
        "Classes with fewer rows than n_mixed",
        "Only .* marked rows were translated",
    )

    def parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Those of RAE, or of another classifier with a comparable network."""
        if approach.method == "rae":
            latent_dim = round(approach.latent * self.setting)
            return {"latent_dim": latent_dim, **self.length.own, **approach.parameters}
        network: dict[str, Any] = {"module": "mlp", "hidden_layer_sizes": HIDDEN_LAYERS}
        if approach.own_network:
            sizes = {"latent_dim": self.setting, "shape": self.task.image_shape}
            network = {"module": CodeClassifier, "module_params": sizes}
        return network | super().parameters(approach, n_rows)

    def steps(self, classifier: Any) -> int:
        """How often a classifier was updated; a batch of RAE's is a cycle of several updates."""
        updates = classifier.get_params().get("encoder_steps", 1)
        return int(updates * super().steps(classifier))


@dataclass(frozen=True)
class Generated:
    """Rows of a sampler, with the row of Table 3 that they stand beside.

    ``make`` takes the trial, ``plain`` parameters that all samplers have, and ``deep`` ones that
    ours have, and returns a sampler.
    """

    paper: str | None
    make: Callable[..., Any]


def _smote(trial: Any, plain: Mapping[str, Any], deep: Mapping[str, Any]) -> Any:
    n_least = int(np.bincount(trial.task.y_train).min())
    return SMOTE(k_neighbors=min(5, n_least - 1), **plain)


def _conditional(
    trial: Any, plain: Mapping[str, Any], deep: Mapping[str, Any], sampler: Any
) -> Any:
    return sampler(max_steps=trial.length.steps, row_filter=None, **plain, **deep)


def _gamo(trial: Any, plain: Mapping[str, Any], deep: Mapping[str, Any]) -> Any:
    steps = trial.length.steps
    game = GAMOClassifier(network="cnn", max_steps=steps, random_state=trial.seed, **deep)
    return GAMO2PixSampler(game, max_steps=steps, row_filter=None, **plain)


def _rae(trial: Any, plain: Mapping[str, Any], deep: Mapping[str, Any]) -> Any:
    auto_encoder = RAEClassifier(
        latent_dim=trial.latent_dim, random_state=trial.seed, **trial.length.own, **deep
    )
    return RAESampler(auto_encoder, row_filter=None, **plain)


#: What Table 3 compares.
GENERATED: dict[str, Generated] = {
    "random over-sampling": Generated(None, lambda trial, plain, deep: RandomOverSampler(**plain)),
    "SMOTE": Generated(None, _smote),
    "OCVAE": Generated(None, partial(_conditional, sampler=CVAESampler)),
    "OCGAN": Generated(None, partial(_conditional, sampler=CGANSampler)),
    "GAMO2pix": Generated("GAMO2PIX", _gamo),
    "RAE": Generated("Our", _rae),
}
#: Columns of Table 3.
GENERATED_METRICS = ("density", "coverage")


class GeneratedTrial(NamedTuple):
    """One draw of a data set, on which all samplers make rows."""

    task: Task
    length: Length
    seed: int
    device: torch.device
    latent_dim: int

    def evaluate(self, source: Generated) -> Outcome:
        """Make as many rows of each class as the test part has of it, and compare the two.

        Density and coverage are those of each class's new rows among its test rows, in pixels from
        0 to 1; the mean over classes. The largest class is left out: GAMO makes none of it.
        """
        start, task = time.perf_counter(), self.task
        x, y = task.x_train.reshape(len(task.x_train), -1), task.y_train
        counts, wanted = np.bincount(y), np.bincount(task.y_test)
        smaller = np.flatnonzero(counts < counts.max()).tolist()
        strategy = {label: int(counts[label] + wanted[label]) for label in smaller}
        sampler = source.make(
            self,
            {"sampling_strategy": strategy, "random_state": self.seed},
            {"image_shape": task.image_shape, "device": self.device},
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            made, labels = sampler.fit_resample(x, y)
        found = fidelity(task.x_test, task.y_test, made[len(x) :], labels[len(x) :])
        metrics = dict(zip(GENERATED_METRICS, found, strict=True))
        seconds = time.perf_counter() - start
        return Outcome(metrics, seconds, [str(warning.message) for warning in said])


def fidelity(
    real: NDArray[Any], y: NDArray[np.int64], made: NDArray[Any], labels: NDArray[np.int64]
) -> tuple[float, float]:
    """Density and coverage of each class's rows among its real ones, the mean over ``labels``."""
    real, made = (x.reshape(len(x), -1) / 255 for x in (real, made))
    found = [
        density_coverage(real[y == label], made[labels == label]) for label in np.unique(labels)
    ]
    density, coverage = np.mean(found, axis=0)
    return float(density), float(coverage)


#: Tables of two classes; the paper does not say which share it tests on. Optical digits are the
#: 1797 of 5620 rows that scikit-learn has, 8 against the rest, as imbalanced-learn has them.
optical_digits = partial(table, "optical_digits", test_size=0.2, source="bundled")
isolet = partial(table, "isolet", test_size=0.2)
webpage = partial(table, "webpage", test_size=0.2)
#: MNIST or Fashion-MNIST, tested on 800 of each digit, as in Table 7.
_DIGITS: dict[str, Any] = {"sizes": MNIST_SIZES, "n_test": 800}
_OF_OTHERS = (
    "Published: the classical methods as DeepSMOTE's authors ran them, with other networks."
)
_SHORT = Length(steps=1000, own={"max_steps": 500, "encoder_steps": 5})
_RANDOM_SPLIT = "A random stratified 80/20 split in each trial; the paper's is not known."
#: What each name loads.
DATASETS: dict[str, Dataset] = {
    "optical_digits": Dataset(
        "Optical digits, 1797 of 5620 rows (Table 13)",
        optical_digits,
        32,
        f"Published: all 5620 rows. {_RANDOM_SPLIT}",
    ),
    "isolet": Dataset("Isolet (Table 13)", isolet, 32, _RANDOM_SPLIT),
    "webpage": Dataset("Webpage (Table 13)", webpage, 32, _RANDOM_SPLIT),
    "protein_homo": Dataset("Protein homo (Table 13)", absent("Protein homo"), 32),
    "mnist": Dataset(
        "MNIST, 4000 to 40 a class, balanced test (Tables 1, 5, 12 and 15)",
        partial(images, "mnist", **_DIGITS),
        64,
        _OF_OTHERS,
        _SHORT,
    ),
    "fashion": Dataset(
        "Fashion-MNIST, 4000 to 40 a class, balanced test (Tables 1, 5, 12 and 15)",
        partial(images, "fashion_mnist", **_DIGITS),
        64,
        _OF_OTHERS,
        _SHORT,
    ),
    "cifar10": Dataset(
        "CIFAR-10 (JPEG), 4500 to 80 a class, balanced test (Tables 1, 4, 5, 12 and 15)",
        partial(images, "cifar10", sizes=CIFAR_SIZES),
        256,
        f"{_OF_OTHERS} All of it on the original pixels.",
        Length(steps=300, own={"max_steps": 150, "encoder_steps": 5}),
    ),
    "svhn": Dataset("SVHN (Tables 1, 5, 12 and 15)", absent("SVHN"), 128),
    "celeba": Dataset("CelebA (Tables 1, 4, 5, 12 and 15)", absent("CelebA"), 256),
    "cifar100": Dataset("CIFAR-100 (Table 1)", absent("CIFAR-100"), 512),
    "imagenet100": Dataset("ImageNet-100 (Table 1)", absent("ImageNet-100"), 512),
}

_BALANCED = {"sampling": "balanced"}
#: What is compared.
METHODS: dict[str, Approach] = {
    "ERM": Approach(),
    "ERM, prior": Approach(prior=True),
    "ERM, class weights": Approach(parameters={"class_weight": "balanced"}),
    "RS": Approach(parameters=_BALANCED),
    "SMOTE + MLP": Approach("SMOTE", resample=smote),
    "M2m": Approach(method="m2m"),
    "ERM, RAE's network": Approach(own_network=True),
    "ERM, prior, RAE's network": Approach(own_network=True, prior=True),
    "RS, RAE's network": Approach(parameters=_BALANCED, own_network=True),
    "SMOTE + RAE's network": Approach("SMOTE", resample=smote, own_network=True),
    "RAE": Approach("Our", method="rae"),
}


def _without(paper: str | None = None, *, latent: float = 1.0, **parameters: Any) -> Approach:
    return Approach(paper, parameters, "rae", latent=latent)


#: Tables 4 and 5, Figure 3 (t), and where the authors' code differs from the paper.
ABLATIONS: dict[str, Approach] = {
    "RAE, no classifier": _without(clf_lambda=0.0),
    "RAE, no classifier, no mixer": _without("no classifier, no mixer", clf_lambda=0.0, mixing=1.0),
    "RAE, no over-sampling": _without("no over-sampling", sampling=None, mixing=None),
    "RAE, no decoder": _without("no decoder", decoder_steps=0),
    "RAE, no mixer": _without("no mixer", mixing=1.0),
    "RAE, Beta(2, 2)": _without("Beta(2, 2)", mixing=2.0),
    "RAE, permuted target": _without(mixer_target="permuted"),
    "RAE, raw weights": _without(ema_decay=0.0),
    "RAE, t = 3": _without(n_mixed=3),
    "RAE, t = 4": _without(n_mixed=4),
    "RAE, code of a quarter": _without("code of a quarter", latent=0.25),
    "RAE, code of half": _without("code of half", latent=0.5),
    "RAE, code of twice": _without("code of twice", latent=2.0),
}

#: How much is run, by name.
SCALES: dict[str, Length] = {
    "short": Length(steps=3000),
    "full": Length(
        steps=20_000,
        own={
            "max_steps": 20_000,
            "encoder_steps": 1,
            "decoder_steps": 4,
            "critic_steps": 5,
            "learning_rate": 2e-4,
            "decoder_mae_lambda": 0.0,
            "critic_layer_sizes": (512, 512, 512),
        },
    ),
    "smoke": Length(steps=20, own={"max_steps": 10, "batch_size": 8}, most=(60, 6)),
}
#: Our rows of Table 5; the other ablations are those of Table 4 and our own.
_WIDTHS = tuple(name for name, approach in ABLATIONS.items() if approach.paper in WIDTHS)
_PARTS = tuple(
    name for name, approach in ABLATIONS.items() if approach.paper and name not in _WIDTHS
)
_IMAGES = ("mnist", "fashion", "svhn", "cifar10", "celeba")
#: The command line of each table of the paper; Optical digits is where Table 4 can be run soon.
TABLES: dict[str, tuple[str, ...]] = {
    "table1": (*_IMAGES, "cifar100", "imagenet100"),
    "table3": (*_IMAGES, "--generated"),
    "table4": ("optical_digits", "cifar10", "celeba", "--methods", "RAE", *_PARTS),
    "table5": (*_IMAGES, "--methods", "RAE", *_WIDTHS),
    "table13": ("optical_digits", "isolet", "webpage", "protein_homo"),
}
#: What each table is of.
TITLES: dict[str, str] = {
    "table1": "long-tailed images, balanced test part",
    "table3": "density and coverage of generated images",
    "table4": "what each part brings, on CIFAR-10, CelebA and Optical digits",
    "table5": "width of the code",
    "table13": "tables: Optical digits, Isolet, Webpage, Protein homo",
}
#: Our rows and the paper's of Tables 1, 12, 13 and 15, of Table 4, and of Table 5.
_GROUPS = (
    (
        METHODS.keys() - {"RAE"},
        {"DeepSMOTE", "GAMO", "BAGAN", "DGC", "SMOTE", "AMDO", "MC-CCR", "MC-RBO"},
    ),
    (ABLATIONS.keys() - set(_WIDTHS), {ABLATIONS[name].paper for name in _PARTS}),
    (set(_WIDTHS), set(WIDTHS)),
)


_OPTIONAL: dict[str, tuple[Mapping[str, Any], str]] = {
    "ablations": (ABLATIONS, "Tables 4 and 5 too, and t"),
    "generated": (GENERATED, "Table 3, generated images, in place of the others"),
}


_BESIDE = {
    "balanced accuracy": "ACSA",
    "macro F1": "F1",
    "macro G-mean": "GM",
    "average precision": "AURPC",
}


class RAE(Paper):
    """The experiments of RAE's paper."""

    name, doc, protocol = "rae", __doc__, PROTOCOL
    datasets, published, scales = DATASETS, PUBLISHED, SCALES
    optional, beside = _OPTIONAL, _BESIDE
    methods: Mapping[str, Any] = METHODS
    metrics: Sequence[str] = METRICS
    groups: Sequence[Any] = _GROUPS
    trial: Any = Trial
    varied = Varied(RAEClassifier(), "RAE", _without)

    def run(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, names: Sequence[str]
    ) -> int:
        """Table 3 has other methods, metrics and numbers."""
        if options.generated and type(self) is RAE:
            return GeneratedRAE().run(parser, options, names)
        return super().run(parser, options, names)

    def fits(self, dataset: str, name: str, row: Any, options: argparse.Namespace) -> bool:
        """Rows of generated images are for Table 3 alone."""
        return isinstance(row, Generated) == options.generated

    def check(
        self,
        parser: argparse.ArgumentParser,
        options: argparse.Namespace,
        rows: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Refuse rows of the other kind of table."""
        if not any(rows.values()):
            parser.error(f"--methods {' '.join(options.methods)}: rows of the other kind of table")

    def below(
        self, rows: Mapping[str, Any], outcomes: Mapping[str, list[Outcome]], task: Task, note: str
    ) -> str:
        """What the table is of: rows, steps, and RAE's diagnostics in each trial."""
        parts = [*[note] * bool(note), task.sizes()]
        lines = []
        steps: dict[bool, list[float]] = {False: [], True: []}
        for name, approach in rows.items():
            found = [outcome.metrics for outcome in outcomes[name]]
            steps[approach.method == "rae"] += [values["steps"] for values in found]
            if "separability" in found[0]:
                entropies = [f"{v['alpha_entropy']:.1%}" for v in found if "alpha_entropy" in v]
                separated = ", ".join(f"{v['separability']:.1%}" for v in found)
                lines.append(f"- {name}: {', '.join(entropies) or 'no mixing'}; {separated}\n")
        for is_rae, what in ((False, "Steps"), (True, "Encoder updates of RAE")):
            if steps[is_rae]:
                parts.append(f"{what}: {span(steps[is_rae])}.")
        text = f"\n{' '.join(parts)}\n"
        if lines:
            text += (
                "\nBy trial, the entropy of the mixing weights as a share of the largest, and the "
                "separability of the training codes:\n\n"
            )
        return text + "".join(lines)


class GeneratedRAE(RAE):
    """Table 3: density and coverage of generated images."""

    methods, groups = GENERATED, ()
    published = PUBLISHED_GENERATED
    metrics = GENERATED_METRICS
    beside = dict(zip(GENERATED_METRICS, GENERATED_METRICS, strict=True))
    percent = False
    trial = GeneratedTrial

    def run(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, names: Sequence[str]
    ) -> int:
        """For images alone."""
        if options.development or options.ablations:
            parser.error("--generated has no ablations, and nothing to choose by: leave them out")
        known = [name for name in names if name in self.published]
        if not known or ("all" not in options.datasets and len(known) < len(names)):
            parser.error(f"--generated: for {', '.join(self.published)}")
        return super().run(parser, options, known)

    def title(self, dataset: str, options: argparse.Namespace) -> str:
        """The heading of a table."""
        title = self.datasets[dataset].title.partition(" (Table")[0]
        return f"{title}: generated images (Table 3)"

    def below(
        self, rows: Mapping[str, Any], outcomes: Mapping[str, list[Outcome]], task: Task, note: str
    ) -> str:
        """How many rows there are, and warnings."""
        return f"\n{task.sizes()}\n{warned(outcomes)}"


main = RAE().main

if __name__ == "__main__":
    raise SystemExit(main())
