"""RAEClassifier: a linear classifier in a latent space made for over-sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from skorch.dataset import Dataset
from torch import Tensor, nn

from imbdeep._warnings import warn
from imbdeep.classifiers._adversarial import AdversarialClassifier
from imbdeep.classifiers._building import observed_columns
from imbdeep.classifiers._docs import documented
from imbdeep.classifiers._net import Blueprint, balanced_accuracy
from imbdeep.classifiers._rae.net import CycleBatches, RAENet, Schedule, Settings
from imbdeep.classifiers._rae.players import RAE, Architecture
from imbdeep.seeding import draw_seed

#: Below this share of the largest entropy the mixing weights are at an end point.
_COLLAPSED = 0.1
#: Training rows of each class on which the separability is measured, at the most.
_SEPARABILITY_ROWS = 2000


@documented
class RAEClassifier(AdversarialClassifier):
    """A linear classifier in a latent space in which over-sampling keeps the class (RAE, [1]_).

    An encoder E maps rows x to codes z, and a linear classifier L reads the class from them. New
    codes are convex combinations of t codes of one class,

        z' = α_1 z_1 + … + α_t z_t,   α_i ≥ 0,   Σ α_i = 1        (Eq. 1)

    and L must take z' for that class too (Eq. 6): where the classes are linearly separable, a
    combination cannot leave its class (Proposition 1). A mixer network chooses α so that L errs
    (Eq. 3). A decoder D, trained against a critic C (Eq. 4 and 5, a Wasserstein GAN with gradient
    penalty), keeps the codes from collapsing: the encoder minimises

        λ_clf L_clf + λ_mae |x - D(E(x))|        (Eq. 7).

    All classes are equally frequent in the training. No distance between rows is ever measured,
    unlike in SMOTE, and the classifier is trained together with what is over-sampled for it.

    Parameters
    ----------
    clf_lambda : float, default=5.0
        λ_clf, the weight of the classification in the encoder's loss. 0 leaves the codes to the
        decoder alone, and the linear classifier, trained beside it, must make do with them (Table
        4, first row, which lacks the mixer too).
    mae_lambda : float, default=0.01
        λ_mae, the weight of the reconstruction error, which is a mean over the encoded columns.
    n_mixed : int, default=2
        t, the number of rows in a combination.
    mixing : {"mixer"}, float or None, default="mixer"
        Where α comes from: the mixer network; a Dirichlet distribution with this concentration (1
        is uniform on the simplex, Table 4's "no mixer"; for t = 2, a is Beta(a, a)); or None for no
        combinations at all.
    sampling : {"balanced"} or None, default="balanced"
        Whether all classes are equally frequent in the training, or as frequent as in the data.
    encoder_steps, decoder_steps, critic_steps : int, default=1
        A cycle is ``decoder_steps`` updates of the decoder, each after ``critic_steps`` of the
        critic, and then ``encoder_steps`` updates of encoder, classifier and mixer. Algorithm 1 has
        equally many of each; the authors' code does 1, 4 and 5, which takes long.
        ``decoder_steps=0`` is an RAE without decoder and critic, which cannot generate.
    latent_dim : int or "auto", default="auto"
        Number of latent dimensions. "auto" is 32 for tables (chosen by a search on tables of the
        development data; the paper has 8), 64 for grey images and 256 for others.
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks (Tables 18 and 19), or convolutional ones (Tables 16 and 17) for
        images whose sides are multiples of 4. "auto" takes the latter for those from 16 pixels on.
    hidden_layer_sizes : tuple of int, default=(512, 256)
        Units of the hidden layers of a fully connected encoder, and of the decoder.
    mixer_layer_sizes : tuple of int or "auto", default="auto"
        Units of the mixer: "auto" is four layers of 512, of 1024 beside convolutional networks.
    critic_layer_sizes : tuple of int, default=(256, 256, 256)
        Units of the hidden layers of a fully connected critic. The paper has 512 in each; fewer
        take less time.
    learning_rate : float, default=1e-3
        Step size of all optimisers: AdamW for encoder and classifier, Adam with β = (0.5, 0.9) for
        the others. The paper's is 2e-4; the authors' code does 20 000 updates of the encoder.
    max_steps : int, default=2000
        Number of updates of the encoder, rounded up to whole cycles.
    batch_size : int, default=64
        Groups of ``n_mixed`` rows in an update.
    $early_stopping
    $encoding
    $callbacks A learning-rate scheduler reaches the
        optimiser of encoder, classifier and mixer alone. ``on_grad_computed`` is not called, and
        Freezer has no effect. Batches, and scores with ``on_train=True``, are the real rows of the
        last update of the encoder in each cycle, as the encoder in training sees them.
    training_params : dict, default=None
        Settings that are seldom changed. ``mixer_target`` ("wrong") is the class for which L shall
        take the mixer's combinations: any other class (Eq. 3), or, with "permuted", the label of a
        random group of the batch, as in the authors' code. ``penalty_lambda`` (10.0) is λ of Eq. 5.
        ``decoder_clf_lambda`` (1.0) and ``decoder_mae_lambda`` (10.0) weigh the cross-entropy of L
        on decoded rows and the reconstruction error in the decoder's loss: the first is in the
        authors' code alone, the second in neither, but in few updates a decoder does not find the
        rows by the critic alone. ``ema_decay`` (0.99): the weights that predict and generate are
        moving averages over the cycles, in which cycle n counts at least 9 / (n + 9); 0 takes the
        last weights, as the paper. ``dropout`` (0.4) is the share of units that encoder and mixer
        leave out at random, ``weight_decay`` (1e-3) is of encoder and classifier.
    $running

    Attributes
    ----------
    $classes
    diagnostics_ : dict of float
        Of the epoch whose weights are kept, ``alpha_entropy``: mean entropy of the mixing weights,
        as a share of the largest possible; near 0 combinations are copies. ``critic_gap``: how much
        higher the critic scored real rows. ``separability``: mean over classes of the share of
        training rows (at most 2000 a class) that the hyperplanes of L put into their class: 1 is
        what Proposition 1 asks for. What was not trained is not in it.
    $net
    history_ : list of dict
        A record an epoch of about 100 encoder updates: ``epoch``, ``loss`` (Eq. 7) with its parts
        ``classification`` and ``reconstruction``; ``mixer``, ``decoder`` and its parts,
        ``critic_gap``, ``gradient_penalty``, ``alpha_entropy``; with validation rows ``validation``
        (loss), ``validation_balanced_accuracy`` (averaged weights) and
        ``validation_raw_balanced_accuracy``.
    $fitted

    Warns
    -----
    UserWarning
        If a class has fewer rows than ``n_mixed``, or if the mixing weights have collapsed to end
        points, so that the mixer picks hard rows instead of making new ones.

    See Also
    --------
    imbdeep.over_sampling.RAESampler : Rows decoded from combinations of codes.
    M2mClassifier : Balances by translating rows of larger classes.

    Notes
    -----
    The players of a step alone are in training mode: batch normalisation of the encoder never
    counts generated rows, and decoder and critic learn from codes made in evaluation mode. Codes
    reach the mixer, and mixing weights the encoder, as constants. A group of t rows gives t + 1
    codes to classify, as in Eq. 6, and to the critic one D(z') and t - 1 D(E(x)); decoder and
    critic are conditioned on the class. Groups are drawn from the classes directly; the authors
    draw from a pool of 200 pairs a class that they renew every 25 steps.

    Training on balanced classes makes the probabilities those of a balanced population: well
    ranked, not calibrated to yours.

    References
    ----------
    .. [1] A. K. Mondal, L. Singhal, P. Tiwary, P. Singla, Prathosh AP, "Minority Oversampling for
       Imbalanced Data via Class-Preserving Regularized Auto-Encoders", AISTATS 2023: Eq. 1 to 7,
       Algorithm 1, Tables 4 and 16 to 19.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import RAEClassifier
    >>> X, y = make_classification(400, weights=[0.9], flip_y=0, random_state=0)
    >>> classifier = RAEClassifier(max_steps=100, device="cpu", random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (400, 2)
    >>> classifier.penultimate_features(X).shape  # the codes
    (400, 32)
    """

    _parameter_constraints: ClassVar[dict] = {
        **AdversarialClassifier._parameter_constraints,
        "clf_lambda": [Interval(Real, 0, None, closed="left")],
        "mae_lambda": [Interval(Real, 0, None, closed="left")],
        "n_mixed": [Interval(Integral, 2, None, closed="left")],
        # Below, float32 loses the gamma draws of which Dirichlet's are made.
        "mixing": [StrOptions({"mixer"}), Interval(Real, 1e-3, None, closed="left"), None],
        "encoder_steps": [Interval(Integral, 1, None, closed="left")],
        "decoder_steps": [Interval(Integral, 0, None, closed="left")],
        "critic_steps": [Interval(Integral, 1, None, closed="left")],
        "latent_dim": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "mixer_layer_sizes": ["array-like", StrOptions({"auto"})],
        "critic_layer_sizes": ["array-like"],
    }
    _TRAINING = {
        "mixer_target": ("wrong", [StrOptions({"wrong", "permuted"})]),
        "penalty_lambda": (10.0, [Interval(Real, 0, None, closed="left")]),
        "decoder_clf_lambda": (1.0, [Interval(Real, 0, None, closed="left")]),
        "decoder_mae_lambda": (10.0, [Interval(Real, 0, None, closed="left")]),
        "ema_decay": (0.99, [Interval(Real, 0, 1, closed="left")]),
        "dropout": (0.4, [Interval(Real, 0, 1, closed="left")]),
        "weight_decay": (1e-3, [Interval(Real, 0, None, closed="left")]),
    }

    _SIDES_ADVICE = "pad or resize them to multiples of 4, or set network='mlp'"
    _LAYERS = ("hidden_layer_sizes", "mixer_layer_sizes", "critic_layer_sizes")

    def __init__(
        self,
        *,
        clf_lambda: float = 5.0,
        mae_lambda: float = 0.01,
        n_mixed: int = 2,
        mixing: Any = "mixer",
        sampling: str | None = "balanced",
        encoder_steps: int = 1,
        decoder_steps: int = 1,
        critic_steps: int = 1,
        latent_dim: int | str = "auto",
        network: str = "auto",
        hidden_layer_sizes: Sequence[int] = (512, 256),
        mixer_layer_sizes: Any = "auto",
        critic_layer_sizes: Sequence[int] = (256, 256, 256),
        learning_rate: float = 1e-3,
        max_steps: int = 2000,
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

    def _check_method(self, n: int) -> None:
        if not self.clf_lambda and not (self.decoder_steps and self.mae_lambda):
            raise ValueError(
                "clf_lambda=0 leaves the encoder to the reconstruction error, and there is none: "
                "set decoder_steps and mae_lambda above 0, or clf_lambda above 0."
            )
        few = self.class_counts_ < self.n_mixed
        if self.mixing is not None and few.any():
            named = dict(
                zip(self.classes_[few].tolist(), self.class_counts_[few].tolist(), strict=True)
            )
            warn(
                f"Classes with fewer rows than n_mixed={self.n_mixed} repeat them in their "
                f"combinations: {named}. Those of a class of one row are that row.",
            )

    def _can_convolve(self, sides: Sequence[int]) -> bool:
        return not any(side % 4 for side in sides)

    def _sizes(self, x: Tensor) -> Architecture:
        shape, convolutional = tuple(x.shape[1:]), self._convolutional(x)
        latent_dim = self.latent_dim
        if latent_dim == "auto":
            latent_dim = 32 if x.ndim == 2 else 64 if shape[0] == 1 else 256
        return Architecture(
            shape=shape,
            n_classes=len(self.classes_),
            convolutional=convolutional,
            latent_dim=int(latent_dim),
            n_mixed=self.n_mixed,
            mixing=float(self.mixing) if isinstance(self.mixing, Real) else self.mixing,
            decoder=self.decoder_steps > 0,
            hidden=self._units("hidden_layer_sizes"),
            mixer_hidden=(
                (1024 if convolutional else 512,) * 4
                if isinstance(self.mixer_layer_sizes, str)
                else self._units("mixer_layer_sizes")
            ),
            critic_hidden=self._units("critic_layer_sizes"),
            dropout=self._setting("dropout"),
            columns=observed_columns(self.encoder_, x),
        )

    def _train(self, x: Tensor, y: Tensor, valid: Any, stream: np.random.RandomState) -> None:
        n_classes = len(self.classes_)
        schedule = Schedule(
            self.encoder_steps, self.decoder_steps, self.critic_steps, self.max_steps
        )
        settings = Settings(
            clf_lambda=self.clf_lambda,
            mae_lambda=self.mae_lambda,
            **{name: self._setting(name) for name in self._TRAINING if name != "dropout"},
        )
        net = RAENet(
            Blueprint(partial(RAE, self._sizes(x))),
            settings=settings,
            schedule=schedule,
            criterion=partial(nn.CrossEntropyLoss, reduction="none"),
            max_epochs=schedule.n_epochs,
            iterator_train=CycleBatches,
            iterator_train__n_classes=n_classes,
            iterator_train__n_mixed=self.n_mixed,
            iterator_train__balanced=self.sampling == "balanced",
            iterator_train__schedule=schedule,
            **self._net_options(x, valid),
        )
        self.net_ = self._trained(net, x, y, draw_seed(stream))
        self.net_.release()
        self._diagnose(x, y)

    @staticmethod
    def _kept(history: Any) -> Any:
        """The record of the epoch whose weights are kept: with early stopping, the best."""
        scores = [epoch.get("valid_balanced_accuracy", 0.0) for epoch in history]
        return history[-1] if not any(scores) else history[int(np.argmax(scores))]

    def _diagnose(self, x: Tensor, y: Tensor) -> None:
        last = self._kept(self.net_.history)
        self.diagnostics_ = {
            name: float(last[name]) for name in ("alpha_entropy", "critic_gap") if name in last
        }
        rows = torch.cat(
            [
                own[:: math.ceil(len(own) / _SEPARABILITY_ROWS)]
                for own in (torch.nonzero(y == k).flatten() for k in range(len(self.classes_)))
            ]
        )
        found = self.net_.predict_proba(Dataset(x[rows])).argmax(axis=1)
        self.diagnostics_["separability"] = balanced_accuracy(y[rows], torch.from_numpy(found))
        spread = self.diagnostics_.get("alpha_entropy", 1.0)
        if spread < _COLLAPSED and self.mixing == "mixer":
            warn(
                f"The mixing weights have collapsed: their entropy is {spread:.1%} of the largest "
                "possible, so that the mixer picks the hardest row of each group instead of making "
                "a new one. Compare with mixing=1.0, which draws the weights at random.",
            )
