"""MGVAESampler as its users meet it: what it learns, what it promises, how it repeats."""

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import make_pipeline
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from torch import nn

from imbdeep.over_sampling import MGVAESampler
from imbdeep.over_sampling._mgvae import model as model_module
from imbdeep.over_sampling._mgvae import sampler as sampler_module
from imbdeep.training import Descent

N_MAJORITY, N_MINORITY = 60, 20
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N_MINORITY, int)]
X = np.random.default_rng(0).normal(size=(len(Y), 3)) + 2 * Y[:, None]
THREE = np.r_[np.zeros(40, int), np.ones(10, int), np.full(30, 2)]
#: Rows as the model draws them, not filtered.
PLAIN = {"row_filter": None, "device": "cpu", "random_state": 0}


def quick(**params):
    few = {"pretrain_steps": 30, "finetune_steps": 20, "hidden_layer_sizes": (8,), "latent_dim": 2}
    return MGVAESampler(**{**few, **PLAIN, **params})


def weights(module):
    return nn.utils.parameters_to_vector(module.parameters()).detach().numpy()


# -------------------------------------------------------------------- it finds what it should find

LEARNING = {"hidden_layer_sizes": (32,), "pretrain_steps": 500, "finetune_steps": 300, **PLAIN}
LEARNING["learning_rate"] = 8e-3


def two_clusters(n_minority, seed=0):
    """A broad majority, and a minority of two clusters whose columns correlate as its do."""
    rng = np.random.default_rng(seed)
    mix = np.array([[1, 0, 0], [0.6, 0.8, 0], [-0.3, 0.4, 0.85]]).T
    majority = 1.5 * rng.normal(size=(1000, 3)) @ mix
    first = rng.random(n_minority) < 0.7
    centres = np.where(first[:, None], [2.0, 1.0, -1.0], [-2.0, -1.5, 1.0])
    minority = centres + 0.6 * rng.normal(size=(n_minority, 3)) @ mix
    return np.r_[majority, minority], np.repeat([0, 1], [1000, n_minority])


def test_moments_of_known_classes_come_back():
    """Of the minority; and of the majority, whose rows come from the pre-trained model."""
    X, y = two_clusters(200)
    sampler = MGVAESampler(
        **{**LEARNING, "sampling_strategy": {0: 1001, 1: 201}, "finetune_steps": 700}
    )
    sampler.fit_resample(X, y)
    for label in (0, 1):
        new, known = sampler.sample(3000, label), X[y == label]
        scale = known.std(axis=0)
        np.testing.assert_allclose(new.std(axis=0) / scale, 1, atol=0.2)
        np.testing.assert_allclose((new.mean(axis=0) - known.mean(axis=0)) / scale, 0, atol=0.2)
        np.testing.assert_allclose(np.corrcoef(new.T), np.corrcoef(known.T), atol=0.3)
    share = [(rows[:, 0] > 0).mean() for rows in (new, known)]
    assert abs(share[0] - share[1]) < 0.1
    # There are two clusters: less lies between them than one Gaussian would put there.
    gaussian = stats.norm(known[:, 0].mean(), known[:, 0].std())
    assert (abs(new[:, 0]) < 0.5).mean() < 0.8 * (gaussian.cdf(0.5) - gaussian.cdf(-0.5))
    assert {r["class"] for r in sampler.history_ if r["phase"] == "fine-tuning"} == {1}


def test_categories_and_missing_values_of_the_minority_come_back():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [1000, 200])
    levels = np.array(["a", "b", "c"])
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=len(y)) + y,
            "word": np.r_[
                rng.choice(levels, 1000, p=[0.5, 0.4, 0.1]),
                rng.choice(levels, 200, p=[0.1, 0.2, 0.7]),
            ],
            "flag": rng.random(len(y)) < np.where(y, 0.8, 0.3),
            "holes": rng.normal(size=len(y)),
        }
    )
    frame.loc[rng.random(len(y)) < np.where(y, 0.4, 0.05), "holes"] = np.nan
    sampler = MGVAESampler(**LEARNING)
    sampler.fit_resample(frame, y)
    shares = [
        [*(rows["word"] == level for level in levels), rows["flag"], rows["holes"].isna()]
        for rows in (sampler.sample(3000, 1), frame[y == 1])
    ]
    found, expected = (np.mean(parts, axis=1) for parts in shares)
    np.testing.assert_allclose(found, expected, atol=0.08)


