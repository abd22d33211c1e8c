"""GAMO (ICCV 2019): Tables 1 and 2, beside our own numbers.

``python -m imbdeep.reproductions.gamo [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: S. S. Mullick, S. Datta, S. Das, "Generative Adversarial Minority Oversampling", ICCV
2019.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from imbdeep.classifiers import GAMOClassifier
from imbdeep.classifiers._gamo.losses import LeastSquaresLoss
from imbdeep.networks import MLP, ConvFeatures
from imbdeep.over_sampling import CGANSampler
from imbdeep.reproductions import _harness
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._paper import Dataset, Paper, Varied
from imbdeep.reproductions._results import Outcome, published, row, span, warned
from imbdeep.reproductions._rows import CIFAR_SIZES, MNIST_SIZES, Task, absent, images
from imbdeep.reproductions.rae import isolet, webpage

__all__ = ["ABLATIONS", "DATASETS", "METHODS", "PUBLISHED", "SCALES", "TABLES", "TITLES", "main"]

PROTOCOL = """\
protocol:
  Data. mnist: 4000 to 40 digits a class by their index (4000 2000 1000 750 500 350 200 100 60 40),
  drawn without replacement from MNIST's training part, and tested on its whole test part of 10 000.
  The paper tests on 100 a class; the authors' code draws training rows with replacement, so that
  more than a third of its largest class are repeats. mnist-conv: the same rows with a convolutional
  F before M, which is not in the paper. fashion: Fashion-MNIST in the same way, with F. cifar10:
  4500 to 80 images a class (4500 2000 1000 800 600 500 400 250 150 80), from lossy JPEGs, and the
  whole test part.
  isolet and webpage: the rows and splits of RAE's reproduction, whose paper has numbers of GAMO.
  SVHN, CelebA, LSUN and SUN397 are not run: the data are not at hand, and our columns stay empty,
  as they do wherever a data set cannot be had. All is drawn anew in every trial, whose number is
  the seed of everything. The test part is used once, for the numbers shown, and chooses nothing.
  Inputs. Tables are encoded by TabularEncoder, fitted on the training rows; SMOTE interpolates
  encoded rows, and pixels of images.
  Networks. M is 256-128 with LeakyReLU of 0.1, for everyone. With F, the paper's two convolutions
  and 512 features come before it: GAMO trains F on real rows alone, all others train both at once.
  Losses. CE is the cross-entropy, in GAMO that of every output by itself (Eq. 2); LS the squared
  error of the probabilities, summed over outputs.
  Training. Everyone has batches of 32 and the same number of steps of M to within half an epoch
  (below each table; "steps" in the file): larger sets get fewer epochs. A step of GAMO and of its
  ablations has 32 generated rows beside the 32 real ones; generator and discriminator come on top,
  and so do the steps of F. All but these are trained by Adam at 1e-3 (warm-up for a tenth of the
  epochs, a tenth of the rate from 80 % and again from 90 %), weight decay 2e-4.
  Methods. "prior" divides the probabilities by the class shares: the threshold moved with nothing
  to tune, the rival that any training must beat. Class weights are 1/N_k. "balanced batches" draws
  classes equally often. SMOTE raises all classes to the largest, with 5 neighbours (or as many as
  there are). "Augment" is crops and flips on balanced batches. cG is a plain conditional generator
  in the place of the convex one; GAMO\\D has no discriminator. They and GAMO have the library's
  defaults, but for the scale; "Algorithm 1" has real rows as frequent as in the data, generated
  rows of full weight, equal steps of the generator and the last weights. cGAN and, with F,
  cDCGAN raise all classes to the largest by CGANSampler's rows, with its defaults but for a shorter
  scale; DOS is not run.
  With F, cG and GAMO's CE are run by default on Fashion-MNIST alone, where the paper has them;
  elsewhere where --methods asks for them. Crops and flips are for photographs and Fashion-MNIST.
  Scales. full: 25 000 steps, as the authors. short (the default): 5000. brief: 1500, for F on
  processors. smoke: only whether it runs. docs/results.md was made with short, mnist-conv and
  cifar10 with brief.
  --development scores what chooses parameters and leaves the test part out: on images, 1000 digits
  or 400 images a class of the training part that were not drawn; on tables, 30 % of the training
  rows, stratified, which are then not trained on. --vary adds rows of GAMO, LS with other
  parameters there.
  Percent, mean and standard deviation over trials. Balanced accuracy is the paper's ACSA, the
  G-mean its GM: the K-th root of the product of the recalls, 0 as soon as one class is never found.
  The macro G-mean is RAE's GM: mean over classes of the root of sensitivity x specificity. The
  average precision is one class against the rest, mean over classes.
