"""Encoders, decoders and mixer of RAE: the paper's tables, exact small cases, properties."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from imbdeep.networks import (
    CodeEncoder,
    ConditionalDecoder,
    ConvCodeEncoder,
    ConvConditionalDecoder,
    Mixer,
)
from imbdeep.seeding import seeded


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def layers_of(module):
    """Kinds of the layers in order, without those that only reshape."""
    leaves = [layer for layer in module.modules() if not list(layer.children())]
    reshapers = (nn.Flatten, nn.Unflatten)
    return [type(layer).__name__ for layer in leaves if not isinstance(layer, reshapers)]


def on_paper(make, *arguments):
    """A network without numbers: the paper's sizes at no cost."""
    with torch.device("meta"):
        return make(*arguments)


# The paper's tables. Weights are counted by hand: a layer before a normalisation has no bias, a
# normalisation has a scale and a shift.


def test_tabular_encoder_is_that_of_table_18():
    encoder = on_paper(CodeEncoder, 617, 8)
    dense = ["Linear", "BatchNorm1d", "LeakyReLU", "_Dropout"]
    assert layers_of(encoder) == [*dense, *dense, "Linear"]
    by_hand = (617 * 512 + 2 * 512) + (512 * 256 + 2 * 256) + (256 * 8 + 8)
    assert size_of(encoder) == by_hand


def test_tabular_decoder_is_that_of_table_18_and_no_mirror():
    decoder = on_paper(ConditionalDecoder, 8, 617, 26)
    assert layers_of(decoder) == [*["Linear", "BatchNorm1d", "ReLU"] * 2, "Linear"]
    by_hand = ((8 + 26) * 512 + 2 * 512) + (512 * 256 + 2 * 256) + (256 * 617 + 617)
    assert size_of(decoder) == by_hand


def test_image_encoder_is_that_of_table_16():
    encoder = on_paper(ConvCodeEncoder, (3, 32, 32), 256)
    convolution = ["Conv2d", "BatchNorm2d", "LeakyReLU", "_Dropout"]
    dense = ["Linear", "BatchNorm1d", "LeakyReLU", "_Dropout"]
    assert layers_of(encoder) == [*convolution, *convolution, *dense, "Linear"]
    by_hand = (
        (3 * 64 * 4 * 4 + 2 * 64)
        + (64 * 128 * 4 * 4 + 2 * 128)
        + (8 * 8 * 128 * 1024 + 2 * 1024)
        + (1024 * 256 + 256)
    )
    assert size_of(encoder) == by_hand


def test_image_decoder_is_that_of_table_16():
    decoder = on_paper(ConvConditionalDecoder, 64, (1, 28, 28), 10)
    dense, doubling = ["Linear", "BatchNorm1d", "ReLU"], ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert layers_of(decoder) == [*dense * 2, *doubling * 2, "Conv2d"]
    by_hand = (
        ((64 + 10) * 1024 + 2 * 1024)
        + (1024 * 7 * 7 * 128 + 2 * 7 * 7 * 128)
        + (128 * 128 * 4 * 4 + 2 * 128)
        + (128 * 64 * 4 * 4 + 2 * 64)
        + (64 * 1 * 3 * 3 + 1)
    )
    assert size_of(decoder) == by_hand


@pytest.mark.parametrize("latent_dim, sizes, n_mixed", [(8, (512,) * 4, 2), (64, (1024,) * 4, 3)])
def test_mixer_is_that_of_tables_17_and_19(latent_dim, sizes, n_mixed):
    mixer = on_paper(Mixer, latent_dim, n_mixed, 10, sizes)
    dense = ["Linear", "BatchNorm1d", "LeakyReLU", "_Dropout"]
    assert layers_of(mixer) == [*dense * 4, "Linear"]
    width = sizes[0]
    n_inputs = n_mixed * latent_dim + 10 + latent_dim  # codes, class, noise
    by_hand = (
        (n_inputs * width + 2 * width)
        + 3 * (width * width + 2 * width)
        + (width * n_mixed + n_mixed)
    )
    assert size_of(mixer) == by_hand
    if width == 512:
        assert size_of(on_paper(Mixer, latent_dim, n_mixed, 10)) == by_hand


@pytest.mark.parametrize(
    "make, arguments",
    [(CodeEncoder, (9, 2)), (ConvCodeEncoder, ((1, 8, 8), 2)), (Mixer, (2, 2, 3))],
)
def test_leaky_slope_and_dropout_are_those_of_the_paper(make, arguments):
    network = on_paper(make, *arguments)
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    shares = {m.p for m in network.modules() if isinstance(m, nn.Dropout)}
    assert (slopes, shares) == ({0.2}, {0.4})
    without = on_paper(lambda: make(*arguments, dropout=0.0))
    assert "_Dropout" not in layers_of(without)


numbers = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)


@given(
    st.integers(2, 4).flatmap(lambda t: hnp.arrays(np.float32, (5, t, 3), elements=numbers)),
    st.booleans(),
)
def test_weights_are_not_negative_and_sum_to_one(codes, training):
    with seeded(1, torch.device("cpu")):
        mixer = Mixer(3, codes.shape[1], 2, (8, 8)).train(training)
        alpha = mixer(torch.from_numpy(codes), torch.tensor([0, 1, 0, 1, 0]))
    assert alpha.shape == codes.shape[:2]
    assert (alpha >= 0).all()
    torch.testing.assert_close(alpha.sum(dim=1), torch.ones(5))


def test_codes_that_are_no_groups_are_refused():
    message = r"z has the shape \(4, 2\): give groups of codes as \(n, 3, 2\)"
    with pytest.raises(ValueError, match=message):
        Mixer(2, 3, 2, (4,))(torch.zeros(4, 2), torch.zeros(4).long())
