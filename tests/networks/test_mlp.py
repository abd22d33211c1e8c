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


@pytest.mark.parametrize("head", ["linear", "cosine"])
@pytest.mark.parametrize("hidden", [(), (7,), [5, 4, 3]])
@pytest.mark.parametrize("shape", [(1,), (12,), (3, 2, 2), (1, 28, 28)])
def test_classifier_takes_rows_and_images(shape, hidden, head):
    x = torch.randn(4, *shape)
    network = MLP(x[0].numel(), 3, hidden, head)
    logits = network(x)
    assert logits.shape == (4, 3)
    torch.testing.assert_close(network.eval()(x[1:2]), logits[1:2])
    torch.testing.assert_close(network(x.flatten(1)), logits)
    assert list(dict(network.named_children()))[-1] == "head"


def test_default_classifier_is_that_of_the_paper():
    assert layer_sizes(MLP(50, 23)) == [(50, 256), (256, 23)]
    assert isinstance(MLP(50, 23).head, nn.Linear)


def test_classifier_computes_a_head_on_rectified_layers():
    network, x = MLP(3, 2, (5,)), torch.randn(20, 3)
    first, last = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(network(x), hidden @ last.weight.T + last.bias)


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_every_parameter_of_a_classifier_gets_a_gradient(head):
    network, x = MLP(6, 3, (8, 8), head), torch.randn(30, 6, requires_grad=True)
    F.cross_entropy(network(x), torch.arange(30) % 3).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name
    assert x.grad.any()


def test_other_heads_are_refused():
    with pytest.raises(ValueError, match="head is 'sine': choose one of 'linear', 'cosine'"):
        MLP(3, 2, head="sine")


@pytest.mark.parametrize("slope", [0.1, 0.5])
def test_hidden_units_of_a_leaky_classifier_leak(slope):
    network, x = MLP(3, 2, (5, 4), negative_slope=slope), torch.randn(20, 3)
    hidden = x
    for layer in network.body[::2]:
        hidden = hidden @ layer.weight.T + layer.bias
        assert (hidden < 0).any()
        hidden = hidden.clamp(min=0) + slope * hidden.clamp(max=0)
    torch.testing.assert_close(network(x), network.head(hidden))


def test_slope_is_all_that_leaking_changes():
    """The draws of the weights and their names are the same, and without a slope it is a ReLU."""
    made = []
    for slope in (0.0, 0.1):
        with seeded(3, torch.device("cpu")):
            made.append(MLP(6, 3, (8, 8), negative_slope=slope))
    plain, leaky = made
    assert plain.state_dict().keys() == leaky.state_dict().keys()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, leaky.state_dict()[name])
    assert [type(layer) for layer in plain.body] == [nn.Linear, nn.ReLU] * 2
    assert repr(MLP(6, 3, (8, 8))) == repr(plain)


def test_leaky_hidden_layer_is_never_silent():
    network = MLP(3, 2, (4,), negative_slope=0.1)
    nn.init.constant_(network.body[0].bias, -100.0)
    F.cross_entropy(network(torch.rand(5, 3)), torch.zeros(5, dtype=torch.int64)).backward()
    assert network.body[0].weight.grad.any()


@pytest.mark.parametrize("slope", [-0.1, 1.0, float("nan")])
def test_other_slopes_are_refused(slope):
    with pytest.raises(ValueError, match=f"negative_slope is {slope}: it must be at least 0"):
        MLP(3, 2, negative_slope=slope)


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


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_cosines_ignore_lengths(of_rows, of_weights):
    layer, x = CosineLinear(4, 3).double(), torch.randn(5, 4, dtype=torch.float64)
    before = layer(x)
    torch.testing.assert_close(layer(-x), -before)
    with torch.no_grad():
        layer.weight *= of_weights
    torch.testing.assert_close(layer(of_rows * x), before)


def test_gradient_of_cosines():
    layer, x = CosineLinear(4, 3).double(), torch.randn(5, 4, dtype=torch.float64)

    def cosines(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, x)

    weight = layer.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(cosines, (x.requires_grad_(), weight))


def test_cosine_layer_shows_its_sizes():
    assert repr(CosineLinear(4, 3)) == "CosineLinear(in_features=4, out_features=3)"


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


def test_silent_hidden_layer_does_not_move_the_network():
    """All hidden units at zero: the steep slope at the origin stops at the ReLU."""
    network = MLP(3, 2, (4,), "cosine")
    nn.init.constant_(network.body[0].bias, -100.0)
    F.cross_entropy(network(torch.rand(5, 3)), torch.zeros(5, dtype=torch.int64)).backward()
    assert not any(p.grad.any() for p in network.parameters())


def test_weights_of_cosines_start_with_length_one_in_all_directions():
    weight = CosineLinear(3, 2000).weight.detach()
    torch.testing.assert_close(weight.norm(dim=1), torch.ones(2000))
    assert weight.mean(dim=0).abs().max() < 5 * (3 * 2000) ** -0.5  # variance 1/3 per coordinate
