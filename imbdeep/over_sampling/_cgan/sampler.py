"""The sampler: parameters, checks, training, diagnosis, and generation."""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from imbdeep.losses import ObservationLikelihood
from imbdeep.over_sampling._cgan.model import CGAN, diagnose, fit_gan
from imbdeep.over_sampling.base import MLP_VALUES, DeepOverSampler, check_layer_sizes
from imbdeep.training import draw_seed, seeded

#: Rows that are generated at a time.
_GENERATED_ROWS = 4096
#: Below this share of the variance of its class, a generator has collapsed.
_COLLAPSED = 0.05


class CGANSampler(DeepOverSampler):
    r"""Over-sampling by a conditional generative adversarial network ([1]_, [2]_).

    A generator G makes rows of a class from noise, and a discriminator D, which is told the class
    too, learns to tell them from real rows of it. Both are trained against each other on the rows
    of *all* classes: what a small class shares with the others is learned from those. New rows of a
    class y are :math:`G(z, y)` with :math:`z \sim \mathcal{N}(0, I)`. With the networks of
    ``network="mlp"`` this is what the tables of [3]_ call OCGAN, with those of ``"cnn"`` OCDCGAN.

    In each step, over rows (x, y) and as many noises z, D takes a step of Adam down

    .. math::
        L_D = - \operatorname{mean} \log \sigma(D(x, y))
              - \operatorname{mean} \log \big(1 - \sigma(D(G(z, y), y))\big)

    and G one down the loss that does not saturate where D is sure (section 3 of [4]_),

    .. math::
        L_G = - \operatorname{mean} \log \sigma(D(G(z, y), y)).

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class gets, as everywhere in imbalanced-learn: "auto" fills every
        class up to the largest; a float is the wanted ratio of two classes; a dict maps labels to
        wanted totals.
    latent_dim : int, default=100
        Number of values of z, as in the authors' code of [3]_.
    hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of G's hidden layers, where the networks are fully connected.
    discriminator_layer_sizes : tuple of int, default=(256, 256)
        Units of D's, likewise.
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks, or convolutional ones for images of at least 4 pixels a side.
        "auto" takes the former for tables and for images of up to 1024 values, the latter for
        larger images. On a processor a step of the latter takes half a second at 28 x 28 pixels,
        of the former 11 milliseconds.
    sampling : {"balanced"} or None, default="balanced"
        How often a class is drawn in training: "balanced" as often as any other; None, the
        authors' way, as often as it is in the data, so that a step sees few rows of a small class
        or none. On parts of the training rows of three tables (one seed), "balanced" made rows with
        which boosted trees ranked held-out rows better on all three (average precision up by 0.01
        to 0.06), and whose columns were closer to those of held-out minority rows on two (mean
        Kolmogorov-Smirnov distance 0.17 and 0.04, against 0.20 and 0.05); on the third they were
        farther (0.23, against 0.18), and less spread.
    max_steps : int, default=2000
        Steps of D and of G. On the same tables 5000 changed little, and where the minority had 150
        rows it made columns worse: D knew them by heart.
    batch_size : int, default=100
        Real rows in a step, and generated ones; at least 2, for batch normalisation.
    learning_rate : float, default=2e-4
        Step size of Adam for both.
    ema_decay : float, default=0.99
        New rows come from a moving average of G's weights, which keeps this share of itself in a
        step: the players circle, and the average stays in the middle. On the same three tables it
        was closer to held-out rows than the last weights, which 0 takes.
    categorical_features : "auto", list of names or indices, mask or None, default="auto"
        Columns to treat as categories beside those whose dtype says so; see
        :class:`~imbdeep.encoding.TabularEncoder`.
    image_shape : tuple of (channels, height, width), default=None
        What the rows of a two-dimensional ``X`` are when they are flattened images. Images of
        shape (n_samples, channels, height, width) need no hint.
    acceptance : "auto", classifier or None, default="auto"
        Who judges generated rows. Of ``n_candidates`` rows for each that is wanted, rows are kept
        in proportion to the probability that a classifier, trained on the real rows, gives to
        their class. "auto" takes :class:`EnsembleAcceptor` for tables (see
        :class:`DeepOverSampler`); a classifier of yours is copied and trained. None keeps all rows.
    n_candidates : int, default=8
        Rows generated for each that is kept, where there is a judge.
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where to train; "auto" takes a GPU when there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of all randomness; an integer gives the same rows on the same machine.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    class_counts_ : ndarray of shape (n_classes,)
        Number of original rows of each class.
    sampling_strategy_ : dict
        Number of rows to add to each class.
    encoder_ : TabularEncoder or ImageScaler
        Turns rows into what the networks see and back.
    generator_ : torch.nn.Module
        G, one for all classes; ``generator_.generate(y)`` makes encoded rows of the classes ``y``,
        an int64 tensor of positions in ``classes_``. None where no rows were to be added.
    history_ : list of dict
        A record an epoch: ``epoch``, ``step`` and the epoch's means of the losses ``discriminator``
        and ``generator_discriminator`` and of D's probability that rows are real, for real rows
        (``discriminator_real``) and generated ones (``discriminator_generated``). Where both of
        these are near 1/2, D cannot tell them apart.
    diagnostics_ : dict of label to dict
        After training, for each class: ``discriminator_real`` and ``discriminator_generated`` as
        above, by the averaged G; and ``generated_spread``, the total variance of generated rows as
        a share of that of the class's rows: near 0, G has collapsed to one row. A class whose rows
        are all the same has no such share.
    acceptor_ : classifier or None
        Who judges encoded rows, or None.
    acceptance_ : dict of label to dict
        Mean probability of a class, of its ``candidates`` and the rows ``kept`` in the fit.
    device_ : torch.device
        Where the networks were trained.
    n_features_in_ : int
        Number of columns (of channels, for images).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where the data has them.

    Warns
    -----
    UserWarning
        If G has collapsed for a class that rows are added to.

    See Also
    --------
    MGVAESampler : Starts from the majority's rows, and has a likelihood to be judged by.
    GAMO2PixSampler : Its generator combines real rows, and plays against a classifier too.

    Notes
    -----
    A GAN has no likelihood, so that nothing says when to stop: all ``max_steps`` are done. Of a
    tiny class D soon knows all rows by heart, and G then makes copies or is lost; look at
    ``diagnostics_`` and at the rows. There is no encoder either: rows have no codes.

    Numbers are G's outputs as they are. Categories, events and indicators of missing values are
    drawn as exact indicators, in training too, with the gradient of a softmax with Gumbel noise:
    D would know soft ones at a glance. Pixels are intensities through a sigmoid.

    What [3]_ says of OCGAN, that it could not be trained on small data, has plain causes in the
    authors' code, which are left out here: batch normalisation with its ε set to 0.8, outputs of a
    tanh against data in [0, 1], and tiny classes at their natural frequencies.

    References
    ----------
    .. [1] M. Mirza and S. Osindero, "Conditional Generative Adversarial Nets", 2014: Eq. 2.
    .. [2] V. A. Fajardo et al., "On Oversampling Imbalanced Data with Deep Conditional Generative
       Models", Expert Systems with Applications 169, 2021.
    .. [3] Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
       Data via Majority-Guided VAE", AISTATS 2023: section 5.
    .. [4] I. Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.over_sampling import CGANSampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = CGANSampler(max_steps=100, random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    >>> sampler.sample(3, target=1).shape
    (3, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **DeepOverSampler._parameter_constraints,
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [tuple, list],
        "discriminator_layer_sizes": [tuple, list],
        "network": [StrOptions({"auto", "mlp", "cnn"})],
        "sampling": [StrOptions({"balanced"}), None],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        # Batch normalisation needs two.
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        latent_dim: int = 100,
        hidden_layer_sizes: tuple[int, ...] = (256, 256),
        discriminator_layer_sizes: tuple[int, ...] = (256, 256),
        network: str = "auto",
        sampling: str | None = "balanced",
        max_steps: int = 2000,
        batch_size: int = 100,
        learning_rate: float = 2e-4,
        ema_decay: float = 0.99,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        acceptance: Any = "auto",
        n_candidates: int = 8,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            categorical_features=categorical_features,
            image_shape=image_shape,
            acceptance=acceptance,
            n_candidates=n_candidates,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.latent_dim = latent_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.discriminator_layer_sizes = discriminator_layer_sizes
        self.network = network
        self.sampling = sampling
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.ema_decay = ema_decay

    def _check_data(self, data: Any, counts: NDArray[np.int64]) -> None:
        # What a fit that has nothing to add leaves behind.
        self.generator_: CGAN | None = None
        self.history_: list[dict[str, Any]] = []
        self.diagnostics_: dict[Any, dict[str, float]] = {}
        for name in ("hidden_layer_sizes", "discriminator_layer_sizes"):
            check_layer_sizes(name, getattr(self, name))
        self._refuse_categories_of_images()
        self._convolutional = _convolves(self.network, self._image)
        self._n_threads = None if self._convolutional else 1

    def _fit_generator(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        self._row_shape = x.shape[1:]
        rows = torch.from_numpy(x.reshape(len(x), self._width)).to(self.device_)
        with seeded(draw_seed(self._random), self.device_, self._n_threads):
            if self._image is None:
                likelihood = ObservationLikelihood(**asdict(self.encoder_.layout_))
            else:
                likelihood = ObservationLikelihood(0, self._width, intensities=True)
            model = CGAN(
                self._image or (self._width,),
                likelihood,
                len(self.classes_),
                convolutional=self._convolutional,
                latent_dim=int(self.latent_dim),
                generator_sizes=[int(size) for size in self.hidden_layer_sizes],
                discriminator_sizes=[int(size) for size in self.discriminator_layer_sizes],
            ).float()  # whatever torch's default dtype
            model.to(self.device_)
            self.history_ = fit_gan(
                model,
                rows,
                codes,
                sampling=self.sampling,
                max_steps=self.max_steps,
                batch_size=self.batch_size,
                learning_rate=float(self.learning_rate),
                ema_decay=float(self.ema_decay),
                verbose=self.verbose,
            )
            self.diagnostics_ = {
                label: diagnose(model, rows[torch.from_numpy(codes == code).to(rows.device)], code)
                for code, label in enumerate(self.classes_.tolist())
            }
        model.discriminator = None  # it has no further use
        self.generator_ = model
        self._warn()

    def _warn(self) -> None:
        labels = self.classes_.tolist()
        spreads = {code: self.diagnostics_[labels[code]] for code in self._deficits}
        collapsed = [
            labels[code]
            for code, found in spreads.items()
            if found.get("generated_spread", 1.0) < _COLLAPSED
        ]
        if collapsed:
            warnings.warn(
                f"The generator has collapsed: for the classes {collapsed} its rows are nearly one "
                "and the same. Try other max_steps, a smaller learning_rate, or another sampler.",
                UserWarning,
                stacklevel=6,  # through fit_resample and its validation, to the line of the user
            )

    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        assert self.generator_ is not None
        rows = np.empty((n, self._width), dtype=np.float32)
        for start in range(0, n, _GENERATED_ROWS):
            y = torch.full((min(_GENERATED_ROWS, n - start),), code, device=self.device_)
            rows[start : start + len(y)] = self.generator_.generate(y).cpu().numpy()
        return rows.reshape(n, *self._row_shape)


def _convolves(network: str, image: tuple[int, ...] | None) -> bool:
    """Check that the kind of network fits tables (None) or images, and say which it is."""
    if image is None:
        if network == "cnn":
            raise ValueError(
                "network='cnn' needs images: X of shape (n_samples, channels, height, width), or "
                "image_shape for flattened ones."
            )
        return False
    small = min(image[1:]) < 4
    if network == "cnn" and small:
        raise ValueError(
            f"network='cnn' halves images twice, and these are {tuple(image[1:])} pixels: take "
            "network='mlp'."
        )
    return network == "cnn" or (network == "auto" and not small and math.prod(image) > MLP_VALUES)
