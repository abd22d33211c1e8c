"""
A horseshoe around the majority
===============================

This example redraws Figure 1 of the GAMO paper. A rare class lies in a horseshoe around a frequent
one. :class:`~imbdeep.classifiers.GAMOClassifier` is a game of three players: a classifier learns
from real and generated rows, a generator makes rare rows where the classifier errs, and a
discriminator distinguishes real rows from generated ones. What does each of them contribute?
"""

# %%
# The data
# --------
# 600 rows of a frequent class, and 30 of a rare one. The two overlap. The convex hull of the
# horseshoe contains the middle of the other class, which makes the case hard for a generator of
# convex combinations. The test set has 2000 new rows of each class.

import matplotlib.pyplot as plt
import numpy as np
import torch

from imbdeep.classifiers import ERMClassifier, GAMOClassifier
from imbdeep.displays import AnchorsDisplay, DecisionRegionsDisplay

torch.set_num_threads(1)  # the networks below are too small for more


def horseshoe(seed, n_many=600, n_few=30):
    """A cloud, and a horseshoe of radius 2 around it, open below."""
    random = np.random.default_rng(seed)
    many = random.normal(scale=0.8, size=(n_many, 2))
    angle = random.uniform(1.2 - np.pi / 2, 1.5 * np.pi - 1.2, n_few)
    radius = random.normal(2.0, 0.2, n_few)
    few = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([many, few]), np.repeat(["many", "few"], [n_many, n_few])


# %%
# Six classifiers
# ---------------
# The same classifier is trained four times, with 400 updates of 64 real rows each:
#
# (a) alone;
# (b) with a conditional generator, a network that generates rows without anchors, and a
#     discriminator;
# (c) with a convex generator, whose rows are weighted means of real rows, and no discriminator;
# (d) with both: GAMO.
#
# In (b) to (d) real rows are as frequent as in the data, and generated ones have the same weight as
# real ones. This is Algorithm 1 of the paper (``sampling=None, generated_lambda=1.0``), and it
# shows most clearly what each network does. Only three of 64 real rows are then of the rare class,
# so that the discriminator learns them slowly. Therefore the generator's steps against it are four
# times as long as in Algorithm 1 (``discriminator_lambda=4.0``).
#
# Two more are for comparison. The first is GAMO with its defaults for these two parameters: real
# rows of all classes equally often, and less weight for generated ones. The second is class
# weights, which need no other network.

PLAIN = {"learning_rate": 1e-3, "encode": False, "device": "cpu", "random_state": 0}
ALONE = {"hidden_layer_sizes": (256, 128), "batch_size": 64, "max_epochs": 40, **PLAIN}
GAME = {"max_steps": 400, "discriminator_lambda": 4.0, **PLAIN}
ALGORITHM_1 = {"sampling": None, "generated_lambda": 1.0, **GAME}
makers = {
    "(a) classifier alone": lambda: ERMClassifier(**ALONE),
    "(b) conditional generator": lambda: GAMOClassifier(generator="conditional", **ALGORITHM_1),
    "(c) no discriminator": lambda: GAMOClassifier(discriminator=False, **ALGORITHM_1),
    "(d) GAMO": lambda: GAMOClassifier(**ALGORITHM_1),
    "GAMO, real rows balanced": lambda: GAMOClassifier(**GAME),
    "class weights": lambda: ERMClassifier(class_weight="balanced", **ALONE),
}


def recalls(classifier, X, y):
    """Share of the rows of each class that are found."""
    predicted = classifier.predict(X)
    return [np.mean(predicted[y == label] == label) for label in ("many", "few")]


found = {name: [] for name in makers}
for seed in range(3):
    X, y = horseshoe(seed)
    X_test, y_test = horseshoe(100 + seed, n_many=2000, n_few=2000)
    fitted = {name: make().fit(X, y) for name, make in makers.items()}
    for name, classifier in fitted.items():
        found[name].append(recalls(classifier, X_test, y_test))

print("recall (test), three draws    many               few")
for name, each in found.items():
    columns = [
        "  ".join(f"{recall:.2f}" for recall in column) for column in zip(*each, strict=True)
    ]
    print(f"{name:28}  {'   '.join(columns)}")

# %%
# Alone, the classifier ignores the rare class. Without a discriminator the generator's rows move to
# where the classifier errs most, to the middle of the frequent class, and recall of that class
# falls. The conditional generator spreads into it, too, though less. GAMO finds nine of ten rows of
# either class. With ``discriminator_lambda=1.0``, as in Algorithm 1, the discriminator constrains
# the generator less, and GAMO finds about 70 % of the frequent class.
#
# With balanced real rows the result depends more on these, and less on generator and discriminator.
# GAMO finds a little more, and 85 % of the frequent class with ``discriminator_lambda=1.0``.
# Without a discriminator it loses the frequent class in one draw of the three. Class weights find
# as much, and cost nothing: the toy data show how the three networks interact, not that they are
# needed.
#
# The decision regions
# --------------------
# These are of the last draw. Dots are training rows, crosses generated ones, and the background has
# the colour of the predicted class.

figure, axes = plt.subplots(2, 2, figsize=(9, 7.6), layout="constrained")
for ax, (name, classifier) in zip(axes.flat, list(fitted.items())[:4], strict=True):
    DecisionRegionsDisplay.from_estimator(classifier, X, y, n_generated=60, name=name, ax=ax)
    ax.set(xlabel="", ylabel="")
    handles = ax.get_legend().legend_handles
    ax.get_legend().remove()
figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
plt.show()

# %%
# The convex generator cannot leave the hull of the horseshoe, but without a discriminator it fills
# it. With one, nearly all of its rows lie along the horseshoe: few combine rows of both arms.
#
# What a generated row is made of
# -------------------------------
# Each row of the convex generator can be explained by the real rows that it combines, and their
# weights. Row numbers are those of the training data, where the rare class begins at 600. One
# anchor or two have nearly all of the weight, so that a row is close to a copy, or lies between two
# real rows. In this way the generator avoids the middle.

AnchorsDisplay.from_estimator(fitted["(d) GAMO"], X, "few", n=3, n_anchors=4)
plt.show()

for name in ("(c) no discriminator", "(d) GAMO"):
    print(name, {key: round(value, 2) for key, value in fitted[name].diagnostics_.items()})

# %%
# In numbers: a row of (d) has two effective anchors, and one of (c) eight. So the rows of (c) have
# only a third of the variance of their class. The discriminator of (d) gives real and generated
# rows the same probability: it cannot tell them apart.
