"""The result of a comparison: scores, ranks, their certainty, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from imbdeep.comparison._fold import OWN
from imbdeep.comparison._new_rows import NEW_ROWS
from imbdeep.comparison._significance import bayesian_correlated_t

#: Probability from which a difference is called certain.
CERTAIN = 0.95
#: Decimals that are compared: scores of equal predictions may differ in the last bits.
_DECIMALS = 9


class Comparison:
    """The result of :func:`compare`.

    Parameters
    ----------
    scores : DataFrame
        A row for each method, classifier and fold: ``method``, ``classifier`` ("own model" for
        methods that are classifiers), ``fold``, a column for each metric (higher is better),
        ``seconds`` (of resampling and training), ``memory`` (the most that these added to the
        process, MiB, measured every 20 ms) and ``two_sample_auc``: how well a random forest tells
        the rows that the method added from test rows of their class, which it has not seen
        (:func:`~imbdeep.metrics.two_sample_auc`; 0.5: it cannot, 1: always). This is the mean over
        the classes that grew and of which there are ten rows of both kinds, and NaN where there is
        none. It belongs to method and fold, and enters neither ranks nor verdict.
    metrics : tuple of str
        The metrics; the first one ranks.
    simple : tuple of str
        The methods that need no generative model, from the simplest on.
    failures : mapping of str to str
        Methods that failed, and why.
    warnings : mapping of str to list of str
        What each method warned of.
    notes : list of str
        What was changed to suit the data, or looks odd in them.
    rope : float
        Differences up to this are called equal in practice.
    test_share : float
        Share of the rows that a fold tests on.

    Attributes
    ----------
    table : DataFrame
        A row for each method, or method and classifier, the best mean rank first: ``rank`` (of the
        method, by the first metric), the mean and the standard deviation over folds of each metric,
        mean seconds, memory and ``two_sample_auc``.
    classifiers : DataFrame of shape (n_methods, n_metrics)
        The classifier with which each method has the best mean over folds. Ranks, significance and
        verdict are of these pairs, because a user takes the best pipeline of a method.
    ranks : DataFrame of shape (n_methods, n_metrics)
        Mean ranks over folds, 1 is best, of the methods that ran on every fold.
    significance : DataFrame
        A row for each metric and pair of methods; see its docstring.
    verdict : str
        A paragraph for each metric: the evidence, and what to use.
    """

    def __init__(
        self,
        scores: pd.DataFrame,
        *,
        metrics: Sequence[str],
        simple: Sequence[str],
        failures: Mapping[str, str] | None = None,
        warnings: Mapping[str, list[str]] | None = None,
        notes: Sequence[str] = (),
        rope: float = 0.01,
        test_share: float = 0.2,
    ) -> None:
        self.scores = scores
        self.metrics = tuple(metrics)
        self.simple = tuple(simple)
        self.failures = dict(failures or {})
        self.warnings = dict(warnings or {})
        self.notes = list(notes)
        self.rope = rope
        self.test_share = test_share

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Methods that ran on every fold, the best mean rank by the first metric first."""
        return tuple(self.ranks.index)

    @cached_property
    def _pipelines(self) -> dict[str, pd.DataFrame]:
        """By metric, the scores of each method with its best classifier: folds by pairs.

        One pipeline a method: a mean over classifiers would count the worst of them against a
        method, and favour methods that have a network of their own.
        """
        found = {}
        for metric in self.metrics:
            values = self.scores.pivot(
                index="fold", columns=["method", "classifier"], values=metric
            ).round(_DECIMALS)
            # Where the score is not defined, as ROC-AUC without rows of a class, it is so for all.
            found[metric] = values.dropna(how="all").dropna(axis=1)
        order = [
            name
            for name in dict.fromkeys(self.scores["method"])
            if name not in self.failures and all(name in values for values in found.values())
        ]
        return {
            metric: values[[(name, values[name].mean().fillna(-np.inf).idxmax()) for name in order]]
            if order
            else values.iloc[:, :0]
            for metric, values in found.items()
        }

    def best(self, metric: str) -> pd.DataFrame:
        """Scores of each method with the classifier that it does best with, by mean.

        Parameters
        ----------
        metric : str
            One of the metrics.

        Returns
        -------
        DataFrame of shape (n_folds, n_methods)
            Of the methods that ran on every fold.
        """
        values = self._pipelines[metric]
        return values.set_axis(values.columns.get_level_values(0), axis=1)

    @cached_property
    def classifiers(self) -> pd.DataFrame:
        """The classifier that each method does best with, methods by metrics."""
        return pd.DataFrame(
            {
                metric: {pair[0]: pair[1] for pair in values.columns}
                for metric, values in self._pipelines.items()
            },
            columns=list(self.metrics),
        )

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Mean ranks over folds, methods by metrics, each with its best classifier; 1 is best."""
        found = {}
        for metric in self.metrics:
            blocks = self.best(metric)
            found[metric] = pd.Series(np.nan, index=blocks.columns)
            if blocks.size:
                found[metric][:] = rankdata(-blocks.to_numpy(), axis=1).mean(axis=0)
        ranks = pd.DataFrame(found)
        ranks.index.name = "method"
        return ranks.sort_values(self.metrics[0], kind="stable")

    @cached_property
    def table(self) -> pd.DataFrame:
        """Means and standard deviations over folds, in the order of the ranks; failures last."""
        groups = self.scores.groupby(["method", "classifier"], sort=False)
        columns: dict[str, Any] = {}
        for metric in self.metrics:
            columns[metric] = groups[metric].mean()
            columns[f"{metric} (sd)"] = groups[metric].std()
        for name in ("seconds", "memory", NEW_ROWS):
            if name in self.scores:
                columns[name] = groups[name].mean()
        table = pd.DataFrame(columns)
        rank = self.ranks[self.metrics[0]]
        table.insert(0, "rank", rank.reindex(table.index.get_level_values("method")).to_numpy())
        failed = [name for name in self.failures if name not in table.index.get_level_values(0)]
        if failed:
            index = pd.MultiIndex.from_product([failed, [""]], names=table.index.names)
            table = pd.concat([table, pd.DataFrame(np.nan, index=index, columns=table.columns)])
        table = table.sort_values("rank", kind="stable")
        if self.failures:
            names = table.index.get_level_values("method")
            table["failed"] = [self.failures.get(name, "") for name in names]
        classifiers = set(self.scores["classifier"])
        return table.droplevel("classifier") if len(classifiers - {OWN}) <= 1 else table

    @cached_property
    def significance(self) -> pd.DataFrame:
        """How certain the differences are: a row for each metric and pair of methods.

        Each method has the classifier that it does best with by this metric, so that there are as
        many values as folds. ``difference`` is that of the mean scores. ``t_worse``, ``t_equal``
        and ``t_better`` are the probabilities that ``method`` is worse than ``against`` by more
        than ``rope``, equal in practice, or better, by the Bayesian t-test that allows for the
        overlap of the folds' training rows (:func:`bayesian_correlated_t`; NaN for a single fold).
        """
        return pd.concat([self._pairs(metric) for metric in self.metrics], ignore_index=True)

    def _pairs(self, metric: str) -> pd.DataFrame:
        values = self.best(metric)[list(self.methods)]
        first, second = np.triu_indices(len(self.methods), k=1)
        parts: dict[str, Any] = {
            "metric": metric,
            "method": values.columns[first],
            "against": values.columns[second],
        }
        columns = [*parts, "difference", *_PROBABILITIES]
        if not len(first) or not len(values):
            return pd.DataFrame(parts, columns=columns)
        x = values.to_numpy()
        differences = (x[:, first] - x[:, second]).T  # (n_pairs, n_folds)
        parts["difference"] = differences.mean(axis=1)
        t: Any = np.full((3, len(first)), np.nan)  # one fold has no spread
        if len(x) > 1:
            t = bayesian_correlated_t(differences, self.rope, test_share=self.test_share)
        return pd.DataFrame(parts | dict(zip(_PROBABILITIES, t, strict=True)))

    def certainly_better(self, method: str, against: str, metric: str) -> bool:
        """Whether a method is better by more than ``rope`` with a probability of 95 %.

        Parameters
        ----------
        method, against : str
            Two methods that ran on every fold.
        metric : str
            One of the metrics.

        Returns
        -------
        bool

        Raises
        ------
        ValueError
            If one of the methods did not run on every fold.
        """
        for name in (method, against):
            if name not in self.methods:
                raise ValueError(
                    f"{name!r} did not run on every fold: take two of {', '.join(self.methods)}."
                )
        return (method, against) in self._certain[metric]

    @cached_property
    def _certain(self) -> dict[str, set[tuple[str, str]]]:
        """By metric, the pairs of which the first is certainly better than the second."""
        found: dict[str, set[tuple[str, str]]] = {metric: set() for metric in self.metrics}
        pairs = self.significance
        for side, order in (("better", ["method", "against"]), ("worse", ["against", "method"])):
            sure = pairs[f"t_{side}"] >= CERTAIN
            for metric, *names in pairs.loc[sure, ["metric", *order]].itertuples(index=False):
                found[metric].add((names[0], names[1]))
        return found

    @cached_property
    def ahead(self) -> dict[str, list[str]]:
        """By metric, the methods that are certainly better than every simple one."""
        simple = [name for name in self.simple if name in self.methods]
        others = [name for name in self.methods if name not in simple]
        return {
            metric: [
                name
                for name in others
                if simple and all(self.certainly_better(name, s, metric) for s in simple)
            ]
            for metric in self.metrics
        }

    @cached_property
    def verdict(self) -> str:
        """A paragraph for each metric: the evidence, and what to use."""
        return "\n".join(self._paragraph(metric) for metric in self.metrics)

    def _paragraph(self, metric: str) -> str:
        means = self.best(metric).mean().sort_values(ascending=False, kind="stable")
        learners = set(self.scores["classifier"]) - {OWN}

        def score_of(name: str) -> str:
            learner = self.classifiers[metric][name]
            suffix = f" with {learner}" if len(learners) > 1 and learner != OWN else ""
            return f"{name}{suffix} ({means[name]:.3f})"

        if means.isna().all():
            return f"{metric}: no method has this score on every fold, so there is no comparison."
        simple = [name for name in self.simple if name in means]
        others = [name for name in means.index if name not in simple]
        if not simple or not others:
            return f"{metric}: {score_of(means.index[0])} has the best mean."
        best = max(simple, key=lambda name: means[name])
        text = (
            f"{metric}: of the simple methods {score_of(best)} has the best mean, of the others "
            f"{score_of(others[0])}."
        )
        ahead = self.ahead[metric]
        if ahead:
            least, first = means[ahead].min() - means[best], means[ahead].idxmax()
            return (
                f"{text} Better than every simple method with {CERTAIN:.0%} certainty: "
                f"{', '.join(ahead)} (by {least:.3f} or more over {best}). Use {first}."
            )
        text += f" {self._evidence(metric, simple, others)}"
        if "class weights" in self.failures:
            text += " Class weights could not be run."
        # The simplest of those that are equal to the best simple one in practice.
        enough = next(name for name in simple if means[name] >= means[best] - self.rope)
        return f"{text} {_ADVICE.get(enough, f'Use {enough}.')}"

    def _evidence(self, metric: str, simple: Sequence[str], others: Sequence[str]) -> str:
        """Say that no other method is better for certain, and how probable the nearest one is."""
        pairs = self.significance[self.significance["metric"] == metric]
        better: dict[tuple[str, str], float] = {}
        for first, second, worse, above in zip(
            *(pairs[column] for column in ("method", "against", "t_worse", "t_better")), strict=True
        ):
            better |= {(first, second): float(above), (second, first): float(worse)}
        weights = "class weights"
        against, what = simple, "every simple method"
        if weights in simple and all(better[name, weights] < CERTAIN for name in others):
            against, what = [weights], weights
        least = {name: min(better[name, other] for other in against) for name in others}
        nearest = max(others, key=lambda name: least[name])
        text = f"No other method is better than {what} with {CERTAIN:.0%} certainty"
        if np.isnan(least[nearest]):
            return f"{text}: one fold does not show how certain a difference is."
        return (
            f"{text}: the probability that {nearest} is better by more than {self.rope:g} is "
            f"{least[nearest]:.0%}."
        )

    def plot(self, metric: str | None = None, ax: Any = None) -> Any:
        """Draw the methods' scores, the best first.

        Parameters
        ----------
        metric : str, default=None
            One of the metrics; None takes the first.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        imbdeep.displays.ComparisonDisplay
            The picture, with ``ax_`` and ``figure_``.
        """
        from imbdeep.displays import ComparisonDisplay

        return ComparisonDisplay.from_comparison(self, metric).plot(ax=ax)

    def __repr__(self) -> str:
        shown = self.table.drop(columns=[f"{metric} (sd)" for metric in self.metrics])
        notes = [f"Note: {note}" for note in self.notes]
        if NEW_ROWS in shown and shown[NEW_ROWS].notna().any():
            notes.insert(0, _NEW_ROWS)
        parts = [shown.round(3).to_string(), "\n".join(notes), self.verdict]
        return "\n\n".join(filter(None, parts))


_NEW_ROWS = (
    f"{NEW_ROWS}: how well a forest tells the rows that a method adds from test rows of their class"
    " (0.5: it cannot, 1: always)."
)
_PROBABILITIES = ("t_worse", "t_equal", "t_better")
#: What to use, where a simple method is enough.
_ADVICE = {
    "nothing": "Leave the data as they are: no method is needed.",
    "tuned threshold": "Use a tuned threshold (TunedThresholdClassifierCV of scikit-learn, on the "
    "data as they are).",
    "class weights": 'Use class weights (class_weight="balanced").',
    "prior correction": "Use prior correction (divide the probabilities by the class shares).",
}
