"""Random changes to images before the critic sees them, as many as its over-fitting asks for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.classifiers._augment import _is_channels_last

#: The most that a change may do: shifts in sides, rotations in turns, the others as shares.
_SHIFT = 0.125
_ROTATION = 0.125
_ZOOM = 0.25
_BRIGHTNESS = 0.25
_CONTRAST = 0.5
_SATURATION = 1.0
_CUTOUT = 0.5
#: What fills a cut-out: the middle of [0, 1], which neither bright nor dark images favour.
_GREY = 0.5
#: Each is drawn on its own, in this order.
_CHANGES = (
    "mirror",
    "shift",
    "rotation",
    "zoom",
    "brightness",
    "contrast",
    "saturation",
    "cutout",
)


class AdaptiveAugmentation(nn.Module):
    r"""Change images at random, each in each way with a probability :math:`p` that adapts.

    The critic compares changed real images with changed generated ones, so it cannot learn the
    real ones by heart. The changes are differentiable: the decoder learns through them. The idea
    and the adaptation are those of [1]_. The code of RAE's authors makes the changes below, though
    their paper does not mention it; the strengths of the colours are those of [2]_.

    =============  ======================================================================
    mirror         left and right change places, in half of the chosen rows (``flip`` only)
    shift          whole pixels, up to 0.125 of the side, in both directions
    rotation       up to 0.125 of a turn (45 degrees) to either side
    zoom           factor 0.75 to 1.25, the same in both directions
    brightness     -0.25 to 0.25 is added
    contrast       the distance to the image's mean times 0.5 to 1.5
    saturation     the distance to the pixel's grey times 0 to 2 (three channels only)
    cut-out        a window of half the side, its centre anywhere, becomes grey (0.5)
    =============  ======================================================================

    Every row draws for every change on its own whether it gets it, and how much of it (uniform).
    A row that gets none keeps its bytes.

    Parameters
    ----------
    flip : bool, default=False
        Whether images may be mirrored. Off, because a mirrored digit is no digit. A chosen row is
        mirrored by the toss of a coin: even at :math:`p = 1` both sides are equally likely, where
        a certain mirror would teach the decoder mirror images.
    target : float, default=0.85
        Share of real rows on the real side of the critic above which :math:`p` grows, in [0, 1).
    steps : int, default=1000
        Number of updates in which :math:`p` could run from 0 to 1.

    Attributes
    ----------
    p : Tensor, scalar
        Probability of each change, a buffer. It starts at 0.

    Notes
    -----
    Draws come from torch's global generator of the images' device. The mode of the module
    (``train`` or ``eval``) plays no role.

    The way back through the resampling has no derivative of its own in torch. A gradient penalty
    must therefore be taken between images that are already changed, not through the change.

    On CUDA that way back adds in an order that differs from run to run, and
    ``torch.use_deterministic_algorithms(True)`` refuses it. On MPS it is missing in older releases
    of torch; there ``PYTORCH_ENABLE_MPS_FALLBACK=1`` takes it to the processor.

    References
    ----------
    .. [1] T. Karras et al., "Training Generative Adversarial Networks with Limited Data",
       NeurIPS 2020, section 3.
    .. [2] S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training",
       NeurIPS 2020. Its images are in [-1, 1], hence its brightness of 0.5.

    Examples
    --------
    >>> import torch
    >>> from imbdeep.classifiers._rae.augmentation import AdaptiveAugmentation
    >>> augmentation = AdaptiveAugmentation(steps=10)
    >>> images = torch.full((4, 3, 8, 8), 0.2)
    >>> bool((augmentation(images) == images).all())  # p is 0
    True
    >>> augmentation.update(torch.ones(4), torch.zeros(4))  # the critic tells all real rows
    >>> round(float(augmentation.p), 3)
    0.1
    """

    p: Tensor

    def __init__(self, flip: bool = False, target: float = 0.85, steps: int = 1000) -> None:
        super().__init__()
        if not 0 <= target < 1:
            raise ValueError(
                f"target is {target}: it is a share that can be exceeded, at least 0 and below 1. "
                "Use 0.85 if in doubt."
            )
        if steps < 1:
            raise ValueError(
                f"steps is {steps}: p needs at least 1 update to run from 0 to 1. Use 1000 if in "
                "doubt."
            )
        self.flip, self.target, self.steps = flip, target, steps
        self.register_buffer("p", torch.zeros(()))

    @torch.no_grad()
    def update(self, real_scores: Tensor, fake_scores: Tensor) -> None:
        r"""Move :math:`p` by 1 / ``steps``: up if the critic knows the real rows too well.

        It does if the share of real rows that score above the middle of the two means,

        .. math::
            \tfrac12 \left(\bar c_\text{real} + \bar c_\text{fake}\right),

        exceeds ``target``. The authors count positive scores instead. That is right for a critic
        that was trained to answer 0 in doubt; the loss of a Wasserstein critic stays as it is if a
        constant is added to all scores, so its sign means nothing. The middle moves with them.

        Nothing here waits for the device.

        Parameters
        ----------
        real_scores : Tensor of shape (n,)
            The critic's scores of real rows.
        fake_scores : Tensor of shape (m,)
            Its scores of generated rows.
        """
        real, fake = real_scores.to(self.p.dtype), fake_scores.to(self.p.dtype)
        middle = (real.mean() + fake.mean()) / 2
        over = (real > middle).to(self.p.dtype).mean() > self.target
        self.p.add_((2 * over.to(self.p.dtype) - 1) / self.steps).clamp_(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Change images.

        Parameters
        ----------
        x : Tensor of shape (n, channels, height, width)
            Images in [0, 1].

        Returns
        -------
        Tensor of the shape, dtype and memory format of ``x``
            Images in [0, 1].

        Raises
        ------
        ValueError
            If ``x`` is not a batch of images of floating point numbers.
        """
        if x.ndim != 4 or not x.is_floating_point():
            raise ValueError(
                f"x has the shape {tuple(x.shape)} and the dtype {x.dtype}: give images in [0, 1] "
                "as floating point numbers of shape (n, channels, height, width)."
            )
        n, channels, height, width = x.shape
        # bfloat16 counts pixels up to 256 only: places need more digits than colours do.
        images = x if x.dtype == torch.float64 else x.float()
        chosen = torch.rand(len(_CHANGES), n, device=x.device, dtype=self.p.dtype) < self.p
        is_chosen = dict(zip(_CHANGES, chosen, strict=True))
        amounts = iter(2 * torch.rand(10, n, device=x.device, dtype=images.dtype) - 1)

        def drawn(change: str, most: float) -> Tensor:
            """How much of a change each row gets, (n,); 0 where it is not chosen."""
            return torch.where(is_chosen[change], most * next(amounts), 0)

        mirrored = (drawn("mirror", 1.0) < 0) & self.flip
        right = torch.round(drawn("shift", _SHIFT * width))
        down = torch.round(drawn("shift", _SHIFT * height))
        angle = drawn("rotation", 2 * math.pi * _ROTATION)
        zoom = drawn("zoom", _ZOOM)
        moved = mirrored | (right != 0) | (down != 0) | (angle != 0) | (zoom != 0)
        found = resample(images, mirrored, right, down, angle, 1 + zoom)
        images = _where(moved, found, images)

        brightness = drawn("brightness", _BRIGHTNESS)
        contrast = drawn("contrast", _CONTRAST)
        saturation = drawn("saturation", _SATURATION)
        coloured = (brightness != 0) | (contrast != 0)
        if channels == 3:
            coloured = coloured | (saturation != 0)
        found = recolour(images, brightness, 1 + contrast, 1 + saturation)
        images = _where(coloured, found, images)

        centre_x, centre_y = (next(amounts) + 1) / 2, (next(amounts) + 1) / 2
        hole = cutout(height, width, centre_x, centre_y)
        images = torch.where(is_chosen["cutout"][:, None, None, None] & hole, _GREY, images)
        as_before = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
        return images.to(x.dtype).contiguous(memory_format=as_before)


