"""
Does over-sampling help on this table?
======================================

Another example asks whether generated rows of a table look like real ones. What counts in the end
is another question: does a classifier that has them do better than one that has not, and better
than what costs nothing? :func:`~imbdeep.comparison.compare` cross-validates every method on the
same folds, the simple ones among them. This example shows how to read what it returns.
"""

# %%
# The data
# --------
# The breast cancer data of scikit-learn, thinned to 40 malignant tumours beside 357 benign ones.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer

from imbdeep.classifiers import M2mClassifier
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
# ``methods="all"`` takes fifteen methods, for some minutes. Here are five simple ones, of which the
# name is enough, and two of this package with less training than by default. Each method is fitted
# on the training rows of five folds, for two classifiers. M2m is a classifier itself.

methods = {
    "nothing": None,
    "class weights": None,
    "prior correction": None,
    "tuned threshold": None,
    "SMOTE": None,
    "MGVAE": MGVAESampler(pretrain_steps=500, finetune_steps=200, device="cpu"),
    "M2m": M2mClassifier(max_epochs=60, device="cpu"),
}
result = compare(
    X, y, methods=methods, classifiers=["logistic", "gradient boosting"], cv=5, n_jobs=2
)
print("failed:", result.failures or "none")

# %%
# Ranks
# -----
# Each method takes the classifier that it does best with, by the mean of a metric: that is the
# pipeline one would choose. In each fold these pipelines are ranked, 1 is best. Here are the means
# of the ranks, sorted by the first metric.

metrics = ["balanced_accuracy", "average_precision", "neg_log_loss"]
print(result.ranks[metrics].round(1).to_string())

# %%
# The metrics disagree, and that tells more than any of them. A threshold that is tuned, or moved by
# the class shares, raises the balanced accuracy. It leaves the order of the rows as it was, so the
# average precision is that of doing nothing. Resampling changes the order as well, here for the
# worse. The log-loss asks whether the probabilities are honest, and what adds rows of malignant
# tumours loses there.
#
# A mean rank says nothing of the size of a difference. The means do, and the standard deviations
# over folds say how little five folds tell.

shown = ["balanced_accuracy", "balanced_accuracy (sd)", "seconds"]
print(result.table[shown].round(3).to_string())

# %%
# How certain is it?
# ------------------
# ``significance`` has a row for each metric and pair of methods, each with its best classifier. One
# of the rows, written downwards:

pairs = result.significance
names = ["SMOTE", "MGVAE"]
pair = pairs[pairs["method"].isin(names) & pairs["against"].isin(names)]
print(pair[pair["metric"] == "balanced_accuracy"].round(3).T.to_string(header=False))

# %%
# ``difference`` is ``method`` minus ``against``. Differences up to ``rope``, one point in a
# hundred, count as none. ``t_worse``, ``t_equal`` and ``t_better`` sum to 1: they are the
# probabilities that the method is really worse, as good, or better. The test allows for folds that
# are not independent, since they share most of their training rows.
#
# What MGVAE gains over SMOTE here may well be real, and may be luck: the test is not 95 % sure.
# More folds of the same 397 rows would help little. A fold is tested on eight malignant
# tumours, and one of them is six points of balanced accuracy.
#
# The verdict
# -----------
# A method is called ahead only if the test is 95 % sure that it beats *every* simple one.
# Otherwise the simplest method within ``rope`` of the best simple one is enough. "No method is
# ahead" does not prove that none is better, only that these rows do not show it.

print(result.verdict)

# %%
# The picture
# -----------
# Every faint dot is a fold. The line is the mean of the best simple method, and
# what generates rows has to stand clearly at its right to be worth its seconds. Bars that overlap
# so much are one group, whatever their order.

result.plot()
plt.show()
