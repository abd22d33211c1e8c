"""Plain torch modules."""

from imbdeep.networks._conv import IMAGE_SIZES, ConvDecoder, ConvEncoder
from imbdeep.networks._mlp import MLPDecoder, MLPEncoder

__all__ = ["IMAGE_SIZES", "ConvDecoder", "ConvEncoder", "MLPDecoder", "MLPEncoder"]
