"""What the classifiers of one network share: the module, its loss, its optimiser and schedule."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn
from torch.optim import Optimizer

from imbdeep.classifiers._building import OPTIMIZERS, make_net, n_epochs_of
from imbdeep.classifiers._criteria import CRITERIA, NameOrClass, check_criterion
from imbdeep.classifiers._net import ClassifierNet
from imbdeep.classifiers.base import DeepClassifier
from imbdeep.classifiers.schedules import check_moment


class ModuleClassifier(DeepClassifier):
    """Base class of the classifiers that train one torch module by a loss on rows.

    To what :class:`~imbdeep.classifiers.base.DeepClassifier` does it adds the choice of the module,
    the loss, the optimiser and the schedule of the learning rate, and makes a net of them. A method
    implements ``_train``, by one call or several of ``_fit_net``. The parameters are those of
    :class:`~imbdeep.classifiers.ERMClassifier`.
    """

    _parameter_constraints: ClassVar[dict] = {
        **DeepClassifier._parameter_constraints,
        "criterion": [NameOrClass(set(CRITERIA), "losses such as torch.nn.CrossEntropyLoss")],
        "criterion_params": [dict, None],
        "module": [StrOptions({"auto", "mlp", "resnet20", "resnet32"}), callable],
        "module_params": [dict, None],
        "optimizer": [NameOrClass(set(OPTIMIZERS), "optimisers such as torch.optim.RMSprop")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "milestones": ["array-like"],
        "augment": [StrOptions({"crop_flip"}), callable, None],
    }
    _TRAINING = {
        "momentum": (0.9, [Interval(Real, 0, 1, closed="left")]),
        "lr_decay": (0.1, [Interval(Real, 0, 1, closed="right")]),
        "effective_beta": (0.9999, [Interval(Real, 0, 1, closed="left")]),
        "compile": (False, ["boolean"]),
        "precision": ("float32", [StrOptions({"float32", "bfloat16"})]),
    }

    def _convolutional(self, x: Tensor) -> bool:
        return x.ndim == 4 and self.module != "mlp"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for moment in self.milestones:
            check_moment("milestones", moment)
        images_only = self.module in ("resnet20", "resnet32") or self.augment == "crop_flip"
        if images_only and self._image is None:
            what = "augment" if self.augment == "crop_flip" else "module"
            raise ValueError(
                f"{what}={getattr(self, what)!r} works on images: pass X of shape (n_samples, "
                "channels, height, width), or give image_shape for flattened images."
            )
        if self.module_params and isinstance(self.module, str):
            raise ValueError(
                f"module_params={self.module_params!r} are arguments of your own module, but "
                f"module={self.module!r}: pass a class, or use hidden_layer_sizes."
            )
        if isinstance(self.optimizer, type) and not issubclass(self.optimizer, Optimizer):
            raise TypeError(
                f"optimizer={self.optimizer.__name__} is no torch.optim.Optimizer: give a class of "
                f"optimisers such as torch.optim.RMSprop, or one of {sorted(OPTIMIZERS)}."
            )
        if isinstance(self.module, nn.Module):
            raise TypeError(
                "module must be a class, got an instance of it: pass the class itself (every fit "
                "makes fresh weights), and its arguments as module_params."
            )

    def _check_method(self, n: int) -> None:
        check_criterion(self.criterion, self.class_counts_, self.criterion_params)
        n_epochs = n_epochs_of(self, n)
        if self.warmup_epochs != "auto" and int(self.warmup_epochs) >= n_epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} is no less than the {n_epochs} epochs of the "
                "training, which would be warm-up alone: set a smaller warmup_epochs (0 is none), "
                "or a larger max_epochs."
            )

    def _fit_net(
        self, x: Tensor, y: Tensor, valid: Any, seed: int, **options: Any
    ) -> ClassifierNet:
        """Make a net with these options (see :func:`make_net`), train it and return it."""
        net = make_net(self, x, y, valid, **options)
        return self._trained(net, x, y, seed, keeps=not options.get("plain", False))
