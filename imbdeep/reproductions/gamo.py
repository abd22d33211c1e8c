"""GAMO (ICCV 2019): Tables 1 and 2, beside our own numbers.

``python -m imbdeep.reproductions.gamo [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: S. S. Mullick, S. Datta, S. Das, "Generative Adversarial Minority Oversampling", ICCV
2019.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from imbdeep.classifiers import GAMOClassifier
from imbdeep.reproductions import rae
from imbdeep.reproductions._command import (
    absent,
    add_development,
    chosen,
    command,
    named,
    parsed,
    run_trials,
    varied,
    write_tables,
)
from imbdeep.reproductions._gamo_data import (
    cifar10_long_tailed,
    isolet,
    mnist_long_tailed,
    webpage,
)
from imbdeep.reproductions._gamo_trial import CGAN, METRICS, Trial
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._results import Results, markdown, span, warned
from imbdeep.reproductions._rows import Task, fashion, fewer

__all__ = [
    "ABLATIONS",
    "DATASETS",
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

#: Our metrics and the papers' names of them.
_BESIDE = {"balanced accuracy": "ACSA", "G-mean": "GM"}
_BESIDE_OF_RAE = {"balanced accuracy": "ACSA", "macro G-mean": "GM", "macro F1": "F1"}
#: Table 1, MNIST: ACSA, GM with CE, then with LS; mean and deviation of each, in percent.
_TABLE_1 = {
    "Baseline CN": "88 1 87 2 88 1 86 1",
    "SMOTE+CN": "88 2 87 3 89 1 89 1",
    "cGAN+CN": "88 1 87 1 89 1 88 1",
    "cG+CN": "86 3 85 2 86 3 85 3",
    "cG+D+CN": "85 2 83 1 85 2 82 2",
    "GAMO\\D": "87 1 86 1 88 1 87 1",
    "GAMO": "89 1 88 1 91 1 90 1",
}
#: Table 1, Fashion-MNIST; its "cGAN/cDCGAN" is the latter.
_TABLE_1_FASHION = {
    "Baseline CN": "82 1 80 1 81 1 79 1",
    "Augment+CN": "82 1 78 1 82 1 78 1",
    "DOS": "82 1 79 1 81 1 79 2",
    "cDCGAN+CN": "81 2 78 1 82 1 80 1",
    "cG+CN": "79 2 77 2 80 1 77 2",
    "cG+D+CN": "79 2 78 1 79 1 78 2",
    "GAMO\\D": "81 1 80 1 82 1 80 1",
    "GAMO": "82 1 80 1 83 1 81 1",
}
#: Table 2, CIFAR10: ACSA, GM with LS.
_TABLE_2 = {
    "Baseline CN": "45 1 37 1",
    "Augment+CN": "47 1 39 2",
    "cDCGAN+CN": "42 2 32 3",
    "DOS": "46 2 37 1",
    "GAMO\\D": "47 1 40 1",
    "GAMO": "49 1 43 2",
}
#: Table 2, SVHN.
_TABLE_2_SVHN = {
    "Baseline CN": "74 1 73 1",
    "Augment+CN": "69 1 63 1",
    "cDCGAN+CN": "69 1 66 2",
    "DOS": "71 2 68 1",
    "GAMO\\D": "75 1 75 2",
    "GAMO": "76 1 75 2",
}


def _pairs(line: str) -> list[dict[str, tuple[float, ...]]]:
    """ACSA and GM, each with its deviation, for every loss of a line."""
    values = [float(value) for value in line.split()]
    return [
        {"ACSA": (values[i], values[i + 1]), "GM": (values[i + 2], values[i + 3])}
        for i in range(0, len(values), 4)
    ]


#: Data set, row of the paper's table, metric: mean and standard deviation if known, in percent.
#: What RAE's authors give for GAMO (their Tables 1 and 13) does not say with which loss.
PUBLISHED: dict[str, dict[str, dict[str, tuple[float, ...]]]] = {
    **{
        name: {
            f"{row}, {loss}": pair
            for row, line in table.items()
            for loss, pair in zip(("CE", "LS"), _pairs(line), strict=True)
        }
        for name, table in (("mnist", _TABLE_1), ("fashion", _TABLE_1_FASHION))
    },
    **{
        name: {f"{row}, LS": _pairs(line)[0] for row, line in table.items()}
        for name, table in (("cifar10", _TABLE_2), ("svhn", _TABLE_2_SVHN))
    },
    "mnist-conv": {"GAMO, LS": rae.PUBLISHED["mnist"]["GAMO"]},
    **{name: {"GAMO, LS": rae.PUBLISHED[name]["GAMO"]} for name in ("isolet", "webpage")},
}


class Dataset(NamedTuple):
    """A data set: its title, loader, whether F is there, and what differs from the paper.

    ``beside`` names the published metrics that correspond to ours; ``choosing`` is what
    ``--development`` scores.
    """

    title: str
    load: Callable[[Any, int, bool], Task]
    convolutional: bool
    beside: Mapping[str, str]
    choosing: str
    note: str


_OTHERS = "scored on training images that were not drawn"
_PART = "a part of the training rows"
_OF_RAE = "Published: GAMO as RAE's authors ran it; their GM is our macro G-mean"
#: What each name loads.
DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(
        "MNIST, 4000 to 40 a class (Table 1)",
        mnist_long_tailed,
        False,
        _BESIDE,
        _OTHERS,
        "Published: 100 test rows a class, training rows drawn with replacement, ten trials.",
    ),
    "mnist-conv": Dataset(
        "MNIST, 4000 to 40 a class, convolutional (not in the paper)",
        mnist_long_tailed,
        True,
        _BESIDE_OF_RAE,
        _OTHERS,
        f"{_OF_RAE}, on 800 test rows a class.",
    ),
    "cifar10": Dataset(
        "CIFAR-10 (JPEG), 4500 to 80 a class, convolutional (Table 2)",
        cifar10_long_tailed,
        True,
        _BESIDE,
        _OTHERS,
        "Published: the original pixels, 100 test rows a class, ten trials.",
    ),
    "fashion": Dataset(
        "Fashion-MNIST, 4000 to 40 a class, convolutional (Table 1)",
        partial(mnist_long_tailed, read=fashion),
        True,
        _BESIDE,
        _OTHERS,
        "Published: 100 test rows a class, ten trials.",
    ),
    "svhn": Dataset(
        "SVHN, 4500 to 80 a class, convolutional (Table 2)",
        absent("SVHN"),
        True,
        _BESIDE,
        _OTHERS,
        "",
    ),
    "isolet": Dataset(
        "Isolet, A and B against the rest (not in the paper)",
        isolet,
        False,
        _BESIDE_OF_RAE,
        _PART,
        f"{_OF_RAE}. A random stratified 80/20 split in each trial; theirs is not known.",
    ),
    "webpage": Dataset(
        "Webpage (not in the paper)",
        webpage,
        False,
        _BESIDE_OF_RAE,
        _PART,
        f"{_OF_RAE}. A random stratified 80/20 split in each trial; theirs is not known.",
    ),
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


def _parser() -> argparse.ArgumentParser:
    parser = command("gamo", __doc__, PROTOCOL, DATASETS, SCALES, trials=5)
    parser.set_defaults(scale="short")
    parser.add_argument(
        "--ablations", action="store_true", help="GAMO with parts left out or as in the paper, too"
    )
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *ABLATIONS], help="only these")
    add_development(parser, "rows of the training part", "GAMO, LS")
    return parser


def _rows_of(
    dataset: str, methods: Mapping[str, Approach], options: argparse.Namespace
) -> dict[str, Approach]:
    """The rows of a data set's table.

    Mirrored crops are for photographs. With F, the conditional generators and GAMO with CE are only
    run where they are asked for, or in the paper: Table 2 does not have them, and they take as long
    as GAMO.
    """

    convolutional = DATASETS[dataset].convolutional
    both_losses = not convolutional or dataset == "fashion"

    def fits(name: str, approach: Approach) -> bool:
        if "augment" in approach.parameters and dataset not in ("cifar10", "svhn", "fashion"):
            return False
        by_cgan = approach.resample in CGAN.values()
        if by_cgan and (approach.resample is CGAN["cnn"]) != convolutional:
            return False
        generates = approach.method == "gamo" or by_cgan or "augment" in approach.parameters
        of_table_1 = generates and (
            approach.loss == "CE" or approach.parameters.get("generator") == "conditional"
        )
        return both_losses or not of_table_1 or name in (options.methods or ())

    return {name: approach for name, approach in methods.items() if fits(name, approach)}


def _cell(found: Sequence[Mapping[str, float]], name: str) -> str:
    values = [metrics[name] for metrics in found if name in metrics]
    return f"{statistics.mean(values):.3g}" if values else ""


def _footnotes(
    name: str, methods: Mapping[str, Approach], results: Results, task: Task, note: str
) -> str:
    """What the table is of: rows, steps, and what GAMO and its ablations say of themselves."""
    parts = [*[note] * bool(note), task.sizes()]
    outcomes = {method: results.outcomes[name, method] for method in methods}
    steps = [outcome.metrics["steps"] for found in outcomes.values() for outcome in found]
    text = " ".join([*parts, f"Steps of M: {span(steps)}."]) + "\n"
    header = ["method", *(column.replace("_", " ") for column in _DIAGNOSTICS), "warnings"]
    lines = [" | ".join(header), " | ".join(["---"] * len(header))]
    for method, found in outcomes.items():
        n_said = sum(len(outcome.said) for outcome in found)
        if methods[method].method == "gamo":
            metrics = [outcome.metrics for outcome in found]
            cells = [_cell(metrics, column) for column in _DIAGNOSTICS]
            lines.append(" | ".join([method, *cells, f"{n_said} in {len(found)} fits"]))
    if len(lines) > 2:
        text += "\nMean over trials of what the fitted classifiers say of their training:\n\n"
        text += "".join(f"| {line} |\n" for line in lines)
    return f"\n{text}{warned(outcomes)}"


def _run(
    name: str,
    methods: Mapping[str, Approach],
    results: Results,
    options: argparse.Namespace,
    device: torch.device,
) -> str:
    """All trials of a data set; their table."""
    dataset, length, choosing = DATASETS[name], SCALES[options.scale], options.development
    rows = _rows_of(name, methods, options)

    def table(results: Results) -> str:
        return markdown(
            name,
            rows,
            results,
            {} if choosing else PUBLISHED[name],  # the papers have no numbers on these rows
            {} if choosing else dataset.beside,
            metrics=METRICS,
            title=dataset.title + (f", {dataset.choosing}" if choosing else ""),
        )

    def trial(task: Task, seed: int) -> Trial:
        return Trial(fewer(task, length.most, seed), dataset.convolutional, length, seed, device)

    return run_trials(
        name,
        rows,
        results,
        options,
        load=lambda folder, seed: dataset.load(folder, seed, choosing),
        trial=trial,
        table=table,
        below=lambda task: _footnotes(name, rows, results, task, "" if choosing else dataset.note),
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
    varying = varied(parser, options, GAMOClassifier())
    methods = chosen(options, METHODS, ABLATIONS)
    methods |= {f"GAMO, LS, {told}": _without(**values) for told, values in varying.items()}
    names = named(options, DATASETS)
    empty = [name for name in names if not _rows_of(name, methods, options)]
    if empty:
        parser.error(
            f"--methods: none of these is for {', '.join(empty)}; Augment is for cifar10 and "
            "fashion, cDCGAN for images with F, cGAN for all others"
        )
    return write_tables(
        options,
        names,
        lambda name, results, device: _run(name, methods, results, options, device),
        f"Seeds {', '.join(map(str, options.seeds))}; scale {options.scale}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
