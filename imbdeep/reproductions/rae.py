"""RAE (AISTATS 2023): Tables 1, 3, 4, 5, 12, 13 and 15, beside our own numbers.

``python -m imbdeep.reproductions.rae [data sets] --data DIR`` runs every method on every data set
named and writes a table of ours beside the paper's. ``--help`` states the protocol.

Reference: A. K. Mondal, L. Singhal, P. Tiwary, P. Singla, Prathosh AP, "Minority Oversampling for
Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from imbdeep.classifiers import RAEClassifier
from imbdeep.reproductions._command import (
    absent,
    add_development,
    chosen,
    command,
    named,
    parsed,
    run_trials,
    shown,
    varied,
    write_tables,
)
from imbdeep.reproductions._harness import Approach, Length, smote
from imbdeep.reproductions._rae_data import (
    cifar10_long_tailed,
    isolet,
    mnist_long_tailed,
    optical_digits,
    webpage,
)
from imbdeep.reproductions._rae_generated import GENERATED, GeneratedTrial
from imbdeep.reproductions._rae_generated import METRICS as GENERATED_METRICS
from imbdeep.reproductions._rae_published import PUBLISHED, PUBLISHED_GENERATED, WIDTHS
from imbdeep.reproductions._rae_trial import METRICS, Trial
from imbdeep.reproductions._results import Results, Row, markdown, span, warned
from imbdeep.reproductions._rows import Task, development, fashion, fewer

__all__ = [
    "ABLATIONS",
    "DATASETS",
    "GENERATED",
    "METHODS",
    "PROTOCOL",
    "PUBLISHED",
    "PUBLISHED_GENERATED",
    "SCALES",
    "TABLES",
    "TITLES",
    "main",
]

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

#: Our metrics and the paper's names of them.
_BESIDE = {
    "balanced accuracy": "ACSA",
    "macro F1": "F1",
    "macro G-mean": "GM",
    "average precision": "AURPC",
}


class Dataset(NamedTuple):
    """A data set: its title, loader, the width of the code, and what differs from the paper.

    ``short`` is the length of the short scale where the usual one is too long for two processors.
    """

    title: str
    load: Callable[[Any, int], Task]
    latent_dim: int
    note: str = ""
    short: Length | None = None
    images: bool = False


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
        mnist_long_tailed,
        64,
        _OF_OTHERS,
        _SHORT,
        images=True,
    ),
    "fashion": Dataset(
        "Fashion-MNIST, 4000 to 40 a class, balanced test (Tables 1, 5, 12 and 15)",
        partial(mnist_long_tailed, read=fashion),
        64,
        _OF_OTHERS,
        _SHORT,
        images=True,
    ),
    "cifar10": Dataset(
        "CIFAR-10 (JPEG), 4500 to 80 a class, balanced test (Tables 1, 4, 5, 12 and 15)",
        cifar10_long_tailed,
        256,
        f"{_OF_OTHERS} All of it on the original pixels.",
        Length(steps=300, own={"max_steps": 150, "encoder_steps": 5}),
        images=True,
    ),
    "svhn": Dataset("SVHN (Tables 1, 5, 12 and 15)", absent("SVHN"), 128, images=True),
    "celeba": Dataset("CelebA (Tables 1, 4, 5, 12 and 15)", absent("CelebA"), 256, images=True),
    "cifar100": Dataset("CIFAR-100 (Table 1)", absent("CIFAR-100"), 512, images=True),
    "imagenet100": Dataset("ImageNet-100 (Table 1)", absent("ImageNet-100"), 512, images=True),
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
    "RAE, no decoder": _without("no decoder", decoder=False),
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


def _parser() -> argparse.ArgumentParser:
    parser = command("rae", __doc__, PROTOCOL, DATASETS, SCALES)
    parser.set_defaults(scale="short")
    parser.add_argument("--ablations", action="store_true", help="Tables 4 and 5 too, and t")
    parser.add_argument(
        "--generated", action="store_true", help="Table 3, generated images, in place of the others"
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(METHODS | ABLATIONS | GENERATED),
        help="only these",
    )
    add_development(parser, "30 %% of the training part", "RAE")
    return parser


def _footnotes(
    name: str, methods: Mapping[str, Approach], results: Results, task: Task, note: str
) -> str:
    """What the table is of: rows, steps, and RAE's diagnostics in each trial."""
    parts = [*[note] * bool(note), task.sizes()]
    told = []
    steps: dict[bool, list[float]] = {False: [], True: []}
    for method, approach in methods.items():
        found = [outcome.metrics for outcome in results.outcomes[name, method]]
        steps[approach.method == "rae"] += [values["steps"] for values in found]
        if "separability" in found[0]:
            entropies = [f"{v['alpha_entropy']:.1%}" for v in found if "alpha_entropy" in v]
            separated = [f"{v['separability']:.1%}" for v in found]
            told.append(
                f"- {method}: {', '.join(entropies) or 'no mixing'}; {', '.join(separated)}\n"
            )
    for is_rae, what in ((False, "Steps"), (True, "Encoder updates of RAE")):
        if steps[is_rae]:
            parts.append(f"{what}: {span(steps[is_rae])}.")
    text = " ".join(parts) + "\n"
    if told:
        text += (
            "\nBy trial, the entropy of the mixing weights as a share of the largest, and the "
            "separability of the training codes:\n\n"
        )
    return f"\n{text}{''.join(told)}"


