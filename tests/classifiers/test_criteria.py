"""Losses by name and of the user's own, and what classes of the user's own are called with."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.classifiers._criteria import CRITERIA
from tests.test_common import made

Y = np.repeat([0, 1], [30, 10])
X = np.random.default_rng(0).normal(size=(40, 3)) + 3 * Y[:, None]
each = pytest.mark.parametrize("method", [ERMClassifier, M2mClassifier])


def quick(method, **params):
    if method is M2mClassifier:
        params = {"beta": 0.5, "gamma": 0.0, **params}
    few = {"max_epochs": 4, "batch_size": 16, "hidden_layer_sizes": (4,), "device": "cpu"}
    return made(method, **few, random_state=0, **params)


class Shifted(nn.Module):
    """Cross-entropy of logits shifted by the logarithms of the counts."""

    def __init__(self, class_counts, reduction="mean"):
        super().__init__()
        self.register_buffer("shift", torch.tensor(class_counts).float().log())
        self.reduction = reduction

    def forward(self, logits, target):
        return F.cross_entropy(logits + self.shift, target, reduction=self.reduction)


class Tempered(nn.CrossEntropyLoss):
    def __init__(self, temperature=2.0, reduction="mean"):
        super().__init__(reduction=reduction)
        self.temperature = temperature

    def forward(self, logits, target):
        return super().forward(logits / self.temperature, target)


@each
@pytest.mark.parametrize("criterion", [Shifted, Tempered, nn.NLLLoss, *CRITERIA])
def test_each_loss_trains_each_method(method, criterion):
    classifier = quick(method, criterion=criterion, early_stopping=True).fit(X, Y)
    assert np.isfinite(classifier.predict_proba(X)).all()
    if criterion is Shifted:  # of the rows that are trained on
        expected = np.log(classifier.class_counts_)
        assert classifier.net_.criterion_.shift.tolist() == pytest.approx(expected)


class OtherNames(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()


class Wide(nn.Module):
    def __init__(self, n_features, n_classes, width):
        super().__init__()


class Asks(nn.Module):
    def __init__(self, rate, reduction):
        super().__init__()


class Anything(nn.Linear):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Mean(nn.CrossEntropyLoss):
    def __init__(self, reduction):
        super().__init__()


class NoGradient(nn.CrossEntropyLoss):
    def forward(self, logits, target):
        return (logits.argmax(1) != target).float()


NO_LOSS = r"criterion={} is no loss of classifiers: of logits of shape \(n, 2\).* and {}"
FILLED = "Filled in by name are n_classes, num_classes, .*n_features, in_features: call its arg"
CALLED = "called with reduction='none' and, where its constructor has it, class_counts"
REFUSED = {
    "names of its own": (
        {"module": OtherNames},
        r"module=OtherNames takes \(n_in, n_out\).*'n_in'",
    ),
    "one more": ({"module": Wide}, f"missing a required argument: 'width'. {FILLED}"),
    "a function": ({"module": lambda a, b: None}, f"module=<lambda> takes .*: 'a'. {FILLED}"),
    "a partial": ({"module": partial(Wide)}, f"'width'. {FILLED}"),
    "unknown": (
        {"module": Wide, "module_params": {"depth": 3, "width": 2}},
        "unexpected keyword argument 'depth'.*or give them in module_params",
    ),
    "hidden names": (
        {"module": Anything},
        f"module=Anything was called with no arguments: .*missing 2 required .*{FILLED}",
    ),
    "no module": ({"module": dict}, r"module=dict made \{\}, which is no torch.nn.Module"),
    "no weights": ({"module": nn.Identity}, "module=Identity has no parameters"),
    "squares": ({"criterion": nn.MSELoss}, NO_LOSS.format("MSELoss", "")),
    "of probabilities": (
        {"criterion": nn.BCEWithLogitsLoss},
        NO_LOSS.format("BCEWithLogitsLoss", "it raised ValueError: Target size"),
    ),
    "of three": ({"criterion": nn.TripletMarginLoss}, NO_LOSS.format("TripletMarginLoss", "it r")),
    "a mean": ({"criterion": Mean}, NO_LOSS.format("Mean", "for three rows it gave the shape")),
    "no slope": (
        {"criterion": NoGradient},
        NO_LOSS.format("NoGradient", "it gave numbers without a gradient"),
    ),
    "no loss": ({"criterion": int}, "criterion=int cannot be made with reduction='none': .*losses"),
    "a parameter of its own": (
        {"criterion": "focal", "criterion_params": {"gama": 2}},
        "unexpected keyword argument 'gama'",
    ),
    "no number": (
        {"criterion": "focal", "criterion_params": {"gamma": "2"}},
        "criterion=focal cannot be made with gamma='2'",
    ),
    "no optimiser": ({"optimizer": dict}, "optimizer=dict is no torch.optim.Optimizer"),
    "loss without reduction": ({"criterion": OtherNames}, f"criterion=OtherNames takes.*{CALLED}"),
    "loss that asks for more": (
        {"criterion": Asks},
        f"missing a required argument: 'rate'.*{CALLED}",
    ),
}
NO_CLASS = {
    "criterion": (nn.CrossEntropyLoss(), "one of 'cross_entropy', 'focal', 'ldam', or a class of"),
    "optimizer": (3, "one of 'adam', 'adamw', 'sgd', or a class of optimisers"),
}


@each
@pytest.mark.parametrize("case", REFUSED)
def test_what_a_class_is_called_with_is_said_before_training(no_training, method, case):
    params, message = REFUSED[case]
    with pytest.raises(TypeError, match=message):
        quick(method, **params).fit(X, Y)


@each
@pytest.mark.parametrize("name", NO_CLASS)
def test_names_and_classes_are_told_in_plain_words(no_training, method, name):
    value, message = NO_CLASS[name]
    with pytest.raises(ValueError, match=f"'{name}' parameter of ERMClassifier must be {message}"):
        quick(method, **{name: value}).fit(X, Y)


def test_images_fill_in_the_channels_too(no_training):
    with pytest.raises(TypeError, match="in_features, n_channels, in_channels: call"):
        quick(ERMClassifier, module=OtherNames).fit(np.zeros((4, 1, 8, 8)), [0, 1, 0, 1])