def resample(
    x: Tensor, mirrored: Tensor, right: Tensor, down: Tensor, angle: Tensor, zoom: Tensor
) -> Tensor:
    """Mirror, shift, turn and enlarge images, in this order, in one interpolation.

    Interpolation blurs, so the four are joined before it. What lies outside of an image is its
    reflection, as in [1]_: zeros would frame photographs in black, a sign of the change that the
    critic could tell, and where the border is black already the two are the same.

    Parameters
    ----------
    x : Tensor of shape (n, channels, height, width)
        Images, float32 or float64.
    mirrored : Tensor of shape (n,), bool
        Whether left and right change places.
    right, down : Tensor of shape (n,)
        Shift in pixels. Whole pixels need no interpolation.
    angle : Tensor of shape (n,)
        Rotation about the middle of the image in radians, counter-clockwise as it is looked at.
    zoom : Tensor of shape (n,)
        Enlargement about the middle, positive.

    Returns
    -------
    Tensor of the shape of ``x``
        The changed images.

    References
    ----------
    .. [1] T. Karras et al., "Training Generative Adversarial Networks with Limited Data",
       NeurIPS 2020, appendix B.
    """
    height, width = x.shape[2:]
    # The places of the new pixels, in pixels from the middle of the image, are taken back step by
    # step to where they come from. By hand: affine_grid multiplies matrices, which TensorFloat32
    # and autocast do with three digits.
    columns = torch.arange(width, device=x.device, dtype=x.dtype) - (width - 1) / 2
    rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None] - (height - 1) / 2
    cosine, sine = _by_row(torch.cos(angle) / zoom), _by_row(torch.sin(angle) / zoom)
    side = _by_row(1 - 2 * mirrored.to(x.dtype))
    from_column = side * (cosine * columns - sine * rows - _by_row(right))  # (n, height, width)
    from_row = sine * columns + cosine * rows - _by_row(down)
    # grid_sample counts from -1 to 1 between the outer edges of the image.
    grid = torch.stack([from_column * (2 / width), from_row * (2 / height)], dim=-1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def recolour(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    r"""Change brightness, contrast and saturation of images.

    With the mean :math:`m` of the image and the mean :math:`g` of the pixel's channels, a value
    :math:`v` becomes

    .. math::
        b + m + k \left(g + s (v - g) - m\right) = k s\, v + k (1 - s)\, g + (1 - k)\, m + b,

    in whichever order the three are done, as saturation leaves :math:`m` alone.

    Parameters
    ----------
    x : Tensor of shape (n, channels, height, width)
        Images.
    brightness : Tensor of shape (n,)
        What is added, :math:`b`.
    contrast : Tensor of shape (n,)
        Factor :math:`k` of the distance to the image's mean.
    saturation : Tensor of shape (n,)
        Factor :math:`s` of the distance to the pixel's grey. Without three channels there are no
        colours, and it plays no role.

    Returns
    -------
    Tensor of the shape of ``x``
        The changed images; values may leave [0, 1].
    """
    mean = x.mean(dim=(1, 2, 3))
    factor = contrast
    offset = ((1 - contrast) * mean + brightness)[:, None, None, None]
    if x.shape[1] == 3:
        factor = contrast * saturation
        grey = x.mean(dim=1, keepdim=True)
        offset = offset + (contrast - factor)[:, None, None, None] * grey
    return torch.addcmul(offset, x, factor[:, None, None, None])


def cutout(height: int, width: int, centre_x: Tensor, centre_y: Tensor) -> Tensor:
    """Mark a window of half the height and half the width.

    Parameters
    ----------
    height, width : int
        Sides of the images.
    centre_x, centre_y : Tensor of shape (n,)
        Middle of each window, as a share of the width and of the height. A window may hang over
        the border; then less of it is in the image.

    Returns
    -------
    Tensor of shape (n, 1, height, width), bool
        The pixels that have their middle in the window.
    """
    columns = (torch.arange(width, device=centre_x.device) + 0.5) / width
    rows = (torch.arange(height, device=centre_y.device) + 0.5) / height
    in_x = (columns - centre_x[:, None]).abs() < _CUTOUT / 2  # (n, width)
    in_y = (rows - centre_y[:, None]).abs() < _CUTOUT / 2
    return (in_y[:, :, None] & in_x[:, None, :])[:, None]


def _where(chosen: Tensor, changed: Tensor, x: Tensor) -> Tensor:
    """Take the chosen rows from ``changed``, cut to [0, 1], and the bytes of the others."""
    return torch.where(chosen[:, None, None, None], changed.clamp(0, 1), x)


def _by_row(values: Tensor) -> Tensor:
    return values[:, None, None]