def _run(
    name: str,
    methods: Mapping[str, Any],
    results: Results,
    options: argparse.Namespace,
    device: torch.device,
) -> str:
    """All trials of a data set; their table."""
    dataset, length = DATASETS[name], SCALES[options.scale]
    if options.scale == "short" and dataset.short is not None:
        length = dataset.short

    def trial(task: Task, seed: int) -> Any:
        if options.development:
            task = development(task, seed)
        kind = GeneratedTrial if options.generated else Trial
        return kind(fewer(task, length.most, seed), dataset.latent_dim, length, seed, device)

    def below(task: Task) -> str:
        if options.generated:
            found = {method: results.outcomes[name, method] for method in methods}
            return f"\n{task.sizes()}\n{warned(found)}"
        note = "" if options.development else dataset.note
        return _footnotes(name, methods, results, task, note)

    return run_trials(
        name,
        methods,
        results,
        options,
        load=dataset.load,
        trial=trial,
        table=lambda known: _table(name, methods, known, options),
        below=below,
    )


def _table(
    name: str, methods: Mapping[str, Row], results: Results, options: argparse.Namespace
) -> str:
    """A data set's table; without the paper's numbers where parameters are being chosen."""
    title = DATASETS[name].title
    if options.generated:
        title = f"{title.partition(' (Table')[0]}: generated images (Table 3)"
        published, beside = PUBLISHED_GENERATED[name], {part: part for part in GENERATED_METRICS}
        return markdown(
            name,
            methods,
            results,
            published,
            beside,
            metrics=GENERATED_METRICS,
            title=title,
            percent=False,
        )
    if options.development:
        title += ", a part of the training rows"
        return markdown(name, methods, results, {}, {}, metrics=METRICS, title=title)
    published = shown(PUBLISHED[name], methods, *_GROUPS)
    known = {metric for row in published.values() for metric in row}
    beside = {ours: theirs for ours, theirs in _BESIDE.items() if theirs in known}
    return markdown(name, methods, results, published, beside, metrics=METRICS, title=title)


def _generated_names(
    parser: argparse.ArgumentParser, options: argparse.Namespace, names: list[str]
) -> list[str]:
    """The data sets of Table 3 that are asked for."""
    if options.development or options.ablations:
        parser.error("--generated has no ablations, and nothing to choose by: leave them out")
    images = [name for name in names if name in PUBLISHED_GENERATED]
    if not images or ("all" not in options.datasets and len(images) < len(names)):
        parser.error(f"--generated: for {', '.join(PUBLISHED_GENERATED)}")
    return images


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
    rows = varied(parser, options, RAEClassifier())
    names = named(options, DATASETS)
    methods: dict[str, Any] = dict(GENERATED)
    if options.generated:
        names = _generated_names(parser, options, names)
        methods = {k: v for k, v in methods.items() if k in (options.methods or methods)}
    else:
        methods = chosen(options, METHODS, ABLATIONS)
        methods |= {f"RAE, {told}": _without(**parameters) for told, parameters in rows.items()}
    if not methods:
        parser.error(f"--methods {' '.join(options.methods)}: rows of the other kind of table")
    return write_tables(
        options,
        names,
        lambda name, results, device: _run(name, methods, results, options, device),
        f"{options.trials} trials, whose numbers are the seeds, scale {options.scale}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
