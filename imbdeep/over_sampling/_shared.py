"""Texts and constraints of parameters and attributes that several samplers have."""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from imbdeep import _docs

#: Entries of docstrings. ``$name`` stands for the entry in the docstring of a class with
#: ``@documented``. What a name ends in after ``__`` tells entries of one name apart.
_ENTRIES = r"""
sampling_strategy : float, str, dict or callable, default="auto"
    How many rows each class gets, as everywhere in imbalanced-learn: "auto" fills every
    class up to the largest; a float is the wanted ratio of two classes; a dict maps labels to
    wanted totals.
batch_size : int, default=100
    Rows in a batch; drawn with replacement from a class that has fewer.
hidden_layer_sizes : tuple of int or "auto", default="auto"
    Units of the encoder's hidden layers, and in reverse order the decoder's, where the
    network is fully connected. "auto" takes (300, 300) for images and (128, 128) for tables, where
    wider ones took twice the time and were no better.
learning_rate : float, default=4e-3
    Highest step size of Adam: it grows in the first twentieth of the steps and then decays to 0,
    along a cosine.
categorical_features : "auto", list of names or indices, mask or None, default="auto"
    Columns to treat as categories beside those whose dtype says so; see
    :class:`~imbdeep.encoding.TabularEncoder`.
categorical_features__estimator : "auto", list of names or indices, mask or None, default="auto"
    Columns to treat as categories beside those whose dtype says so. With an ``estimator``, set
    its own parameter.
image_shape : tuple of (channels, height, width), default=None
    What the rows of a two-dimensional ``X`` are when they are flattened images. Images of
    shape (n_samples, channels, height, width) need no hint.
image_shape__estimator : tuple of (channels, height, width), default=None
    What the rows of a two-dimensional ``X`` are when they are flattened images. With an
    ``estimator``, set its own parameter.
row_filter : "auto", classifier or None, default="auto"
    The row filter. Of ``n_candidates`` rows for each that is wanted, rows are kept in proportion
    to the probability that a classifier, trained on the real rows, gives to their class. "auto"
    takes :class:`~imbdeep.classifiers.VotingEnsembleClassifier` for tables, unless a class needs
    more than 500 000 candidates, and None for images; a classifier of yours is copied and trained
    on encoded rows. None keeps all rows. Kept rows lie further from the border of the class than
    its real rows, so that classifiers trained on them become overconfident.
n_candidates : int, default=8
    Rows generated for each that is kept, where rows are filtered.
memory : str or joblib.Memory, default=None
    Where to keep what does not depend on the generator: the encoder and the classifier that filters
    rows. They are used again by any sampler with the same rows and ``random_state`` (an integer),
    as in a grid search.
memory__estimator : str or joblib.Memory, default=None
    Where to keep the classifier that filters rows. It is used again with the same rows and
    ``random_state`` (an integer).
memory__mgvae : str or joblib.Memory, default=None
    Where to keep the encoder, the classifier that filters rows, and the pre-trained majority model
    with its Fisher information. They are used again when the rows, ``random_state`` (an integer)
    and what they depend on are the same, as in a grid search over ``ewc_lambda``, ``beta`` and
    ``finetune_steps``.
device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
    Where to train; "auto" takes a GPU when there is one.
device__estimator : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
    Where to train. With an ``estimator``, set its own parameter.
random_state : int, RandomState instance or None, default=None
    Seed of all randomness; an integer gives the same rows on the same machine.
verbose : bool or int, default=False
    Whether to show progress bars.
classes_ : ndarray of shape (n_classes,)
    Labels in sorted order.
class_counts_ : ndarray of shape (n_classes,)
    Number of original rows of each class.
sampling_strategy_ : dict
    Number of rows to add to each class.
encoder_ : TabularEncoder or ImageScaler
    Turns rows into what the network sees and back.
filter_ : classifier or None
    The classifier that filters encoded rows, ``filter_.predict_proba(encoder_.transform(X))``,
    or None. It often predicts better than a classifier trained on the generated rows.
filter_scores_ : dict of label to dict
    Of the rows that ``fit_resample`` drew for a class, the filter's mean probability of that
    class: of the ``candidates``, and of those ``kept``. Both near 0: the class was not found.
device_ : torch.device
    Where the network was trained.
n_features_in_ : int
    Number of columns (of channels, for images).
feature_names_in_ : ndarray of shape (n_features_in_,)
    Column names, where the data has them.
"""
#: What follows ``estimator : GAMOClassifier, ...`` in the docstring.
_ESTIMATOR = """\
The classifier. None trains one with its defaults, an unfitted one is copied and trained, and
    a fitted one is used as it is: it must have seen the same columns, container, dtypes and
    classes. Copying a sampler, as ``GridSearchCV`` does, drops what was fitted, unless the
    classifier is wrapped in :class:`sklearn.frozen.FrozenEstimator`."""
#: What stands for several entries at once.
_GROUPS = {
    "common_parameters": "device random_state verbose",
    "data_parameters": "categorical_features image_shape row_filter n_candidates memory",
    "data_parameters_mgvae": "categorical_features image_shape row_filter n_candidates "
    "memory__mgvae",
    "estimator_parameters": "categorical_features__estimator image_shape__estimator row_filter "
    "n_candidates memory__estimator device__estimator",
    "class_attributes": "classes_ class_counts_ sampling_strategy_ encoder_",
    "common_attributes": "filter_ filter_scores_ device_ n_features_in_ feature_names_in_",
}


def _texts() -> dict[str, str]:
    """The entries by what stands for them."""
    texts = {}
    for entry in re.split(r"\n(?=\S)", _ENTRIES.strip()):
        name, _, rest = entry.partition(" : ")
        texts[name] = f"{name.partition('__')[0]} : {rest}"
    for group, names in _GROUPS.items():
        texts[group] = "\n".join(texts[name] for name in names.split())
    return {**texts, "estimator": _ESTIMATOR}


documented = _docs.documented(_texts())

_POSITIVE = [Interval(Integral, 1, None, closed="left")]
_CONSTRAINTS: dict[str, list[Any]] = {
    "batch_size": _POSITIVE,
    "beta": [Interval(Real, 0, None, closed="left")],
    "decoder_output": [StrOptions({"auto", "sample", "mean"})],
    "discriminator_layer_sizes": [tuple, list],
    "early_stopping": ["boolean"],
    "hidden_layer_sizes": [tuple, list],
    "latent_dim": _POSITIVE,
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "max_steps": _POSITIVE,
    "n_iter_no_change": _POSITIVE,
    "network": [StrOptions({"auto", "mlp", "cnn"})],
    "sampling": [StrOptions({"balanced"}), None],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
}


def constraints(names: str, **own: list[Any]) -> dict[str, list[Any]]:
    """Constraints of parameters, by the names of the shared ones, and of a method's own."""
    return {**{name: _CONSTRAINTS[name] for name in names.split()}, **own}
