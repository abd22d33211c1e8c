"""
A horseshoe around the majority
===============================

Figure 1 of the paper on GAMO, as a program. A rare class lies in a horseshoe around a frequent one.
:class:`~imbdeep.classifiers.GAMOClassifier` is a game of three players: a classifier learns from
real and generated rows, a generator makes rare rows where the classifier errs, and a discriminator
tells real rows from generated ones. What is each of them good for?
"""

# %%
# The data
# --------
# 600 rows of a frequent class, and 30 of a rare one. The two overlap. The convex hull of the
# horseshoe holds the middle of the other class, which is what makes the case hard for a generator
# of convex combinations. New rows for testing have 2000 of each class.

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
# Who plays
# ---------
# Four times the same classifier with 400 updates of 64 real rows each:
#
# (a) alone;
# (b) with a conditional generator, which is a network that makes rows as it likes, and a
#     discriminator;
# (c) with a convex generator, whose rows are weighted means of real rows, and no discriminator;
# (d) with both: GAMO.
#
# In (b) to (d) real rows come as often as they are, and generated ones count as much as real ones.
# This is how Algorithm 1 of the paper has it (``sampling=None, generated_lambda=1.0``), and it
# shows most clearly what each player does. Of 64 real rows three are then of the rare class, so
# that the discriminator learns slowly what they are like. Hence the steps of the generator that
# please it are four times as long as in Algorithm 1 (``discriminator_lambda=4.0``).
#
# Two more are for comparison: GAMO by its defaults in this, which show all classes equally often
# among the real rows and give generated ones less weight, and class weights, which need no other
# player.

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
# Alone, the classifier gives the rare class up. Without a discriminator the generator goes where
# the classifier errs most, to the middle of the frequent class, and the classifier loses that one.
# The conditional generator bleeds into it, too, though less. GAMO finds nine of ten rows of either
# class. With a weight of 1, as in Algorithm 1, the discriminator holds the generator less, and GAMO
# finds about 70 % of the frequent class.
#
# With balanced real rows more hangs on these, and less on the other players: GAMO finds a little
# more, and 85 % of the frequent class with a weight of 1. Without a discriminator it loses the
# frequent class in one draw of the three. Class weights find as much, and cost nothing: the toy
# shows what the players do to each other, and not that one needs them.
#
# The decision regions
# --------------------
# Of the last draw. Dots are training rows, crosses generated ones, and the background has the
# colour of the class that is predicted there.

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
# Each row of the convex generator can be explained: these are the real rows that it is a mean of,
# with their weights. Row numbers are those of the training data, where the rare class begins at
# 600. One anchor or two have nearly all of the weight, so that a row is close to a copy, or lies
# between two real rows: this is how the generator keeps out of the middle.

AnchorsDisplay.from_estimator(fitted["(d) GAMO"], X, "few", n=3, n_anchors=4)
plt.show()

for name in ("(c) no discriminator", "(d) GAMO"):
    print(name, {key: round(value, 2) for key, value in fitted[name].diagnostics_.items()})

# %%
# In numbers: a row of (d) has two effective anchors, and one of (c) eight, which is why the latter
# have only a third of the variance of their class. The discriminator of (d) says the same of real
# and of generated rows: it has been deceived.
