from sklearn.linear_model import LogisticRegression

from imbdeep.comparison import CLASSIFIERS, METHODS, SIMPLE
from imbdeep.comparison._methods import Settings, chosen_classifiers, chosen_methods

SETTINGS = Settings(device="cpu", random_state=7, categorical_features=["city"])


def test_all_methods_are_known_by_their_names_and_told_the_settings():
    methods = chosen_methods("all", SETTINGS)
    assert {name for method in methods for name in method.names} == set(METHODS)
    for method in methods:
        if method.name == "ensemble":
            told = method.estimator.estimator.get_params()
            assert told["votingensembleclassifier__random_state"] == 7
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


def test_classifiers_by_name():
    found = chosen_classifiers(None, SETTINGS)
    assert tuple(found) == CLASSIFIERS
    assert found["mlp"].random_state == 7
