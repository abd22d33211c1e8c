"""Entries that the docstrings of several classifiers share: one text each."""

from __future__ import annotations

from imbdeep import _docs

ENTRIES = {
    "early_stopping": """\
early_stopping : bool, default=False
    Whether to hold out rows, stop when their balanced accuracy no longer rises, and keep the best
    weights.
validation_fraction : float, default=0.1
    Share of the rows of each class held out: one at least, but never the last one.
n_iter_no_change : int, default=10
    Epochs (records of ``history_``) without a better score after which training stops.""",
    "encoding": """\
encode : bool, default=True
    Whether to encode: tables by :class:`~imbdeep.encoding.TabularEncoder`, images to [0, 1] by
    :class:`~imbdeep.encoding.ImageScaler`. False takes numbers as they are.
categorical_features : "auto", list of names or indices, mask or None, default="auto"
    Columns to treat as categories beside those whose dtype says so.
image_shape : tuple of (channels, height, width), default=None
    What the rows of a two-dimensional ``X`` are when they are flattened images.""",
    "callbacks": """\
callbacks : list of skorch callbacks, default=None
    Your own, called after ours, and used as they are: give each classifier its own. Those that look
    at validation scores need ``early_stopping=True``.""",
    "running": """\
device : {"auto", "cpu", "cuda", "mps"} or torch.device, default="auto"
    Where to train.
random_state : int, RandomState instance or None, default=None
    Seed of all draws. An integer gives the same classifier each time.
verbose : bool or int, default=False
    Whether to print a line an epoch.""",
    "classes": """\
classes_ : ndarray of shape (n_classes,)
    Labels in sorted order: the order of the columns of ``predict_proba``.
class_counts_ : ndarray of shape (n_classes,)
    Number of training rows of each class (validation rows are not among them).""",
    "net": """\
encoder_ : TabularEncoder, ImageScaler or None
    Turns rows into what the networks see; None where they are taken as they are.
net_ : skorch.NeuralNetClassifier
    The trained net, on encoded rows and integer labels; its ``module_`` holds the networks.""",
    "fitted": """\
device_ : torch.device
    Where the networks were trained.
n_features_in_ : int
    Number of columns (of channels, for images).
feature_names_in_ : ndarray of str
    Names of the columns, if X has string names.""",
}


documented = _docs.documented(ENTRIES)
