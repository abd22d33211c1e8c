"""Convolutional networks of every size."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imbdeep.networks import IMAGE_SIZES, ConvDecoder, ConvEncoder, choose_network


def channels_of(module):
    return [
        (layer.in_channels, layer.out_channels)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d)
    ]


def test_widths_at_64_pixels_are_those_of_the_paper():
    encoder, decoder = ConvEncoder(3, 64, 40), ConvDecoder(40, 3, 64)
    assert channels_of(encoder) == [(3, 64), (64, 128), (128, 256), (256, 512)]
    assert channels_of(decoder) == [(512, 256), (256, 128), (128, 64), (64, 64), (64, 3)]


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_every_pixel_counts_and_every_pixel_is_made(size):
    encoder, decoder = ConvEncoder(1, size, 3), ConvDecoder(3, 1, size)
    x = torch.rand(1, 1, size, size, requires_grad=True)
    encoder(x)[0].sum().backward()
    assert (x.grad != 0).float().mean() > 0.99
    z = torch.randn(2, 3)
    one, other = decoder(z)
    assert (one != other).float().mean() > 0.99
    assert one.min() < 0 < one.max() or one.std() > 0  # logits, not yet intensities


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_decoder_doubles_the_side_and_convolves(size):
    decoder = ConvDecoder(3, 2, size).double()
    z = torch.randn(2, 3, dtype=torch.float64)
    expected = z
    for layer in decoder.body:
        if isinstance(layer, nn.Conv2d):
            if expected.shape[-1] < size:
                expected = F.interpolate(expected, scale_factor=2)
            expected = F.conv2d(expected, layer.weight, layer.bias, padding=1)
        else:
            expected = layer(expected)
    found = decoder(z)
    torch.testing.assert_close(found, expected)
    of_found = torch.autograd.grad(found.square().sum(), list(decoder.parameters()))
    of_expected = torch.autograd.grad(expected.square().sum(), list(decoder.parameters()))
    torch.testing.assert_close(of_found, of_expected)


@pytest.mark.parametrize("size", [27, 30, 128])
def test_other_sizes_are_refused_with_those_that_are_there(size):
    message = f"images of {size} x {size} pixels: resize to one of 28, 32, 64"
    with pytest.raises(ValueError, match=message):
        ConvEncoder(1, size, 3)
    with pytest.raises(ValueError, match=message):
        ConvDecoder(3, 1, size)


NETWORKS = {
    ("auto", None): "mlp",
    ("mlp", None): "mlp",
    ("auto", (1, 28, 28)): "mlp",
    ("auto", (1, 32, 32)): "mlp",  # 1024 values, the most
    ("auto", (1, 8, 128)): "mlp",  # any sides
    ("auto", (3, 28, 28)): "cnn",
    ("auto", (1, 64, 64)): "cnn",
    ("mlp", (3, 64, 64)): "mlp",
    ("mlp", (3, 65, 64)): "mlp",
    ("cnn", (1, 28, 28)): "cnn",
    ("cnn", (3, 32, 32)): "cnn",
}


@pytest.mark.parametrize("network, image", NETWORKS)
def test_network_goes_by_the_wish_and_the_number_of_values(network, image):
    assert choose_network(network, image) == NETWORKS[network, image]


@pytest.mark.parametrize(
    "network, image, message",
    [
        ("cnn", None, "network='cnn' needs images: X of shape .* or image_shape"),
        ("auto", (3, 20, 20), r"\(3, 20, 20\).*squares of 28, 32, 64.*network='mlp'"),
        ("cnn", (1, 8, 8), r"fits images of shape \(1, 8, 8\)"),
    ],
)
def test_network_that_fits_no_rows_is_refused(network, image, message):
    with pytest.raises(ValueError, match=message):
        choose_network(network, image)


def test_networks_of_any_sides_need_some_pixels_only():
    assert choose_network("auto", (3, 33, 20), smallest=4) == "cnn"
    assert choose_network("auto", (3, 3, 900), smallest=4) == "mlp"
    with pytest.raises(ValueError, match=r"halves images twice, and these are \(3, 9\) pixels"):
        choose_network("cnn", (1, 3, 9), smallest=4)
