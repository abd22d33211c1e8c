"""
Rare digits, combined in a latent space
=======================================

Of the digit 0 there are 100 training images, of the digit 9 only 6.
:class:`~imbdeep.classifiers.RAEClassifier` learns codes of the images and a linear classifier of
these codes. The classifier is also trained on convex combinations of codes of one digit. SMOTE
combines images of one digit pixel by pixel. Does it help here to combine codes instead? And what do
decoded combinations look like?
"""

# %%
# The data
# --------
# Images have the shape (n, channels, height, width). Of each class 70 images are kept for testing,
# and the training images are drawn from the rest. The result depends on which images of a rare
# class are drawn, so there are five draws.

import matplotlib.pyplot as plt
import numpy as np
import torch
from imblearn.over_sampling import SMOTE
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from imbdeep.classifiers import ERMClassifier, RAEClassifier
from imbdeep.displays import FeaturesDisplay, RecallDisplay, TrainingHistoryDisplay
from imbdeep.networks import CodeEncoder
from imbdeep.over_sampling import RAESampler

torch.set_num_threads(1)  # the networks below are too small for more

digits = load_digits()
X, y = digits.images[:, None], digits.target

random = np.random.default_rng(0)
by_class = [random.permutation(np.flatnonzero(y == k)) for k in range(10)]
test = np.concatenate([rows[:70] for rows in by_class])
X_test, y_test = X[test], y[test]

sizes = np.geomspace(100, 6, 10).round().astype(int)
print("training images of the digits 0 to 9:", sizes.tolist())


def draw():
    """Draw a long-tailed training part."""
    rest = [rows[70:] for rows in by_class]
    chosen = [random.choice(rows, n, replace=False) for rows, n in zip(rest, sizes, strict=True)]
    rows = np.concatenate(chosen)
    return X[rows], y[rows]


# %%
# One network, four methods
# -------------------------
# The encoder of the RAE with its linear classifier is a network like any other, and can be trained
# without the rest: on the images as they are (ERM), with class weights, or with images added by
# SMOTE. The number of updates is the same. Networks and training are smaller than by default to
# keep the example short.

STEPS, SMALL = 300, {"device": "cpu", "random_state": 0}
sizes_of_rae = {
    "latent_dim": 16,
    "hidden_layer_sizes": (256, 128),
    "mixer_layer_sizes": (128, 128),
    "critic_layer_sizes": (128, 128),
}


class Network(nn.Module):
    """The prediction network of the RAE: encoder and linear classifier."""

    def __init__(self, n_features, n_classes):
        super().__init__()
        self.encoder = CodeEncoder(n_features, 16, (256, 128))
        self.head = nn.Linear(16, n_classes)

    def forward(self, x):
        return self.head(self.encoder(x))


