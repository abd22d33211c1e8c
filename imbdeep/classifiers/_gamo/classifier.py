"""GAMOClassifier: a classifier trained on generated rows near the borders of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from imbdeep._warnings import warn
from imbdeep.classifiers._adversarial import AdversarialClassifier
from imbdeep.classifiers._docs import documented
from imbdeep.classifiers._gamo.building import choose_anchors, schedule_of, sizes_of
from imbdeep.classifiers._gamo.diagnosis import diagnose
from imbdeep.classifiers._gamo.losses import LeastSquaresLoss, OneVsRestCrossEntropyLoss
from imbdeep.classifiers._gamo.net import GameBatches, GAMONet, Settings, minority_of
from imbdeep.classifiers._gamo.players import GAMO
from imbdeep.classifiers._net import Blueprint
from imbdeep.encoding import position_of
from imbdeep.seeding import draw_seed, random_stream, seeded


@documented
class GAMOClassifier(AdversarialClassifier):
    """A classifier trained on hard rows, generated within the hull of their class (GAMO, [1]_).

    Three players. The classifier M learns real rows, and rows of the minority classes that the
    generator G makes as convex combinations of their real rows, its anchors,

        G(z|i) = Σ_j g_ij(z) x_j,   g_ij ≥ 0,   Σ_j g_ij = 1        (Eq. 1)

    G is trained so that M takes them for other classes: they lie near the borders of their class,
    and M must move its border outwards. The discriminator D separates real from generated rows,
    given the class. G is trained against D as well, so that its rows do not leave the class through
    the holes of its convex hull (Eq. 3). Unlike SMOTE, which combines neighbours anywhere, G
    combines any number of rows where M errs most, and follows M as that learns.

    Parameters
    ----------
    loss : {"least_squares", "cross_entropy"}, default="least_squares"
        Loss of all players: squares (Eq. 4 to 6), with which the paper fares better, or the
        cross-entropy of each output (Eq. 2 and 3).
    generator : {"convex", "conditional"}, default="convex"
        "conditional" makes rows by a network that knows no anchors: cG of Table 1, an ablation.
    discriminator : bool, default=True
        Whether D plays. Without it, the method is GAMO\\D, or cG + CN.
    sampling : {"balanced"} or None, default="balanced"
        Whether all classes are equally frequent among the real rows of a mini-batch, or as frequent
        as in the data (Algorithm 1). Then M recognises the rare classes by artefacts of generated
        rows, and D sees hardly any real rows of them.
    generated_lambda : float or "balanced", default=0.3
        Weight of the generated rows, of which a mini-batch has as many as real ones, in the losses
        of M and D. 1 with ``sampling=None`` is Algorithm 1: of many classes the larger ones still
        weigh more, of two the smaller one. "balanced" with ``sampling=None`` are the weights
        P_c - P_i of Eq. 2 to 6, by which all classes weigh the same.
    discriminator_lambda : float, default=4.0
        How long the steps of G towards D are, in units of those against M (1 in
        Algorithm 1). Longer ones keep the ranking of rows from suffering.
    latent_dim : int, default=100
        Number of latent dimensions l of z.
    max_anchors : int or None, default=2000
        Most anchors of a class; of a larger class, a random choice, whose hull is smaller. None
        takes all, as the paper does. G has ``generator_layer_sizes[-1] + 1`` weights an anchor.
    network : {"auto", "mlp", "cnn"}, default="auto"
        "cnn" puts a convolutional feature extractor F before M and D (Figure 3), and G combines
        features; "mlp" takes rows and flattened images as they are. "auto" is "cnn" for images from
        16 pixels on.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Units of the hidden layers of M.
    generator_layer_sizes : tuple of int, default=(256, 64)
        Units of the part of G that all classes share, the cTMU; of a conditional G, all units.
    discriminator_layer_sizes : tuple of int, default=(256, 128)
        Units of the hidden layers of D.
    n_extracted : int, default=512
        Number of features that F extracts.
    learning_rate : float, default=1e-3
        Step size of Adam, with β = (0.5, 0.999), for all players. The authors' code has 2e-4, and
        the time for it.
    max_steps : int, default=3000
        Mini-batches of the game. The authors' code does 25 000.
    batch_size : int, default=64
        Real rows in a mini-batch; there are as many generated ones.
    $early_stopping
    $encoding
    $callbacks A learning-rate scheduler reaches the
        optimiser of M and D alone. ``on_grad_computed`` is not called. Batches, and scores with
        ``on_train=True``, are the real rows of each mini-batch, as M in training sees them.
    training_params : dict, default=None
        Settings that are seldom changed. ``complement`` ("all"): G shall make M take its rows for
        any class but their own (Algorithm 1, and the authors' code) or, with "minority", for any
        minority class but their own (Eq. 6). ``label_smoothing`` (0.1): targets of D are 1 - U(0,
        s) for real rows and U(0, s) for generated ones, as in the authors' code. ``ema_decay``
        (0.998): the weights of M that predict are moving averages over the mini-batches (with F,
        of a round), in which mini-batch n counts at least 9 / (n + 9); 0 takes the last weights, as
        the paper. ``feature_steps`` and ``game_steps`` ("auto") are u and v of Algorithm 1, the
        mini-batches of F and of the game in a round; "auto" is a pass over the rows, and 100 of the
        game without F, where a round only ends in a record. ``weight_decay`` (0.0) is that of all
        players but G, decoupled (AdamW).
    $running

    Attributes
    ----------
    $classes
    minority_ : ndarray
        Labels of the classes that are generated: all with fewer training rows than the largest.
    generates_features_ : bool
        Whether there is F, so that ``generate`` returns features.
    diagnostics_ : dict of float
        Means over the minority classes, after training, by the last weights. ``effective_anchors``:
        exp of the entropy of a row's weights; 1 is a copy of a row. ``effective_share``: the same
        as a share of the anchors. ``generated_spread``: variance of the generated rows as a share
        of that of the anchors; 0 is one and the same row. ``classifier_confidence``: probability by
        M that generated rows are of their class. ``discriminator_real``,
        ``discriminator_generated``: probability by D that rows are real. What there is none of is
        not in it.
    $net
    history_ : list of dict
        A record a round: ``epoch``, ``loss`` (of M; with F, of F as well), ``classification`` and
        ``classification_generated`` (its parts, on real and generated rows), ``discriminator``,
        ``generator_classifier`` and ``generator_discriminator`` (the parts of G's loss),
        ``features``; at its end ``classifier_confidence``, ``discriminator_real`` and
        ``discriminator_generated`` on a few rows; with validation rows ``validation`` (loss) and
        ``validation_balanced_accuracy``.
    $fitted

    Warns
    -----
    UserWarning
        If no class is smaller than the largest, so that nothing is generated; if a convex G has
        classes of one row; or if it has collapsed, to copies of anchors or to one row a class.

    See Also
    --------
    imbdeep.over_sampling.GAMO2PixSampler : Balanced data out of a GAMO.
    RAEClassifier : Combines codes instead of rows or features.

    Notes
    -----
    A mini-batch of the game is one step of M and D on real and generated rows together, then one of
    G against M and one towards D, for all classes at once. The last two have an optimiser each and
    gradients of the same weights. Algorithm 1 has two steps of M and of D; the authors' code has
    2 (c - 1) of G, one pair a class (see :class:`~imbdeep.networks.ConvexGenerator` for what that
    changes). Mini-batches hold the minority classes in fixed shares, which Algorithm 1 draws. F is
    trained on real rows through M, and rests while the game is played on its features.

    Rows are combined in the space of the encoded columns. What is generated of a table takes its
    categories, events and missing values from one of its anchors, drawn by the weights: a mean of
    categories is none.

    Generated rows change how often M sees each class, so that probabilities are not calibrated to
    the frequencies in the data.

    References
    ----------
    .. [1] S. S. Mullick, S. Datta and S. Das, "Generative Adversarial Minority Oversampling", ICCV
       2019: Eq. 1 to 6, Algorithm 1, Table 1, Figures 1 to 3.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import GAMOClassifier
    >>> X, y = make_classification(400, weights=[0.9], flip_y=0, random_state=0)
    >>> classifier = GAMOClassifier(max_steps=100, device="cpu", random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (400, 2)
    >>> rows, anchors, weights = classifier.generate(3, target=1, return_weights=True)
    >>> rows.shape, weights.shape == (3, len(anchors))
    ((3, 20), True)
    """

    _parameter_constraints: ClassVar[dict] = {
        **AdversarialClassifier._parameter_constraints,
        "loss": [StrOptions({"least_squares", "cross_entropy"})],
        "generator": [StrOptions({"convex", "conditional"})],
        "discriminator": ["boolean"],
        "generated_lambda": [StrOptions({"balanced"}), Interval(Real, 0, None, closed="left")],
        "discriminator_lambda": [Interval(Real, 0, None, closed="left")],
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "max_anchors": [Interval(Integral, 1, None, closed="left"), None],
        "generator_layer_sizes": ["array-like"],
        "discriminator_layer_sizes": ["array-like"],
        "n_extracted": [Interval(Integral, 1, None, closed="left")],
    }
    _TRAINING = {
        "complement": ("all", [StrOptions({"all", "minority"})]),
        "label_smoothing": (0.1, [Interval(Real, 0, 0.5, closed="left")]),
        "ema_decay": (0.998, [Interval(Real, 0, 1, closed="left")]),
        "feature_steps": (
            "auto",
            [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        ),
        "game_steps": ("auto", [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})]),
        "weight_decay": (0.0, [Interval(Real, 0, None, closed="left")]),
    }

    _SIDES_ADVICE = "set network='mlp'"
    _LAYERS = ("hidden_layer_sizes", "generator_layer_sizes", "discriminator_layer_sizes")

    def __init__(
        self,
        *,
        loss: str = "least_squares",
        generator: str = "convex",
        discriminator: bool = True,
        sampling: str | None = "balanced",
        generated_lambda: float | str = 0.3,
        discriminator_lambda: float = 4.0,
        latent_dim: int = 100,
        max_anchors: int | None = 2000,
        network: str = "auto",
        hidden_layer_sizes: Sequence[int] = (256, 128),
        generator_layer_sizes: Sequence[int] = (256, 64),
        discriminator_layer_sizes: Sequence[int] = (256, 128),
        n_extracted: int = 512,
        learning_rate: float = 1e-3,
        max_steps: int = 3000,
        batch_size: int = 64,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        encode: bool = True,
        categorical_features: Any = "auto",
        image_shape: tuple[int, int, int] | None = None,
        callbacks: Any = None,
        training_params: dict[str, Any] | None = None,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self._store(locals())

    def generate(
        self, n: int, target: Any, *, return_weights: bool = False, random_state: Any = None
    ) -> Any:
        """Make rows of a minority class, and return on request the anchors that they combine.

        Parameters
        ----------
        n : int
            Number of rows.
        target : label
            One of ``minority_``.
        return_weights : bool, default=False
            Whether to return the anchors and their weights too.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. None goes on where the last draw stopped, so that repeated calls give
            new rows.

        Returns
        -------
        rows : ndarray or DataFrame of n rows
            Rows as those of ``fit`` (an array for tensors, lists and ``encode=False``). With F,
            features of shape (n, n_extracted), of which
            :class:`~imbdeep.over_sampling.GAMO2PixSampler` makes images.
        anchors : ndarray of shape (n_anchors,), int64
            Only with ``return_weights``: positions, in the X given to ``fit``, of the anchors of
            the class.
        weights : ndarray of shape (n, n_anchors), float32
            Only with ``return_weights``: non-negative, with the sum 1 in each row. Encoded numbers
            are ``weights @ encoded anchors``; of a column with missing values, the mean over the
            anchors that have one.

        Raises
        ------
        ValueError
            If the class is not generated, ``n`` is not a positive integer, or a conditional
            generator is asked for weights.
        """
        check_is_fitted(self, "net_")
        code = position_of(target, self.classes_)
        game: GAMO = self.net_.module_
        if code not in game.sizes.minority:
            there = self.minority_.tolist()
            raise ValueError(
                f"target={target!r} is not a class that is generated (those are all that are "
                f"smaller than the largest: {there}). "
                + ("Choose one of them." if there else "Fit on data in which classes differ.")
            )
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(f"n={n!r} must be a positive integer: the number of rows to make.")
        if return_weights and game.sizes.generator != "convex":
            raise ValueError(
                "return_weights=True asks for anchors, and a conditional generator has none: set "
                "generator='convex'."
            )
        stream = self._random if random_state is None else random_stream(random_state)
        threads = None if game.sizes.convolutional else 1
        parts, kept = [], []
        with seeded(draw_seed(stream), self.device_, threads), torch.no_grad():
            for rows, weights in game.made(code, int(n)):
                parts.append(rows.cpu().numpy())
                if return_weights and weights is not None:
                    kept.append(weights.cpu().numpy())
        made = self._decoded(np.concatenate(parts))
        if not return_weights:
            return made
        return made, self._anchor_rows[code].copy(), np.concatenate(kept)

    def _decoded(self, rows: NDArray[np.float32]) -> Any:
        """Generated rows, (n, width), as those of fit."""
        game: GAMO = self.net_.module_
        if self._image is not None and not game.sizes.convolutional:
            flat = self.n_features_in_ == math.prod(self._image)
            rows = rows if flat else rows.reshape(-1, *self._image)
        if self.encoder_ is None or game.sizes.convolutional:
            return rows
        return self.encoder_.inverse_transform(rows)

    def _split(self, y: NDArray[np.intp], stream: np.random.RandomState) -> Any:
        train, held_out = super()._split(y, stream)
        self._positions = np.arange(len(y))[train]
        return train, held_out

    def _check_method(self, n: int) -> None:
        if not len(self.generator_layer_sizes):
            raise ValueError(
                f"generator_layer_sizes={self.generator_layer_sizes!r} has no layer: give one at "
                "least, such as (64,)."
            )
        self.minority_ = self.classes_[sorted(minority_of(self.class_counts_))]
        if not len(self.minority_):
            warn(
                f"All classes have {self.class_counts_[0]} rows: there is no minority to make rows "
                "of, and the classifier learns from the real rows alone.",
            )
        single = self.classes_[self.class_counts_ == 1].tolist()
        if single and len(self.minority_) and self.generator == "convex":
            warn(
                f"Classes of one training row, {single}: the hull of a row is that row, and all "
                "that is generated of them are copies.",
            )

    def _can_convolve(self, sides: Sequence[int]) -> bool:
        return min(sides) >= 4

    def _train(self, x: Tensor, y: Tensor, valid: Any, stream: np.random.RandomState) -> None:
        minority = minority_of(self.class_counts_)
        sizes = sizes_of(self, x, minority, self._convolutional(x))
        self.generates_features_ = sizes.convolutional
        chosen = choose_anchors(y.cpu().numpy(), sizes, stream)
        self._anchor_rows = {
            code: self._positions[rows] for code, rows in zip(minority, chosen, strict=True)
        }
        del self._positions
        anchors = np.concatenate([np.empty(0, dtype=np.int64), *chosen])
        deficits = self.class_counts_.max() - self.class_counts_[list(minority)]
        weight = self.generated_lambda
        if weight == "balanced":
            weight = deficits.sum() / self.class_counts_.sum()
        settings = Settings(
            least_squares=self.loss == "least_squares",
            generated_lambda=float(weight),
            discriminator_lambda=float(self.discriminator_lambda),
            label_smoothing=float(self._setting("label_smoothing")),
            ema_decay=float(self._setting("ema_decay")),
            weight_decay=float(self._setting("weight_decay")),
        )
        schedule = schedule_of(self, len(x), sizes.convolutional)
        criterion = LeastSquaresLoss if settings.least_squares else OneVsRestCrossEntropyLoss
        net = GAMONet(
            Blueprint(partial(GAMO, sizes)),
            settings=settings,
            anchors=torch.from_numpy(anchors).to(self.device_),
            criterion=partial(criterion, reduction="none"),
            max_epochs=schedule.n_epochs,
            iterator_train=GameBatches,
            iterator_train__schedule=schedule,
            iterator_train__n_classes=sizes.n_classes,
            iterator_train__balanced=self.sampling == "balanced",
            iterator_train__shares=deficits.astype(np.float64),
            **self._net_options(x, valid),
        )
        self.net_ = self._trained(net, x, y, draw_seed(stream))
        self._diagnose(x, anchors, draw_seed(stream))
        self.net_.release()
        # Of generate; its own, so that a classifier can be refitted and pickled.
        self._random = random_stream(draw_seed(stream))

    def _diagnose(self, x: Tensor, anchors: NDArray[np.int64], seed: int) -> None:
        game: GAMO = self.net_.module_
        if game.generator is None:
            self.diagnostics_: dict[str, float] = {}
            return
        game.eval()
        with seeded(seed, self.device_, self._n_threads(x)):
            real = game.extract(x[torch.from_numpy(anchors).to(x.device)])
            found = diagnose(game, real)
        self.diagnostics_ = found.values
        for codes, rows, advice in found.collapsed(self.discriminator):
            warn(
                f"The generator has collapsed: for the classes {self.classes_[codes].tolist()} "
                f"its rows are {rows}. Try {advice}.",
            )
