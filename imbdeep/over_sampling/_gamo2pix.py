"""GAMO2PixSampler: the rows of a GAMO, and images of the features that it combines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from imbdeep.classifiers import GAMOClassifier
from imbdeep.losses import ObservationLikelihood, standard_normal_kl
from imbdeep.networks import ConvConditionalDecoder, MLPEncoder
from imbdeep.over_sampling._estimator import EstimatorOverSampler, _unwrapped
from imbdeep.over_sampling._shared import constraints, documented
from imbdeep.training import class_rows, run

#: Kernels of the decoder's last transposed convolution, as in the authors' code.
_WIDTH = 32
#: Bounds of log variances in latent space, against overflow of their exponential.
_LOG_VARIANCE_BOUNDS = (-10.0, 4.0)
#: Rows that are generated at a time.
_GENERATED_ROWS = 1024


class FeatureDecoder(nn.Module):
    """Features to images: a conditional variational auto-encoder behind a fixed network F."""

    def __init__(
        self,
        n_features: int,
        shape: tuple[int, ...],
        n_classes: int,
        *,
        latent_dim: int,
        hidden_layer_sizes: Sequence[int],
    ) -> None:
        super().__init__()
        channels, *self.sides = shape
        # The decoder doubles sides twice: of others it makes the next larger picture, and the rest
        # is cut off.
        larger = (channels, *(4 * math.ceil(side / 4) for side in self.sides))
        self.latent_dim = latent_dim
        self.encoder = MLPEncoder(n_features, latent_dim, hidden_layer_sizes)
        self.decoder = ConvConditionalDecoder(latent_dim, larger, n_classes, _WIDTH)
        self.likelihood = ObservationLikelihood(0, math.prod(shape), intensities=True)

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|F(x)), each (n, m)."""
        mean, log_variance = self.encoder(features)
        return mean, log_variance.clamp(*_LOG_VARIANCE_BOUNDS)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Logits of the pixels, (n, width)."""
        high, wide = self.sides
        logits: Tensor = self.decoder(z, y)[..., :high, :wide]
        return logits.flatten(1)

    def forward(self, features: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Log likelihood of images x (n, width), by one code of each, and KL divergence, (n,)."""
        mean, log_variance = self.encode(features)
        logits = self.decode(_draw(mean, log_variance), y)
        return self.likelihood.log_prob(x, logits), standard_normal_kl(mean, log_variance)

    def generate(self, features: Tensor, y: Tensor) -> Tensor:
        """New images of features, as expected given their codes: (n, width), in [0, 1]."""
        return self.likelihood.mean(self.decode(_draw(*self.encode(features)), y))


def _draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def fit_decoder(
    model: FeatureDecoder,
    features: Tensor,
    x: Tensor,
    y_all: Tensor,
    *,
    kl_lambda: float,
    max_steps: int,
    batch_size: int,
    learning_rate: float,
    verbose: bool | int,
) -> list[dict[str, Any]]:
    """Maximise the evidence lower bound, classes drawn equally often, and return the history.

    ``features`` (n, d) and images ``x`` (n, width) of classes ``y_all`` (n,) are on the device.
    """
    device = x.device
    rows_of = class_rows(y_all)
    fused = True if device.type in ("cpu", "cuda") else None
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=fused)

    def step(y: Tensor) -> dict[str, Tensor]:
        rows = rows_of(y)
        parts = model(features[rows], x[rows], y)
        reconstruction, kl = parts[0].mean(), parts[1].mean()
        loss = kl_lambda * kl - reconstruction
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    model.train()
    try:
        return run(
            step,
            int(y_all.max()) + 1,  # what it draws, each as often as any other, are the classes
            max_steps=max_steps,
            batch_size=batch_size,
            device=device,
            module=model,
            verbose=verbose,
            description="training the decoder of features",
        )
    finally:
        model.requires_grad_(False).eval()


