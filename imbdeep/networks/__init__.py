"""Plain torch modules."""

from imbdeep.networks._conv import IMAGE_SIZES, ConvDecoder, ConvEncoder
from imbdeep.networks._mlp import MLP, CosineLinear, MLPDecoder, MLPEncoder
from imbdeep.networks._resnet import ResNet

__all__ = [
    "IMAGE_SIZES",
    "MLP",
    "ConvDecoder",
    "ConvEncoder",
    "CosineLinear",
    "MLPDecoder",
    "MLPEncoder",
    "ResNet",
]
