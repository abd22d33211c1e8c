"""The sampler: parameters, checks, phases per class, and what the user asks of the fitted model."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from imbdeep._warnings import warn
from imbdeep.networks import choose_network
from imbdeep.over_sampling._memory import VERSIONS, remembered
from imbdeep.over_sampling._mgvae.ewc import EWCPenalty
from imbdeep.over_sampling._mgvae.model import (
    _FORWARD_ROWS,
    Unfinished,
    build,
    diagnose,
    exemplar_weights,
    fit_model,
    pretrain,
)
from imbdeep.over_sampling._shared import constraints, documented
from imbdeep.over_sampling.base import DeepOverSampler, check_layer_sizes, layer_sizes
from imbdeep.seeding import draw_seed, random_stream, seeded
from imbdeep.training import budget, release_parameters

#: Steps for each power of ten of the rows of the majority, and of another class.
_TABLE_STEPS, _IMAGE_STEPS = (300, 200), (500, 300)


@documented
class MGVAESampler(DeepOverSampler):
    r"""Over-sampling by a majority-guided variational auto-encoder (MGVAE).

    A variational auto-encoder is trained on the majority class and then fine-tuned on each
    minority class, while its prior stays tied to majority rows: a new row is made from a majority
    row's latent code, and so inherits the majority's diversity. SMOTE and its kin combine minority
    rows only, and an ordinary conditional VAE draws from a fixed Gaussian prior.

    The objective for minority rows :math:`x` is the evidence lower bound of Eq. 4 in [1]_,

    .. math::
        O(\Psi; x) = \mathbb{E}_{q_\phi(z \mid x)} \Big[ \log p_\theta(x \mid z)
        - \beta \log \frac{q_\phi(z \mid x)}{\frac1S \sum_s r_\phi(z \mid x_s^+)} \Big],

    with :math:`r_\phi(z \mid x^+) = \mathcal{N}(\mu_\phi(x^+), \sigma^2 I)` around S majority rows
    drawn anew in every step, and what is minimised is :math:`-O(\Psi; x) + \lambda \sum_i F_i
    (\Psi_i - \Psi_{+,i})^2`, elastic weight consolidation towards the pre-trained weights (Eq. 6;
    the paper prints the penalty with the sign of a reward). New rows are drawn by Algorithm 1: a
    majority row, its code, a row from :math:`p_\theta(x \mid z)`.

    Parameters
    ----------
    $sampling_strategy
    ewc_lambda : float, default=1.0
        Weight :math:`\lambda` of elastic weight consolidation. The Fisher information is scaled to
        mean 1 over the weights, so that a value means the same on every data set. 0 fine-tunes
        freely ("w/o EWC" in Table 8); very large values give back the majority model.
    beta : float, default=1.0
        Weight of the KL term while fine-tuning; 1 is Eq. 4. Pre-training always uses 1, so
        that a search over ``beta`` and ``ewc_lambda`` needs one pre-training (see ``memory``).
    prior : {"exemplar", "gaussian"}, default="exemplar"
        The majority-based prior of the paper, or N(0, I) ("VAE w/ PT+EWC" in Table 8).
    n_exemplars : int or "auto", default="auto"
        Number S of majority rows in the prior of a step, at most all there are. "auto" takes 100
        while fine-tuning, and while pre-training the other rows of the batch, which the encoder
        sees anyway: that saves a third of the time, and new rows are as near to real ones.
    exemplar_weights : {"auto", "uniform", "posterior"}, default="auto"
        How step 1 of Algorithm 1 draws the majority row that a new row is made from. "uniform" is
        the paper's: every row as often as any other. "posterior" draws a row as often as the fitted
        model takes it for the origin of a minority row: on tables, minority codes often fill a
        small part of the prior, and what is decoded elsewhere does not look like the class. "auto"
        takes "posterior" for tables and "uniform" for images.
    latent_dim : int or "auto", default="auto"
        Number of latent dimensions. "auto" takes the paper's: 40 for images, 10 for tables.
    $hidden_layer_sizes
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks, or the convolutional ones of appendix E.1 for square
        images of 28, 32 or 64 pixels. "auto" takes the former for tables and for images of up to
        1024 values, the latter for larger images.
    decoder_output : {"auto", "sample", "mean"}, default="auto"
        Whether new rows are drawn from :math:`p_\theta(x \mid z)` (step 3 of Algorithm 1) or are
        its mean. "auto" draws for tables, where means would crowd the middle of the class and leave
        its border empty, and takes the mean for images, where noise is no picture. Categories and
        missing values are drawn in any case.
    pretrain_steps : int or "auto", default="auto"
        Optimisation steps on the majority. "auto" takes 300 for each power of ten of its rows: 760
        for 350 rows, 1300 for 20 000; 500 for images. On tables, fewer leave new rows that are
        easier to tell from real ones, and more changed little. 0 leaves pre-training out ("w/o PT"
        in Table 8) and then needs ``ewc_lambda=0``, since there is nothing to consolidate.
    finetune_steps : int or "auto", default="auto"
        Optimisation steps on each minority class. "auto" takes 200 for each power of ten of its
        rows, and 200 at least; 300 for images. On Satimage and Water Quality boosted trees ranked
        1 to 5 points better on the rows of 700 steps than on those of 200.
    $batch_size
    $learning_rate
    early_stopping : bool, default=False
        Whether pre-training holds out a part of the majority, stops when its bound
        no longer improves and puts the best weights back. False trains for ``pretrain_steps`` on
        all rows. Fine-tuning always takes ``finetune_steps``: it is held back by ``ewc_lambda``.
    validation_fraction : float, default=0.1
        Part of the majority held out by ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs (50 to 250 steps each) without improvement after which pre-training stops.
    $data_parameters_mgvae
    $common_parameters

    Attributes
    ----------
    $class_attributes
    generator_ : dict of label to torch.nn.Module
        The fine-tuned model of each class that was over-sampled.
    majority_class_ : label
        The class whose rows are the exemplars: the largest, of equals the first in sorted order.
    history_ : list of dict
        A record an epoch: ``phase`` ("pre-training" or "fine-tuning"), ``class``, ``epoch``,
        ``step``, the epoch's means of ``loss``, ``reconstruction`` (expected log likelihood),
        ``kl`` and ``ewc``, in nats a row, and ``validation``.
    diagnostics_ : dict of label to dict
        After fine-tuning, over the class's own rows: ``elbo``, ``reconstruction``, ``kl``; the
        ``exemplar_spread`` (root mean square deviation of the exemplars' codes; near 0 the prior
        says nothing of the majority row) beside the ``prior_scale`` sigma; and ``ewc_share``, the
        penalty's part of the last epoch's loss in absolute terms.
    $common_attributes

    See Also
    --------
    imblearn.over_sampling.SMOTE : Interpolates between neighbours of the minority.

    Notes
    -----
    With more than two classes, the majority model and its Fisher information are made once and each
    minority class gets a fine-tuning of its own.

    Over-sampling shifts the probabilities that a classifier predicts towards the minority. On most
    tables, tuning the decision threshold of a classifier trained on the data as it is
    (:class:`sklearn.model_selection.TunedThresholdClassifierCV`) does as well: compare with it.

    References
    ----------
    .. [1] Q. Ai, P. Wang, L. He, L. Wen, L. Pan, Z. Xu, "Generative Oversampling for Imbalanced
       Data via Majority-Guided VAE", AISTATS 2023. Eq. 1 to 6, Algorithms 1 and 2, appendix E.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.over_sampling import MGVAESampler
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = MGVAESampler(pretrain_steps=100, finetune_steps=50, random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> X_res.shape
    (360, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **DeepOverSampler._parameter_constraints,
        **constraints(
            "beta network decoder_output batch_size learning_rate early_stopping "
            "validation_fraction n_iter_no_change",
            hidden_layer_sizes=[tuple, list, StrOptions({"auto"})],
            ewc_lambda=[Interval(Real, 0, None, closed="left")],
            prior=[StrOptions({"exemplar", "gaussian"})],
            n_exemplars=[Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
            exemplar_weights=[StrOptions({"auto", "uniform", "posterior"})],
            latent_dim=[Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
            pretrain_steps=[Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
            finetune_steps=[Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        ),
    }
    _NOT_LEARNED: ClassVar[dict[str, Any]] = {
        "generator_": {},
        "history_": [],
        "diagnostics_": {},
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        ewc_lambda: float = 1.0,
        beta: float = 1.0,
        prior: str = "exemplar",
        n_exemplars: int | str = "auto",
        exemplar_weights: str = "auto",
        latent_dim: int | str = "auto",
        hidden_layer_sizes: tuple[int, ...] | str = "auto",
        network: str = "auto",
        decoder_output: str = "auto",
        pretrain_steps: int | str = "auto",
        finetune_steps: int | str = "auto",
        batch_size: int = 100,
        learning_rate: float = 4e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
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

    def translate(self, X: Any, target: Any, *, random_state: Any = None) -> Any:
        """Turn each majority row into a row of another class (Figure 3 of the paper).

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Rows with the fitted columns, usually of the majority class.
        target : label
            One of the classes that ``fit_resample`` added rows to.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. None goes on where the last draw stopped.

        Returns
        -------
        ndarray or DataFrame of n rows
            Row i is the translation of row i of ``X``, in the container that was fitted.

        Raises
        ------
        ValueError
            If no rows were added to the class, or the prior is Gaussian: it knows no majority rows.
        """
        code = self._code_of(target)
        if self.prior != "exemplar":
            raise ValueError(
                f"prior={self.prior!r} draws codes without a majority row, so there is nothing to "
                "translate: fit with prior='exemplar'."
            )
        x = self._encoded(X)
        if not self._width:  # only constant columns: every row is the same
            return self._decoded(x.numpy())
        stream = self._random if random_state is None else random_stream(random_state)
        return self._decoded(self._collected(lambda: self._translated(code, x), len(x), stream))

    def encode(self, X: Any, target: Any) -> NDArray[np.float32]:
        """Latent codes of rows in the model of a class, to look at its latent space.

        Parameters
        ----------
        X : array-like or DataFrame of n rows
            Rows with the fitted columns, of any class.
        target : label
            One of the classes that ``fit_resample`` added rows to.

        Returns
        -------
        ndarray of shape (n, latent_dim), float32
            Posterior means; those of majority rows are the centres of the prior.

        Raises
        ------
        ValueError
            If no rows were added to the class, or all columns are constant: nothing was learned.
        """
        code = self._code_of(target)
        if not self._width:
            raise ValueError(
                "All columns of the fitted data are constant: there is nothing to encode."
            )
        model = self.generator_[self.classes_[code]]
        return self._latent(X, lambda x: model.encode(x)[0], _FORWARD_ROWS)

    def _check_parameters(self, counts: NDArray[np.int64], image: tuple[int, ...] | None) -> None:
        check_layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        if self.pretrain_steps == 0 and self.ewc_lambda:
            raise ValueError(
                f"ewc_lambda={self.ewc_lambda} holds the weights near the pre-trained ones, but "
                "pretrain_steps=0 makes none: set ewc_lambda=0 too."
            )
        self.majority_class_ = self.classes_[counts.argmax()]
        majority = int(counts.max())
        if isinstance(self.n_exemplars, Integral) and int(self.n_exemplars) > majority:
            warn(
                f"n_exemplars={self.n_exemplars} is more than the majority has: all its {majority} "
                "rows are used.",
            )
        if self.prior != "exemplar" and self.exemplar_weights == "posterior":
            raise ValueError(
                "exemplar_weights='posterior' weighs exemplars, but "
                f"prior={self.prior!r} has none: leave one of the two out."
            )
        choose_network(self.network, image)

    def _convolves(self, shape: tuple[int, ...]) -> bool:
        return choose_network(self.network, shape) == "cnn"

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
        images = len(shape) == 3
        output, draw = self.decoder_output, self.exemplar_weights
        self._mean = images if output == "auto" else output == "mean"
        if draw == "auto":
            draw = "posterior" if not images and self.prior == "exemplar" else "uniform"
        majority = int(self.class_counts_.argmax())
        x_majority = x[y == majority]
        seeds = {code: draw_seed(stream) for code in n_new}
        spec = {  # plain data: the model is made again from it, in the cache too
            "shape": tuple(shape),
            "likelihood": layout,
            "network": choose_network(self.network, shape),
            "latent_dim": (40 if images else 10) if self.latent_dim == "auto" else self.latent_dim,
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes, images),
            "prior": self.prior,
        }
        steps = _IMAGE_STEPS if images else _TABLE_STEPS
        hyper: dict[str, Any] = {
            "max_steps": budget(self.pretrain_steps, steps[0], len(x_majority)),
            "batch_size": self.batch_size,
            "n_exemplars": None if self.n_exemplars == "auto" else self.n_exemplars,
            "learning_rate": self.learning_rate,
            "validation_fraction": self.validation_fraction,
            "patience": self.n_iter_no_change if self.early_stopping else None,
        }
        try:
            made = remembered(self.memory, pretrain, ignore=["verbose"])(
                x_majority.cpu().numpy(),
                spec,
                hyper,
                self._mean,
                seed,
                str(self.device_),
                self._n_threads,
                VERSIONS,
                self.verbose,
            )
        except Unfinished as interrupted:
            made = interrupted.args
        weights, information, records = made
        self.history_ = [
            {"phase": "pre-training", "class": self.majority_class_, **record} for record in records
        ]
        reference = torch.tensor(weights, device=self.device_)
        penalty = None
        if self.ewc_lambda:
            information = torch.tensor(information, device=self.device_)
            penalty = EWCPenalty(reference, information, self.ewc_lambda)
        self._exemplars = x_majority
        self._weights: dict[int, tuple[Tensor, Tensor]] = {}
        hyper["patience"] = None
        for code in n_new:
            label, rows = self.classes_[code], x[y == code]
            hyper["max_steps"] = budget(self.finetune_steps, steps[1], len(rows))
            with seeded(seeds[code], self.device_, self._n_threads):
                model = build(spec, self.device_)
                nn.utils.vector_to_parameters(reference.clone(), model.parameters())
                records = []
                # More rows of the majority itself come from the pre-trained model.
                if hyper["max_steps"] and not (code == majority and self.pretrain_steps):
                    records = fit_model(
                        model,
                        rows,
                        x_majority,
                        is_majority=code == majority,
                        beta=self.beta,
                        penalty=penalty,
                        verbose=self.verbose,
                        description=f"fine-tuning on class {label}",
                        **hyper,
                    )
                release_parameters(model)
                if draw == "posterior" and code != majority:
                    with torch.no_grad():
                        self._weights[code] = exemplar_weights(model, rows, x_majority)
                found = diagnose(model, rows, x_majority, hyper["n_exemplars"], records)
            self.history_ += [
                {"phase": "fine-tuning", "class": label, **record} for record in records
            ]
            self.generator_[label] = model
            self.diagnostics_[label] = found

    def _generate(self, code: int, n: int) -> Iterator[Tensor]:
        """Algorithm 1."""
        if code in self._weights:
            candidates, weights = self._weights[code]
            chosen = candidates[torch.multinomial(weights, n, replacement=True)]
        else:  # uniform: each majority row is an exemplar once before any is one twice
            n_majority = len(self._exemplars)
            passes = -(-n // n_majority)
            orders = [torch.randperm(n_majority, device=self.device_) for _ in range(passes)]
            chosen = torch.cat(orders)[:n]
        for rows in chosen.split(_FORWARD_ROWS):
            yield from self._translated(code, self._exemplars[rows])

    def _translated(self, code: int, x: Tensor) -> Iterator[Tensor]:
        """Rows of the class from the majority rows x (n, width), some at a time."""
        model = self.generator_[self.classes_[code]]
        for part in x.split(_FORWARD_ROWS):
            yield model.generate(part.to(self.device_), self._mean)
