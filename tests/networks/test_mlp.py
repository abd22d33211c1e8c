"""Fully connected networks: their layers, and what they compute."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn import functional as F

from imbdeep.networks import MLP, CosineLinear, MLPDecoder, MLPEncoder


def layer_sizes(module):
    return [
        (layer.in_features, layer.out_features)
        for layer in module.modules()
        if isinstance(layer, nn.Linear)
    ]


@pytest.mark.parametrize("hidden", [(7,), (300, 300), [4, 5, 6]])
def test_decoder_mirrors_encoder(hidden):
    encoder, decoder = MLPEncoder(9, 2, hidden), MLPDecoder(2, 9, hidden)
    there = [9, *hidden, 4]  # mean and log variance
    back = [2, *reversed(hidden), 9]
    assert layer_sizes(encoder) == list(pairwise(there))
    assert layer_sizes(decoder) == list(pairwise(back))


def test_encoder_computes_two_heads_on_rectified_layers():
    encoder, x = MLPEncoder(3, 2, (5,)), torch.randn(4, 3)
    first, last = (layer for layer in encoder.modules() if isinstance(layer, nn.Linear))
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    both = hidden @ last.weight.T + last.bias
    mean, log_variance = encoder(x)
    torch.testing.assert_close(mean, both[:, :2])
    torch.testing.assert_close(log_variance, both[:, 2:])


@pytest.mark.parametrize("head", ["linear", "cosine"])
@pytest.mark.parametrize("hidden", [(), (7,), [5, 4, 3]])
@pytest.mark.parametrize("shape", [(1,), (3, 2, 2)])
def test_classifier_takes_rows_and_images(shape, hidden, head):
    x = torch.randn(4, *shape)
    network = MLP(x[0].numel(), 3, hidden, head)
    logits = network(x)
    assert logits.shape == (4, 3)
    torch.testing.assert_close(network.eval()(x[1:2]), logits[1:2])
    torch.testing.assert_close(network(x.flatten(1)), logits)
    assert list(dict(network.named_children()))[-1] == "head"


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.5])
def test_hidden_units_of_a_leaky_classifier_leak(slope):
    network, x = MLP(3, 2, (5, 4), negative_slope=slope), torch.randn(20, 3)
    hidden = x
    for layer in network.body[::2]:
        hidden = hidden @ layer.weight.T + layer.bias
        assert (hidden < 0).any()
        hidden = hidden.clamp(min=0) + slope * hidden.clamp(max=0)
    torch.testing.assert_close(network(x), network.head(hidden))


features = hnp.arrays(float, (4, 3), elements=st.floats(-1e6, 1e6, allow_subnormal=False))


@given(features)
def test_cosines_are_cosines(x):
    layer = CosineLinear(3, 5).double()
    x = torch.tensor(x)
    cosines = layer(x).detach()
    assert cosines.abs().max() <= 1
    known = x.norm(dim=1) > 1e-6
    expected = F.cosine_similarity(x[:, None], layer.weight.detach()[None], dim=2)
    torch.testing.assert_close(cosines[known], expected[known])


def test_cosines_of_parallel_rows_do_not_pass_one():
    layer = CosineLinear(300, 50)
    cosines = layer(7.3 * layer.weight.detach())
    assert cosines.max() <= 1
    torch.testing.assert_close(cosines.diagonal(), torch.ones(50))


def test_row_of_zeros_has_cosines_of_zero_and_finite_gradients():
    layer, x = CosineLinear(3, 2), torch.zeros(1, 3, requires_grad=True)
    cosines = layer(x)
    assert cosines.tolist() == [[0, 0]]
    cosines.sum().backward()
    assert x.grad.isfinite().all()
    assert layer.weight.grad.isfinite().all()
