"""What nets of several players share: terms by name, their means, and who broke first."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from imbdeep.classifiers._adversarial import AdversarialNet
from imbdeep.classifiers._net import EvaluationBatches
from imbdeep.training import DivergedError


class Scripted(AdversarialNet):
    """A net whose steps note what a script says: for each epoch a list of steps."""

    _ADVICE = "Try something else"
    _BYSTANDERS = frozenset({"watched"})

    def __init__(self, *args, script=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.script = script

    def train_step(self, batch, **fit_params):
        terms = dict(next(self.steps))
        loss = torch.tensor(float(terms.pop("loss", 0.0)))
        for name, value in terms.items():
            self.note(name, torch.tensor(float(value), requires_grad=True))
        return {"loss": loss, "y_pred": torch.zeros(len(batch[1]), 2)}

    def go(self):
        self.steps = iter([terms for epoch in self.script for terms in epoch])
        n = len(self.script[0])
        y = torch.arange(n) % 2
        self.set_params(max_epochs=len(self.script))
        return self.partial_fit(torch.zeros(n, 1), y)


def scripted(*script):
    return Scripted(
        nn.Linear(1, 2),
        script=script,
        criterion=nn.CrossEntropyLoss,
        iterator_train=EvaluationBatches,
        iterator_train__batch_size=1,
        train_split=None,
        classes=[0, 1],
        verbose=0,
    ).initialize()


values = st.floats(-1e3, 1e3, width=32)


@given(st.lists(st.lists(values, min_size=3, max_size=3), min_size=1, max_size=3))
def test_an_epoch_records_the_means_of_its_terms_alone(epochs):
    net = scripted(*[[{"a": value, "b": 2 * value} for value in epoch] for epoch in epochs]).go()
    for record, epoch in zip(net.history, epochs, strict=True):
        mean = sum(epoch) / 3
        assert record["a"] == pytest.approx(mean, rel=1e-4, abs=1e-3)
        assert record["b"] == pytest.approx(2 * mean, rel=1e-4, abs=1e-3)


NAN, INF = math.nan, math.inf
BROKEN = {
    "alone": ([{"a": 1, "b": NAN}, {"a": 1, "b": 1}], "b", "nan"),
    "the first, although noted last": (
        [{"a": 1, "b": 1, "c": NAN}, {"a": NAN, "b": NAN, "c": NAN}],
        "c",
        "nan",
    ),
    "infinite": ([{"a": 1, "b": -INF}, {"a": 1, "b": 1}], "b", "-inf"),
    "too large a sum": ([{"a": 1, "b": 3e38}, {"a": 1, "b": 3e38}], "b", "inf"),
    "together with a bystander": ([{"watched": NAN, "a": NAN}], "a", "nan"),
    "a bystander": ([{"watched": NAN, "a": 1}], "watched", "nan"),
    "together": ([{"a": NAN, "b": NAN}], "a", "nan"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("lost", [True, False], ids=["loss too", "loss stands"])
def test_the_term_that_broke_first_is_named(case, lost):
    steps, name, value = BROKEN[case]
    if lost:  # so is the loss of the epoch, which is seen first
        steps = [{**terms, "loss": NAN} for terms in steps]
    net = scripted([{"a": 1.0}] * len(steps), steps)
    with pytest.raises(
        DivergedError,
        match=rf"The term '{name}' became {value} in epoch 2. Try something else, and look for",
    ):
        net.go()


def test_a_loss_that_no_term_explains_is_told_as_such():
    net = scripted([{"loss": NAN}])
    with pytest.raises(DivergedError, match=r"The train loss became nan in epoch 1. Try something"):
        net.go()
