"""Convolutional networks of every size."""

import pytest
import torch
from torch import nn

from imbdeep.networks import IMAGE_SIZES, ConvDecoder, ConvEncoder
from imbdeep.training import seeded


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, torch.device("cpu")):
        yield


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_shapes_there_and_back(size, channels):
    x = torch.rand(2, channels, size, size)
    mean, log_variance = ConvEncoder(channels, size, 5)(x)
    assert mean.shape == log_variance.shape == (2, 5)
    assert ConvDecoder(5, channels, size)(mean).shape == x.shape


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


def test_images_do_not_influence_one_another():
    encoder, x = ConvEncoder(1, 28, 3), torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(encoder(x)[0][1:2], encoder(x[1:2])[0], rtol=1e-4, atol=1e-6)
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in encoder.modules())


@pytest.mark.parametrize("size", [27, 30, 128])
def test_other_sizes_are_refused_with_those_that_are_there(size):
    message = f"images of {size} x {size} pixels: resize to one of 28, 32, 64"
    with pytest.raises(ValueError, match=message):
        ConvEncoder(1, size, 3)
    with pytest.raises(ValueError, match=message):
        ConvDecoder(3, 1, size)


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_networks_can_learn_one_image(size):
    encoder, decoder = ConvEncoder(1, size, 2), ConvDecoder(2, 1, size)
    x = torch.zeros(1, 1, size, size)
    x[..., : size // 2] = 1
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    for _ in range(15):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(decoder(encoder(x)[0]), x)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5  # log 2 to begin with