# ------------------------------------------------------------------- elastic weight consolidation


@pytest.fixture
def pretrained(monkeypatch):
    """Weights and information that pre-training handed on, the last first."""
    caught = []

    def catch(*args):
        caught.insert(0, model_module.pretrain(*args))
        return caught[0]

    monkeypatch.setattr(sampler_module, "pretrain", catch)
    return caught


def test_consolidation_holds_the_weights_near_the_pretrained_ones(pretrained):
    drift = {}
    for ewc_lambda in (0, 1, 1e9):
        sampler = quick(ewc_lambda=ewc_lambda, pretrain_steps=100, finetune_steps=100)
        sampler.fit_resample(X, Y)
        before, information, _ = pretrained[0]
        moved = weights(sampler.generator_[1]) - before
        drift[ewc_lambda] = np.sqrt(information / information.sum() @ moved**2)
    # Adam's last step is of the size of the learning rate, whatever the penalty.
    assert drift[1e9] < 2e-3
    assert drift[1e9] < drift[1] < drift[0]
    assert drift[0] > 5 * drift[1e9]


def test_loss_in_the_history_is_that_of_the_paper():
    sampler = quick(beta=0.5, ewc_lambda=3.0, finetune_steps=100)
    sampler.fit_resample(X, Y)
    for record in sampler.history_:
        if record["phase"] == "pre-training":
            total = record["kl"] - record["reconstruction"]  # beta is 1 there
            assert "ewc" not in record
        else:
            total = 0.5 * record["kl"] - record["reconstruction"] + record["ewc"]
            assert record["ewc"] >= 0
            assert "validation" not in record
        assert record["loss"] == pytest.approx(total, rel=1e-4)
    assert 0 < sampler.diagnostics_[1]["ewc_share"] < 1


# --------------------------------------------------------------------------- phases and ablations


def test_one_pretraining_serves_every_class():
    sampler = quick(pretrain_steps=120, finetune_steps=60, early_stopping=True)
    X_res, y_res = sampler.fit_resample(X, THREE)
    phases = [(r["phase"], r["class"], r["step"]) for r in sampler.history_]
    assert phases == [
        ("pre-training", 0, 50),
        ("pre-training", 0, 100),
        ("pre-training", 0, 120),
        ("fine-tuning", 1, 50),
        ("fine-tuning", 1, 60),
        ("fine-tuning", 2, 50),
        ("fine-tuning", 2, 60),
    ]
    assert all("validation" in r for r in sampler.history_[:3])
    assert list(sampler.generator_) == list(sampler.diagnostics_) == [1, 2]
    assert sampler.majority_class_ == 0
    assert np.bincount(y_res).tolist() == [40, 40, 40]
    assert np.isfinite(X_res).all()


ABLATIONS = {
    "Gaussian prior": {"prior": "gaussian"},
    "no consolidation": {"ewc_lambda": 0},
    "no training at all": {"pretrain_steps": 0, "finetune_steps": 0, "ewc_lambda": 0},
    "no KL term": {"beta": 0},
    "two exemplars": {"n_exemplars": 2},
    "one dimension, three layers": {"latent_dim": 1, "hidden_layer_sizes": [6, 5, 4]},
    "exemplars as in the paper": {"exemplar_weights": "uniform"},
    "means": {"decoder_output": "mean"},
    "early stopping": {"early_stopping": True},
    "category": {"categorical_features": [0]},
    "defaults": {
        "exemplar_weights": "posterior",
        "decoder_output": "sample",
        "network": "mlp",
        "device": torch.device("cpu"),
    },
}


@pytest.mark.parametrize("case", ABLATIONS)
def test_every_ablation_runs_on_several_classes(case):
    sampler = quick(**ABLATIONS[case])
    X_res, y_res = sampler.fit_resample(X, THREE)
    assert np.bincount(y_res).tolist() == [40, 40, 40]
    assert np.isfinite(X_res).all()
    for found in sampler.diagnostics_.values():
        assert np.isfinite(list(found.values())).all()
    plain, _ = quick().fit_resample(X, THREE)
    assert np.array_equal(plain, X_res) == (case == "defaults")


