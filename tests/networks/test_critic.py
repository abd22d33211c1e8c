"""Critics: the paper's tables, conditioning, and an activation that is cheap to derive twice."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from imbdeep.classifiers._rae.losses import gradient_penalty
from imbdeep.networks import ConvCritic, Critic
from imbdeep.networks._critic import _PiecewiseLeakyReLU
from imbdeep.seeding import seeded


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, torch.device("cpu")):
        yield


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def layers_of(module):
    leaves = [layer for layer in module.modules() if not list(layer.children())]
    return [type(layer).__name__.removeprefix("_Piecewise") for layer in leaves]


CRITICS = {
    "rows": (lambda: Critic(6, 3, (8, 7)), (6,)),
    "images": (lambda: ConvCritic((2, 8, 12), 3, width=4), (2, 8, 12)),
}


def with_plain_activations(critic):
    """A copy with torch's leaky ReLU in the place of ours."""
    critic = copy.deepcopy(critic)
    for module in list(critic.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, _PiecewiseLeakyReLU):
                setattr(module, name, nn.LeakyReLU(child.negative_slope))
    assert not any(isinstance(module, _PiecewiseLeakyReLU) for module in critic.modules())
    return critic


def test_critic_of_rows_is_that_of_table_19():
    with torch.device("meta"):
        critic = Critic(617, 26)
    assert layers_of(critic) == [*["Linear", "LeakyReLU"] * 3, "Linear"]
    by_hand = ((617 + 26) * 512 + 512) + 2 * (512 * 512 + 512) + (512 + 1)
    assert size_of(critic) == by_hand


def test_critic_of_images_is_that_of_table_17():
    with torch.device("meta"):
        critic = ConvCritic((3, 32, 32), 10)
    convolutions = ["Conv2d", "LeakyReLU", "Conv2d", "LeakyReLU"]
    assert layers_of(critic) == [*convolutions, "Flatten", "Linear", "LeakyReLU", "Linear"]
    by_hand = (
        (3 * 64 * 4 * 4 + 64)
        + (64 * 128 * 4 * 4 + 128)
        + ((8 * 8 * 128 + 10) * 1024 + 1024)
        + (1024 + 1)
    )
    assert size_of(critic) == by_hand


@given(hnp.arrays(float, (6,), elements=st.floats(-1e6, 1e6, allow_subnormal=False)))
def test_activation_has_value_and_slope_of_a_leaky_relu(values):
    found, expected = (torch.tensor(values, requires_grad=True) for _ in range(2))
    ours, theirs = _PiecewiseLeakyReLU(0.2)(found), nn.LeakyReLU(0.2)(expected)
    assert torch.equal(ours, theirs)
    ours.sum().backward()
    theirs.sum().backward()
    assert torch.equal(found.grad, expected.grad)


@pytest.mark.parametrize("name", CRITICS)
def test_penalty_has_the_gradients_of_the_plain_activation(name):
    make, shape = CRITICS[name]
    critic = make().double()
    plain = with_plain_activations(critic)
    real, fake = torch.randn(2, 7, *shape, dtype=torch.float64)
    y = torch.arange(7) % 3
    penalties = []
    for network in (critic, plain):
        with seeded(4, torch.device("cpu")):
            penalties.append(gradient_penalty(network, real, fake, y))
        penalties[-1].backward()
    torch.testing.assert_close(*penalties)
    theirs = dict(plain.named_parameters())
    for key, parameter in critic.named_parameters():
        expected = theirs[key].grad
        expected = torch.zeros_like(parameter) if expected is None else expected
        found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(found, expected)
        assert key.endswith("bias") == (expected == 0).all()  # a bias moves no slope
