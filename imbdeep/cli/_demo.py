"""``demo``: MGVAE beside the simple remedies, on images that come with scikit-learn."""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._terminal import checked_output, replacing, say, say_table, tell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAJORITY, _MINORITY = "digits 0 to 4", "digits 5 to 9"
_PLAIN, _TUNED, _WEIGHTS = "nothing", "nothing, threshold tuned", "class weights"
_RANDOM, _SMOTE, _MGVAE = "random over-sampling", "SMOTE", "MGVAE"
_METRICS = ("balanced accuracy", "G-mean", "average precision")
_BATCH = 100
#: Images of each majority digit in the picture.
_EACH = 2


def run_demo(arguments: argparse.Namespace) -> None:
    """Run the demo as the command line asks for it."""
    output = checked_output(arguments.output, [".png"])
    demonstrate(output, seed=arguments.seed, n_folds=arguments.folds)


def demonstrate(
    output: Path,
    *,
    seed: int = 0,
    n_folds: int = 5,
    n_minority: int = 10,
    pretrain_steps: int = 1000,
    finetune_steps: int = 500,
    classifier_steps: int = 1000,
    n_jobs: int | None = None,
) -> None:
    """Compare, tell and draw; by default in about a minute on two processor cores."""
    import joblib
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold

    say(
        "Data: the 1797 images of 8 x 8 pixels in load_digits of scikit-learn, "
        f"{_MAJORITY} against {_MINORITY}, in {n_folds} folds. Each training part keeps "
        f"{n_minority} images of {_MINORITY}, drawn anew; the test parts stay as they are, in "
        "balance. So few, because tiny classes are where a generator can add most.",
        indent="  ",
    )
    say(
        f"Classifier: MLPClassifier with 100 hidden units. It takes {classifier_steps} steps of "
        f"{_BATCH} images in every line of the table, so that more rows buy no more training.",
        indent="  ",
    )
    say(
        f"MGVAE: at most {pretrain_steps} + {finetune_steps} training steps, to save your time; "
        "its defaults are 6000 + 1000.",
        indent="  ",
    )
    say("")
    X, digits = load_digits(return_X_y=True)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(X, digits)
    tasks = [
        joblib.delayed(_fold)(
            train,
            test,
            random_state=[seed, fold],
            n_minority=n_minority,
            classifier_steps=classifier_steps,
            steps={"pretrain_steps": pretrain_steps, "finetune_steps": finetune_steps},
            verbose=fold == 0,  # one bar at a time: other folds train beside it
        )
        for fold, (train, test) in enumerate(folds)
    ]
    results = []
    with replacing(output) as temporary:
        start = time.perf_counter()
        # A thread each: faster than threads that wait for a core, and the same sums on any machine.
        # Always other processes, so that Ctrl-C arrives here: MLPClassifier takes it as "enough".
        n_jobs = n_jobs or max(2, min(n_folds, joblib.cpu_count()))
        with joblib.parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
            for result in joblib.Parallel(return_as="generator")(tasks):
                results.append(result)
                seconds = time.perf_counter() - start
                tell(f"{len(results)} of {n_folds} folds done, {seconds:.0f} s")
        _draw(temporary, results[0][1], n_minority)

    scores = {
        name: 100 * np.array([of_fold[name] for of_fold, _ in results]) for name in results[0][0]
    }
    lines = [
        (name, *(f"{m:.1f} ± {s:.1f}" for m, s in zip(v.mean(0), v.std(0), strict=True)))
        for name, v in scores.items()
    ]
    say_table([("done to the training part", *_METRICS), *lines])
    say(f"In percent: mean ± standard deviation over the {n_folds} folds.")
    if _WEIGHTS not in scores:
        say(f"'{_WEIGHTS}' is left out: MLPClassifier takes weights from scikit-learn 1.7 on.")
    say("")
    say(verdict(scores))
    say(f"Picture: {output}", wrap=False)


