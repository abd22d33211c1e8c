"""
Does over-sampling help on this table?
======================================

Another example checks whether generated rows of a table look like real ones. The final question is
another one: is a classifier better with these rows than without them, and better than with methods
that cost nothing? :func:`~imbdeep.comparison.compare` cross-validates every method on the same
folds, the simple ones among them. This example shows how to read what it returns.
"""

# %%
# The data
# --------
# The breast cancer data of scikit-learn, thinned to 40 malignant tumours beside 357 benign ones.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer

from imbdeep.classifiers import ERMClassifier, M2mClassifier
from imbdeep.comparison import compare
from imbdeep.datasets import make_imbalanced
from imbdeep.over_sampling import MGVAESampler

data = load_breast_cancer(as_frame=True)
X, y = data.data, data.target.map({0: "malignant", 1: "benign"})
X, y = make_imbalanced(X, y, {"benign": 357, "malignant": 40}, random_state=0)
print(y.value_counts())

# %%
# The comparison
# --------------
# ``methods="all"`` compares fifteen methods and takes some minutes. Here are five simple ones,
# given by name, and two of this package with less training than by default. Each method is fitted
# on the training rows of five folds, for two classifiers. M2m is a classifier itself.

methods = {
    "nothing": None,
    "class weights": None,
    "prior correction": None,
    "tuned threshold": None,
    "SMOTE": None,
    "MGVAE": MGVAESampler(pretrain_steps=500, finetune_steps=200, device="cpu"),
    "M2m": M2mClassifier(ERMClassifier(max_epochs=60, device="cpu")),
}
result = compare(
    X, y, methods=methods, classifiers=["logistic", "gradient boosting"], cv=5, n_jobs=2
)
print("failed:", result.failures or "none")

# %%
# Ranks
# -----
# Each method is combined with its best classifier, by the mean of a metric: this is the pipeline
# one would choose. These pipelines are ranked in each fold, 1 is best. The table shows mean ranks,
# sorted by the first metric.

metrics = ["balanced_accuracy", "average_precision", "neg_log_loss"]
print(result.ranks[metrics].round(1).to_string())

# %%
# The metrics disagree, and this is informative. A threshold that is tuned, or moved by the class
# shares, raises the balanced accuracy. It does not change the order of the rows, so the average
# precision is that of doing nothing. Resampling changes the order as well, here for the worse. The
# log-loss measures whether the probabilities are calibrated, and methods that add rows of malignant
# tumours are worse there.
#
# A mean rank does not show the size of a difference. The means do, and the standard deviations over
# folds show how uncertain five folds are.

shown = ["balanced_accuracy", "balanced_accuracy (sd)", "seconds"]
print(result.table[shown].round(3).to_string())

# %%
# How certain is it?
# ------------------
# ``significance`` has a row for each metric and pair of methods, each with its best classifier. One
# of the rows, transposed:

pairs = result.significance
names = ["SMOTE", "MGVAE"]
pair = pairs[pairs["method"].isin(names) & pairs["against"].isin(names)]
print(pair[pair["metric"] == "balanced_accuracy"].round(3).T.to_string(header=False))

# %%
# ``difference`` is ``method`` minus ``against``. Differences up to ``rope``, one percentage point,
# count as none. ``t_worse``, ``t_equal`` and ``t_better`` sum to 1: they are the probabilities that
# the method is really worse, as good, or better. The test takes into account that folds share most
# of their training rows and are not independent.
#
# The gain of MGVAE over SMOTE may be real or chance: the probability is below 95 %. More folds of
# the same 397 rows would help little. A fold is tested on eight malignant tumours, and one of them
# is worth six points of balanced accuracy.
#
# The verdict
# -----------
# A method is ahead only if, with a probability of 95 %, it is better than *every* simple one.
# Otherwise the verdict recommends the simplest method within ``rope`` of the best simple one. "No
# method is ahead" does not prove that none is better: these rows do not show it.

print(result.verdict)

# %%
# The picture
# -----------
# Every faint dot is a fold. The line is the mean of the best simple method. A method that generates
# rows must be clearly to its right to be worth its seconds. Bars that overlap so much form one
# group, and their order means nothing.

result.plot()
plt.show()
