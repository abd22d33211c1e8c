"""Every estimator passes every check of its hosts: no failure, no expected failure, no skip."""

import inspect
from unittest import SkipTest

import pytest
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
)
from imblearn.utils.estimator_checks import estimator_checks_generator as imblearn_checks
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import estimator_checks_generator as sklearn_checks

from imbdeep import classifiers, encoding, over_sampling
from imbdeep.classifiers import (
    ERMClassifier,
    GAMOClassifier,
    M2mClassifier,
    RAEClassifier,
    VotingEnsembleClassifier,
    _voting,
)
from imbdeep.encoding import ImageScaler, TabularEncoder
from imbdeep.over_sampling import (
    CGANSampler,
    CVAESampler,
    GAMO2PixSampler,
    MGVAESampler,
    RAESampler,
)

# What GAMOClassifier says of the checks' data, many of them balanced, and of so little training.
pytestmark = [
    pytest.mark.filterwarnings("ignore:All classes have .* no minority:UserWarning"),
    pytest.mark.filterwarnings("ignore:The generator has collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:Only .* marked rows were translated:UserWarning"),
]


def made(kind, **params):
    """An estimator; what its constructor lacks goes to training_params, or to M2m's estimator."""
    own = kind._get_param_names()
    others = {name: params.pop(name) for name in [*params] if name not in own}
    if others and "estimator" in own:
        params["estimator"] = made(ERMClassifier, **others)
    elif others:
        params["training_params"] = others
    return kind(**params)


def changed(estimator, **params):
    """A copy with other parameters; those of M2m's network are parameters of its estimator."""
    copy, own = clone(estimator), estimator.get_params(deep=False)
    return copy.set_params(**{n if n in own else f"estimator__{n}": v for n, v in params.items()})


# Every public estimator stands here once, with as little training as it can do.
SAMPLERS = [
    MGVAESampler(
        pretrain_steps=20,
        finetune_steps=10,
        hidden_layer_sizes=(16,),
        row_filter=None,
        device="cpu",
        random_state=0,
    ),
    CVAESampler(
        max_steps=20, hidden_layer_sizes=(16,), row_filter=None, device="cpu", random_state=0
    ),
    RAESampler(
        RAEClassifier(
            encoder_steps=2,
            critic_steps=1,
            max_steps=4,
            batch_size=8,
            hidden_layer_sizes=(16,),
            mixer_layer_sizes=(16,),
            critic_layer_sizes=(16,),
            device="cpu",
        ),
        row_filter=None,
        random_state=0,
    ),
    GAMO2PixSampler(
        GAMOClassifier(
            max_steps=12,
            batch_size=8,
            hidden_layer_sizes=(16,),
            generator_layer_sizes=(8,),
            discriminator_layer_sizes=(8,),
            latent_dim=4,
            learning_rate=0.03,
            device="cpu",
        ),
        row_filter=None,
        random_state=0,
    ),
    CGANSampler(
        max_steps=20,
        batch_size=16,
        latent_dim=4,
        hidden_layer_sizes=(16,),
        discriminator_layer_sizes=(16,),
        row_filter=None,
        device="cpu",
        random_state=0,
    ),
]
#: One whose rows are filtered, which is done alike for all samplers.
FILTERED = clone(SAMPLERS[1]).set_params(row_filter=LogisticRegression())
VOTING = [VotingEnsembleClassifier(random_state=0)]
TRANSFORMERS = [TabularEncoder(), TabularEncoder(continuous="standard"), ImageScaler()]
BRIEF = {
    "max_epochs": 15,
    "batch_size": 16,
    "hidden_layer_sizes": (16,),
    "learning_rate": 0.01,
    "device": "cpu",
    "random_state": 0,
}
CLASSIFIERS = [
    ERMClassifier(**BRIEF),
    M2mClassifier(
        ERMClassifier(**{**BRIEF, "random_state": None}),
        beta=0.5,
        gamma=0.3,
        translation_steps=2,
        random_state=0,
    ),
    RAEClassifier(
        encoder_steps=5,
        decoder_steps=1,
        critic_steps=1,
        max_steps=60,
        batch_size=8,
        hidden_layer_sizes=(16,),
        mixer_layer_sizes=(8,),
        critic_layer_sizes=(8,),
        latent_dim=8,
        training_params={"dropout": 0.0},
        learning_rate=0.01,
        device="cpu",
        random_state=0,
    ),
    GAMOClassifier(
        max_steps=60,
        batch_size=8,
        hidden_layer_sizes=(16,),
        generator_layer_sizes=(16, 16),
        discriminator_layer_sizes=(8,),
        latent_dim=8,
        learning_rate=0.03,
        device="cpu",
        random_state=0,
    ),
]
ALL = SAMPLERS + VOTING + TRANSFORMERS + CLASSIFIERS