def _fold(
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    *,
    random_state: list[int],
    n_minority: int,
    classifier_steps: int,
    steps: dict[str, Any],
    verbose: bool,
) -> tuple[dict[str, list[float]], NDArray[Any]]:
    """Return the scores by line of the table, and the lines of the picture."""
    import numpy as np
    from imblearn.metrics import geometric_mean_score
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import average_precision_score, balanced_accuracy_score
    from sklearn.metrics.pairwise import euclidean_distances
    from sklearn.model_selection import TunedThresholdClassifierCV
    from sklearn.neural_network import MLPClassifier
    from sklearn.utils.validation import has_fit_parameter

    from imbdeep.comparison._fold import Weighted, fitted
    from imbdeep.over_sampling import MGVAESampler

    random = np.random.default_rng(random_state)
    seed = int(random.integers(2**31))
    X, digits = load_digits(return_X_y=True)
    X, y = X / X.max(), (digits >= 5).astype(int)
    few = random.choice(train[y[train] == 1], n_minority, replace=False)
    train = np.sort(np.concatenate([train[y[train] == 0], few]))
    X_train, y_train = X[train], y[train]

    def classifier(n_rows: int) -> Any:
        # scikit-learn counts passes over the rows: as many as make the steps, and none fewer.
        passes = max(1, round(classifier_steps / -(-n_rows // _BATCH)))
        return MLPClassifier(
            batch_size=_BATCH, max_iter=passes, n_iter_no_change=passes, random_state=seed
        )

    mgvae = MGVAESampler(image_shape=(1, 8, 8), random_state=seed, verbose=verbose, **steps)
    samplers = {
        _RANDOM: RandomOverSampler(random_state=seed),
        _SMOTE: SMOTE(random_state=seed),
        _MGVAE: mgvae,
    }
    plain = classifier(len(y_train))
    tuned = TunedThresholdClassifierCV(classifier(len(y_train)), scoring="balanced_accuracy")
    fits: dict[str, Any] = {_PLAIN: plain, _TUNED: tuned}
    # From scikit-learn 1.7 on; the demo says so where the line is left out.
    if has_fit_parameter(plain, "sample_weight"):
        fits[_WEIGHTS] = Weighted(classifier(len(y_train)))
    models: dict[str, Any] = {}
    with warnings.catch_warnings():
        # It warns when it ends at max_iter, which here is the plan.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Training interrupted", UserWarning)
        for name, model in fits.items():
            models[name] = fitted(model, X_train, y_train).estimator
        for name, sampler in samplers.items():
            X_more, y_more = sampler.fit_resample(X_train, y_train)
            models[name] = fitted(classifier(len(y_more)), X_more, y_more).estimator

    scores = {}
    for name, model in models.items():
        predicted = model.predict(X[test])
        scores[name] = [
            float(balanced_accuracy_score(y[test], predicted)),
            float(geometric_mean_score(y[test], predicted)),
            float(average_precision_score(y[test], model.predict_proba(X[test])[:, 1])),
        ]
    chosen = np.concatenate([train[digits[train] == digit][:_EACH] for digit in range(5)])
    translated = mgvae.translate(X[chosen], 1, random_state=seed)
    nearest = X[few][euclidean_distances(translated, X[few]).argmin(axis=1)]
    return scores, np.reshape([X[chosen], translated, nearest], (3, -1, 1, 8, 8))


def verdict(scores: dict[str, NDArray[Any]]) -> str:
    """Say where MGVAE stands against the tuned threshold, and in ranking against the best.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (n_folds, n_metrics)
        In percent, by line of the table.
    """

    def standing(other: str, metric: int) -> str:
        gap = scores[_MGVAE][:, metric] - scores[other][:, metric]
        where = "ahead of" if gap.mean() > 0 else "behind"
        if abs(gap.mean()) < 0.05:  # 0.0 in print
            return f"level with '{other}' in {_METRICS[metric]} (± {gap.std():.1f})"
        points = f"{abs(gap.mean()):.1f} points of {_METRICS[metric]} (± {gap.std():.1f})"
        return f"{where} '{other}' by {points}"

    last = len(_METRICS) - 1
    others = {name: values[:, last].mean() for name, values in scores.items() if name != _MGVAE}
    best = max(others, key=others.__getitem__)
    return (
        f"MGVAE is {standing(_TUNED, 0)}, and {standing(best, last)}, the best of the others in "
        "that column. A gap smaller than its ±, the spread of the gap over the folds, is no "
        "evidence either way."
    )


def _draw(output: Path, lines: NDArray[Any], n_minority: int) -> None:
    # Only a file is drawn: no screen is needed, whatever the machine has.
    os.environ.setdefault("MPLBACKEND", "Agg")
    from imbdeep.displays import TranslationDisplay

    display = TranslationDisplay(lines[0], lines[1:]).plot()
    names = [_MAJORITY, "made by MGVAE", f"nearest of {n_minority} seen"]
    display.ax_.set_yticks(display.ax_.get_yticks(), names)
    display.ax_.set_title(
        f"Majority images ({_MAJORITY}) and the minority images ({_MINORITY}) made of them"
    )
    display.figure_.savefig(output, dpi=150)
