"""RAESampler: which RAE it uses, from where its rows are decoded, and what it promises of them."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._rae.net import RAENet
from imbdeep.over_sampling import RAESampler
from tests.test_common import made

N, N_MAJORITY = 40, 30
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N - N_MAJORITY, int)]
A = np.random.default_rng(0).normal(size=(N, 3)) + Y[:, None]

SMALL = {
    "encoder_steps": 2,
    "critic_steps": 1,
    "max_steps": 2,
    "batch_size": 8,
    "latent_dim": 3,
    "hidden_layer_sizes": (16,),
    "mixer_layer_sizes": (16,),
    "critic_layer_sizes": (16,),
}
#: Rows as they are decoded, not filtered.
PLAIN = {"row_filter": None, "random_state": 0}


def small(**params):
    """An RAE with next to no training: what it learns is no matter here."""
    return made(RAEClassifier, **{**SMALL, "device": "cpu", **params})


def quick(estimator=None, **params):
    return RAESampler(small() if estimator is None else estimator, **{**PLAIN, **params})


def fitted(X=A, y=Y, **params):
    return small(**{"random_state": 0, **params}).fit(X, y)


def state_of(rae):
    """The bytes of everything that the networks of an RAE hold."""
    found = rae.net_.module_.state_dict().items()
    return {name: value.numpy().tobytes() for name, value in found}


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail("it trained")

    monkeypatch.setattr(RAENet, "train_step", fail)


# -------------------------------------------------------------------------- which RAE it uses


def test_clone_drops_what_is_fitted_unless_it_is_frozen():
    mine = fitted()
    plain, frozen = clone(quick(mine)), clone(quick(FrozenEstimator(mine)))
    assert not hasattr(plain.estimator, "net_")
    assert frozen.estimator.estimator is mine
    frozen.fit_resample(A, Y)
    assert frozen.estimator_ is mine
    plain.fit_resample(A, Y)
    assert plain.estimator_ is not mine


def test_changed_parameters_of_a_fitted_one_do_not_change_what_was_fitted():
    mine = fitted(mixing=1.0, random_state=1)
    expected, _ = quick(mine).fit_resample(A, Y)
    mine.set_params(mixing="mixer", n_mixed=5, decoder_steps=0, encode=False)
    np.testing.assert_array_equal(quick(mine).fit_resample(A, Y)[0], expected)
    with pytest.raises(ValueError, match=r"needs a mixer, and estimator has mixing=1\.0"):
        quick(mine, mixing="mixer").fit_resample(A, Y)


# ------------------------------------------------------------------------------------- refusals


UNSUITED = {
    "no decoder": ({"decoder_steps": 0}, {}, "has decoder_steps=0, and rows must be decoded"),
    "no encoder": ({"encode": False}, {}, "has encode=False, and rows must be decoded"),
    "no mixer": ({"mixing": None}, {"mixing": "mixer"}, "needs a mixer.* has mixing=None"),
    "Dirichlet": ({"mixing": 2.0}, {"mixing": "mixer"}, r"needs a mixer.* has mixing=2\.0: give"),
}


@pytest.mark.parametrize("case", UNSUITED)
@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_unsuited_estimator_is_refused_before_training(request, case, trained):
    params, own, message = UNSUITED[case]
    estimator = fitted(**params) if trained else small(**params)
    request.getfixturevalue("no_training")
    for wrapped in (estimator, *([FrozenEstimator(estimator)] if trained else [])):
        with pytest.raises(ValueError, match=message):
            quick(wrapped, **own).fit_resample(A, Y)


def test_only_constant_columns_are_refused():
    with pytest.raises(ValueError, match="All 2 columns of X are constant: there is nothing to"):
        quick().fit_resample(np.full((N, 2), 3.5), Y)


# ------------------------------------------------------------------------------------ repeatability


@pytest.mark.parametrize("trained", [False, True], ids=["unfitted", "fitted"])
def test_seed_of_the_estimator_is_of_the_training_and_that_of_the_sampler_of_the_draws(trained):
    estimator = fitted(random_state=5) if trained else small(random_state=5)
    samplers = [quick(estimator, random_state=seed) for seed in (0, 1, None)]
    rows = [sampler.fit_resample(A, Y)[0] for sampler in samplers]
    states = [state_of(sampler.estimator_) for sampler in samplers]
    assert states[0] == states[1] == states[2] == state_of(fitted(random_state=5))
    assert [sampler.estimator_.random_state for sampler in samplers] == [5] * 3
    assert len({part.tobytes() for part in rows}) == 3
    np.testing.assert_array_equal(samplers[0].fit_resample(A, Y)[0], rows[0])
    same = [sampler.sample(5, 1, random_state=3).tobytes() for sampler in samplers]
    assert len(set(same)) == 1


# ------------------------------------------------------------- convex combinations of codes (Eq. 1)


@pytest.fixture
def decoded():
    """Draw rows of a class, and return the codes and classes that the decoder was given."""
    caught = []

    def generate(sampler, n, target):
        decoder = sampler.estimator_.net_.module_.averaged["decoder"]
        hook = decoder.register_forward_pre_hook(lambda _, inputs: caught.append(inputs))
        try:
            sampler.sample(n, target, random_state=0)
        finally:
            hook.remove()
        z, y = (torch.cat(part).double().numpy() for part in zip(*caught, strict=True))
        caught.clear()
        return z, y

    return generate


def codes_of(sampler, X):
    return sampler.estimator_.penultimate_features(X).astype(np.float64)


def weights_between(z, ends):
    """Least-squares weights of codes between the ends, (n, m) and (t, m) -> (n, t), and misfit."""
    t = len(ends)
    # Weights sum to 1: the last end is subtracted.
    free = np.linalg.lstsq((ends[:-1] - ends[-1]).T, (z - ends[-1]).T, rcond=None)[0].T
    weights = np.c_[free, 1 - free.sum(axis=1)]
    assert weights.shape == (len(z), t)
    return weights, np.abs(weights @ ends - z).max(axis=1)


@pytest.mark.parametrize("mixing", ["mixer", 1.0], ids=str)
def test_codes_lie_in_the_convex_hull_of_the_class(decoded, mixing):
    sampler = quick(small(latent_dim=8, n_mixed=3, mixing=mixing))
    sampler.fit_resample(A, Y)
    z, _ = decoded(sampler, 50, 1)
    own = codes_of(sampler, A[Y == 1])
    scale = np.abs(own).max()
    for code in z:
        # Non-negative weights that sum to 1.
        weights, misfit = nnls(np.c_[own / scale, np.ones(len(own))].T, np.r_[code / scale, 1])
        assert misfit < 1e-5
        assert weights.sum() == pytest.approx(1, abs=1e-4)


def two_rows(**params):
    """A class of two rows: their codes are the ends of every combination."""
    y = np.r_[np.zeros(N - 2, int), [1, 1]]
    sampler = quick(small(**params), sampling_strategy={1: 40})
    sampler.fit_resample(A, y)
    return sampler, codes_of(sampler, A[-2:])


@pytest.mark.parametrize("concentration", [1, 0.5, 2.0, 20.0])
def test_dirichlet_of_two_is_a_beta_distribution(decoded, concentration):
    sampler, ends = two_rows(mixing="mixer")
    sampler.set_params(mixing=concentration)
    sampler.fit_resample(A, np.r_[np.zeros(N - 2, int), [1, 1]])
    weights, misfit = weights_between(decoded(sampler, 3000, 1)[0], ends)
    assert misfit.max() < 1e-5
    expected = stats.beta(concentration, concentration)
    assert stats.kstest(weights[:, 0].clip(0, 1), expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("trained", [None, "mixer", 20.0], ids=str)
def test_weights_are_uniform_by_default_however_the_estimator_mixed(decoded, trained):
    sampler, ends = two_rows(mixing=trained)
    assert sampler.mixing == 1.0
    weights, _ = weights_between(decoded(sampler, 3000, 1)[0], ends)
    assert stats.kstest(weights[:, 0].clip(0, 1), "uniform").pvalue > 1e-3


def test_weights_of_the_mixer_are_used(decoded):
    """A mixer that is made to always name the first row copies it."""
    sampler, ends = two_rows()
    sampler.set_params(mixing="mixer").fit_resample(A, np.r_[np.zeros(N - 2, int), [1, 1]])
    mixer = sampler.estimator_.net_.module_.mixer
    mixer.register_forward_hook(lambda _, inputs, alpha: torch.eye(2)[0].expand_as(alpha))
    z, _ = decoded(sampler, 400, 1)
    first = np.abs(z - ends[0]).max(axis=1) < 1e-5
    assert (first | (np.abs(z - ends[1]).max(axis=1) < 1e-5)).all()
    assert stats.binomtest(int(first.sum()), 400).pvalue > 1e-3  # groups are in random order


def test_mixing_is_fixed_by_the_fit():
    sampler = quick(fitted(mixing=None))
    sampler.fit_resample(A, Y)
    before = sampler.sample(5, 1, random_state=0)
    sampler.set_params(mixing="mixer")
    np.testing.assert_array_equal(sampler.sample(5, 1, random_state=0), before)


ONE_ROW = np.r_[np.zeros(N - 1, int), 1]
FEW = "Classes with fewer rows than n_mixed=2 repeat them in their combinations: {1: 1}"


@pytest.mark.parametrize("mixing", ["mixer", 1.0], ids=str)
def test_of_a_class_of_one_row_all_codes_are_one(decoded, mixing):
    sampler = quick(small(mixing=mixing))
    with pytest.warns(UserWarning, match=FEW):
        X_res, _ = sampler.fit_resample(A, ONE_ROW)
    new = X_res[N:]
    np.testing.assert_allclose(new, np.tile(new[:1], (N - 2, 1)), rtol=1e-5)
    z, _ = decoded(sampler, 30, 1)
    np.testing.assert_allclose(z, np.tile(codes_of(sampler, A[-1:]), (30, 1)), atol=1e-5)


def test_rows_of_a_trained_one_lie_where_their_class_does():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 40])
    X = rng.normal(size=(len(y), 4)) + 6 * y[:, None]
    # A decoder that reconstructs needs far fewer steps than one that only convinces a critic.
    estimator = small(
        hidden_layer_sizes=(32,),
        dropout=0.0,
        learning_rate=5e-3,
        ema_decay=0.9,
        encoder_steps=1,
        max_steps=100,
        batch_size=16,
        decoder_mae_lambda=100.0,
    )
    new = quick(estimator).fit_resample(X, y)[0][len(X) :]
    np.testing.assert_allclose(new.mean(axis=0), 6, atol=1.5)
    assert (np.abs(new - 6) < np.abs(new)).mean() > 0.97
