"""The players of GAMO: classifier M, discriminator D, generator G and feature extractor F."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imbdeep.classifiers._building import Columns
from imbdeep.classifiers._gamo.losses import complement
from imbdeep.losses import ObservationLikelihood
from imbdeep.networks import MLP, ConditionalDecoder, ConvexGenerator, ConvFeatures, Discriminator

#: Slope of the leaky ReLUs of M and D, as in the authors' code.
_SLOPE = 0.1
#: Rows that go through F, or that cG makes, at a time outside training.
_FORWARD_ROWS = 1024


@dataclass(frozen=True)
class Architecture:
    """What the networks are made for, and how large they are."""

    shape: tuple[int, ...]
    n_classes: int
    convolutional: bool
    #: Codes of the classes that are generated, the smallest first, and the number of their anchors.
    minority: tuple[int, ...]
    n_anchors: tuple[int, ...]
    generator: str
    discriminator: bool
    #: The classes whose outputs do not count in the complement.
    without: tuple[int, ...]
    latent_dim: int
    hidden: tuple[int, ...]
    generator_hidden: tuple[int, ...]
    discriminator_hidden: tuple[int, ...]
    n_extracted: int
    columns: Columns

    @property
    def width(self) -> int:
        """Number of values of what M and D see: features by F, or flattened rows."""
        return self.n_extracted if self.convolutional else math.prod(self.shape)


class GAMO(nn.Module):
    """M, D, G and F, and a moving average of M, by which the module as a whole classifies."""

    codes: Tensor
    targets: Tensor
    counted: Tensor

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        self.sizes = sizes
        k, width = sizes.n_classes, sizes.width
        self.features: nn.Module = nn.Flatten()
        if sizes.convolutional:
            self.features = ConvFeatures(sizes.shape, width)
        self.generator: ConvexGenerator | ConditionalGenerator | None = None
        self.discriminator: Discriminator | None = None
        if sizes.minority:
            if sizes.generator == "convex":
                empty = [torch.zeros(n, width) for n in sizes.n_anchors]  # filled in training
                self.generator = ConvexGenerator(sizes.latent_dim, empty, sizes.generator_hidden)
            else:
                self.generator = ConditionalGenerator(sizes)
            if sizes.discriminator:
                self.discriminator = Discriminator(
                    width, k, sizes.discriminator_hidden, negative_slope=_SLOPE
                )
        # M comes last: what its last layer is given are the features of a classifier.
        self.classifier = MLP(width, k, sizes.hidden, negative_slope=_SLOPE)
        self.averaged = copy.deepcopy(self.classifier).requires_grad_(False)
        targets, counted = complement(torch.arange(k), k, sizes.without)
        self.register_buffer("codes", torch.tensor(sizes.minority, dtype=torch.int64))
        self.register_buffer("targets", targets, persistent=False)
        self.register_buffer("counted", counted, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Classify rows: logits of shape (n, n_classes)."""
        logits: Tensor = self.averaged(self.features(x))
        return logits

    @torch.no_grad()
    def extract(self, x: Tensor) -> Tensor:
        """What M and D see of rows, (n, ...) -> (n, width), without gradients."""
        if not self.sizes.convolutional:
            return x.flatten(1)
        return torch.cat([self.features(rows) for rows in x.split(_FORWARD_ROWS)])

    def generate(self, counts: Sequence[int], places: Tensor) -> Tensor:
        """Make rows, counts[k] of the k-th minority class: (n, width), by class.

        ``places`` is what ``counts`` says, on the device: positions among the minority classes.
        """
        assert self.generator is not None
        n, like = len(places), self.targets  # whatever torch's default dtype
        z = torch.randn(n, self.sizes.latent_dim, dtype=like.dtype, device=places.device)
        rows: Tensor = self.generator(z, counts, places)
        return rows

    @torch.no_grad()
    def draw(self, code: int, n: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Draw n rows of a minority class, (m, width) each time, and their weights (m, n_i).

        cG has no weights: None.
        """
        assert self.generator is not None
        position = self.sizes.minority.index(code)
        if isinstance(self.generator, ConvexGenerator):
            yield from self.generator.draw(position, n)
            return
        for start in range(0, n, _FORWARD_ROWS):
            counts = [0] * len(self.sizes.minority)
            counts[position] = min(_FORWARD_ROWS, n - start)
            places = torch.full((counts[position],), position, device=self.codes.device)
            yield self.generate(counts, places), None

    def made(self, code: int, n: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Draw n rows as :meth:`draw` does, such as can be decoded where there is no F."""
        for rows, weights in self.draw(code, n):
            settled = rows if self.sizes.convolutional else self.settle(code, rows, weights)
            yield settled, weights

    def settle(self, code: int, rows: Tensor, weights: Tensor | None) -> Tensor:
        """Make convex rows of a table rows that can be decoded.

        A mean of categories is none: of each row, all categories, events and holes are those of one
        of its anchors, drawn by the weights. Numbers stay means, over the anchors that have them.
        """
        n_gaussian, n_bernoulli, groups, missing, intensities = self.sizes.columns
        if intensities or not (n_bernoulli or groups):
            return rows
        if weights is None:  # of cG: each row as its columns are distributed
            tiny = torch.finfo(rows.dtype).tiny
            logits = torch.cat(
                [
                    rows[:, :n_gaussian],
                    torch.logit(rows[:, n_gaussian : n_gaussian + n_bernoulli], eps=1e-6),
                    rows[:, n_gaussian + n_bernoulli :].clamp(min=tiny).log(),
                ],
                dim=1,
            )
            likelihood = ObservationLikelihood(*self.sizes.columns).to(rows.device)
            return likelihood.sample(logits, mean=True)
        assert isinstance(self.generator, ConvexGenerator)
        anchors = self.generator.own(self.sizes.minority.index(code))
        which = torch.multinomial(weights, 1).squeeze(1)
        settled = rows.clone()
        settled[:, n_gaussian:] = anchors[which, n_gaussian:]
        for number in dict.fromkeys(number for number, _ in missing):
            holes = [hole for other, hole in missing if other == number]
            # A hole counts as 0 in the mean. 1 less the share of holes would round a small rest.
            present = weights @ (1 - anchors[:, holes].sum(dim=1))
            is_hole = settled[:, holes].sum(dim=1) > 0.5
            settled[:, number] /= torch.where(is_hole, 1.0, present)
        return settled

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights of M towards the present ones."""
        old: list[Tensor] = [*self.averaged.parameters()]
        torch._foreach_lerp_(old, [*self.classifier.parameters()], 1 - decay)

    def release(self) -> None:
        """Keep what predicts and generates, and delete what only trained."""
        self.eval().requires_grad_(False)
        self.classifier = self.averaged


class ConditionalGenerator(nn.Module):
    """cG of Table 1: a generator of rows that knows the class and no anchors."""

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        n = max(2, len(sizes.minority))  # the decoder asks for two
        self.decoder = ConditionalDecoder(sizes.latent_dim, sizes.width, n, sizes.generator_hidden)
        self.likelihood: ObservationLikelihood | None = None  # F ends in a tanh, and so does this
        if not sizes.convolutional:
            self.likelihood = ObservationLikelihood(*sizes.columns).requires_grad_(False)

    def forward(self, z: Tensor, counts: Sequence[int], places: Tensor) -> Tensor:
        """Make rows as columns are expected, (n, latent_dim) and (n,) -> (n, width)."""
        outputs = self.decoder(z, places)
        return torch.tanh(outputs) if self.likelihood is None else self.likelihood.mean(outputs)
