"""
The pictures of the MGVAE paper, with small digits
==================================================

Figures 3 to 6 of the paper show the translations of a majority image to each minority class, the
images that the methods generate from the same few rows, and how these depend on the number of rows.
This example draws the same pictures for the digits of scikit-learn. It also measures what the paper
only shows: do the new images cover the variety of the digit, and are they new?
"""

# %%
# The data
# --------
# The low digits 0 to 4 are one large class. Of the high digits 100, 60, 40, 20 and 10 images are
# left, so that one picture shows the effect of the number of rows. The other images are held out
# for the two measurements.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances_argmin

from imbdeep.displays import ClassSamplesDisplay, TranslationDisplay
from imbdeep.metrics import density_coverage, memorisation
from imbdeep.over_sampling import CVAESampler, MGVAESampler

counts = {"5": 100, "6": 60, "7": 40, "8": 20, "9": 10}

digits = load_digits()
images = digits.images[:, None]
labels = np.where(digits.target < 5, "low", digits.target.astype(str))

random = np.random.default_rng(0)
shuffled = random.permutation(len(images))
place = pd.Series(labels[shuffled]).groupby(labels[shuffled]).cumcount().to_numpy()
is_train = place < [counts.get(label, len(images)) for label in labels[shuffled]]
train, held_out = shuffled[is_train], shuffled[~is_train]
X, y = images[train], labels[train]
print(pd.Series(y).value_counts())

# %%
# Over-sampling
# -------------
# SMOTE places rows on the line between neighbours. :class:`~imbdeep.over_sampling.CVAESampler` is
# the paper's OCVAE, one conditional auto-encoder of all classes. The numbers of steps are below the
# defaults to keep the example short.

mgvae = MGVAESampler(pretrain_steps=2000, finetune_steps=400, latent_dim=16, random_state=0)
cvae = CVAESampler(max_steps=2000, latent_dim=16, random_state=0)
mgvae.fit_resample(X, y)
cvae.fit_resample(X, y)

# SMOTE has no sample(): its new rows follow the original ones.
flat = X.reshape(len(X), -1)
X_smote, y_smote = SMOTE(random_state=0).fit_resample(flat, y)
X_smote, y_smote = X_smote[len(X) :].reshape(-1, 1, 8, 8), y_smote[len(X) :]

n = 200
generated = {
    "SMOTE": {label: X_smote[y_smote == label][:n] for label in counts},
    "CVAE": {label: cvae.sample(n, label, random_state=0) for label in counts},
    "MGVAE": {label: mgvae.sample(n, label, random_state=0) for label in counts},
}

# %%
# What a low digit becomes (Figures 3 and 5)
# ------------------------------------------
# Each image of a low digit is translated into every high one. The translations in a column share
# features of the majority image: here whether the strokes are round or straight, and how dark they
# are. With ten rows little of that is left. The upright 1s and 4s all become the same black 9,
# which is a training image.

TranslationDisplay.from_estimator(
    mgvae, X[y == "low"], list(counts), n_pairs=12, random_state=0, cmap="gray_r"
)
plt.show()

# %%
# The methods side by side (Figures 4 and 6)
# ------------------------------------------
# Each line is a digit, the frequent ones at the top, with real images at the left. SMOTE's images
# are double exposures where the two neighbours differ. Those of the CVAE are blurred and much alike
# for digits of few rows. Those of the MGVAE are sharper, and with ten rows they look like the real
# ones.

none = np.empty((0, 1, 8, 8))
figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), width_ratios=[1.66, 1, 1], layout="compressed")
for ax, (method, rows) in zip(axes, generated.items(), strict=True):
    is_first = ax is axes[0]
    ClassSamplesDisplay(
        [X[y == label][:3] if is_first else none for label in counts],
        [rows[label][:5] for label in counts],
        labels=list(counts) if is_first else [""] * len(counts),
        counts=list(counts.values()) if is_first else None,
    ).plot(ax, cmap="gray_r")
    ax.set_title(method)
plt.show()

# %%
# What do they cover?
# -------------------
# Coverage is the share of the held-out images that have a generated one as near as their fifth
# neighbour, with 200 generated images. Copies of the training rows are the baseline. All three
# methods cover more than copies for digits of few rows, and hardly more, or less, for those of
# many. On images as small as these a mean of two digits is often a digit, and SMOTE is best on
# most; the paper's margin over SMOTE is on larger images.


def coverage(label, rows):
    real = images[held_out][labels[held_out] == label]
    return density_coverage(real, rows)[1]


table = {
    method: {label: coverage(label, rows[label]) for label in counts}
    for method, rows in {"copies": {k: X[y == k] for k in counts}, **generated}.items()
}
print(pd.DataFrame(table).assign(rows=counts).round(2))

# %%
# Are they new?
# -------------
# Generated images of the digit with 20 rows are at the right; at the left is the training image
# nearest to each.

label = "8"
own = X[y == label]
nearest = {
    method: own[pairwise_distances_argmin(rows[label].reshape(n, -1), own.reshape(len(own), -1))]
    for method, rows in generated.items()
}
display = ClassSamplesDisplay(
    [rows[:8] for rows in nearest.values()],
    [rows[label][:8] for rows in generated.values()],
    labels=list(generated),
).plot(cmap="gray_r")
display.ax_.set_title(f"The nearest training rows, and generated rows of the digit {label}")
plt.show()

# %%
# The same in numbers, against as many images that no sampler was trained on. A ratio of 1 means
# that generated rows are as far from training rows as these are from each other. A generator that
# memorised nothing is nearer to the held-out rows as often as to the training rows: 0.5. No row is
# repeated, but with 20 rows the new images of all three are variations of these.

rest = images[held_out][labels[held_out] == label][: len(own)]
found = {method: memorisation(own, rows[label], holdout=rest) for method, rows in generated.items()}
print(pd.DataFrame(found).T[["duplicates", "distance_ratio", "nearer_to_train"]].round(2))
