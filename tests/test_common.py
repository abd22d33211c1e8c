"""Every estimator passes every check of its hosts: no failure, no expected failure, no skip."""

import inspect
import warnings

import pytest
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
)
from imblearn.utils.estimator_checks import estimator_checks_generator as imblearn_checks
from sklearn.base import BaseEstimator, clone
from sklearn.utils.estimator_checks import estimator_checks_generator as sklearn_checks

from imbdeep import encoding, over_sampling
from imbdeep.encoding import ImageScaler, TabularEncoder
from imbdeep.over_sampling import MGVAESampler

# Every public estimator stands here once, with as little training as it can do.
SAMPLERS = [
    MGVAESampler(
        pretrain_steps=20,
        finetune_steps=10,
        hidden_layer_sizes=(16,),
        device="cpu",
        random_state=0,
    )
]
TRANSFORMERS = [TabularEncoder(), TabularEncoder(continuous="standard"), ImageScaler()]

# These checks themselves draw from numpy's global stream or seed it.
DRAWS_GLOBALLY = {
    "check_methods_sample_order_invariance",
    "check_target_type",
    "check_samplers_one_label",
    "check_samplers_fit",
}


def cases(generator, estimators):
    found = []
    for estimator in estimators:
        for instance, check in generator(estimator):
            name = check.func.__name__
            marks = [pytest.mark.changes_global_state] * (name in DRAWS_GLOBALLY)
            found.append(
                pytest.param(instance, check, marks=marks, id=f"{type(estimator).__name__}-{name}")
            )
    return found


@pytest.mark.parametrize("estimator, check", cases(sklearn_checks, SAMPLERS + TRANSFORMERS))
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator, check", cases(imblearn_checks, SAMPLERS))
def test_imbalanced_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [check_param_validation, check_dataframe_column_names_consistency],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("estimator", SAMPLERS, ids=lambda estimator: type(estimator).__name__)
def test_check_of_imbalanced_learns_own_suite(estimator, check):
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("estimator", SAMPLERS, ids=lambda estimator: type(estimator).__name__)
def test_sampler_declares_what_turns_the_string_and_nan_checks_on(estimator):
    names = {check.func.__name__ for _, check in imblearn_checks(estimator)}
    assert {"check_samplers_string", "check_samplers_nan", "check_samplers_sparse"} <= names


def test_every_public_estimator_is_listed():
    public = {
        thing
        for room in (over_sampling, encoding)
        for name in room.__all__
        if inspect.isclass(thing := getattr(room, name)) and issubclass(thing, BaseEstimator)
        if not inspect.isabstract(thing)
    }
    listed = {type(estimator) for estimator in SAMPLERS + TRANSFORMERS}
    assert public == listed
    assert all(isinstance(estimator, BaseOverSampler) for estimator in SAMPLERS)


@pytest.mark.parametrize("estimator", SAMPLERS + TRANSFORMERS, ids=str)
def test_no_check_is_expected_to_fail(estimator):
    generators = [sklearn_checks] + [imblearn_checks] * (estimator in SAMPLERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a skipped check is announced by a warning
        for generator in generators:
            assert all(not hasattr(check, "marks") for _, check in generator(estimator))
    assert not getattr(estimator.__sklearn_tags__(), "_skip_test", False)
