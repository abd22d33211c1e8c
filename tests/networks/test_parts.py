"""What all networks keep: rows by themselves, gradients everywhere, sizes that make sense."""

import pytest
import torch

from imbdeep.networks import (
    MLP,
    CodeEncoder,
    ConditionalDecoder,
    ConvCodeEncoder,
    ConvConditionalDecoder,
    ConvCritic,
    ConvDecoder,
    ConvEncoder,
    ConvexGenerator,
    ConvFeatures,
    Critic,
    Discriminator,
    Mixer,
    MLPDecoder,
    MLPEncoder,
    ResNet,
)

# A network, the shape of one of its rows, and whether it gets classes too.
NETWORKS = {
    "code encoder": (lambda: CodeEncoder(6, 2, (8, 8)), (6,), False),
    "conditional decoder": (lambda: ConditionalDecoder(2, 6, 3, (8, 8)), (2,), True),
    "image code encoder": (lambda: ConvCodeEncoder((1, 8, 8), 2, width=4), (1, 8, 8), False),
    "image conditional decoder": (
        lambda: ConvConditionalDecoder(2, (1, 8, 8), 3, width=4),
        (2,),
        True,
    ),
    "encoder": (lambda: MLPEncoder(6, 2, (8,)), (6,), False),
    "decoder": (lambda: MLPDecoder(2, 6, (8,)), (2,), False),
    "image encoder": (lambda: ConvEncoder(1, 28, 2), (1, 28, 28), False),
    "image decoder": (lambda: ConvDecoder(2, 1, 28), (2,), False),
    "critic": (lambda: Critic(6, 3, (8, 7)), (6,), True),
    "image critic": (lambda: ConvCritic((2, 8, 12), 3, width=4), (2, 8, 12), True),
    "features": (lambda: ConvFeatures((2, 8, 8), 6, width=4), (2, 8, 8), False),
    "discriminator": (lambda: Discriminator(6, 3, (8,)), (6,), True),
    "classifier": (lambda: MLP(6, 3, (8, 8)), (6,), False),
    "cosine classifier": (lambda: MLP(6, 3, (8, 8), "cosine"), (6,), False),
    "residual": (lambda: ResNet(3, 4, 8), (3, 16, 16), False),
    "cosine residual": (lambda: ResNet(3, 4, 8, "cosine"), (3, 16, 16), False),
}


def inputs(shape, conditional, n):
    x = torch.randn(n, *shape, requires_grad=True)
    return (x, torch.arange(n) % 3) if conditional else (x,)


def joined(outputs):
    return torch.cat(outputs, dim=-1) if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize("make, shape, conditional", NETWORKS.values(), ids=NETWORKS)
def test_rows_by_themselves_and_gradients_everywhere(make, shape, conditional):
    network, given = make(), inputs(shape, conditional, 16)
    before = given[0].detach().clone()
    joined(network(*given)).pow(3).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name
    assert given[0].grad.isfinite().all()
    assert given[0].grad.any()
    assert torch.equal(given[0], before)
    network.eval()
    alone = joined(network(*(part[1:2] for part in given)))
    torch.testing.assert_close(joined(network(*given))[1:2], alone, rtol=1e-4, atol=1e-6)


CONDITIONAL = [name for name, (*_, conditional) in NETWORKS.items() if conditional]


@pytest.mark.parametrize("name", [*CONDITIONAL, "mixer"])
def test_classes_count_and_must_be_indices(name):
    make, shape, _ = NETWORKS.get(name, (lambda: Mixer(2, 2, 3, (4,)), (2, 2), True))
    network, x = make().eval(), torch.randn(1, *shape).expand(3, *[-1] * len(shape))
    assert len(network(x, torch.arange(3)).unique(dim=0)) == 3
    for y in (torch.zeros(3, 1).long(), torch.zeros(2).long(), torch.zeros(3)):
        message = f"y has the shape .*dtype {y.dtype}: give the class of each of the 3 rows"
        with pytest.raises(ValueError, match=message):
            network(x, y)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: CodeEncoder(0, 2), "n_features is 0: give a whole number of at least 1"),
        (lambda: CodeEncoder(3, 2.5), "latent_dim is 2.5: give a whole number of at least 1"),
        (lambda: CodeEncoder(3, 2, (8, 0)), r"hidden_layer_sizes\[1\] is 0"),
        (lambda: CodeEncoder(3, 2, dropout=1.0), "dropout is 1.0: it must be at least 0 and below"),
        (lambda: ConditionalDecoder(2, 3, 1), "n_classes is 1: give a whole number of at least 2"),
        (lambda: ConvCodeEncoder((1, 30, 28), 2), r"shape is \(1, 30, 28\): .* multiples of 4"),
        (lambda: ConvCodeEncoder((28, 28), 2), r"shape is \(28, 28\): give \(channels, height"),
        (lambda: ConvCodeEncoder((1, 4, 4), 2, width=0), "width is 0"),
        (lambda: ConvConditionalDecoder(2, (0, 4, 4), 2), r"shape is \(0, 4, 4\)"),
        (lambda: Mixer(2, 1, 2), "n_mixed is 1: give a whole number of at least 2"),
        (lambda: Mixer(2, 2, 2, dropout=2), "dropout is 2"),
        (lambda: Critic(3, 2, (8, -1)), r"hidden_layer_sizes\[1\] is -1"),
        (lambda: ConvFeatures((1, 28, 3)), r"shape is \(1, 28, 3\): .* at least 4"),
        (lambda: ConvFeatures((1, 28, 28), 0), "n_features is 0: give a whole number"),
        (lambda: Discriminator(3, 2, negative_slope=1), "negative_slope is 1: it must be at"),
        (lambda: MLP(3, 2, negative_slope=-0.1), "negative_slope is -0.1: it must be at least 0"),
        (lambda: MLP(3, 2, head="sine"), "head is 'sine': choose one of 'linear', 'cosine'"),
        (lambda: ConvexGenerator(0, [torch.zeros(2, 2)]), "latent_dim is 0"),
        (lambda: ConvexGenerator(2, []), "classes is 0"),
        (lambda: ConvexGenerator(2, [torch.zeros(2, 2)], ()), "hidden_layers is 0"),
        (lambda: ConvexGenerator(2, [torch.zeros(2, 2)], (4, 0)), r"hidden_layer_sizes\[1\] is 0"),
    ],
)
def test_impossible_networks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
