"""One torch module, trained by a loss: what is refused of it, and what its shape decides."""

import numpy as np
import pytest
import torch
from torch import nn

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from tests.test_common import made

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 2 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)


def quick(**params):
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


@pytest.mark.parametrize("method", [ERMClassifier, M2mClassifier])
@pytest.mark.parametrize(
    "params, message",
    [
        ({"warmup_epochs": 9}, r"warmup_epochs=9 is no less than the 2 epochs .* \(0 is none\)"),
        ({"warmup_epochs": 5, "max_epochs": 5}, "warmup_epochs=5 is no less than the 5 epochs"),
        ({"warmup_epochs": 300, "max_epochs": "auto"}, "warmup_epochs=300 is no less than the 300"),
    ],
)
def test_warm_up_that_outlasts_the_training_is_refused(no_training, method, params, message):
    few = {"max_epochs": 2, "device": "cpu"}
    with pytest.raises(ValueError, match=message):
        made(method, **{**few, **params}).fit(X, Y)


def test_warm_up_is_five_epochs_unless_said_otherwise():
    rates = [
        [record["learning_rate"] for record in quick(max_epochs=7, **params).fit(X, Y).history_]
        for params in ({}, {"warmup_epochs": 5})
    ]
    assert rates[0] == rates[1]
    short = quick(max_epochs=3, learning_rate=1.0).fit(X, Y).history_
    assert [record["learning_rate"] for record in short] == pytest.approx([0.2, 0.4, 0.06])


class Normalised(nn.Module):
    """Batch normalisation of vectors."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.BatchNorm1d(n_features), nn.Dropout(), nn.Linear(n_features, n_classes)
        )

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize("method", [ERMClassifier, M2mClassifier])
@pytest.mark.parametrize("rows", [X, IMAGES[..., :4, :4]], ids=["table", "resnet"])
def test_batches_of_one_row_need_a_network_without_batch_normalisation(no_training, method, rows):
    module = "auto" if rows.ndim == 4 else Normalised
    few = {"max_epochs": 2, "device": "cpu", "module": module}
    with pytest.raises(ValueError, match=r"batch normalisation.*batch_size=1: set batch_size=2 or"):
        made(method, **few, batch_size=1).fit(rows, Y)


def test_batches_of_one_row_train_a_network_without_it():
    assert quick(batch_size=1, max_epochs=1).fit(X, Y).predict(X).shape == Y.shape
    pictures = quick(batch_size=1, max_epochs=1).fit(IMAGES[::4], Y[::4])  # 4 pixels in the end
    assert pictures.history_


def test_a_part_of_one_row_is_refused_by_batch_normalisation_alone():
    classifier = quick(module=Normalised).partial_fit(X, Y, classes=[0, 1])
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match="X has one row: give two rows or more"):
        classifier.partial_fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="X has one row: give two rows or more"):
        classifier.net_.partial_fit(torch.zeros(1, 3), torch.zeros(1, dtype=torch.int64))
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    plain = quick().partial_fit(X, Y, classes=[0, 1])
    assert plain.partial_fit(X[:1], Y[:1]).class_counts_.sum() == N + 1


def test_instance_of_a_network_is_refused(no_training):
    with torch.random.fork_rng():
        own = nn.Linear(3, 2)
    with pytest.raises(TypeError, match="module must be a class, got an instance of it"):
        quick(module=own).fit(X, Y)


@pytest.mark.parametrize("module", ["auto", "mlp"])
def test_arguments_for_a_named_network_are_refused(no_training, module):
    with pytest.raises(ValueError, match=r"module_params=\{'width': 3\} are arguments of your own"):
        quick(module=module, module_params={"width": 3}).fit(X, Y)


@pytest.mark.parametrize("params", [{"module": "resnet20"}, {"augment": "crop_flip"}])
def test_what_works_on_images_is_refused_on_tables(no_training, params):
    name, value = next(iter(params.items()))
    with pytest.raises(ValueError, match=f"{name}='{value}' works on images: pass X of shape"):
        quick(**params).fit(X, Y)
