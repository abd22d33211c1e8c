"""Fully connected networks: their layers, and what they compute."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from imbdeep.networks import MLPDecoder, MLPEncoder
from imbdeep.training import seeded


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, torch.device("cpu")):
        yield


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


def test_default_layers_are_those_of_the_paper():
    assert layer_sizes(MLPEncoder(20, 10)) == [(20, 300), (300, 300), (300, 20)]
    assert layer_sizes(MLPDecoder(10, 20)) == [(10, 300), (300, 300), (300, 20)]


def test_encoder_computes_two_heads_on_rectified_layers():
    encoder, x = MLPEncoder(3, 2, (5,)), torch.randn(4, 3)
    first, last = (layer for layer in encoder.modules() if isinstance(layer, nn.Linear))
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    both = hidden @ last.weight.T + last.bias
    mean, log_variance = encoder(x)
    torch.testing.assert_close(mean, both[:, :2])
    torch.testing.assert_close(log_variance, both[:, 2:])


def test_decoder_has_no_activation_at_its_end():
    decoder, z = MLPDecoder(2, 3, (5,)), torch.randn(50, 2)
    first, last = (layer for layer in decoder.modules() if isinstance(layer, nn.Linear))
    hidden = (z @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(decoder(z), hidden @ last.weight.T + last.bias)


def test_rows_do_not_influence_one_another():
    encoder, decoder = MLPEncoder(3, 2, (5, 4)), MLPDecoder(2, 3, (5, 4))
    x = torch.randn(6, 3)
    torch.testing.assert_close(encoder(x)[0][2:3], encoder(x[2:3])[0])
    torch.testing.assert_close(decoder(x[:, :2])[2:3], decoder(x[2:3, :2]))