"""

#: The numbers of the paper; those of RAE's authors (their Tables 1 and 13) do not say with which
#: loss, and their GM is our macro G-mean. Its "cGAN/cDCGAN" on Fashion-MNIST is the latter.
PUBLISHED = published("gamo")
#: Columns of the tables. "G-mean" is the paper's GM, the root of the recalls' product.
METRICS = ("balanced accuracy", "G-mean", "macro G-mean", "macro F1", "average precision")
#: M of the paper: what all methods train.
NETWORK: dict[str, Any] = {"hidden_layer_sizes": (256, 128), "negative_slope": 0.1}
#: The two losses, as ERMClassifier and as GAMOClassifier call them.
LOSSES: dict[str, tuple[Any, str]] = {
    "CE": ("cross_entropy", "cross_entropy"),
    "LS": (LeastSquaresLoss, "least_squares"),
}


class ConvClassifier(nn.Module):
    """GAMO's F, which extracts so many features, and M as one network, for the other methods."""

    def __init__(self, shape: tuple[int, int, int], n_classes: int, n_extracted: int = 512) -> None:
        super().__init__()
        self.features = ConvFeatures(shape, n_extracted)
        self.classifier = MLP(n_extracted, n_classes, **NETWORK)

    def forward(self, x: Tensor) -> Tensor:
        """Images of shape (n, \\*shape) to logits of shape (n, n_classes)."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


def _cgan(trial: Any, x: NDArray[Any], y: NDArray[np.int64], network: str) -> Any:
    sampler = CGANSampler(
        network=network,
        image_shape=trial.task.image_shape if x.ndim == 2 else None,
        row_filter=None,
        device=trial.device,
        random_state=trial.seed,
        **trial.length.rival,
    )
    sampler.set_params(max_steps=min(sampler.max_steps, trial.length.steps))
    return sampler.fit_resample(x, y)


#: Rows of a conditional GAN, made before the training, by network.
CGAN = {name: partial(_cgan, network=name) for name in ("mlp", "cnn")}


class Trial(_harness.Trial):
    """One draw of a data set; its setting is whether F comes before M."""

    batch_size = 32
    keeps_warnings = True

    def parameters(self, approach: Approach, n_rows: int) -> dict[str, Any]:
        """Those of GAMO, or of another classifier with its networks."""
        criterion, loss = LOSSES[approach.loss]
        if approach.method == "gamo":
            return {
                "loss": loss,
                "network": "cnn" if self.setting else "mlp",
                "max_steps": self.length.steps,
                "batch_size": self.batch_size,
                **self.length.own,
                **approach.parameters,
            }
        network: dict[str, Any] = {"module": MLP, "module_params": NETWORK}
        if self.setting:
            shape = {"shape": self.task.image_shape}
            network = {"module": ConvClassifier, "module_params": shape}
        return {"criterion": criterion, **network, **super().parameters(approach, n_rows)}

    def steps(self, classifier: Any) -> int:
        """Updates of M; with F, the mini-batches of F are in the history too."""
        batches = super().steps(classifier)
        return min(batches, classifier.get_params().get("max_steps", batches))


def _digits(name: str, title: str, convolutional: bool, note: str) -> Dataset:
    """MNIST or Fashion-MNIST, 4000 to 40 a class; 1000 other training images to choose by."""
    load = partial(images, name, sizes=MNIST_SIZES)
    return Dataset(title, load, convolutional, note, choose=partial(load, n_choice=1000), **_OTHERS)


_OTHERS: dict[str, Any] = {"choosing": "scored on training images that were not drawn"}
_OF_RAE = "Published: GAMO as RAE's authors ran it; their GM is our macro G-mean"
_PART = f"{_OF_RAE}. A random stratified 80/20 split in each trial; theirs is not known."
_CIFAR = partial(images, "cifar10", sizes=CIFAR_SIZES)
#: What each name loads, and whether F is there.
DATASETS: dict[str, Dataset] = {
    "mnist": _digits(
        "mnist",
        "MNIST, 4000 to 40 a class (Table 1)",
        False,
        "Published: 100 test rows a class, training rows drawn with replacement, ten trials.",
    ),
    "mnist-conv": _digits(
        "mnist",
        "MNIST, 4000 to 40 a class, convolutional (not in the paper)",
        True,
        f"{_OF_RAE}, on 800 test rows a class.",
    ),
    "cifar10": Dataset(
        "CIFAR-10 (JPEG), 4500 to 80 a class, convolutional (Table 2)",
        _CIFAR,
        True,
        "Published: the original pixels, 100 test rows a class, ten trials.",
        choose=partial(_CIFAR, n_choice=400),
        **_OTHERS,
    ),
    "fashion": _digits(
        "fashion_mnist",
        "Fashion-MNIST, 4000 to 40 a class, convolutional (Table 1)",
        True,
        "Published: 100 test rows a class, ten trials.",
    ),
    "svhn": Dataset("SVHN, 4500 to 80 a class, convolutional (Table 2)", absent("SVHN"), True),
    "isolet": Dataset("Isolet, A and B against the rest (not in the paper)", isolet, False, _PART),
    "webpage": Dataset("Webpage (not in the paper)", webpage, False, _PART),
}


def _both(name: str, paper: str | None = None, **options: Any) -> dict[str, Approach]:
    """A row for each of the two losses."""
    return {
        f"{name}, {loss}": Approach(paper and f"{paper}, {loss}", loss=loss, **options)
        for loss in ("CE", "LS")
    }


def _game(name: str, paper: str, **parameters: Any) -> dict[str, Approach]:
    return _both(name, paper, method="gamo", parameters=parameters)


_BALANCED = {"sampling": "balanced"}
#: Parameters of GAMOClassifier that are the paper's, the length of the training apart.
_ALGORITHM_1 = {
    "sampling": None,
    "generated_lambda": 1.0,
    "discriminator_lambda": 1.0,
    "ema_decay": 0.0,
}
#: What is compared.
METHODS: dict[str, Approach] = {
    **_both("CN", "Baseline CN"),
    "CN, CE, prior": Approach(prior=True),
    "CN, CE, class weights": Approach(parameters={"class_weight": "balanced"}),
    **_both("CN, balanced batches", parameters=_BALANCED),
    **_both("SMOTE + CN", "SMOTE+CN", resample=smote),
    **_both("cGAN + CN", "cGAN+CN", resample=CGAN["mlp"]),
    **_both("cDCGAN + CN", "cDCGAN+CN", resample=CGAN["cnn"]),
    **_both("Augment + CN", "Augment+CN", parameters={**_BALANCED, "augment": "crop_flip"}),
    **_game("cG + CN", "cG+CN", generator="conditional", discriminator=False),
    **_game("cG + D + CN", "cG+D+CN", generator="conditional"),
    **_game("GAMO\\D", "GAMO\\D", discriminator=False),
    **_game("GAMO", "GAMO"),
    **_game("Algorithm 1", "GAMO", **_ALGORITHM_1),
}


def _without(**parameters: Any) -> Approach:
    return Approach(method="gamo", parameters=parameters, loss="LS")


#: What is left without generated rows; where Algorithm 1, Eq. 2 to 6 and the authors' code differ;
#: and the plain network at their rate.
ABLATIONS: dict[str, Approach] = {
    "GAMO, LS, no generated rows": _without(generated_lambda=0.0),
    "GAMO, LS, complement of Eq. 6": _without(complement="minority"),
    "Algorithm 1, LS, weights of Eq. 4 and 5": _without(
        **_ALGORITHM_1 | {"generated_lambda": "balanced"}
    ),
    "GAMO, LS, no label smoothing": _without(label_smoothing=0.0),
    "CN, LS, authors' rate": Approach(
        parameters={
            "learning_rate": 2e-4,
            "weight_decay": 0.0,
            "warmup_epochs": 0,
            "milestones": (),
        },
        loss="LS",
    ),
}

#: How much is run, by name.
SCALES: dict[str, Length] = {
    "short": Length(steps=5000),
    "full": Length(steps=25_000),
    "brief": Length(steps=1500),
    "smoke": Length(steps=20, most=(60, 6)),
}
#: The command line of each table of the paper.
TABLES: dict[str, tuple[str, ...]] = {"table1": ("mnist", "fashion"), "table2": ("cifar10", "svhn")}
#: What each table is of.
TITLES: dict[str, str] = {
    "table1": "long-tailed MNIST and Fashion-MNIST",
    "table2": "long-tailed CIFAR-10 and SVHN",
}
#: Columns of the table of diagnostics.
_DIAGNOSTICS = (
    "effective_anchors",
    "effective_share",
    "generated_spread",
    "classifier_confidence",
    "discriminator_real",
    "discriminator_generated",
)


def _cell(found: list[Outcome], name: str) -> str:
    values = [outcome.metrics[name] for outcome in found if name in outcome.metrics]
    return f"{statistics.mean(values):.3g}" if values else ""


_OPTIONAL = {"ablations": (ABLATIONS, "GAMO with parts left out or as in the paper, too")}


_BESIDE = {
    "balanced accuracy": "ACSA",
    "G-mean": "GM",
    "macro G-mean": "macro GM",
    "macro F1": "F1",
}


class GAMO(Paper):
    """The experiments of GAMO's paper."""

    name, doc, protocol = "gamo", __doc__, PROTOCOL
    datasets, methods, published = DATASETS, METHODS, PUBLISHED
    optional, metrics, beside = _OPTIONAL, METRICS, _BESIDE
    scales, n_trials = SCALES, 5
    trial = Trial
    varied = Varied(GAMOClassifier(), "GAMO, LS", _without)

    def fits(self, dataset: str, name: str, row: Any, options: argparse.Namespace) -> bool:
        """Mirrored crops are for photographs.

        With F, the conditional generators and GAMO with CE are only run where they are asked for,
        or in the paper: Table 2 does not have them, and they take as long as GAMO.
        """
        convolutional = self.datasets[dataset].setting
        augments, by_cgan = "augment" in row.parameters, row.resample in CGAN.values()
        if augments and dataset not in ("cifar10", "svhn", "fashion"):
            return False
        if by_cgan and (row.resample is CGAN["cnn"]) != convolutional:
            return False
        if not convolutional or dataset == "fashion" or name in (options.methods or ()):
            return True
        generates = row.method == "gamo" or by_cgan or augments
        conditional = row.parameters.get("generator") == "conditional"
        return not (generates and (row.loss == "CE" or conditional))

    def check(
        self,
        parser: argparse.ArgumentParser,
        options: argparse.Namespace,
        rows: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Refuse data sets without rows."""
        empty = [name for name, of_dataset in rows.items() if not of_dataset]
        if empty:
            parser.error(
                f"--methods: none of these is for {', '.join(empty)}; Augment is for cifar10 and "
                "fashion, cDCGAN for images with F, cGAN for all others"
            )

    def below(
        self, rows: Mapping[str, Any], outcomes: Mapping[str, list[Outcome]], task: Task, note: str
    ) -> str:
        """What the table is of: rows, steps, and what GAMO and its ablations say of themselves."""
        steps = [outcome.metrics["steps"] for found in outcomes.values() for outcome in found]
        parts = [*[note] * bool(note), task.sizes(), f"Steps of M: {span(steps)}."]
        text = f"\n{' '.join(parts)}\n"
        lines = []
        for name, found in outcomes.items():
            if rows[name].method == "gamo":
                n_said = sum(len(outcome.said) for outcome in found)
                cells = [_cell(found, column) for column in _DIAGNOSTICS]
                lines.append(row([name, *cells, f"{n_said} in {len(found)} fits"]))
        if lines:
            header = ["method", *(column.replace("_", " ") for column in _DIAGNOSTICS), "warnings"]
            lines = [row(header), row(["---"] * len(header)), *lines]
            text += "\nMean over trials of what the fitted classifiers say of their training:\n\n"
            text += "".join(f"{line}\n" for line in lines)
        return text + warned(outcomes)


main = GAMO().main

if __name__ == "__main__":
    raise SystemExit(main())