@documented
class GAMO2PixSampler(EstimatorOverSampler):
    """Over-sampling by the generator of a GAMO; features become images by GAMO2pix ([1]_).

    A :class:`~imbdeep.classifiers.GAMOClassifier` plays a game in which a generator G makes rows of
    the minority classes, as convex combinations of their real rows, where the classifier errs and a
    discriminator is deceived. Here these rows are the result, for any classifier.

    For tables and for images without a feature extractor (``network="mlp"`` of the classifier)
    they are G's rows as they are. With the feature extractor F, G combines features, which are no
    images. GAMO2pix learns the way back: a variational auto-encoder whose encoder begins with F,
    fixed, is trained on all real images, and its decoder shows what G has made,

        z ~ N(μ(G(z'|i)), σ²(G(z'|i))),   x' = E[x | z, i]

    after the maximisation, over real images x of class y, of

        E_q[log p(x | z, y)] - λ KL(q(z | F(x)) ‖ N(0, I)),   q(z | F(x)) = N(μ(F(x)), σ²(F(x))).

    Parameters
    ----------
    estimator : GAMOClassifier, FrozenEstimator or None, default=None
        $estimator
    $sampling_strategy
    latent_dim : int, default=100
        Number of latent dimensions of the auto-encoder, as in the authors' code. This and what
        follows up to ``kl_lambda`` plays no part where G's rows are the result.
    hidden_layer_sizes : tuple of int, default=(128,)
        Units of its hidden layers between F and the code, as in the authors' code.
    learning_rate : float, default=1e-3
        Step size of Adam.
    max_steps : int, default=3000
        Optimisation steps for all classes together. The authors do 25 000 for each class.
    batch_size : int, default=64
        Images in a batch. All classes are equally frequent.
    kl_lambda : float, default=1.0
        λ, the weight of the KL divergence; 1 is the evidence lower bound. Less gives sharper
        images of codes that fill the latent space less well.
    $estimator_parameters
    random_state : int, RandomState instance or None, default=None
        Seed of the decoder's training and of the draws, and of the training of the ``estimator``
        where it has none.
    verbose : bool or int, default=False
        Whether to show a progress bar of the decoder's training. A GAMO that is made here prints a
        line a round, too; an ``estimator`` has its own parameter for that.

    Attributes
    ----------
    $class_attributes
    estimator_ : GAMOClassifier
        The GAMO in use, with its ``history_`` and ``diagnostics_``; missing where no rows were to
        be added.
    decoder_ : torch.nn.Module
        The auto-encoder behind F; missing where G's rows are the result.
    history_ : list of dict
        Of the decoder's training, a record an epoch: ``epoch``, ``step``, ``loss`` and its parts
        ``reconstruction`` (expected log likelihood) and ``kl``, in nats an image; missing where
        there is no decoder. That of the game is ``estimator_.history_``.
    $common_attributes

    See Also
    --------
    imbdeep.classifiers.GAMOClassifier : The game, as a classifier. Its ``generate`` with
        ``return_weights=True`` names the real rows that a row is made of.
    RAESampler : Rows decoded from convex combinations of codes.

    Notes
    -----
    One decoder, which gets the class, is trained for all classes, where the authors train one a
    class: classes of few images then share what all images have, strokes and backgrounds, instead
    of learning them by heart, and a hundred classes cost no more than one. σ is what both the draw
    and the divergence say it is; in the authors' code the same output is the logarithm of σ in one
    and of σ² in the other. Pixels are intensities from 0 to 1 with the likelihood of a Bernoulli
    distribution; the authors' squared error is that of a Gaussian one. Hidden layers have ReLUs,
    and the decoder, :class:`~imbdeep.networks.ConvConditionalDecoder`, has batch normalisation.
    Of sides that are no multiples of 4 it makes the next larger picture and what is too much is
    cut off.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling", ICCV
       2019: Eq. 1, section 5, Figure 5, Table 5.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import GAMOClassifier
    >>> from imbdeep.over_sampling import GAMO2PixSampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = GAMO2PixSampler(GAMOClassifier(max_steps=50, device="cpu"), random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    >>> sampler.sample(3, target=1).shape
    (3, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **EstimatorOverSampler._parameter_constraints,
        **constraints(
            "latent_dim hidden_layer_sizes learning_rate max_steps",
            estimator=[GAMOClassifier, FrozenEstimator, None],
            # Batch normalisation of the decoder needs two.
            batch_size=[Interval(Integral, 2, None, closed="left")],
            kl_lambda=[Interval(Real, 0, None, closed="left")],
        ),
    }

    _ESTIMATOR = GAMOClassifier
    _NAME = "a GAMO"
    _OWN = frozenset({"verbose"})

    def __init__(
        self,
        estimator: Any = None,
        *,
        sampling_strategy: Any = "auto",
        latent_dim: int = 100,
        hidden_layer_sizes: tuple[int, ...] = (128,),
        learning_rate: float = 1e-3,
        max_steps: int = 3000,
        batch_size: int = 64,
        kl_lambda: float = 1.0,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        row_filter: Any = "auto",
        n_candidates: int = 8,
        memory: Any = None,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self._store(locals())

    def encode(self, X: Any) -> NDArray[np.float32]:
        """Return what G combines, to look at the space in which it does.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Rows with the fitted columns, of any class.

        Returns
        -------
        ndarray of shape (n, n_extracted) or (n, width), float32
            Features F(x), or where there is no F the encoded rows, flattened.

        Raises
        ------
        ValueError
            If no class lacked rows, so that there is no GAMO.
        """
        check_is_fitted(self, "encoder_")
        if not hasattr(self, "estimator_"):
            raise ValueError(
                "No class lacked rows in fit_resample, so that no GAMO was trained: name totals in "
                "sampling_strategy, or use GAMOClassifier and its penultimate_features."
            )
        x = self.estimator_._new_rows(X).numpy()
        features: NDArray[np.float32] = self.estimator_.net_.features(x).cpu().numpy()
        return features

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        super()._check_parameters(counts, image)
        sizes = self.hidden_layer_sizes
        if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} must be positive integers: the units of each hidden "
                "layer."
            )

    def _fit_encoder(
        self, data: Any, labels: NDArray[Any], image: tuple[int, ...] | None
    ) -> NDArray[np.float32]:
        counts = self.class_counts_
        if not hasattr(_unwrapped(self.estimator), "net_"):  # before it is trained
            self._check_generated(np.flatnonzero(counts < counts.max()).tolist(), "y")
        x = super()._fit_encoder(data, labels, image)
        if self._deficits:
            # Those that it was fitted on, without the rows that it held out.
            minority = self.estimator_.net_.module_.sizes.minority
            held_out = self.estimator_.class_counts_.sum() < counts.sum()
            why = " (early_stopping has held rows out)" if held_out else ""
            self._check_generated(minority, f"what estimator was fitted on{why}")
        return x

    def _check_generated(self, codes: Iterable[int], where: str) -> None:
        """Refuse to add rows to classes whose rows GAMO does not make."""
        labels = self.classes_.tolist()
        wrong = [labels[code] for code in self._deficits if code not in codes]
        if wrong:
            raise ValueError(
                f"sampling_strategy adds rows to {wrong}, and GAMO makes rows only of classes that "
                f"are smaller than the largest in {where}: {[labels[c] for c in sorted(codes)]}. "
                "Leave the others out of sampling_strategy, or take RAESampler."
            )

    def _draws(self) -> bool:
        return self._convolves(self._shape)  # elsewhere there is nothing to train here

    def _fit_generator(
        self,
        x: Tensor,
        y: Tensor,
        *,
        n_new: dict[int, int],
        shape: tuple[int, ...],
        layout: dict[str, Any],
        seed: int,
        stream: np.random.RandomState,
    ) -> None:
        """Train the decoder, where G makes features."""
        if not self._convolves(shape):
            return
        features = self.estimator_.net_.features(x.cpu().numpy())
        model = FeatureDecoder(
            features.shape[1],
            shape,
            len(self.classes_),
            latent_dim=int(self.latent_dim),
            hidden_layer_sizes=[int(size) for size in self.hidden_layer_sizes],
        ).to(self.device_)
        self.history_ = fit_decoder(
            model,
            features,
            x,
            y,
            kl_lambda=float(self.kl_lambda),
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            verbose=self.verbose,
        )
        self.decoder_ = model

    def _generate(self, code: int, n: int) -> Iterator[Any]:
        """Eq. 1, and where it makes features the decoder."""
        net = self.estimator_.net_
        if not self._convolves(self._shape):
            yield net.generate(code, n)
            return
        for start in range(0, n, _GENERATED_ROWS):
            features = net.generate_features(code, min(_GENERATED_ROWS, n - start))
            y = torch.full((len(features),), code, device=features.device)
            yield self.decoder_.generate(features, y)
