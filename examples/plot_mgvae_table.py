"""
Are the generated rows of a table any good?
===========================================

The quality of a generated image is easy to see, that of a row of a table is not. This example
over-samples 40 malignant tumours among 357 benign ones. It compares the generated rows with
malignant ones **that the sampler was not trained on**, column by column and pair by pair.
"""

# %%
# The data
# --------
# The breast cancer data of scikit-learn: 30 measurements of cell nuclei. It has 212 malignant rows,
# of which 40 are left for training and the others are kept for the comparison.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from imbdeep.displays import SamplesDisplay, TrainingHistoryDisplay
from imbdeep.over_sampling import MGVAESampler

data = load_breast_cancer(as_frame=True)
X, y = data.data, data.target.map({0: "malignant", 1: "benign"})

random = np.random.default_rng(0)
malignant = random.permutation(np.flatnonzero(y == "malignant"))
train = np.concatenate([np.flatnonzero(y == "benign"), malignant[:40]])
held_out = malignant[40:]
print(y.iloc[train].value_counts())

# %%
# Over-sampling
# -------------
# A DataFrame goes in and a DataFrame comes out. The numbers of steps are below the defaults to keep
# the example short.

sampler = MGVAESampler(pretrain_steps=2000, finetune_steps=500, random_state=0)
X_resampled, y_resampled = sampler.fit_resample(X.iloc[train], y.iloc[train])
print(y_resampled.value_counts())

# %%
# The training
# ------------
# With a few hundred rows, the loss on held-out majority rows (dashed) rises again while that on
# training rows still falls. The sampler then restores the weights of the lowest loss.

TrainingHistoryDisplay.from_estimator(sampler)
plt.show()

# %%
# Column by column
# ----------------
# Only the eight columns that differ most are drawn. KS is the Kolmogorov-Smirnov distance: 0 for
# equal distributions, 1 for disjoint ones.

display = SamplesDisplay.from_estimator(
    sampler, X.iloc[held_out], y.iloc[held_out], "malignant", random_state=0, max_features=8
)
plt.show()

# %%
# A distance needs a baseline: how far are the 40 rows of the training set from the held-out ones? A
# generator trained on only these 40 can hardly be nearer.

few = SamplesDisplay.from_samples(X.iloc[held_out], X.iloc[malignant[:40]], max_features=1)
plt.close(few.figure_)
print(
    pd.DataFrame(
        {"generated": display.distances, "training rows": few.distances},
        index=display.feature_names,
    )
    .describe()
    .loc[["mean", "50%", "max"]]
    .round(2)
)

# %%
# Pair by pair
# ------------
# Marginal distributions may fit although dependent columns no longer match. Radius, perimeter and
# area of a nucleus are nearly functions of each other; in the generated rows they are still
# strongly correlated, but less so, since each column is drawn with its own noise.

display.plot(kind="correlations")
plt.show()