# These checks themselves draw from numpy's global stream or seed it.
DRAWS_GLOBALLY = {
    "check_methods_sample_order_invariance",
    "check_target_type",
    "check_samplers_one_label",
    "check_samplers_fit",
    "check_classifier_on_multilabel_or_multioutput_targets",
    "check_classifiers_with_encoded_labels",
}


@pytest.fixture(autouse=True)
def brief_ensemble(monkeypatch):
    """As few parts, and as little training, as the ensemble can have."""
    for name, value in {"_MOST_EPOCHS": 12, "_N_TREES": 10, "_N_ROUNDS": 10}.items():
        monkeypatch.setattr(_voting, name, value)


def passes(check, *arguments):
    """Run a check; one that skips itself has not passed."""
    try:
        check(*arguments)
    except SkipTest as skip:
        pytest.fail(f"skipped: {skip}")


def cases(generator, estimators, prefix=""):
    found = []
    for estimator in estimators:
        for instance, check in generator(estimator):
            name = check.func.__name__
            marks = [pytest.mark.changes_global_state] * (name in DRAWS_GLOBALLY)
            title = f"{prefix}{type(estimator).__name__}-{name}"
            found.append(pytest.param(instance, check, marks=marks, id=title))
    return found


@pytest.mark.parametrize("estimator, check", cases(sklearn_checks, ALL))
def test_scikit_learn_check(estimator, check):
    passes(check, estimator)


@pytest.mark.parametrize(
    "estimator, check",
    cases(imblearn_checks, SAMPLERS + CLASSIFIERS) + cases(imblearn_checks, [FILTERED], "filter "),
)
def test_imbalanced_learn_check(estimator, check):
    passes(check, estimator)


@pytest.mark.parametrize(
    "check",
    [check_param_validation, check_dataframe_column_names_consistency],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(
    "estimator", SAMPLERS + CLASSIFIERS, ids=lambda estimator: type(estimator).__name__
)
def test_check_of_imbalanced_learns_own_suite(estimator, check):
    passes(check, type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("estimator", SAMPLERS, ids=lambda estimator: type(estimator).__name__)
def test_sampler_declares_what_turns_the_string_and_nan_checks_on(estimator):
    names = {check.func.__name__ for _, check in imblearn_checks(estimator)}
    assert {"check_samplers_string", "check_samplers_nan", "check_samplers_sparse"} <= names


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda estimator: type(estimator).__name__)
def test_classifier_gets_the_checks_of_imbalanced_learn(estimator):
    names = {check.func.__name__ for _, check in imblearn_checks(estimator)}
    assert {
        "check_classifier_on_multilabel_or_multioutput_targets",
        "check_classifiers_with_encoded_labels",
    } <= names


def test_every_public_estimator_is_listed():
    public = {
        thing
        for room in (over_sampling, encoding, classifiers)
        for name in room.__all__
        if inspect.isclass(thing := getattr(room, name)) and issubclass(thing, BaseEstimator)
        if not inspect.isabstract(thing)
    }
    listed = {type(estimator) for estimator in ALL}
    assert public == listed
    assert all(isinstance(estimator, BaseOverSampler) for estimator in SAMPLERS)
    assert all(is_classifier(estimator) for estimator in CLASSIFIERS)
