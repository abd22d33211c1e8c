"""The convex generator of GAMO: rows that are weighted means of real ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbdeep.networks._parts import check_at_least, check_layers, documented

#: Classes with so few anchors together that one product of matrices with all of them costs no more
#: than several, one a class, share a block.
_BLOCK_ANCHORS = 512
#: Numbers of a layer, or weights, that are made at a time outside training: bounds the memory.
_ELEMENTS = 2**23


@documented
class ConvexGenerator(nn.Module):
    r"""New rows of a class as convex combinations of its real rows, the anchors (Eq. 1 of [1]_).

    .. math::
        G(z \mid i) = \sum_{j=1}^{n_i} g_i(t(z \mid i))_j \, x_j, \qquad z \sim N(0, I_l)

    t, the conditional transient mapping unit (cTMU), is a network of all classes: dense layers with
    a ReLU and batch normalisation each, of z and the indicators of the class. g_i, the instance
    generation unit (IGU) of a class, is a dense layer and a softmax over the class's anchors.

    Parameters
    ----------
    $latent_dim
    anchors : sequence of Tensor of shape (n_i, n_features)
        The anchors of each class, one or more. They are kept with the module, which is what makes a
        generated row explainable, and it with them. Fewest operations are needed if classes of few
        anchors stand side by side.
    hidden_layer_sizes : sequence of int, default=(256, 64)
        Units of the layers of the cTMU, those of the authors' code.

    Attributes
    ----------
    anchors : Tensor of shape (n_anchors, n_features)
        Those of all classes, one class behind the other.
    n_anchors : tuple of int
        How many each class has.

    $refused

    Notes
    -----
    The combination is a product of matrices: the authors' code copies all anchors of the class for
    every row. The units of all classes are one layer, of which a row uses the part of its class;
    small classes share a product, with the weights of other classes masked, so that a batch of a
    hundred small classes takes hardly more operations than one of ten. The gradient of a batch of
    all classes is the sum of those of its classes, for which the authors' code takes a step each: a
    unit is moved by the rows of its own class alone, the cTMU by all. Batch normalisation sees the
    rows of all classes, in training as in use; with a batch a class, as in the authors' code, it
    would take out what the rows of a class have in common.

    $gamo

    Examples
    --------
    >>> import torch
    >>> from imbdeep.networks import ConvexGenerator
    >>> generator = ConvexGenerator(2, [torch.rand(5, 3), torch.rand(7, 3)])
    >>> generator(torch.randn(4, 2), [3, 1]).shape  # three rows of the first class, one more
    torch.Size([4, 3])
    """

    anchors: Tensor
    owner: Tensor

    def __init__(
        self,
        latent_dim: int,
        anchors: Sequence[Tensor],
        hidden_layer_sizes: Sequence[int] = (256, 64),
    ) -> None:
        super().__init__()
        check_at_least(1, latent_dim=latent_dim, classes=len(anchors))
        check_layers(hidden_layer_sizes)
        check_at_least(1, hidden_layers=len(hidden_layer_sizes))
        shapes = [tuple(own.shape) for own in anchors]
        if any(len(s) != 2 or s[0] < 1 or s[1] != shapes[0][1] for s in shapes):
            raise ValueError(
                f"anchors have the shapes {shapes}: give rows of the same columns for each class, "
                "(n, n_features), one row at least."
            )
        self.latent_dim = latent_dim
        self.n_anchors = tuple(len(own) for own in anchors)
        self.register_buffer("anchors", torch.cat(list(anchors)))
        counts = torch.tensor(self.n_anchors)
        owner = torch.repeat_interleave(torch.arange(len(anchors)), counts)
        self.register_buffer("owner", owner, persistent=False)
        sizes = [latent_dim, *hidden_layer_sizes]
        self.condition = nn.Embedding(len(anchors), sizes[1])
        self.first = nn.Linear(latent_dim, sizes[1])
        stages: list[nn.Module] = [nn.ReLU(inplace=True), nn.BatchNorm1d(sizes[1])]
        for n_in, n_out in pairwise(sizes[1:]):
            stages += [nn.Linear(n_in, n_out), nn.ReLU(inplace=True), nn.BatchNorm1d(n_out)]
        self.mapping = nn.Sequential(*stages)
        self.units = nn.Linear(sizes[-1], len(owner))
        # A row of z plus a learned vector of its class is a dense layer of z and the indicators,
        # joined: both parts start as that layer would.
        bound = 1 / math.sqrt(latent_dim + len(anchors))
        for start in (self.first.weight, self.condition.weight):
            nn.init.uniform_(start, -bound, bound)
        self.blocks = _blocks(self.n_anchors)
        self._block_sizes = [sum(self.n_anchors[first:last]) for first, last in self.blocks]

    def transient(self, z: Tensor, y: Tensor) -> Tensor:
        """Map latent vectors (n, latent_dim) of classes y (n,) by the cTMU: t(z|i), (n, units)."""
        mapped: Tensor = self.mapping(self.first(z) + self.condition(y))
        return mapped

    def forward(self, z: Tensor, counts: Sequence[int], y: Tensor | None = None) -> Tensor:
        """Make rows (n, n_features) of latent vectors z (n, latent_dim), ordered by class.

        ``counts`` holds the number of rows of each class. ``y`` (n,) says the same as positions of
        classes, where it is on the device already.
        """
        if len(counts) != len(self.n_anchors) or sum(counts) != len(z):
            raise ValueError(
                f"counts is {list(counts)} for {len(z)} latent vectors and {len(self.n_anchors)} "
                "classes: give a number for each class, with the sum of the vectors."
            )
        if y is None:
            repeats = torch.tensor(counts, device=z.device)
            y = torch.arange(len(counts), device=z.device).repeat_interleave(
                repeats, output_size=len(z)
            )
        vectors = self.transient(z, y)
        in_block = [sum(counts[first:last]) for first, last in self.blocks]
        # One split, whose gradient is one tensor: slices would each make one of the full size.
        parts = zip(
            self.blocks,
            vectors.split(in_block),
            y.split(in_block),
            self.units.weight.split(self._block_sizes),
            self.units.bias.split(self._block_sizes),
            self.anchors.split(self._block_sizes),
            self.owner.split(self._block_sizes),
            strict=True,
        )
        rows = []
        for (first, last), vector, own, weight, bias, anchors, owner in parts:
            if not len(vector):
                continue
            logits = F.linear(vector, weight, bias)
            # A block holds the anchors of several classes: those of others get the weight 0, so
            # that each row stays in the convex hull of its own class.
            if last - first > 1:
                logits = logits.masked_fill(owner != own[:, None], -math.inf)
            rows.append(torch.softmax(logits, dim=1) @ anchors)
        return torch.cat(rows)

    def weights(self, z: Tensor, position: int) -> Tensor:
        """Return weights (n, n_i) of rows of one class, which are then weights @ anchors."""
        y = torch.full((len(z),), position, device=z.device)
        part = self._part(position)
        vectors = self.transient(z, y)
        return torch.softmax(
            F.linear(vectors, self.units.weight[part], self.units.bias[part]), dim=1
        )

    def own(self, position: int) -> Tensor:
        """Return the anchors (n_i, n_features) of a class."""
        return self.anchors[self._part(position)]

    def draw(self, position: int, n: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Draw n rows of a class, some at a time: rows (m, n_features), and their weights (m, n_i).

        Latent vectors are from torch's stream of the device.
        """
        anchors = self.own(position)
        # Rows at a time: as many as keep the largest of layer, weights and rows within the limit.
        size = max(1, _ELEMENTS // max(*anchors.shape, self.first.out_features))
        for start in range(0, n, size):
            m = min(size, n - start)
            z = torch.randn(m, self.latent_dim, dtype=anchors.dtype, device=anchors.device)
            weights = self.weights(z, position)
            yield weights @ anchors, weights

    def _part(self, position: int) -> slice:
        start = sum(self.n_anchors[:position])
        return slice(start, start + self.n_anchors[position])


def _blocks(n_anchors: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring classes with few anchors together, as (first, behind the last)."""
    blocks, first, total = [], 0, 0
    for position, n in enumerate(n_anchors):
        if total and total + n > _BLOCK_ANCHORS:
            blocks.append((first, position))
            first, total = position, 0
        total += n
    return [*blocks, (first, len(n_anchors))]
