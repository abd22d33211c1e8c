"""The residual network: its size, its shortcuts, its shapes."""

import pytest
import torch
from torch import nn

from imbdeep.networks import ResNet
from imbdeep.networks._resnet import _Block


def number_of_parameters(module):
    return sum(p.numel() for p in module.parameters())


def parameters_by_hand(depth, n_channels, n_classes):
    """Kernels of 9 weights, two numbers per normalised channel, and the head."""
    m = (depth - 2) // 6
    pairs = [(n_channels, 16)] + [(16, 16)] * (2 * m)
    pairs += [(16, 32)] + [(32, 32)] * (2 * m - 1)
    pairs += [(32, 64)] + [(64, 64)] * (2 * m - 1)
    return sum(9 * a * b + 2 * b for a, b in pairs) + 65 * n_classes


# 0.27M, 0.46M and 0.85M in table 6 of the paper, for ten classes.
PRINTED = {20: 0.27e6, 32: 0.46e6, 56: 0.85e6}


@pytest.mark.parametrize("n_channels, n_classes", [(1, 2), (3, 10)])
@pytest.mark.parametrize("depth", [8, 20, 32, 56])
def test_number_of_parameters_and_layers_is_that_of_the_paper(depth, n_channels, n_classes):
    network = ResNet(n_channels, n_classes, depth)
    if n_classes == 10 and depth in PRINTED:
        assert number_of_parameters(network) == pytest.approx(PRINTED[depth], abs=0.005e6)
    assert number_of_parameters(network) == parameters_by_hand(depth, n_channels, n_classes)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules()) == depth
    cosine = ResNet(n_channels, n_classes, depth, head="cosine")
    assert number_of_parameters(network) - number_of_parameters(cosine) == n_classes  # no bias


def silence(module):
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.zeros_(m.weight)


@pytest.mark.parametrize("side", [6, 7])
def test_shortcut_between_stages_skips_pixels_and_appends_zeros(side):
    block, x = _Block(16, 32, 2), torch.rand(2, 16, side, side)
    silence(block)
    out = block(x)
    torch.testing.assert_close(out[:, :16], x[:, :, ::2, ::2], rtol=0, atol=0)
    assert out.shape == (2, 32, (side + 1) // 2, (side + 1) // 2)
    assert not out[:, 16:].any()


def test_head_sees_the_mean_over_pixels():
    """A network of shortcuts alone passes the mean of the picture's even pixels."""
    network = ResNet(1, 2, 8).eval()
    features = torch.rand(3, 64, 4, 4)
    network.body = nn.Identity()
    expected = features.mean(dim=(2, 3)) @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(features), expected)


def test_weights_start_from_kaimings_normal_distribution():
    network = ResNet(3, 200, 14)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            n = module.weight.numel()
            scaled = module.weight * (module.weight[0].numel() / 2) ** 0.5
            assert abs(scaled.std().item() - 1) < 5 / (2 * n) ** 0.5  # five standard errors
            assert abs(scaled.mean().item()) < 5 / n**0.5
    assert not network.head.bias.any()


@pytest.mark.parametrize(
    "depth, near",
    [(30, "26 or 32"), (33, "32 or 38"), (9, "8 or 14"), (7, "8"), (2, "8"), (0, "8"), (-4, "8")],
)
def test_other_depths_are_refused_with_the_nearest(depth, near):
    with pytest.raises(ValueError, match=f"depth is {depth}: .* Use {near}\\.$"):
        ResNet(3, 10, depth)
