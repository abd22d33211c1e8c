"""From parameters to networks, losses and optimisers: named ones, and the user's own."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imbdeep.classifiers import ERMClassifier
from imbdeep.classifiers._building import blueprint_of, n_epochs_of
from imbdeep.classifiers._net import PixelStandardiser
from imbdeep.networks import MLP, ResNet
from tests.test_common import made

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 2 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)
COLOURED = np.random.default_rng(2).random((N, 3, 8, 8), dtype=np.float32)


def quick(**params):
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


def network_of(classifier):
    module = classifier.net_.module_
    return module[1] if isinstance(module, nn.Sequential) else module


# ----------------------------------------------------------------------------------- named networks


def planned(rows, **params):
    classifier = quick(**params)
    classifier.classes_ = np.arange(5)
    return blueprint_of(classifier, torch.as_tensor(rows), "linear").network


@pytest.mark.parametrize(
    "module, rows, network, arguments",
    [
        ("auto", X, MLP, (3, 5, (4,))),
        ("mlp", X, MLP, (3, 5, (4,))),
        ("mlp", COLOURED, MLP, (192, 5, (4,))),
        ("auto", IMAGES, ResNet, (1, 5, 20)),
        ("auto", COLOURED, ResNet, (3, 5, 32)),
        ("resnet20", COLOURED, ResNet, (3, 5, 20)),
        ("resnet32", IMAGES, ResNet, (1, 5, 32)),
    ],
)
def test_named_network(module, rows, network, arguments):
    plan = planned(rows, module=module)
    assert plan.func is network
    assert plan.args == arguments


def test_images_reach_the_network_standardised():
    classifier = quick(module="mlp").fit(COLOURED, Y)
    first = classifier.net_.module_[0]
    assert isinstance(first, PixelStandardiser)
    x = torch.from_numpy(classifier.encoder_.transform(COLOURED)).view(-1, 3, 8, 8)
    torch.testing.assert_close(first.mean.flatten(), x.mean((0, 2, 3)))
    torch.testing.assert_close(first.deviation.flatten(), x.std((0, 2, 3), correction=0))


# ---------------------------------------------------------------------- the user's own networks


class Own(nn.Module):
    """Asks for what it wants to know."""

    def __init__(self, n_features, n_classes, width=6):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(n_features, width), nn.Tanh())
        self.head = nn.Linear(width, n_classes)

    def forward(self, x):
        return self.head(self.body(x))


class ForImages(nn.Module):
    def __init__(self, in_channels, num_classes, kernel=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(in_channels, num_classes, kernel), nn.BatchNorm2d(2))

    def forward(self, x):
        return self.layers(x).mean((2, 3))


def function(n_features, n_classes):
    return nn.Linear(n_features, n_classes)


def nothing_asked():
    return nn.Linear(3, 2)


def anything(**sizes):
    return nn.Linear(sizes["n_in"], sizes["n_out"])


@pytest.mark.parametrize(
    "module, params",
    [
        (Own, {"width": 3}),
        (function, None),
        (nothing_asked, None),
        (anything, {"n_in": 3, "n_out": 2}),
        (nn.Linear, None),  # in_features, out_features
        (MLP, {"hidden_layer_sizes": ()}),
    ],
)
def test_own_network_gets_its_arguments_by_name(module, params):
    classifier = quick(module=module, module_params=params).fit(X, Y)
    assert classifier.predict_proba(X).shape == (N, 2)
    if params and "width" in params:
        assert classifier.net_.module_.head.in_features == 3


@pytest.mark.parametrize("X", [COLOURED, IMAGES], ids=["colours", "grey"])
def test_own_network_for_images_gets_the_channels(X):
    classifier = quick(module=ForImages, module_params={"kernel": 5}).fit(X, Y)
    assert network_of(classifier).layers[0].weight.shape == (2, X.shape[1], 5, 5)
    assert classifier.predict_proba(X).shape == (N, 2)
    with pytest.raises(ValueError, match=r"has no linear layer.*end it with torch.nn.Linear"):
        classifier.penultimate_features(X)


class Pair(Own):
    def forward(self, x):
        return super().forward(x), x


class One(Own):
    def forward(self, x):
        return super().forward(x)[:, 0]


@pytest.mark.parametrize(
    "module, made",
    [
        (lambda: nn.Linear(3, 1), r"\(2, 1\)"),
        (lambda n_features: nn.Linear(n_features, 7), r"\(2, 7\)"),
        (One, r"\(2,\)"),
        (Pair, "tuple"),
    ],
    ids=["too few", "too many", "no classes", "two things"],
)
def test_network_with_another_output_is_refused_before_training(no_training, module, made):
    message = rf"module made {made} of a batch of shape \(2, 3\): .* of shape \(2, 2\)"
    with pytest.raises(ValueError, match=message):
        quick(module=module).fit(X, Y)


# ------------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize("criterion", ["cross_entropy", "focal", "ldam", nn.MultiMarginLoss])
def test_probabilities_are_the_softmax_of_what_the_loss_saw(criterion):
    classifier = quick(
        criterion=criterion, criterion_params={"scale": 12.0} if criterion == "ldam" else None
    ).fit(X, Y)
    x = torch.from_numpy(classifier.encoder_.transform(X))
    with torch.no_grad():
        logits = classifier.net_.module_(x).double()
    scale = 12.0 if criterion == "ldam" else 1.0
    if criterion == "ldam":
        assert logits.abs().max() <= 1  # cosines
    np.testing.assert_allclose(
        classifier.predict_proba(X), torch.softmax(scale * logits, 1), rtol=1e-6
    )


class WithoutWeights(nn.Module):
    """A loss of the user that knows of no class weights."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, logits, target):
        return F.cross_entropy(logits, target, reduction=self.reduction)