def test_convolutional_network():
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 28, 28), dtype=np.uint8)
    sampler = quick(network="cnn", pretrain_steps=2, finetune_steps=1, batch_size=4)
    X_res, _ = sampler.fit_resample(images, np.r_[[0] * 9, [1] * 3])
    assert X_res.shape == (18, 1, 28, 28)
    assert X_res.dtype == np.uint8
    assert type(sampler.generator_[1].encoder).__name__ == "ConvEncoder"
    assert sampler.translate(images[:2], 1).shape == (2, 1, 28, 28)


class Seen(list):
    def __init__(self):
        self.means = set()


@pytest.fixture
def used(monkeypatch):
    """Exemplars that models generate from, and in ``means`` whether they give means."""
    seen = Seen()
    generate = model_module.MGVAE.generate

    def spied(model, exemplars, mean):
        seen.append(exemplars.clone())
        seen.means.add(mean)
        return generate(model, exemplars, mean)

    monkeypatch.setattr(model_module.MGVAE, "generate", spied)
    return seen


def test_images_are_means_and_tables_are_draws(used):
    images = np.random.default_rng(0).random((len(Y), 1, 4, 4))
    for data, output, mean in [
        (X, "auto", False),
        (images, "auto", True),
        (X, "mean", True),
        (images, "sample", False),
    ]:
        used.means.clear()
        quick(decoder_output=output).fit_resample(data, Y)
        assert used.means == {mean}


# --------------------------------------------------------------------------- Algorithm 1 and Fig. 3


@pytest.mark.parametrize("n", [1, 60, 61, 200])
def test_each_majority_row_is_used_once_before_any_twice(used, n):
    sampler = quick(exemplar_weights="uniform")
    sampler.fit_resample(X, Y)
    used.clear()
    assert len(sampler.sample(n, 1)) == n
    rows, counts = torch.cat(used).unique(dim=0, return_counts=True)
    assert counts.sum() == n
    assert len(rows) == min(n, N_MAJORITY)
    assert counts.max() - counts.min() <= 1
    majority = torch.from_numpy(sampler.encoder_.transform(X[Y == 0])).unique(dim=0)
    assert all((row == majority).all(dim=1).any() for row in rows)


def test_weighted_exemplars_are_drawn_by_their_weights(monkeypatch, used):
    share = torch.arange(N_MAJORITY) / torch.arange(N_MAJORITY).sum()
    rows = torch.arange(N_MAJORITY).flip(0)  # candidates need not stand in order
    monkeypatch.setattr(sampler_module, "exemplar_weights", lambda *args: (rows, share.flip(0)))
    sampler = quick(exemplar_weights="posterior")
    sampler.fit_resample(X, Y)
    used.clear()
    sampler.sample(20_000, 1)
    majority = torch.from_numpy(sampler.encoder_.transform(X[Y == 0]))
    distance = torch.cdist(torch.cat(used), majority)
    counts = distance.argmin(dim=1).bincount(minlength=N_MAJORITY).numpy()
    assert counts[0] == 0
    expected = share[1:].double().numpy()
    assert stats.chisquare(counts[1:], 20_000 * expected / expected.sum()).pvalue > 1e-3


def quiet_translator():
    """A model that reconstructs, with next to no noise in its prior."""
    sampler = MGVAESampler(
        decoder_output="mean",
        ewc_lambda=0,
        beta=0.01,
        latent_dim=3,
        hidden_layer_sizes=(32,),
        pretrain_steps=200,
        finetune_steps=200,
        learning_rate=3e-3,
        **PLAIN,
    )
    rng = np.random.default_rng(0)
    data = rng.normal(size=(len(Y), 3)) + np.where(Y[:, None], [0.0, 0.0, 3.0], 0.0)
    sampler.fit_resample(data, Y)
    sampler.generator_[1].prior_log_variance.data.fill_(-10)
    return sampler, data[Y == 0]


