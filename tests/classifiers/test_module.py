"""One torch module, trained by a loss: what is refused of it, and what its shape decides."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.classifiers._module import ModuleClassifier
from imbdeep.classifiers._net import ClassifierNet
from imbdeep.classifiers.base import DeepClassifier

N = 40
Y = np.r_[np.zeros(30, int), np.ones(10, int)]
X = np.random.default_rng(0).normal(size=(N, 3)) + 2 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 8, 8), dtype=np.uint8)


def quick(**params):
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return ERMClassifier(**{**few, "device": "cpu", "random_state": 0, **params})


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained first")

    monkeypatch.setattr(ClassifierNet, "fit_loop", fail)


@pytest.mark.parametrize("method", [ERMClassifier, M2mClassifier])
def test_its_parameters_come_on_top_of_those_of_every_classifier(method):
    every, module = DeepClassifier._parameter_constraints, ModuleClassifier._parameter_constraints
    assert set(every) < set(module) < set(method._parameter_constraints)
    assert set(method().get_params()) == set(method._parameter_constraints)


BAD_PARAMETERS = [
    ("criterion", "hinge"),
    ("criterion", nn.CrossEntropyLoss()),
    ("focal_gamma", -1.0),
    ("ldam_margin", -0.1),
    ("ldam_scale", 0.0),
    ("module", "resnet50"),
    ("module_params", [1]),
    ("optimizer", "lion"),
    ("momentum", 1.0),
    ("max_epochs", 0),
    ("max_epochs", 2.5),
    ("max_epochs", "forever"),
    ("warmup_epochs", -1),
    ("milestones", (1.5,)),
    ("milestones", 3),
    ("milestones", (-1,)),
    ("lr_decay", 0.0),
    ("lr_decay", 1.5),
    ("augment", "mixup"),
    ("compile", "yes"),
    ("precision", "float16"),
]


@pytest.mark.parametrize("name, value", BAD_PARAMETERS)
def test_bad_parameter_is_refused_before_training(no_training, name, value):
    with pytest.raises((ValueError, TypeError), match=f"{name}|{value!r}"):
        quick(**{name: value}).fit(X, Y)


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


class Layout(Callback):
    """Notes the memory format of the batches, and how many threads they are given."""

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.channels_last = batch[0].is_contiguous(memory_format=torch.channels_last)
        self.threads = torch.get_num_threads()


@pytest.mark.parametrize("module, convolves", [("auto", True), ("resnet20", True), ("mlp", False)])
def test_only_convolutions_get_channels_last_and_more_threads(module, convolves):
    colours = np.repeat(IMAGES, 3, axis=1)  # of one colour both formats are the same
    seen, before = Layout(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        quick(module=module, max_epochs=1, callbacks=[seen]).fit(colours, Y)
    finally:
        torch.set_num_threads(before)
    assert seen.channels_last == convolves
    assert seen.threads == (2 if convolves else 1)
