"""ERMClassifier: any loss, class weights, re-sampling and deferral."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from imbdeep.classifiers._building import n_epochs_of
from imbdeep.classifiers._criteria import check_criterion, criterion_of
from imbdeep.classifiers._docs import documented
from imbdeep.classifiers._module import ModuleClassifier
from imbdeep.classifiers._net import records
from imbdeep.classifiers.schedules import (
    DeferredResampling,
    DeferredReweighting,
    WarmupStepDecay,
    start_of,
)
from imbdeep.losses import class_balanced_weights, inverse_frequency_weights
from imbdeep.seeding import (
    abort_on_interrupt,
    draw_seed,
    random_stream,
    resolve_device,
    restored_on_failure,
    seeded,
)

#: Of the weights in a loss, which is float32.
_LARGEST = float(np.finfo(np.float32).max)


@documented
class ERMClassifier(ModuleClassifier):
    """A network trained by empirical risk minimisation, with the usual cures for imbalance.

    Minimises the mean over the training rows of w(y) L(f(x), y), where the loss L, the class
    weights w, the frequency at which classes are drawn, and the epoch from which weights and
    frequencies apply are parameters. The rivals in Tables 1 and 2 of [1]_ are values of these:

    ==================  ==============================================================
    ERM, Focal, LDAM    ``criterion="cross_entropy"``, ``"focal"`` [2]_, ``"ldam"`` [3]_
    RS                  ``sampling="balanced"``
    RW                  ``class_weight="balanced"``
    CB-RW [4]_          ``class_weight="class_balanced"``
    DRS [3]_            ``sampling="balanced", defer=0.8``
    DRW [3]_            ``class_weight="class_balanced", defer=0.8``
    SMOTE               ``imblearn.pipeline.make_pipeline(SMOTE(), ERMClassifier())``
    ==================  ==============================================================

    Unlike :class:`sklearn.neural_network.MLPClassifier` it takes mixed columns, missing values
    and images, weighs and re-samples classes, and trains any torch module.

    Parameters
    ----------
    criterion : {"cross_entropy", "focal", "ldam"} or class, default="cross_entropy"
        The loss of a row: :class:`torch.nn.CrossEntropyLoss`, :class:`~imbdeep.losses.FocalLoss`
        or :class:`~imbdeep.losses.LDAMLoss`, which gets a cosine head. A class of your own is made
        with ``reduction="none"`` (and, if its constructor has ``class_counts``, with the training
        rows of each class), called with logits of shape (n, n_classes) and classes of shape (n,),
        and returns n numbers. Probabilities are the softmax of the logits, times its attribute
        ``scale`` if it has one.
    criterion_params : dict, default=None
        More arguments of the loss, such as ``{"gamma": 2.0}`` of "focal" (1 otherwise, as in the
        papers on long tails), or ``max_margin`` and ``scale`` of "ldam".
    class_weight : {"balanced", "class_balanced"}, dict or None, default=None
        Weight of each class in the loss. "balanced" is ∝ 1/N_k; "class_balanced" is ∝ (1 - β) /
        (1 - β^N_k), the inverse of the effective number of rows. Both sum to the number of
        classes, as in the papers (scikit-learn's "balanced" averages 1 over rows instead). A dict
        gives weights by label, 1 where none is given.
    sampling : {"balanced", "class_balanced"} or None, default=None
        How often the rows of a class are drawn, by the same two formulas. An epoch keeps its
        length, the number of training rows.
    defer : float or int, default=0.0
        When weights and sampling begin: a share of the epochs in [0, 1), or the index of an epoch.
        The papers train without them for 80 % of the time.
    module : {"auto", "mlp", "resnet20", "resnet32"} or class, default="auto"
        The network. "auto" is an MLP for tables, ResNet-20 for images of one channel and ResNet-32
        for others. Of a class of your own the arguments called ``n_features`` (or
        ``in_features``), ``n_channels`` (or ``in_channels``) and ``n_classes`` (or
        ``num_classes``, ``out_features``) are filled in; it returns logits. Encoded images reach it
        standardised by colour.
    module_params : dict, default=None
        Arguments of your own module.
    hidden_layer_sizes : tuple of int, default=(256,)
        Units of the MLP's hidden layers, as M2m has them for texts.
    optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
        The optimiser. The papers use "sgd" with ``learning_rate=0.1``; Adam needs less care on
        tables.
    learning_rate : float, default=1e-3
        Its full learning rate.
    weight_decay : float, default=2e-4
        Weight decay, on all parameters, as for M2m.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows. "auto" is what 3000 steps take, from 20 to 300: small tables
        need more passes.
    batch_size : int, default=128
        Rows in a step.
    warmup_epochs : int or "auto", default="auto"
        Epochs in which the learning rate rises linearly to its full value, fewer than there are.
        "auto" is 5, of which a shorter training does the first ones.
    milestones : sequence of float or int, default=(0.8, 0.9)
        Moments from which the learning rate is a tenth: shares of the epochs, or indices.
    augment : {"crop_flip"}, callable or None, default=None
        Random change of training images: "crop_flip" shifts by up to 4 pixels and mirrors, for
        natural images. A callable gets a tensor of shape (n, channels, height, width) in [0, 1].
    $early_stopping With ``defer`` only the epochs after it
        count.
    $encoding
    $callbacks A score with ``on_train=True`` is that of the
        batches as they are trained on (augmented, with dropout), by the weights of that moment.
    training_params : dict, default=None
        Settings that are seldom changed. ``momentum`` (0.9) is that of "sgd". ``lr_decay`` (0.1)
        is the factor of the learning rate at each milestone, M2m's on texts (0.01 there on CIFAR);
        a smaller one leaves deferred balancing little to learn with. ``effective_beta`` (0.9999)
        is β of "class_balanced", in [0, 1): the closer to 1, the closer to "balanced".
        ``compile=True`` compiles the network by :func:`torch.compile`, and
        ``precision="bfloat16"`` is mixed precision (autocast); both are for large networks on GPUs.
    $running

    Attributes
    ----------
    $classes
    $net
    history_ : list of dict
        A record an epoch: ``epoch``, ``loss``, ``learning_rate`` and, with validation rows,
        ``validation`` (loss) and ``validation_balanced_accuracy``.
    $fitted

    See Also
    --------
    M2mClassifier : Balances by translating rows of larger classes.
    imbdeep.over_sampling.MGVAESampler : Balances by generated rows, before any classifier.

    Notes
    -----
    Weights and re-sampling move the decision towards the small classes and make probabilities
    those of a balanced population: well ranked, not calibrated to yours. The loss of a batch is
    the mean over its rows, without dividing by their weights.

    References
    ----------
    .. [1] J. Kim, J. Jeong, J. Shin, "M2m: Imbalanced Classification via Major-to-minor
       Translation", CVPR 2020, section 3.1 and supplement A.
    .. [2] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, Eq. 4.
    .. [3] K. Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
       Loss", NeurIPS 2019, Eq. 13 and Algorithm 1.
    .. [4] Y. Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019,
       Eq. 9.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from imbdeep.classifiers import ERMClassifier
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> classifier = ERMClassifier(  # LDAM-DRW
    ...     criterion="ldam", class_weight="class_balanced", defer=0.8, max_epochs=5,
    ...     device="cpu", random_state=0,
    ... ).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (300, 2)
    """

    _parameter_constraints: ClassVar[dict] = {
        **ModuleClassifier._parameter_constraints,
        "class_weight": [StrOptions({"balanced", "class_balanced"}), dict, None],
        "sampling": [StrOptions({"balanced", "class_balanced"}), None],
        "defer": [
            Interval(Real, 0, 1, closed="left"),
            Interval(Integral, 0, None, closed="left"),
        ],
    }

    def __init__(
        self,
        *,
        criterion: Any = "cross_entropy",
        criterion_params: dict[str, Any] | None = None,
        class_weight: Any = None,
        sampling: str | None = None,
        defer: float = 0.0,
        module: Any = "auto",
        module_params: dict[str, Any] | None = None,
        hidden_layer_sizes: Sequence[int] = (256,),
        optimizer: Any = "adam",
        learning_rate: float = 1e-3,
        weight_decay: float = 2e-4,
        max_epochs: int | str = "auto",
        batch_size: int = 128,
        warmup_epochs: int | str = "auto",
        milestones: Sequence[float] = (0.8, 0.9),
        augment: Any = None,
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
        super()._check_method(n)
        start_of(self.defer, n_epochs_of(self, n))
        if self.defer and self.class_weight is None and self.sampling is None:
            raise ValueError(
                f"defer={self.defer!r} defers class_weight or sampling, and both are None: give "
                "one of them, such as class_weight='class_balanced' (DRW), or leave defer out."
            )
        self._check_weights()

    def _check_weights(self) -> None:
        self._weights(self.class_weight)
        made = check_criterion(self.criterion, self.class_counts_, self.criterion_params)
        if self.class_weight is not None and not hasattr(made, "weight"):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs a loss with an attribute weight, and "
                f"criterion={self.criterion!r} has none: leave class_weight out, or use sampling."
            )

    def _weights(self, kind: Any) -> list[float]:
        """Return the weights of the classes that a parameter names."""
        counts = np.maximum(self.class_counts_, 1)  # classes still to come, in partial_fit
        if kind == "balanced":
            return list(inverse_frequency_weights(counts).tolist())
        if kind == "class_balanced":
            return list(class_balanced_weights(counts, self._setting("effective_beta")).tolist())
        given: Mapping[Any, Any] = kind or {}
        labels = self.classes_.tolist()
        unknown = [label for label in given if label not in labels]
        bad = {
            label: weight
            for label, weight in given.items()
            if not isinstance(weight, Real) or not 0 <= float(weight) <= _LARGEST
        }
        if unknown or bad:
            raise ValueError(
                f"class_weight has {unknown or bad}: keys are labels of y (here {labels}), values "
                "finite numbers from 0."
            )
        weights = [float(given.get(label, 1.0)) for label in labels]
        if not np.asarray(weights, dtype=np.float32).any():
            raise ValueError(
                f"class_weight={kind!r} gives all classes the weight 0, so that no row counts: "
                "give one class at least a positive number."
            )
        return weights

    def _callbacks(self, start: int) -> list[Any]:
        callbacks: list[Any] = []
        if self.class_weight is not None:
            callbacks.append(DeferredReweighting(self._weights(self.class_weight), start))
        if self.sampling is not None:
            callbacks.append(DeferredResampling(self._weights(self.sampling), start))
        return callbacks

    def _train(self, x: Tensor, y: Tensor, valid: Any, stream: np.random.RandomState) -> None:
        start = start_of(self.defer, n_epochs_of(self, len(x)))
        self.net_ = self._fit_net(
            x,
            y,
            valid,
            draw_seed(stream),
            callbacks=self._callbacks(start),
            start=start,
        )
        self._stream = stream

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, *args: Any, **kwargs: Any
    ) -> ERMClassifier:
        """Train for one pass over some more rows.

        The first call, if ``fit`` was not called before, fits the encoder on its rows: they should
        look like those to come. Then, the learning rate is constant, and class weights and
        sampling, by the counts of all rows so far, apply at once whatever ``defer``. After ``fit``
        the training goes on where that ended, at the learning rate of its last epoch. A call that
        fails or is interrupted leaves the classifier as it was before.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or torch.Tensor
            Rows or images, as in ``fit``.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that may ever come. Needed in the first call.
        *args, **kwargs : none
            There are no more arguments; sample weights are refused.

        Returns
        -------
        ERMClassifier
            This object.

        Raises
        ------
        ValueError
            If ``classes`` is missing in the first call or differs later, if a label is not one of
            them, or with ``early_stopping``, which would need its validation rows beforehand.
        TypeError
            If there are more arguments, such as ``sample_weight``.
        """
        self._refuse_arguments("partial_fit", args, kwargs)
        with abort_on_interrupt(), restored_on_failure(self):
            return self._partial_fit(X, y, classes)

    def _partial_fit(self, X: Any, y: Any, classes: Any) -> ERMClassifier:
        if self.early_stopping:
            raise ValueError(
                "partial_fit cannot stop early, because it sees the rows one part at a time: set "
                "early_stopping=False."
            )
        first = not hasattr(self, "net_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        data, labels = self._check_X_y(X, y, reset=first)
        if first:
            self.classes_ = np.unique(classes)
            self.class_counts_ = np.zeros(len(self.classes_), dtype=np.int64)
            self._stream = random_stream(self.random_state)
            self.device_ = resolve_device(self.device)
            self._check_parameters()
            if len(self.classes_) < 2:
                raise ValueError(
                    f"classes={classes!r} holds one class: name all labels that may ever come, two "
                    "classes or more."
                )
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} differs from the classes of the first call, "
                f"{self.classes_.tolist()}: leave it out, or start with a new estimator."
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds {unknown.tolist()}, which are not among the classes of the first call, "
                f"{self.classes_.tolist()}: name all labels in classes there."
            )
        y = np.searchsorted(self.classes_, labels)
        self.class_counts_ = self.class_counts_ + np.bincount(y, minlength=len(self.classes_))
        if first:
            self.encoder_ = self._make_encoder(self._image is not None)
        encoded = self._fit_encoder(data, y) if first else self._encode(data)
        self._check_row(encoded)
        self._pass_over(self._to_device(encoded), self._to_device(y), first)
        return self

    def _pass_over(self, x: Tensor, y: Tensor, first: bool) -> None:
        """Train for one epoch on these rows."""
        # Copies, for a call that fails must leave the estimator as it was.
        self._stream = copy.deepcopy(self._stream)
        seed = draw_seed(self._stream)
        if first:
            self._check_weights()
            self.net_ = self._fit_net(
                x,
                y,
                None,
                seed,
                callbacks=self._callbacks(0),
                n_epochs=1,
            )
        else:
            self._continue(x, y, seed)
        self.history_ = records(self.net_.history)

    def _continue(self, x: Tensor, y: Tensor, seed: int) -> None:
        self.net_ = net = copy.deepcopy(self.net_)
        net.max_epochs = 1
        made = criterion_of(self.criterion, self.class_counts_, self.criterion_params)()
        net.criterion_ = made.to(torch.device(net.device))
        for _, callback in net.callbacks_:
            if isinstance(callback, DeferredReweighting):
                callback.weights = self._weights(self.class_weight)
            elif isinstance(callback, DeferredResampling):
                callback.weights = self._weights(self.sampling)
            elif isinstance(callback, WarmupStepDecay):
                callback.hold(net)
        with seeded(seed, self.device_, self._n_threads(x)):
            self._run(net, x, y)
