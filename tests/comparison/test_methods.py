import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression, SGDClassifier

from imbdeep.comparison import CLASSIFIERS, METHODS, SIMPLE
from imbdeep.comparison._methods import Settings, chosen_classifiers, chosen_methods, nearest

SETTINGS = Settings(device="cpu", random_state=7, categorical_features=["city"])


def test_all_methods_are_known_by_their_names_and_told_the_settings():
    methods = chosen_methods("all", SETTINGS)
    assert {name for method in methods for name in method.names} == set(METHODS)
    for method in methods:
        if method.name == "ensemble":
            told = method.estimator.estimator.get_params()
            assert told["votingensembleclassifier__random_state"] == 7
            assert told["votingensembleclassifier__device"] == "cpu"
            assert told["tabularencoder__categorical_features"] == ["city"]
            assert method.estimator.prior == "uniform"
            continue
        if method.name in SIMPLE:
            assert method.estimator is None
            continue
        estimator = method.estimator.estimator if method.also else method.estimator
        told = estimator.get_params()
        assert (told["random_state"], told["device"]) == (7, "cpu")
        of = "estimator__" * (method.name == "M2m")
        assert told[f"{of}categorical_features"] == ["city"]


def test_what_is_trained_alike_is_trained_once():
    both = chosen_methods(["RAE", "SMOTE", "RAE samples"], SETTINGS)
    assert [method.names for method in both] == [("SMOTE",), ("RAE samples", "RAE")]
    for one in ("RAE", "RAE samples"):
        assert chosen_methods([one], SETTINGS)[0].names == (one,)
    mine = chosen_methods({"RAE": LogisticRegression(), "RAE samples": None}, SETTINGS)
    assert [method.names for method in mine] == [("RAE",), ("RAE samples",)]


def test_one_name_needs_no_list():
    assert [method.name for method in chosen_methods("SMOTE", SETTINGS)] == ["SMOTE"]
    assert list(chosen_classifiers("logistic", SETTINGS)) == ["logistic"]


def test_what_can_predict_is_a_classifier_and_what_resamples_a_sampler():
    methods = chosen_methods(
        {"a": SMOTE(), "b": make_pipeline(SMOTE(), LogisticRegression()), "nothing": None},
        SETTINGS,
    )
    assert [method.kind for method in methods] == ["sampler", "classifier", "nothing"]


def test_seeds_go_where_there_is_none_and_the_users_objects_stay_as_they_are():
    mine = make_pipeline(SMOTE(), SGDClassifier(random_state=1))
    (method,) = chosen_methods({"mine": mine}, SETTINGS)
    told = method.estimator.get_params()
    assert told["smote__random_state"] == 7
    assert told["sgdclassifier__random_state"] == 1
    assert mine.get_params()["smote__random_state"] is None


def test_classifiers_by_name():
    found = chosen_classifiers(None, SETTINGS)
    assert tuple(found) == CLASSIFIERS
    assert found["mlp"].random_state == 7


@pytest.mark.parametrize(
    "name, told",
    [("smot", " Did you mean 'SMOTE'?"), ("mgvea", " Did you mean 'MGVAE'?"), ("", "")],
)
def test_nearest(name, told):
    assert nearest(name, METHODS) == told
