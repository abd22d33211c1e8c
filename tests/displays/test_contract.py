"""What every display keeps: numbers first, drawing anywhere and again, any container."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import NearestCentroid

from imbdeep import displays
from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.displays import (
    AnchorsDisplay,
    ClassSamplesDisplay,
    ComparisonDisplay,
    DecisionRegionsDisplay,
    FalsePositivesDisplay,
    FeaturesDisplay,
    LatentDisplay,
    PerturbationDisplay,
    RecallDisplay,
    SamplesDisplay,
    TrainingHistoryDisplay,
    TranslationDisplay,
)
from imbdeep.over_sampling import MGVAESampler

RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 1, 4, 4)).astype(np.float32)
PLANE = RNG.normal(size=(60, 2))
Y = np.repeat(["many", "few", "fewer"], [30, 18, 12])
WEIGHTS = np.array([[0.5, 0.3, 0.2, 0.0], [0.25, 0.25, 0.25, 0.25]])
GRID = np.meshgrid(np.arange(3.0), np.arange(2.0))

MADE = {
    "anchors of images": lambda: AnchorsDisplay(IMAGES[:2], IMAGES[:4], WEIGHTS),
    "anchors of a table": lambda: AnchorsDisplay(PLANE[:2], PLANE[:4], WEIGHTS, label="few"),
    "class samples": lambda: ClassSamplesDisplay([IMAGES[:2]], [IMAGES[:3]]),
    "comparison": lambda: ComparisonDisplay([[0.8, 0.9], [0.5, 0.4]], ["a", "b"], simple=["b"]),
    "false positives": lambda: FalsePositivesDisplay([1, 2], [5, 50], ["a", "b"]),
    "features": lambda: FeaturesDisplay(PLANE, Y),
    "features of two": lambda: FeaturesDisplay({"a": PLANE, "b": PLANE}, Y),
    "history": lambda: TrainingHistoryDisplay([{"step": 1, "loss": 3.0, "class": "a", "kl": 1}]),
    "latent": lambda: LatentDisplay(PLANE, Y),
    "perturbation of images": lambda: PerturbationDisplay(IMAGES[:2], IMAGES[2:4], [0, 0], 1),
    "perturbation of a table": lambda: PerturbationDisplay(PLANE, PLANE + 1, Y, 1),
    "recall": lambda: RecallDisplay({"a": [0.2, 0.9], "b": [0.5, 0.7]}, [5, 50], ["a", "b"]),
    "regions": lambda: DecisionRegionsDisplay(*GRID, np.zeros((2, 3), int), PLANE, Y),
    "samples of images": lambda: SamplesDisplay(IMAGES[:3], IMAGES[3:5]),
    "samples of a table": lambda: SamplesDisplay(PLANE, PLANE[:30]),
    "translation": lambda: TranslationDisplay(IMAGES[:2], [IMAGES[2:4]], exemplar_label="x"),
}


def test_every_display_is_here():
    assert {type(make()).__name__ for make in MADE.values()} == set(displays.__all__)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_numbers_first_then_drawn_anywhere_and_again(make):
    display = make()
    assert not plt.get_fignums()
    assert not hasattr(display, "figure_")
    assert display.plot() is display
    own = display.figure_
    assert plt.get_fignums() == [own.number]
    figure, axes = plt.subplots(1, 2, figsize=(14, 5), layout="constrained")
    before = axes[0].get_children()
    settings = dict(mpl.rcParams)
    assert display.plot(axes[1]) is display
    assert len(plt.get_fignums()) == 2
    assert mpl.rcParams == settings
    assert display.figure_ is figure
    assert axes[0].get_children() == before
    figure.canvas.draw()
    drawn = getattr(display, "axes_", np.array([getattr(display, "ax_", None)])).ravel()
    for panel in drawn:
        assert panel.figure.figure is figure
        assert panel.bbox.x0 > axes[0].bbox.x1
        assert panel.images or panel.lines or panel.collections or panel.patches
    plt.close("all")


SEVERAL = ("features of two", "history", "samples of a table")


@pytest.mark.parametrize("make", [MADE[name] for name in SEVERAL])
@pytest.mark.parametrize("ax", ["free", 3])
def test_several_panels_need_a_subplot(make, ax):
    if ax == "free":
        ax = plt.figure().add_axes((0.1, 0.1, 0.2, 0.2))
    with pytest.raises(ValueError, match="must be one subplot"):
        make().plot(ax)


def test_classes_have_the_same_colours_in_every_picture():
    colors = [
        [part.get_facecolor()[0] for part in FeaturesDisplay(PLANE, Y).plot().axes_[0].collections],
        [mpl.colors.to_rgba(line.get_color()) for line in MADE["regions"]().plot().ax_.lines],
    ]
    assert np.allclose(*colors)


BARE = type("Bare", (), {})()
UNFITTED = {
    "anchors": lambda bare: AnchorsDisplay.from_estimator(bare, IMAGES, "few"),
    "false positives": lambda bare: FalsePositivesDisplay.from_estimator(bare, PLANE, Y),
    "features": lambda bare: FeaturesDisplay.from_estimator(bare, PLANE, Y),
    "history": TrainingHistoryDisplay.from_estimator,
    "latent": lambda bare: LatentDisplay.from_estimator(bare, PLANE, Y, "few"),
    "perturbation": lambda bare: PerturbationDisplay.from_estimator(bare, IMAGES, Y, "few"),
    "recall": lambda bare: RecallDisplay.from_estimator(bare, PLANE, Y),
    "regions": lambda bare: DecisionRegionsDisplay.from_estimator(bare, PLANE, Y),
    "translation": lambda bare: TranslationDisplay.from_estimator(bare, IMAGES),
}


@pytest.mark.parametrize("call", UNFITTED.values(), ids=UNFITTED)
def test_unfitted_estimators_are_refused(call):
    with pytest.raises(NotFittedError, match=r"This Bare .*: call fit(_resample)? first"):
        call(BARE)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "call, message",
    [
        (UNFITTED["anchors"], r"has no generate\. Give a GAMOClassifier"),
        (UNFITTED["features"], r"has no penultimate_features\. Give features"),
        (UNFITTED["perturbation"], r"has no translate.*M2mClassifier"),
        (UNFITTED["recall"], r"has no class_counts_.*y_train"),
        (lambda model: ClassSamplesDisplay.from_estimator(model, IMAGES, Y), "neither sample"),
    ],
)
def test_estimators_that_cannot_do_it_are_refused(call, message):
    with pytest.raises(AttributeError, match=f"NearestCentroid {message}|{message}"):
        call(NearestCentroid().fit(PLANE, Y))


@pytest.mark.parametrize(
    "call",
    [
        lambda y: ClassSamplesDisplay.from_estimator(trained_on_images()[0], IMAGES, y),
        lambda y: DecisionRegionsDisplay.from_estimator(NearestCentroid().fit(PLANE, Y), PLANE, y),
        lambda y: PerturbationDisplay.from_estimator(trained_on_images()[1], IMAGES, y, "few"),
        lambda y: FeaturesDisplay.from_estimator(trained_on_images()[1], IMAGES, y),
    ],
)
def test_a_label_a_row(call):
    with pytest.raises(ValueError, match=r"X has 60 rows, y shape \(5,\): give one label a row"):
        call(Y[:5])


FITTED = {}


def trained_on_images():
    """A sampler and a classifier of tiny images, trained once."""
    if "images" not in FITTED:
        small = {"hidden_layer_sizes": (8,), "random_state": 0, "device": "cpu"}
        sampler = MGVAESampler(pretrain_steps=50, finetune_steps=5, row_filter=None, **small)
        sampler.fit_resample(IMAGES, Y)
        classifier = M2mClassifier(
            ERMClassifier(max_epochs=2, **small), defer=0.0, gamma=0.0, beta=0.5
        ).fit(IMAGES, Y)
        FITTED["images"] = sampler, classifier
    return FITTED["images"]


DRAWN = {
    "class samples": lambda s, m, **p: ClassSamplesDisplay.from_estimator(s, IMAGES, Y, n=2, **p),
    "features": lambda s, m, **p: FeaturesDisplay.from_estimator(m, IMAGES, Y, n_per_class=5, **p),
    "latent": lambda s, m, **p: LatentDisplay.from_estimator(s, IMAGES, Y, "few", n=9, **p),
    "perturbation": lambda s, m, **p: PerturbationDisplay.from_estimator(m, IMAGES, Y, "few", **p),
    "samples": lambda s, m, **p: SamplesDisplay.from_estimator(s, IMAGES, Y, "few", n=9, **p),
    "translation": lambda s, m, **p: TranslationDisplay.from_estimator(s, IMAGES, "few", **p),
}
NUMBERS = ("generated", "points", "codes", "translations")


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_random_state_decides_what_a_trained_estimator_shows(draw):
    figure, ax = plt.subplots()
    shown = []
    for seed in (0, 0, 1, None):
        display = draw(*trained_on_images(), random_state=seed, ax=ax)
        (found,) = [getattr(display, name) for name in NUMBERS if hasattr(display, name)]
        parts = found.values() if isinstance(found, dict) else found
        shown.append([np.asarray(part).tobytes() for part in parts])
        assert display.figure_ is figure
    assert shown[0] == shown[1] != shown[2]
    plt.close(figure)


def mixed():
    frame = pd.DataFrame({"a": PLANE[:, 0], "b": RNG.integers(0, 50, 60)})
    return frame.assign(c=RNG.choice(["x", "y"], 60), d=frame["a"].where(frame["a"] > -1))


CONTAINERS = {
    "pandas, arrow": lambda: mixed().convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.from_pandas(mixed()),
    "objects": lambda: mixed().to_numpy(),
    "masked": lambda: np.ma.masked_less(PLANE, -1),
    "tensor": lambda: torch.tensor(PLANE, dtype=torch.bfloat16),
    "sparse": lambda: sparse.csr_matrix(PLANE),
}


@pytest.mark.filterwarnings("ignore:The generator has collapsed")
@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_any_container_of_a_trained_estimator(make):
    X = make()
    small = {"hidden_layer_sizes": (8,), "random_state": 0, "device": "cpu"}
    sampler = MGVAESampler(pretrain_steps=4, finetune_steps=2, row_filter=None, **small)
    sampler.fit_resample(X, Y)
    n_columns = sampler.n_features_in_
    samples = SamplesDisplay.from_estimator(sampler, X, Y, "few", n=20, random_state=0)
    assert samples.real.shape == (18, n_columns)
    assert samples.generated.shape == (20, n_columns)
    if n_columns == 4:
        assert samples.feature_names in (list("abcd"), ["x0", "x1", "x2", "x3"])
        assert samples.levels == {2: ["x", "y"]}
        assert np.isnan(samples.real[:, 3]).any()
    assert LatentDisplay.from_estimator(sampler, X, Y, "few", n=9).codes.shape == (27, 2)
    plt.close("all")


@pytest.mark.parametrize(
    "y, target",
    [
        (pd.Series(Y, dtype="category"), "few"),
        (torch.tensor(np.unique(Y, return_inverse=True)[1]), 0),
        (np.unique(Y, return_inverse=True)[1][:, None], 0),
        (np.array([f"202{len(label)}-01-01" for label in Y], "M8[D]"), None),
        ([(label, 1) for label in Y], ("few", 1)),
    ],
)
def test_any_labels(y, target):
    target = y[40].item() if target is None else target
    sampler = type("Fake", (), {})()
    sampler.sample = lambda n, target, random_state: PLANE[:n]
    assert len(SamplesDisplay.from_estimator(sampler, PLANE, y, target, n=50).real) == 18
    labels = y.ravel() if isinstance(y, np.ndarray) else y
    display = RecallDisplay.from_predictions(y, labels, y_train=y)
    assert sorted(display.class_counts) == [12, 18, 30]
    assert display.balanced_accuracy["predictions"] == 1
    plt.close("all")


@pytest.mark.parametrize("draw", [TranslationDisplay, ClassSamplesDisplay])
def test_displays_of_images_name_the_one_for_tables(draw):
    sampler, _ = trained_on_images()
    rows = (PLANE, "few") if draw is TranslationDisplay else (PLANE, Y)
    with pytest.raises(ValueError, match=r"rows of a table are no pictures.*SamplesDisplay"):
        draw.from_estimator(type("Other", (), {"sample": sampler.sample})(), *rows)


@pytest.mark.parametrize("y", [[1, "a"] * 30, [None, 1] * 30])
def test_labels_of_several_types_are_refused(y):
    for draw in (
        lambda: FeaturesDisplay(PLANE, y),
        lambda: RecallDisplay.from_predictions(y, y, y_train=y),
        lambda: DecisionRegionsDisplay(*GRID, np.zeros((2, 3), int), PLANE, y),
    ):
        with pytest.raises(TypeError, match=r"y holds labels of several types \(.*make all of"):
            draw()


def test_a_tuple_may_name_one_class():
    y = [(label, 1) for label in Y]
    sampler = type("Fake", (), {})()
    sampler.sample = sampler.translate = lambda n, target, random_state: IMAGES[:2]
    sampler.classes_ = sorted(set(y))
    display = ClassSamplesDisplay.from_estimator(sampler, IMAGES, y, ("few", 1), n=2)
    assert display.labels == [("few", 1)]
    display = ClassSamplesDisplay.from_estimator(sampler, IMAGES, y, [("few", 1), ("many", 1)])
    assert display.labels == [("few", 1), ("many", 1)]
    display = TranslationDisplay.from_estimator(sampler, IMAGES, ("few", 1), n_pairs=2)
    assert display.labels == [("few", 1)]
    anchors = AnchorsDisplay(IMAGES[:2], IMAGES[:4], WEIGHTS, label=("few", 1)).plot()
    assert anchors.ax_.get_title() == "Class ('few', 1)"
    plt.close("all")