def test_translated_row_belongs_to_its_own_row():
    sampler, rows = quiet_translator()
    there = sampler.translate(rows, 1, random_state=0)
    assert there.shape == rows.shape
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_allclose(
        sampler.translate(rows[order], 1, random_state=3), there[order], atol=0.2
    )
    for column in (0, 1):
        assert stats.pearsonr(rows[:, column], there[:, column]).statistic > 0.5
    same = sampler.translate(np.repeat(rows[:2], 20, axis=0), 1, random_state=0)
    assert same.reshape(2, 20, 3).std(axis=1).max() < 0.2
    assert abs(there[0] - there[1]).max() > 0.2


def test_codes_are_the_posterior_means():
    sampler = quick()
    sampler.fit_resample(pd.DataFrame(X), Y)
    x = torch.from_numpy(sampler.encoder_.transform(pd.DataFrame(X[:5])))
    with torch.no_grad():
        expected = sampler.generator_[1].encode(x)[0]
    np.testing.assert_allclose(sampler.encode(pd.DataFrame(X[:5]), 1), expected)


@pytest.mark.parametrize("method", ["translate", "encode"])
def test_translation_and_codes_need_a_fit_and_a_class_of_it(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(quick(), method)(X, 1)
    sampler = quick()
    sampler.fit_resample(X, Y)
    for target in (0, 7, "1"):
        with pytest.raises(ValueError, match=r"is not a class that rows were added to"):
            getattr(sampler, method)(X, target)
    with pytest.raises(ValueError, match="features"):
        getattr(sampler, method)(X[:, :2], 1)


def test_gaussian_prior_has_nothing_to_translate():
    sampler = quick(prior="gaussian")
    sampler.fit_resample(X, Y)
    with pytest.raises(ValueError, match=r"prior='gaussian'.*nothing to translate: fit with prior"):
        sampler.translate(X, 1)
    assert sampler.sample(3, 1).shape == (3, 3)
    assert sampler.encode(X, 1).shape == (len(X), 2)


# ----------------------------------------------------------------------------------- bad parameters


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained first")

    monkeypatch.setattr(MGVAESampler, "_fit_generator", fail)


IMAGES_20 = np.zeros((len(Y), 3, 20, 20), dtype=np.uint8)
BAD = {
    "no pre-training to hold on to": (X, {"pretrain_steps": 0}, "set ewc_lambda=0 too"),
    "weights without exemplars": (
        X,
        {"prior": "gaussian", "exemplar_weights": "posterior"},
        "exemplar_weights='posterior' weighs exemplars, but prior='gaussian' has none",
    ),
    "network for images": (X, {"network": "cnn"}, "network='cnn' needs images"),
    "size of images": (IMAGES_20, {}, r"\(3, 20, 20\).*squares of 28, 32, 64.*network='mlp'"),
    "device": (X, {"device": "gpu"}, "device='gpu' is not a device"),
    "no layer": (X, {"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must hold at least one"),
    "worded layer": (X, {"hidden_layer_sizes": ["8"]}, "must hold at least one positive integer"),
}


@pytest.mark.parametrize("case", BAD)
def test_parameters_that_do_not_fit_are_refused_before_training(no_training, case):
    data, params, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        quick(**params).fit_resample(data, Y)


def test_more_exemplars_than_rows_are_cut_with_a_warning_at_the_users_line():
    sampler = quick(n_exemplars=1000)
    message = "n_exemplars=1000 is more than the majority has: all its 60 rows are used"
    with pytest.warns(UserWarning, match=message) as caught:
        found, _ = sampler.fit_resample(X, Y)
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(found, quick(n_exemplars=60).fit_resample(X, Y)[0])


def test_constant_rows_translate_to_themselves_and_have_no_code():
    sampler = quick()
    same = np.ones((len(Y), 2))
    sampler.fit_resample(same, Y)
    np.testing.assert_array_equal(sampler.translate(same[:3], 1), same[:3])
    with pytest.raises(ValueError, match="nothing to encode"):
        sampler.encode(same[:3], 1)


def test_penalty_leaves_the_noise_of_columns_free():
    """Held at the majority's, the spread of a narrow minority would never be found."""
    narrow = np.where(Y[:, None], 0.05, 1.0) * X
    sampler = quick(ewc_lambda=1e9, finetune_steps=200, learning_rate=1e-2)
    sampler.fit_resample(narrow, Y)
    start = quick(finetune_steps=0)
    start.fit_resample(narrow, Y)
    before, after = (
        s.generator_[1].likelihood.log_scale.detach().numpy() for s in (start, sampler)
    )
    assert (abs(after - before) > 0.05).all()


# ------------------------------------------------------------------------------------------- memory


@pytest.fixture
def pretrainings(monkeypatch):
    """How often the majority was trained on."""
    done = []
    fit = model_module.fit_model

    def counted(*args, **kwargs):
        done.append(kwargs["description"])
        return fit(*args, **kwargs)

    monkeypatch.setattr(model_module, "fit_model", counted)
    return done


@pytest.mark.parametrize(
    "changed, n",
    [
        ({"ewc_lambda": 7.0, "beta": 0.3, "finetune_steps": 5}, 1),
        ({"verbose": 0}, 1),
        ({"learning_rate": 2e-3}, 2),
        ({"random_state": 1}, 2),
        ({"prior": "gaussian"}, 2),
    ],
    ids=str,
)
def test_memory_saves_equal_pretrainings(tmp_path, pretrainings, changed, n):
    quick(memory=str(tmp_path)).fit_resample(X, Y)
    found, _ = quick(memory=joblib.Memory(str(tmp_path), verbose=0), **changed).fit_resample(X, Y)
    assert len(pretrainings) == n
    expected, _ = quick(**changed).fit_resample(X, Y)
    assert found.tobytes() == expected.tobytes()


def test_an_interrupted_pretraining_is_not_kept_in_the_memory(tmp_path, pretrainings, monkeypatch):
    steps, step = iter(range(1000)), Descent.step

    def interrupted(descent):
        if next(steps) == 19:
            raise KeyboardInterrupt
        step(descent)

    monkeypatch.setattr(Descent, "step", interrupted)
    sampler = quick(memory=str(tmp_path))
    with pytest.warns(UserWarning, match="pre-training on the majority was interrupted after 19"):
        sampler.fit_resample(X, Y)
    monkeypatch.undo()
    assert [r["step"] for r in sampler.history_] == [19, 20]
    expected, _ = quick().fit_resample(X, Y)
    found, _ = quick(memory=str(tmp_path)).fit_resample(X, Y)
    assert found.tobytes() == expected.tobytes()


# ------------------------------------------------------------------------ pipelines, searches


def test_early_stopping_holds_out_and_stops():
    stopped = quick(
        pretrain_steps=20_000, early_stopping=True, n_iter_no_change=1, learning_rate=0.05
    )
    stopped.fit_resample(X, Y)
    steps = [r["step"] for r in stopped.history_ if r["phase"] == "pre-training"]
    assert steps[-1] < 20_000
    whole = quick(pretrain_steps=300, n_iter_no_change=1, learning_rate=0.05, early_stopping=False)
    whole.fit_resample(X, Y)
    records = [r for r in whole.history_ if r["phase"] == "pre-training"]
    assert records[-1]["step"] == 300
    assert all("validation" not in r for r in records)


def pipeline(**params):
    few = {"pretrain_steps": 5, "finetune_steps": 2, **params}
    return make_pipeline(StandardScaler(), quick(**few), LogisticRegression())


def test_pipeline_resamples_while_fitting_only():
    pipe = pipeline().fit(X, Y)
    few = {"pretrain_steps": 5, "finetune_steps": 2}
    balanced, labels = quick(**few).fit_resample(StandardScaler().fit_transform(X), Y)
    alone = LogisticRegression().fit(balanced, labels)
    np.testing.assert_array_equal(pipe[-1].coef_, alone.coef_)
    assert pipe.predict(X).shape == (len(X),)


GRID = {"mgvaesampler__ewc_lambda": [0, 5], "mgvaesampler__beta": [0.5, 1]}


def test_grid_search_pretrains_once_a_fold(tmp_path, pretrainings):
    with_memory = GridSearchCV(pipeline(memory=str(tmp_path)), GRID, cv=2, error_score="raise")
    with_memory.fit(X, Y)
    assert len(pretrainings) == 3  # two folds, and the refit on all rows
    without = GridSearchCV(pipeline(), GRID, cv=2, error_score="raise").fit(X, Y)
    np.testing.assert_array_equal(
        with_memory.cv_results_["mean_test_score"], without.cv_results_["mean_test_score"]
    )
