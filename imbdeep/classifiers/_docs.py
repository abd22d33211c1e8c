"""Entries that the docstrings of several classifiers share: one text each."""

from __future__ import annotations

from imbdeep import _docs

ENTRIES = {
    "losses": """\
focal_gamma : float, default=1.0
    Exponent of the focal loss: 0 is cross-entropy. The papers on long tails use 1, Lin et al. 2.
ldam_margin : float, default=0.5
    Largest margin of LDAM, that of the smallest class.
ldam_scale : float, default=30.0
    Factor of LDAM's cosines.""",
    "module": """\
module : {"auto", "mlp", "resnet20", "resnet32"} or class, default="auto"
    The network. "auto" is an MLP for tables, ResNet-20 for images of one channel and ResNet-32 for
    others. Of a class of your own the arguments called ``n_features`` (or ``in_features``),
    ``n_channels`` (or ``in_channels``) and ``n_classes`` (or ``num_classes``, ``out_features``) are
    filled in; it returns logits. Encoded images reach it standardised by colour.
module_params : dict, default=None
    Arguments of your own module.
hidden_layer_sizes : tuple of int, default=(256,)
    Units of the MLP's hidden layers, as M2m has them for texts.
optimizer : {"adam", "adamw", "sgd"} or class, default="adam"
    The optimiser. The papers use "sgd" with ``learning_rate=0.1``; Adam needs less care on tables.
learning_rate : float, default=1e-3
    Its full learning rate.
momentum : float, default=0.9
    Momentum of "sgd".
weight_decay : float, default=2e-4
    Weight decay, on all parameters, as for M2m.
max_epochs : int or "auto", default="auto"
    Passes over the training rows. "auto" is what 3000 steps take, from 20 to 300: small tables need
    more passes.
batch_size : int, default=128
    Rows in a step.
warmup_epochs : int or "auto", default="auto"
    Epochs in which the learning rate rises linearly to its full value, fewer than there are. "auto"
    is 5, of which a shorter training does the first ones.
milestones : sequence of float or int, default=(0.8, 0.9)
    Moments from which the learning rate is lower by ``lr_decay``: shares of the epochs, or indices.
lr_decay : float, default=0.1
    Factor at each milestone, that of M2m on texts (0.01 there on CIFAR). A smaller one leaves
    deferred balancing little to learn with.
augment : {"crop_flip"}, callable or None, default=None
    Random change of training images: "crop_flip" shifts by up to 4 pixels and mirrors, for natural
    images. A callable gets a tensor of shape (n, channels, height, width) in [0, 1].""",
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
    "compilation": """\
compile : bool, default=False
    Whether to compile the network by :func:`torch.compile`: worth it for large networks on a GPU.
precision : {"float32", "bfloat16"}, default="float32"
    Arithmetic of the network; "bfloat16" is mixed precision (autocast), for GPUs.""",
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
