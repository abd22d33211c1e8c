"""
Digits out of other digits
==========================

The low digits 0 to 4 are the majority, and only 60 images of the high digits 5 to 9 are left.
:class:`~imbdeep.over_sampling.MGVAESampler` learns from the many low digits first and is then
fine-tuned on the few high ones. Every new image starts from a low digit, so the new images are not
limited to mixtures of the 60.

The images have 8 x 8 pixels, so that training takes seconds on a CPU. The pictures are as coarse as
the data.
"""

# %%
# The data
# --------
# Images have the shape (n, channels, height, width).

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from imbdeep.displays import (
    LatentDisplay,
    SamplesDisplay,
    TrainingHistoryDisplay,
    TranslationDisplay,
)
from imbdeep.over_sampling import MGVAESampler

digits = load_digits()
X = digits.images[:, None]
y = np.where(digits.target < 5, "low", "high")

random = np.random.default_rng(0)
few = random.choice(np.flatnonzero(y == "high"), 60, replace=False)
kept = np.concatenate([np.flatnonzero(y == "low"), few])
X, y = X[kept], y[kept]
print(Counter(y.tolist()))

# %%
# Over-sampling
# -------------
# This works as with every sampler of imbalanced-learn. The numbers of steps are below the defaults
# to keep the example short.

sampler = MGVAESampler(pretrain_steps=2000, finetune_steps=500, latent_dim=16, random_state=0)
X_resampled, y_resampled = sampler.fit_resample(X, y)
print(Counter(y_resampled.tolist()))

# %%
# The training
# ------------
# The dashed line is the loss on majority images that were held out. Fine-tuning starts from the
# weights of the majority, and the penalty of elastic weight consolidation (EWC) keeps it near them.

TrainingHistoryDisplay.from_estimator(sampler)
plt.show()

# %%
# Real and generated images
# -------------------------
# The new images are blurrier than the real ones: they are means of the decoder's distribution, as
# usual for a variational auto-encoder. Some are hybrids that do not look like a digit.

SamplesDisplay.from_estimator(sampler, X, y, "high", random_state=0, cmap="gray_r")
plt.show()

# %%
# The latent space
# ----------------
# New images start at the majority's codes. Where minority images lie among these codes, the new
# images can resemble them.

LatentDisplay.from_estimator(sampler, X, y, "high", random_state=0)
plt.show()

# %%
# What a low digit becomes
# ------------------------
# Each image of the upper line was translated into the one below it. Images that look alike above
# often look alike below: the translation transfers this similarity. It does not always do so, since
# every translation also adds noise to the code.

TranslationDisplay.from_estimator(sampler, X[y == "low"], n_pairs=12, random_state=0, cmap="gray_r")
plt.show()
