"""The sampler: parameters, checks, phases per class, and what the user asks of the fitted model."""

from __future__ import annotations

import math
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_memory
from torch import nn

from imbdeep import __version__
from imbdeep._warnings import warn
from imbdeep.encoding import data_array
from imbdeep.over_sampling._mgvae.ewc import EWCPenalty
from imbdeep.over_sampling._mgvae.model import (
    _FORWARD_ROWS,
    MGVAE,
    build,
    diagnose,
    exemplar_weights,
    fit_model,
    plan,
    pretrain,
)
from imbdeep.over_sampling.base import DeepOverSampler, check_layer_sizes, choose_network
from imbdeep.seeding import draw_seed, random_stream, seeded
from imbdeep.training import release_parameters

#: Exemplars in the prior of a step where n_exemplars="auto".
_N_EXEMPLARS = 100


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
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class gets, as everywhere in imbalanced-learn: "auto" fills every
        class up to the largest; a float is the wanted ratio of two classes; a dict maps labels to
        wanted totals.
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
        Number S of majority rows in the prior of a step. "auto" takes 100, or all rows of a
        smaller majority. Each costs a pass through the encoder; more of them changed little.
    exemplar_weights : {"auto", "uniform", "posterior"}, default="auto"
        How step 1 of Algorithm 1 draws the majority row that a new row is made from. "uniform" is
        the paper's: every row as often as any other. "posterior" draws a row as often as the fitted
        model takes it for the origin of a minority row: on tables, minority codes often fill a
        small part of the prior, and what is decoded elsewhere does not look like the class. "auto"
        takes "posterior" for tables and "uniform" for images.
    latent_dim : int or "auto", default="auto"
        Number of latent dimensions. "auto" takes the paper's: 40 for images, 10 for tables.
    hidden_layer_sizes : tuple of int, default=(300, 300)
        Units of the encoder's hidden layers, and in reverse order the decoder's, where the
        network is fully connected.
    network : {"auto", "mlp", "cnn"}, default="auto"
        Fully connected networks, or the convolutional ones of appendix E.1 for square
        images of 28, 32 or 64 pixels. "auto" takes the former for tables and for images of up to
        1024 values, the latter for larger images.
    decoder_output : {"auto", "sample", "mean"}, default="auto"
        Whether new rows are drawn from :math:`p_\theta(x \mid z)` (step 3 of Algorithm 1) or are
        its mean. "auto" draws for tables, where means would crowd the middle of the class and leave
        its border empty, and takes the mean for images, where noise is no picture. Categories and
        missing values are drawn in any case.
    pretrain_steps : int, default=6000
        Optimisation steps on the majority at the most. 0 leaves pre-training out ("w/o PT" in Table
        8) and then needs ``ewc_lambda=0``, since there is nothing to consolidate.
    finetune_steps : int, default=1000
        Optimisation steps on each minority class.
    batch_size : int, default=100
        Rows in a batch; drawn with replacement from a class that has fewer.
    learning_rate : float, default=1e-3
        Step size of Adam.
    early_stopping : bool, default=True
        Whether pre-training holds out a part of the majority, stops when its bound
        no longer improves and puts the best weights back. False trains for ``pretrain_steps`` on
        all rows. Fine-tuning always takes ``finetune_steps``: it is held back by ``ewc_lambda``.
    validation_fraction : float, default=0.1
        Part of the majority held out by ``early_stopping``.
    n_iter_no_change : int, default=10
        Epochs (50 to 250 steps each) without improvement after which pre-training stops.
    categorical_features : "auto", list of names or indices, mask or None, default="auto"
        Columns to treat as categories beside those whose dtype says so; see
        :class:`~imbdeep.encoding.TabularEncoder`.
    image_shape : tuple of (channels, height, width), default=None
        What the rows of a two-dimensional ``X`` are when they are flattened images. Images of
        shape (n_samples, channels, height, width) need no hint.
    row_filter : "auto", classifier or None, default="auto"
        Who judges generated rows. Of ``n_candidates`` rows for each that is wanted, rows are kept
        in proportion to the probability that a classifier, trained on the real rows, gives to
        their class. "auto" takes :class:`~imbdeep.classifiers.VotingEnsembleClassifier`
        for tables (see
        :class:`DeepOverSampler`); a classifier of yours is copied and trained. None keeps all rows.
    n_candidates : int, default=8
        Rows generated for each that is kept, where there is a judge.
    memory : str or joblib.Memory, default=None
        Where to keep the pre-trained majority model. It is used again when the majority rows, the
        parameters of pre-training and ``random_state`` (an integer) are the same, as in a grid
        search over ``ewc_lambda``, ``beta`` and ``finetune_steps``.
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where to train; "auto" takes a GPU when there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of all randomness; an integer gives the same rows on the same machine.
    verbose : bool or int, default=False
        Whether to show progress bars.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in sorted order.
    class_counts_ : ndarray of shape (n_classes,)
        Number of original rows of each class.
    sampling_strategy_ : dict
        Number of rows to add to each class.
    encoder_ : TabularEncoder or ImageScaler
        Turns rows into what the network sees and back.
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
    filter_ : classifier or None
        Who judges encoded rows, or None.
    filter_scores_ : dict of label to dict
        Mean probability of a class, of its ``candidates`` and the rows ``kept`` in the fit.
    device_ : torch.device
        Where the network was trained.
    n_features_in_ : int
        Number of columns (of channels, for images).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where the data has them.

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
        "ewc_lambda": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "prior": [StrOptions({"exemplar", "gaussian"})],
        "n_exemplars": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
        "exemplar_weights": [StrOptions({"auto", "uniform", "posterior"})],
        "latent_dim": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "hidden_layer_sizes": [tuple, list],
        "network": [StrOptions({"auto", "mlp", "cnn"})],
        "decoder_output": [StrOptions({"auto", "sample", "mean"})],
        "pretrain_steps": [Interval(Integral, 0, None, closed="left")],
        "finetune_steps": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, HasMethods(["cache"]), None],
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
        hidden_layer_sizes: tuple[int, ...] = (300, 300),
        network: str = "auto",
        decoder_output: str = "auto",
        pretrain_steps: int = 6000,
        finetune_steps: int = 1000,
        batch_size: int = 100,
        learning_rate: float = 1e-3,
        early_stopping: bool = True,
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
        super().__init__(
            sampling_strategy=sampling_strategy,
            categorical_features=categorical_features,
            image_shape=image_shape,
            row_filter=row_filter,
            n_candidates=n_candidates,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.ewc_lambda = ewc_lambda
        self.beta = beta
        self.prior = prior
        self.n_exemplars = n_exemplars
        self.exemplar_weights = exemplar_weights
        self.latent_dim = latent_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.network = network
        self.decoder_output = decoder_output
        self.pretrain_steps = pretrain_steps
        self.finetune_steps = finetune_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.memory = memory

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
        with seeded(draw_seed(stream), self.device_, self._n_threads), torch.no_grad():
            rows = self._translate(code, x)
        return self._decoded(rows)

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
        x = self._encoded(X)
        model = self.generator_[self.classes_[code]]
        with torch.no_grad():
            means = [
                model.encode(part.to(self.device_))[0].cpu() for part in x.split(_FORWARD_ROWS)
            ]
        codes: NDArray[np.float32] = torch.cat(means).numpy()
        return codes

    def _encoded(self, X: Any) -> torch.Tensor:
        x = self.encoder_.transform(data_array(X))
        return torch.from_numpy(x.reshape(len(x), self._width))

    def _check_data(self, data: Any, counts: NDArray[np.int64]) -> None:
        check_layer_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        if not self.pretrain_steps and self.ewc_lambda:
            raise ValueError(
                f"ewc_lambda={self.ewc_lambda} holds the weights near the pre-trained ones, but "
                "pretrain_steps=0 makes none: set ewc_lambda=0 too."
            )
        # What a fit that has nothing to add leaves behind.
        self.majority_class_ = self.classes_[counts.argmax()]
        self.history_: list[dict[str, Any]] = []
        self.generator_: dict[Any, MGVAE] = {}
        self.diagnostics_: dict[Any, dict[str, float]] = {}
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
        self._refuse_categories_of_images()
        self._network = choose_network(self.network, self._image)
        self._n_threads = 1 if self._network == "mlp" else None

    def _fit_generator(self, x: NDArray[np.float32], codes: NDArray[np.int64]) -> None:
        self._row_shape = x.shape[1:]
        x = x.reshape(len(x), self._width)
        output = self.decoder_output
        self._mean = self._image is not None if output == "auto" else output == "mean"
        draw = self.exemplar_weights
        if draw == "auto":
            draw = "posterior" if self._image is None and self.prior == "exemplar" else "uniform"
        majority = int(self.class_counts_.argmax())
        x_majority = x[codes == majority]
        pretrain_seed = draw_seed(self._random)
        seeds = {code: draw_seed(self._random) for code in self._deficits}
        spec = plan(
            None if self._image is not None else asdict(self.encoder_.layout_),
            self._image or (self._width,),
            network=self._network,
            latent_dim=self.latent_dim,
            hidden_layer_sizes=tuple(self.hidden_layer_sizes),
            prior=self.prior,
        )
        hyper: dict[str, Any] = {
            "max_steps": self.pretrain_steps,
            "batch_size": self.batch_size,
            "n_exemplars": _N_EXEMPLARS if self.n_exemplars == "auto" else self.n_exemplars,
            "learning_rate": self.learning_rate,
            "validation_fraction": self.validation_fraction,
            "patience": self.n_iter_no_change if self.early_stopping else None,
        }
        versions = (__version__, torch.__version__)  # another version's model is not ours
        cached = check_memory(self.memory).cache(pretrain, ignore=["verbose"])
        weights, information, records = cached(
            x_majority,
            spec,
            hyper,
            self._mean,
            pretrain_seed,
            str(self.device_),
            self._n_threads,
            versions,
            self.verbose,
        )
        self.history_ = [
            {"phase": "pre-training", "class": self.majority_class_, **record} for record in records
        ]
        reference = torch.tensor(weights, device=self.device_)
        penalty = None
        if self.ewc_lambda:
            information = torch.tensor(information, device=self.device_)
            penalty = EWCPenalty(reference, information, self.ewc_lambda)
        self._exemplars = torch.from_numpy(x_majority).to(self.device_)
        self._weights: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        hyper.update(max_steps=self.finetune_steps, patience=None)
        for code in self._deficits:
            label = self.classes_[code]
            rows = torch.from_numpy(x[codes == code]).to(self.device_)
            with seeded(seeds[code], self.device_, self._n_threads):
                model = build(spec, self.device_)
                nn.utils.vector_to_parameters(reference.clone(), model.parameters())
                records = []
                # More rows of the majority itself come from the pre-trained model.
                if self.finetune_steps and not (code == majority and self.pretrain_steps):
                    records = fit_model(
                        model,
                        rows,
                        self._exemplars,
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
                        self._weights[code] = exemplar_weights(model, rows, self._exemplars)
                found = diagnose(model, rows, self._exemplars, hyper["n_exemplars"], records)
            self.history_ += [
                {"phase": "fine-tuning", "class": label, **record} for record in records
            ]
            self.generator_[label] = model
            self.diagnostics_[label] = found

    def _generate(self, code: int, n: int) -> NDArray[np.float32]:
        """Algorithm 1."""
        if code in self._weights:
            candidates, weights = self._weights[code]
            chosen = torch.multinomial(weights, n, replacement=True)
            return self._translate(code, self._exemplars, candidates[chosen])
        # Uniform: each majority row is an exemplar once before any is one twice.
        n_majority = len(self._exemplars)
        passes = [
            torch.randperm(n_majority, device=self.device_)
            for _ in range(math.ceil(n / n_majority))
        ]
        return self._translate(code, self._exemplars, torch.cat(passes)[:n])

    def _translate(
        self, code: int, x: torch.Tensor, order: torch.Tensor | None = None
    ) -> NDArray[np.float32]:
        """Rows of the class from the rows ``order`` of x (all, in turn, by default)."""
        model = self.generator_[self.classes_[code]]
        order = torch.arange(len(x)) if order is None else order
        rows = np.empty((len(order), self._width), dtype=np.float32)
        for start in range(0, len(order), _FORWARD_ROWS):
            part = x[order[start : start + _FORWARD_ROWS]].to(self.device_)
            rows[start : start + len(part)] = model.generate(part, self._mean).cpu().numpy()
        return rows.reshape(len(rows), *self._row_shape)
