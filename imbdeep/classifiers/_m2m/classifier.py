"""M2mClassifier: over-sampling by major-to-minor translation, while training."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from imbdeep._warnings import warn
from imbdeep.classifiers._building import n_epochs_of
from imbdeep.classifiers._docs import documented
from imbdeep.classifiers._erm import ERMClassifier
from imbdeep.classifiers._m2m.net import M2mNet, Settings, TranslationBatches
from imbdeep.classifiers._m2m.teachers import check_encodings, given_teachers, net_on
from imbdeep.classifiers._module import ModuleClassifier
from imbdeep.classifiers.base import DeepClassifier
from imbdeep.classifiers.schedules import DeferredResampling, start_of
from imbdeep.encoding import position_of, target_array
from imbdeep.losses import inverse_frequency_weights
from imbdeep.seeding import draw_seed, random_stream, seeded

#: Parameters of ``estimator`` by which it would balance the classes itself.
_BALANCING = ("class_weight", "sampling", "defer")
#: Below this share of accepted translations a warning is issued.
_HARDLY_ANY = 0.05
#: Rows that are translated at a time by ``translate``.
_CHUNK = 1024


@documented
class M2mClassifier(ModuleClassifier):
    """A network trained on minority rows that are translated from majority rows (M2m, [1]_).

    The network and its training are those of ``estimator``, an :class:`ERMClassifier`. The last
    part of the training draws class-balanced batches. A row of class k in them is replaced, with
    probability 1 - N_k / N_1, by a translation: a seed x0 of a larger class k0 is moved until
    another network, the teacher g, trained on the imbalanced rows, takes it for k,

        x* = argmin L(g; x, k) + λ f_k0(x)        (Eq. 2)

    by T steps of length η, where f is the network in training and L the cross-entropy. The seed's
    class is drawn by Q(k0 | k) ∝ 1 - β^(N_k0 - N_k)+ (Eq. 5) and kept with the same probability
    (Eq. 3); x* is accepted if g gives k a probability of γ or more. What is not accepted leaves the
    re-sampled row as it is, so that M2m is never less than deferred re-sampling (DRS).

    Unlike the samplers of :mod:`imbdeep.over_sampling` it makes rows for one classifier while that
    is trained, and they need not look like rows of the class: they carry what the teacher considers
    the class's features onto the diversity of the larger classes.

    Parameters
    ----------
    estimator : ERMClassifier or None, default=None
        f: its network, loss, optimiser, schedule and encoding. It is copied, and stays unfitted;
        None is ``ERMClassifier()``. Its ``class_weight``, ``sampling`` and ``defer`` must be left
        as they are, for balancing is M2m's part. With ``criterion="ldam"`` the logit in Eq. 2 is
        the cosine times its scale. Its callbacks see the training of f alone, and its ``augment``
        changes seeds too. In a search its parameters are ``estimator__learning_rate`` and so on.
    beta : float, default=0.99
        β in [0, 1): the smaller, the more is translated. It counts rows: an excess of n rows is
        rejected with probability β^n. 0.999 suits classes that differ by thousands of rows; 0 never
        rejects and draws all larger classes alike.
    gamma : float, default=0.9
        γ in [0, 1]: least probability that the teacher must give to the target. The authors' code
        reads Algorithm 1's threshold so, and not as a loss. 0 accepts all.
    logit_lambda : float, default=0.1
        λ: how much f's logit of the seed's class counts. 0 leaves f out.
    translation_steps : int, default=10
        T, the number of steps. 0 leaves the seeds where they are: the teacher then accepts nearly
        none, unless γ is 0, and DRS is what remains.
    step_size : float or "auto", default="auto"
        η, the Euclidean length of each step in the encoded space. "auto" is 0.1 for images and
        convolutional networks, as in [1]_, and otherwise a tenth of the root mean squared distance
        between rows (0.9 on the paper's Reuters, where the authors set 1.0).
    noise_radius : float or "auto", default="auto"
        Euclidean length of the noise that each seed starts with. "auto" is ``step_size``.
    stop_at_gamma : bool, default=False
        Whether a row rests as soon as the teacher gives its target γ, on the boundary of what is
        accepted. The paper takes all T steps.
    seeds : {"all", "batch"}, default="all"
        Where seeds come from: all training rows, as in Algorithm 1, or the rows of the same batch,
        as in the paper's mini-batch form: then k0 is a class of the batch, and a target with no
        larger class there stays as it is (counted in ``translations_``).
    max_seeds : int, default=None
        Size of a pool of seeds of each class, drawn before the training (Table 3). None is all.
    rejection : bool, default=True
        Whether Eq. 3 rejects; False is Table 5's "No-Reject" (the law of Eq. 5 stays).
    ablation : {"clean", "random_label"} or None, default=None
        What Table 4 takes away. "clean" trains on the seed where its translation was accepted;
        "random_label" gives the translation a random label that is neither k nor k0.
    teacher : fitted classifier, list of them, "self" or None, default=None
        g. None trains one here as ``estimator`` says, but by cross-entropy. A list is an ensemble,
        whose probability is the mean. "self" is f (Table 5). A fitted teacher brings its encoding
        along; wrap it in :class:`sklearn.frozen.FrozenEstimator` where this classifier is cloned,
        as in ``GridSearchCV``.
    defer : float or int, default=0.8
        When balancing and translation begin: a share of the epochs in [0, 1), or the index of an
        epoch. 0 is the paper's "M2m-RS".
    device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
        Where to train; "auto" is the device of ``estimator``.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws. None takes that of ``estimator``.
    verbose : bool or int, default=False
        Whether to print a line an epoch; False is what ``estimator`` says.

    Attributes
    ----------
    $classes
    acceptance_ : float
        Share of the marked rows that were replaced by an accepted translation; NaN if none was
        marked.
    translations_ : dict of ndarray of shape (n_classes,)
        What became of the marked rows, by target class, over the whole training: ``"marked"`` is
        the sum of ``"without_seed"``, ``"rejected"`` (Eq. 3), ``"below_gamma"`` and ``"accepted"``.
    seed_counts_ : ndarray of shape (n_classes, n_classes)
        Accepted translations by target class (rows) and seed class (columns).
    step_size_, noise_radius_ : float
        The lengths in use.
    teachers_ : list of skorch nets
        g; empty with ``teacher="self"``.
    $net
    history_ : list of dict
        A record an epoch: ``epoch``, ``loss``, ``learning_rate``, ``accepted_share`` (of the marked
        rows, once translation has begun) and, with validation rows, ``validation`` (loss) and
        ``validation_balanced_accuracy``.
    $fitted

    Warns
    -----
    UserWarning
        If fewer than 5 % of the marked rows were translated, with the main cause: the method is
        then deferred re-sampling by another name.

    See Also
    --------
    ERMClassifier : The same network with weights, re-sampling and deferral alone.

    Notes
    -----
    Rejections are drawn before the optimisation, so that only what may be accepted is computed; the
    law is that of Algorithm 1. Each step has the same length for each row, rows stay in the box of
    the training data (of [0, 1] for images) after each step, and both networks are frozen, in
    evaluation mode, while rows are translated. The largest class is found by counting, whatever the
    order of labels; classes as large as it are never replaced.

    References
    ----------
    .. [1] J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020: Eq. 2 to 5, Algorithm 1, Tables 1 to 5.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import ERMClassifier, M2mClassifier
    >>> X, y = make_classification(400, weights=[0.9], flip_y=0, random_state=0)
    >>> classifier = M2mClassifier(
    ...     ERMClassifier(max_epochs=40, device="cpu"), beta=0.9, gamma=0.5, random_state=0
    ... ).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (400, 2)
    >>> translated = classifier.translate(X[y == 0], target=1)  # what it makes
    >>> translated.shape == X[y == 0].shape
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [ERMClassifier, None],
        "beta": [Interval(Real, 0, 1, closed="left")],
        "gamma": [Interval(Real, 0, 1, closed="both")],
        "logit_lambda": [Interval(Real, 0, None, closed="left")],
        "translation_steps": [Interval(Integral, 0, None, closed="left")],
        "step_size": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "noise_radius": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "stop_at_gamma": ["boolean"],
        "seeds": [StrOptions({"all", "batch"})],
        "max_seeds": [Interval(Integral, 1, None, closed="left"), None],
        "rejection": ["boolean"],
        "ablation": [StrOptions({"clean", "random_label"}), None],
        "teacher": [DeepClassifier, FrozenEstimator, list, tuple, StrOptions({"self"}), None],
        "defer": [
            Interval(Real, 0, 1, closed="left"),
            Interval(Integral, 0, None, closed="left"),
        ],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        beta: float = 0.99,
        gamma: float = 0.9,
        logit_lambda: float = 0.1,
        translation_steps: int = 10,
        step_size: float | str = "auto",
        noise_radius: float | str = "auto",
        stop_at_gamma: bool = False,
        seeds: str = "all",
        max_seeds: int | None = None,
        rejection: bool = True,
        ablation: str | None = None,
        teacher: Any = None,
        defer: float = 0.8,
        device: Any = "auto",
        random_state: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self._store(locals())

    def set_params(self, **params: Any) -> M2mClassifier:
        """Set parameters, of the estimator by ``estimator__<name>``, also where that is None.

        Parameters
        ----------
        **params
            Parameters of this classifier or of its estimator.

        Returns
        -------
        M2mClassifier
            This object.
        """
        inner = any(name.startswith("estimator__") for name in params)
        if inner and params.get("estimator", self.estimator) is None:
            params["estimator"] = ERMClassifier()
        super().set_params(**params)
        return self

    def __getattr__(self, name: str) -> Any:
        # The base classes read the parameters of the network here: they are the estimator's.
        if name not in ERMClassifier._get_param_names():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        of = self.__dict__.get("_estimator") or self.estimator or ERMClassifier()
        return getattr(of, name)

    def _option(self, name: str) -> Any:
        own = getattr(self, name)
        unset = own is None or own is False or (isinstance(own, str) and own == "auto")
        return getattr(self._estimator, name) if unset else own

    def _fit(self, X: Any, y: Any) -> M2mClassifier:
        given = ERMClassifier() if self.estimator is None else self.estimator
        # An unfitted copy. clone() would copy the callbacks too, which are used as they are.
        self._estimator = type(given)(**given.get_params(deep=False))
        self._estimator._validate_params()  # scikit-learn leaves it out in another estimator's fit
        for name in _BALANCING:
            if value := getattr(self._estimator, name):
                raise ValueError(
                    f"estimator has {name}={value!r}, and M2m balances the classes itself: leave "
                    f"{name} out there" + (", or set defer here." * (name == "defer") or ".")
                )
        super()._fit(X, y)
        return self

    def _check_method(self, n: int) -> None:
        super()._check_method(n)
        start_of(self.defer, n_epochs_of(self, n))
        if self.ablation == "random_label" and len(self.classes_) < 3:
            raise ValueError(
                "ablation='random_label' draws a label that is neither the target nor the seed's, "
                f"and y has {len(self.classes_)} classes: it needs three or more."
            )
        self._given = given_teachers(self)

    def _fit_encoder(self, data: Any, y: NDArray[np.intp]) -> NDArray[np.float32]:
        if not self._given:
            return super()._fit_encoder(data, y)
        self.encoder_ = self._given[0].encoder_  # g must see rows as it was trained on them
        x = self._encode(data)
        check_encodings(self._given, data, x)
        return x

    def _train(self, x: Tensor, y: Tensor, valid: Any, stream: np.random.RandomState) -> None:
        teacher_seed, seed = draw_seed(stream), draw_seed(stream)
        if self._given:
            teachers = [
                (
                    net_on(t.net_, self.device_),
                    np.searchsorted(t.classes_, self.classes_).tolist(),
                )
                for t in self._given
            ]
        elif self.teacher == "self":
            teachers = []
        else:
            net = self._fit_net(x, y, valid, teacher_seed, plain=True)
            teachers = [(net, None)]
        self.teachers_ = [net for net, _ in teachers]
        del self._given

        start = start_of(self.defer, n_epochs_of(self, len(x)))
        weights = inverse_frequency_weights(np.maximum(self.class_counts_, 1)).tolist()
        self.step_size_ = self._step_size(x)
        self.noise_radius_ = (
            self.step_size_ if self.noise_radius == "auto" else float(self.noise_radius)
        )
        self.net_ = self._fit_net(
            x,
            y,
            valid,
            seed,
            net_class=M2mNet,
            batches=TranslationBatches,
            callbacks=[DeferredResampling(weights, start)],
            start=start,
            iterator_train__planner={
                "beta": self.beta,
                "rejection": self.rejection,
                "from_batch": self.seeds == "batch",
                "max_seeds": self.max_seeds,
            },
            teachers=teachers,
            settings=Settings(
                gamma=self.gamma,
                logit_lambda=self.logit_lambda,
                n_steps=self.translation_steps,
                step_size=self.step_size_,
                noise_radius=self.noise_radius_,
                from_batch=self.seeds == "batch",
                ablation=self.ablation,
                stop_at_gamma=self.stop_at_gamma,
            ),
            box=self._box(x),
            seed_rows=x,
        )
        self._account()

    def _step_size(self, x: Tensor) -> float:
        if self.step_size != "auto":
            return float(self.step_size)
        if self._convolutional(x):
            return 0.1
        # Two rows drawn at random are sqrt(2 sum of variances) apart, in the quadratic mean.
        return 0.1 * float(torch.sqrt(2 * x.cpu().double().var(dim=0, correction=0).sum()))

    def _box(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the smallest and the largest value of each feature; one range for all pixels."""
        if x.ndim == 2:
            return x.amin(dim=0), x.amax(dim=0)
        if self.encode:
            return x.new_zeros(()), x.new_ones(())
        return x.min(), x.max()

    def _account(self) -> None:
        """Keep the counts of the planner and of the net, and release what the training held."""
        net, k = self.net_, len(self.classes_)
        planner = net.planner_
        tried, accepted = (t.view(k, k).cpu().numpy() for t in (net.tried_, net.accepted_))
        ends = {
            "without_seed": planner.without_seed.numpy(),
            "rejected": planner.rejected.numpy(),
            "below_gamma": (tried - accepted).sum(axis=1),
            "accepted": accepted.sum(axis=1),
        }
        # Not planner.marked: batches are planned ahead, and Ctrl-C may end the training before.
        self.translations_ = {"marked": sum(ends.values()), **ends}
        self.seed_counts_ = accepted
        net.box = tuple(bound.cpu() for bound in net.box)
        net.released, net.seed_rows = True, None
        del net.planner_, net.tried_, net.accepted_

        totals = {name: int(counts.sum()) for name, counts in self.translations_.items()}
        marked = totals.pop("marked")
        self.acceptance_ = totals.pop("accepted") / marked if marked else float("nan")
        if self.acceptance_ < _HARDLY_ANY:
            cause = max(totals, key=lambda name: totals[name])
            advice = {
                "rejected": f"beta={self.beta} rejects them, because it counts rows and the "
                "classes differ by few: try a smaller beta, such as 0.9 or 0.5",
                "below_gamma": f"the teacher gives too few of them gamma={self.gamma}: try a "
                "larger step_size, more translation_steps, a smaller gamma, or a better teacher",
                "without_seed": "their batches held no larger class: use seeds='all', or a larger "
                "batch_size",
            }
            warn(
                f"Only {self.acceptance_:.1%} of {marked} marked rows were translated, so that "
                f"M2m was little more than deferred re-sampling. Mainly {advice[cause]}. See "
                "translations_.",
            )

    def translate(
        self,
        X: Any,
        target: Any,
        *,
        y: Any = None,
        return_confidence: bool = False,
        random_state: Any = None,
    ) -> Any:
        """Translate rows to a class, as the training does, and show them in their own units.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, with the columns seen in ``fit``.
        target : label
            The class to reach.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows, the classes to leave. Rows without a label, and those of the target
            itself, leave the class that the teacher finds likeliest beside the target.
        return_confidence : bool, default=False
            Whether to return the teacher's probability of the target too.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise.

        Returns
        -------
        X_star : ndarray or DataFrame of n_samples rows
            Translations, in the container, columns and dtypes that were fitted. The training itself
            goes on with the encoded rows, between the categories and between whole numbers.
        confidence : ndarray of shape (n_samples,)
            The teacher's probability of the target, of the rows before decoding.

        Raises
        ------
        ValueError
            If ``target`` or a label is none of ``classes_``, or ``y`` is not as long as ``X``.
        """
        encoded = self._new_rows(X)
        net = self.net_
        device = torch.device(net.device)
        code = self._code_of(target)
        sources = None
        if y is not None:
            codes = [self._code_of(label) for label in target_array(y).tolist()]
            if len(codes) != len(encoded):
                raise ValueError(
                    f"y has {len(codes)} labels and X {len(encoded)} rows: give one each."
                )
            sources = torch.tensor(codes, device=device)
        rows, confidences = [], []
        stream = random_stream(random_state)
        with seeded(draw_seed(stream), device, self._n_threads(encoded)):
            for chunk in torch.arange(len(encoded)).split(_CHUNK):
                x0 = encoded[chunk].to(device)
                targets = torch.full((len(chunk),), code, device=device)
                with torch.no_grad(), net.frozen():
                    log_p = net.teacher_log_proba(x0)
                log_p[:, code] = -float("inf")
                leave = log_p.argmax(dim=1)
                if sources is not None:
                    given = sources[chunk.to(device)]
                    leave = torch.where(given == code, leave, given)
                x_star, log_p = net.translated(x0, targets, leave)
                rows.append(x_star.cpu())
                confidences.append(log_p.exp().cpu())
        x = torch.cat(rows).numpy()
        if np.ndim(X) == 2 and x.ndim == 4:
            x = x.reshape(len(x), -1)
        decoded = x if self.encoder_ is None else self.encoder_.inverse_transform(x)
        return (decoded, torch.cat(confidences).numpy()) if return_confidence else decoded

    def _code_of(self, label: Any) -> int:
        code = position_of(label, self.classes_)
        if code is None:
            labels = self.classes_.tolist()
            raise ValueError(f"{label!r} is no class of the training rows: choose from {labels}.")
        return code
