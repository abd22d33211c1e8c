"""The table is mixed, all methods are compared on it, and a share is of what it says."""

import pandas as pd
import pytest

from imbdeep.benchmarks import _comparison, main
from imbdeep.benchmarks._comparison import compare_lines, harness_lines, methods_of, mixed_table
from imbdeep.benchmarks._measuring import FULL
from imbdeep.comparison import METHODS, SIMPLE, Comparison
from imbdeep.over_sampling import CGANSampler


def a_comparison(failures):
    """Two methods on two folds, 0.5 s each."""
    rows = [
        {"method": m, "classifier": "c", "fold": f, "score": 0.5, "seconds": 0.5, "memory": 1.0}
        for m in ("nothing", "SMOTE")
        for f in (0, 1)
    ]
    return Comparison(pd.DataFrame(rows), metrics=["score"], simple=SIMPLE, failures=failures)


def test_the_table_is_mixed_and_has_a_rare_class():
    table, y = mixed_table(1000)
    assert table.shape == (1000, 30)
    levels = table.select_dtypes("category").nunique()
    assert levels.tolist() == [2, 5, 12]
    assert y.mean() == pytest.approx(0.05, abs=0.005)


def test_full_sizes_take_every_method_with_its_defaults():
    assert methods_of(FULL) == dict.fromkeys(METHODS)
    assert (FULL.compared, FULL.folds, FULL.processes) == (10_000, 5, 2)
    assert FULL.learner == "gradient boosting"


def test_quick_sizes_train_every_deep_method_for_a_moment(tiny):
    methods = methods_of(tiny)
    assert list(methods) == list(METHODS)
    assert {name for name, estimator in methods.items() if estimator is None} == set(SIMPLE)
    assert isinstance(methods["CGAN"], CGANSampler)
    assert methods["CGAN"].max_steps == methods["CVAE"].max_steps == tiny.conditional["max_steps"]
    assert methods["RAE samples"].estimator.max_steps == methods["RAE"].max_steps == 5
    assert methods["MGVAE"].get_params().items() >= tiny.sampler.items()
    assert methods["GAMO"].get_params().items() >= tiny.gamo.items()


def test_every_method_is_compared_and_failures_are_counted(monkeypatch, tiny):
    asked = {}

    def spy(X, y, **given):
        asked.update(given, n=len(X))
        return a_comparison({"MGVAE": "no"})

    monkeypatch.setattr(_comparison, "compare", spy)
    seconds, failed = compare_lines(tiny._replace(processes=2))
    assert list(asked["methods"]) == list(METHODS)
    assert (asked["n"], asked["n_jobs"], asked["cv"]) == (tiny.compared, 2, tiny.folds)
    assert (seconds.limit, failed.limit) == (900.0, 0.0)
    assert failed.measured == 1


def test_the_rest_is_what_fits_do_not_take(monkeypatch, tiny):
    def timed(call):
        call()
        return 2.5

    monkeypatch.setattr(_comparison, "compare", lambda *a, **given: a_comparison({}))
    monkeypatch.setattr(_comparison, "seconds_of", timed)
    fits, rest, share = harness_lines(tiny)
    assert (fits.measured, rest.measured, share.measured) == (2.0, 0.5, 0.25)
    assert share.limit == 0.05


def test_the_program_knows_them(monkeypatch, capsys):
    monkeypatch.setattr(_comparison, "compare", lambda *a, **given: a_comparison({}))
    assert main(["compare-all", "compare-harness", "--quick"]) == 0
    assert "the rest / training" in capsys.readouterr().out
