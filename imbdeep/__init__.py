"""Deep generative over-sampling as easy as SMOTE.

The rooms of the package, each with one task:

over_sampling
    The samplers, with the ``fit_resample`` of imbalanced-learn.
classifiers
    End-to-end classifiers, with the ``fit`` and ``predict`` of scikit-learn.
encoding
    Tables of mixed types and images to float32 arrays, and back.
metrics
    Scores of classifiers, and of how near generated rows are to real ones.
calibration
    Probabilities for the class shares that hold, after training on others.
datasets
    The papers' data sets, and how many rows of each class they keep.
displays
    Pictures of fitted samplers and classifiers: numbers first, drawing in ``plot``.
networks
    Plain ``torch.nn`` modules: encoders, decoders and classifiers for tables and images.
losses
    Objectives as pure functions of tensors.
training
    The training loop of every generative method.
seeding
    Random streams, devices, and threads that take turns.
comparison
    ``compare``: every method against the simple ones on your own table, with a verdict.
reproductions
    One file a paper: its published numbers, and the code that runs them again.
cli
    ``python -m imbdeep``: the command line.

Importing ``imbdeep`` imports none of them: ask for a room by its name, as in
``from imbdeep.over_sampling import MGVAESampler``.
"""

__version__ = "0.1.0.dev0"