def alone(n_rows, **parameters):
    """The network for about as many updates, which are counted in passes over the rows."""
    n_batches = -(-n_rows // 128)
    return ERMClassifier(module=Network, max_epochs=STEPS // n_batches, **SMALL, **parameters)


def smote(X, y):
    rows, labels = SMOTE(k_neighbors=5, random_state=0).fit_resample(X.reshape(len(X), -1), y)
    return rows.reshape(-1, 1, 8, 8), labels


predictions = {}
for _ in range(5):
    X_train, y_train = draw()
    X_smote, y_smote = smote(X_train, y_train)
    fitted = {
        "ERM": alone(len(y_train)).fit(X_train, y_train),
        "class weights": alone(len(y_train), class_weight="balanced").fit(X_train, y_train),
        "SMOTE": alone(len(y_smote)).fit(X_smote, y_smote),
        "RAE": RAEClassifier(max_steps=STEPS, **sizes_of_rae, **SMALL).fit(X_train, y_train),
    }
    for name, classifier in fitted.items():
        predictions.setdefault(name, []).append(classifier.predict(X_test))

scores = {
    name: np.array([balanced_accuracy_score(y_test, predicted) for predicted in each])
    for name, each in predictions.items()
}
print("balanced accuracy (test)  mean  five draws")
for name, each in scores.items():
    print(f"{name:24}  {each.mean():.3f}  {'  '.join(f'{score:.3f}' for score in each)}")
for name in ("ERM", "SMOTE"):
    gain = scores["RAE"] - scores[name]
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"RAE minus {name}: {gain.mean():+.3f}, standard error over the draws {error:.3f}")

# %%
# All four are within a point of each other, and class weights, which cost nothing, do as well as
# any. The gain of the RAE over ERM and SMOTE is no larger than its standard error. No method helps
# much: six images do not show the variety of a 9.
#
# Recall by class
# ---------------
# The predictions of the five draws are pooled. The axis is cut, since no recall is below 0.5. Only
# the digits 8 and 9 suffer, and there ERM is last.

pooled = {name: np.concatenate(each) for name, each in predictions.items()}
display = RecallDisplay.from_predictions(
    np.tile(y_test, 5), pooled, class_counts=sizes, classes=np.arange(10)
)
display.ax_.set_ylim(0.5, 1.02)
plt.show()

# %%
# The course of the training
# --------------------------
# This is a longer training, on the last draw.

longer = {"max_steps": 400, **sizes_of_rae, **SMALL}
rae = RAEClassifier(**longer).fit(X_train, y_train)
TrainingHistoryDisplay.from_estimator(rae)
plt.show()

# %%
# An epoch is 100 updates of the encoder. The entropy of α falls: the mixer searches for
# combinations that the classifier assigns to another class. The ends of the segment are the hardest
# points, so the weights move there. At 0 there would be copies and no combinations, and a warning
# would say so. The mixer's own cross-entropy rises nevertheless: no combination is assigned to
# another class. The critic's gap rises while the critic learns and falls while the decoder does.

print({name: round(value, 2) for name, value in rae.diagnostics_.items()})
print(f"balanced accuracy (test): {balanced_accuracy_score(y_test, rae.predict(X_test)):.3f}")

# %%
# The latent space
# ----------------
# As in Figure 2 of the paper, this is t-SNE of the codes. Training images form separate clusters,
# and hyperplanes separate them without a mistake (``separability``). So the combinations stay in
# their class, as Proposition 1 says. But this holds for training images only: new ones of the
# digits 8 and 9 lie among those of 1, 3 and 5, and the mistakes are there.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
seen = FeaturesDisplay.from_estimator(
    rae, X_train, y_train, random_state=0, name="training images", ax=axes[0]
)
seen.axes_[0].get_legend().remove()  # that of the other panel is the same
FeaturesDisplay.from_estimator(rae, X_test, y_test, random_state=0, name="new images", ax=axes[1])
plt.show()

# %%
# Images made of combinations
# ---------------------------
# The sampler uses a fitted classifier and trains nothing. It draws α uniformly, unless
# ``mixing="mixer"``. The decoder's loss has three parts: the critic, the classifier and the
# reconstruction error. The last part (``decoder_mae_lambda``) is in neither the paper nor the
# authors' program. A second RAE is trained without it.

bare = RAEClassifier(training_params={"decoder_mae_lambda": 0}, **longer).fit(X_train, y_train)
samplers = {
    "decoded": RAESampler(rae),
    "decoded, trained without\nreconstruction": RAESampler(bare),
}
for sampler in samplers.values():
    sampler.set_params(random_state=0).fit_resample(X_train, y_train)
print({int(label): int(n) for label, n in sampler.sampling_strategy_.items()})


def line_of(images):
    """Images side by side, with some space around them."""
    return np.concatenate(list(np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)))), axis=1)


shown = {"real": lambda k: X_train[y_train == k][:6]}
for name, sampler in samplers.items():
    shown[name] = lambda k, sampler=sampler: sampler.sample(8, k, random_state=1)

figure, axes = plt.subplots(
    1, 3, figsize=(9, 4.8), layout="compressed", sharey=True, width_ratios=[6, 8, 8]
)
for ax, (name, images_of) in zip(axes, shown.items(), strict=True):
    ax.imshow(np.concatenate([line_of(images_of(k)) for k in range(1, 10)]), cmap="gray_r")
    ax.set_title(name, fontsize=10)
    ax.set_xticks([])
    ax.set_yticks(10 * np.arange(9) + 4.5, range(1, 10))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
axes[0].set_ylabel("class")
plt.show()

# %%
# The first decoder makes different images of each digit, softer and less varied than real ones. The
# second, trained with critic and classifier only, makes nearly one image a class. That is enough
# for the training of the RAE, but useless as new rows. With many more updates of critic and decoder
# it may do better.


def spread(images):
    """Standard deviation of a pixel within the class, its mean over pixels."""
    return images.std(axis=0).mean()


print("spread within the class, as a share of that of new images")
for name, sampler in samplers.items():
    made = [spread(sampler.sample(70, k, random_state=0)) for k in range(1, 10)]
    real = [spread(X_test[y_test == k]) for k in range(1, 10)]
    print(f"{name.replace(chr(10), ' '):42}  {np.mean(made) / np.mean(real):.2f}")
