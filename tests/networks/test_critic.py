"""Critics: the paper's tables, conditioning, and an activation that is cheap to derive twice."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from imbdeep.networks import ConvCritic, Critic
from imbdeep.networks._critic import _PiecewiseLeakyReLU


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def layers_of(module):
    leaves = [layer for layer in module.modules() if not list(layer.children())]
    return [type(layer).__name__.removeprefix("_Piecewise") for layer in leaves]


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


def test_second_derivatives_of_a_critic_are_those_of_finite_differences():
    critic = Critic(4, 2, (5, 5)).double()
    x, y = torch.randn(3, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 1])
    assert torch.autograd.gradcheck(lambda x: critic(x, y), [x])
    weight = critic.body[0].weight

    def slope(weight):
        parameters = {**dict(critic.named_parameters()), "body.0.weight": weight}
        total = torch.func.functional_call(critic, parameters, (x, y)).sum()
        return torch.autograd.grad(total, x, create_graph=True)[0]

    assert torch.autograd.gradcheck(slope, [weight])
