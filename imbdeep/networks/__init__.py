"""Plain torch modules."""

from imbdeep.networks._autoencoder import (
    CodeEncoder,
    ConditionalDecoder,
    ConvCodeEncoder,
    ConvConditionalDecoder,
    Mixer,
)
from imbdeep.networks._conv import IMAGE_SIZES, ConvDecoder, ConvEncoder, choose_network
from imbdeep.networks._convex import ConvexGenerator
from imbdeep.networks._critic import ConvCritic, Critic
from imbdeep.networks._game import ConvFeatures, Discriminator
from imbdeep.networks._mlp import (
    MLP,
    CosineLinear,
    LinearChain,
    MLPDecoder,
    MLPEncoder,
    chains_of,
)
from imbdeep.networks._resnet import ResNet

__all__ = [
    "IMAGE_SIZES",
    "MLP",
    "CodeEncoder",
    "ConditionalDecoder",
    "ConvCodeEncoder",
    "ConvConditionalDecoder",
    "ConvCritic",
    "ConvDecoder",
    "ConvEncoder",
    "ConvFeatures",
    "ConvexGenerator",
    "CosineLinear",
    "Critic",
    "Discriminator",
    "LinearChain",
    "MLPDecoder",
    "MLPEncoder",
    "Mixer",
    "ResNet",
    "chains_of",
    "choose_network",
]