def test_class_weights_that_the_own_loss_would_ignore_are_refused():
    assert quick(criterion=WithoutWeights).fit(X, Y).history_
    with pytest.raises(ValueError, match="weight"):
        quick(criterion=WithoutWeights, class_weight="balanced").fit(X, Y)


# --------------------------------------------------------------------------------------- optimisers


@pytest.mark.parametrize(
    "name, kind",
    [
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
        (torch.optim.RMSprop, torch.optim.RMSprop),
    ],
)
def test_optimiser(name, kind):
    classifier = quick(
        optimizer=name,
        momentum=0.7,
        weight_decay=0.3,
        learning_rate=0.05,
        warmup_epochs=0,
        milestones=(),
    ).fit(X, Y)
    (group,) = classifier.net_.optimizer_.param_groups
    assert type(classifier.net_.optimizer_) is kind
    assert group["weight_decay"] == 0.3
    assert group["lr"] == 0.05
    if kind is torch.optim.SGD:
        assert group["momentum"] == 0.7
    parameters = list(classifier.net_.module_.parameters())
    assert len(group["params"]) == len(parameters)  # weight decay on biases too


# ----------------------------------------------------------------------------------------- duration


@pytest.mark.parametrize(
    "n, batch_size, epochs",
    [(10, 128, 300), (128 * 30, 128, 100), (128 * 30 + 1, 128, 97), (10**6, 128, 20), (10, 1, 300)],
)
def test_automatic_duration(n, batch_size, epochs):
    assert n_epochs_of(quick(max_epochs="auto", batch_size=batch_size), n) == epochs
    if 20 < epochs < 300:
        assert epochs * math.ceil(n / batch_size) >= 3000


# -------------------------------------------------------------------- augmentation, arithmetic


def test_augmentation_changes_training_batches_alone():
    seen = []

    def spy(x):
        seen.append(x)
        return x

    classifier = quick(module="mlp", augment=spy).fit(IMAGES, Y)
    assert len(seen) == 2 * 3
    assert all(x.shape[1:] == (1, 8, 8) for x in seen)
    assert all(x.min() >= 0 and x.max() <= 1 for x in seen)
    classifier.predict(IMAGES)
    assert len(seen) == 2 * 3
    plain = quick(module="mlp").fit(IMAGES, Y)
    np.testing.assert_array_equal(classifier.predict_proba(IMAGES), plain.predict_proba(IMAGES))


class Dtypes(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layer, self.seen = nn.Linear(n_features, n_classes), set()

    def forward(self, x):
        made = self.layer(x)
        self.seen.add(made.dtype)
        return made


@pytest.mark.parametrize(
    "precision, dtype", [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_precision_of_the_network(precision, dtype):
    classifier = quick(module=Dtypes, precision=precision, max_epochs=2)
    probabilities = classifier.fit(X, Y).predict_proba(X)
    assert classifier.net_.module_.seen == {dtype}
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert classifier.penultimate_features(X).dtype == np.float32


def test_compiled_network_gives_the_same(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module, **_: compiled.append(module) or module)
    expected = quick().fit(X, Y).predict_proba(X)
    found = quick(compile=True).fit(X, Y).predict_proba(X)
    assert [type(module) for module in compiled] == [MLP]  # the loss is not compiled
    np.testing.assert_array_equal(found, expected)


def test_weight_decay_is_refused_where_the_optimiser_has_none():
    with pytest.raises(ValueError, match=r"weight_decay=0.1, and LBFGS has none"):
        ERMClassifier(optimizer=torch.optim.LBFGS, weight_decay=0.1, device="cpu").fit(
            [[0.0], [1.0]], [0, 1]
        )
