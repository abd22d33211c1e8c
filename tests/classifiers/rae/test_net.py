"""The net of RAE: the order of its moves, its batches, each player's loss, gradient and reach."""

import dataclasses
import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import log_softmax, softmax
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

from imbdeep.classifiers._net import Blueprint, EvaluationBatches, ScaledSoftmax
from imbdeep.classifiers._rae import net as net_module
from imbdeep.classifiers._rae.net import CycleBatches, RAENet, Schedule, Settings
from imbdeep.classifiers._rae.players import RAE, Architecture

LEVEL = 1e-4
ARCHITECTURE = Architecture(
    shape=(4,),
    n_classes=3,
    convolutional=False,
    latent_dim=2,
    n_mixed=2,
    mixing="mixer",
    decoder=True,
    hidden=(6,),
    mixer_hidden=(5,),
    critic_hidden=(5,),
    dropout=0.4,
    columns=(4, 0, (), (), False),
)
SETTINGS = Settings(
    clf_lambda=5.0,
    mae_lambda=0.1,
    decoder_clf_lambda=1.0,
    decoder_mae_lambda=0.5,
    penalty_lambda=10.0,
    ema_decay=0.9,
    mixer_target="wrong",
    weight_decay=1e-3,
)
IMAGES = {"shape": (1, 8, 8), "columns": (0, 64, (), (), True), "convolutional": True}
MOVES = {"encoder": {"encoder", "head", "mixer"}, "decoder": {"decoder"}, "critic": {"critic"}}


@pytest.fixture(autouse=True)
def _local_stream():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def net_of(schedule=(2, 1, 2, 6), batch_size=6, valid=None, callbacks=(), settings=None, **sizes):
    """A net before its first step."""
    sizes = dataclasses.replace(ARCHITECTURE, **sizes)
    schedule = Schedule(*schedule)
    return RAENet(
        Blueprint(partial(RAE, sizes)),
        settings=dataclasses.replace(SETTINGS, **(settings or {})),
        schedule=schedule,
        criterion=partial(nn.CrossEntropyLoss, reduction="none"),
        lr=0.01,
        max_epochs=schedule.n_epochs,
        batch_size=batch_size,
        iterator_train=CycleBatches,
        iterator_train__n_classes=sizes.n_classes,
        iterator_train__n_mixed=sizes.n_mixed,
        iterator_train__balanced=True,
        iterator_train__schedule=schedule,
        iterator_valid=EvaluationBatches,
        iterator_valid__batch_size=16,
        train_split=None if valid is None else predefined_split(Dataset(*valid)),
        classes=list(range(sizes.n_classes)),
        callbacks=list(callbacks),
        predict_nonlinearity=ScaledSoftmax(),
        device="cpu",
        verbose=0,
    ).initialize()


def groups_of(net, n=6):
    """Rows (n, t, ...) and classes (n,) for one step."""
    sizes = net.module_.sizes
    y = torch.arange(n) % sizes.n_classes
    return torch.rand(n, sizes.n_mixed, *sizes.shape) + 0.1 * y.view(
        n, *[1] * (len(sizes.shape) + 1)
    ), y


def move(net, player, batch=None):
    return getattr(net, f"_{player}_step")(*(groups_of(net) if batch is None else batch))


def snapshot(module):
    return {
        name: {key: value.clone() for key, value in part.state_dict().items()}
        for name, part in module.named_children()
    }


def changed(before, after):
    """The tensors that differ, by part."""
    return {
        name: keys
        for name, part in before.items()
        if (
            keys := {key for key, value in part.items() if not torch.equal(value, after[name][key])}
        )
    }


# The schedule

steps = st.integers(1, 7)


@given(steps, steps, steps, st.integers(1, 500))
def test_a_cycle_is_what_the_schedule_says(encoder, decoder, critic, max_steps):
    schedule = Schedule(encoder, decoder, critic, max_steps)
    order = schedule.order
    counts = {"encoder": encoder, "decoder": decoder, "critic": decoder * critic}
    assert Counter(order) == counts
    assert order[-encoder:] == ["encoder"] * encoder
    moves = " ".join(order[:-encoder])
    assert moves == " ".join([*["critic"] * critic, "decoder"] * decoder)


# The batches

COUNTS = (60, 30, 10)


def batches_of(n_mixed=2, balanced=True, schedule=(2, 1, 2, 100), counts=COUNTS, batch_size=8):
    codes = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    codes = codes[torch.randperm(len(codes))]
    x = torch.arange(len(codes), dtype=torch.float32)[:, None] + torch.tensor([0.0, 0.5])
    made = CycleBatches(
        Dataset(x, codes), batch_size, len(counts), n_mixed, balanced, Schedule(*schedule)
    )
    return made, codes


@pytest.mark.parametrize("n_mixed", [2, 3, 4])
def test_each_group_has_distinct_rows_of_its_class(n_mixed):
    made, codes = batches_of(n_mixed)
    n = 0
    for x, y in made:
        n += 1
        assert x.shape == (5, 8, n_mixed, 2)  # 2 critic + 1 decoder + 2 encoder updates
        assert y.shape == (5, 8)
        rows = x[..., 0].long()
        assert torch.equal(codes[rows], y[..., None].expand_as(rows))
        assert torch.equal(x[..., 1], rows + 0.5)
        ordered = rows.sort(dim=-1).values
        assert (ordered.diff(dim=-1) > 0).all()
    assert n == 50


@pytest.mark.parametrize("balanced", [True, False])
def test_classes_are_equally_frequent_or_as_in_the_data(balanced):
    made, _ = batches_of(balanced=balanced, schedule=(1, 1, 1, 300))
    drawn = torch.cat([y.flatten() for epoch in range(3) for _, y in made])
    assert len(drawn) == 300 * 3 * 8
    share = np.full(3, 1 / 3) if balanced else np.array(COUNTS) / sum(COUNTS)
    found = torch.bincount(drawn).numpy()
    assert stats.chisquare(found, len(drawn) * share).pvalue > LEVEL


@pytest.mark.parametrize("schedule", [(5, 1, 2, 250), (3, 0, 1, 301), (1, 1, 1, 99)], ids=str)
def test_epochs_hold_all_cycles_and_no_more(schedule):
    made, _ = batches_of(schedule=schedule)
    plan = Schedule(*schedule)
    lengths = [len(list(made)) for _ in range(plan.n_epochs)]
    assert lengths[:-1] == [plan.epoch_cycles] * (plan.n_epochs - 1)
    assert sum(lengths) == plan.n_cycles


# The losses and gradients, by hand


class Linear:
    """An RAE of linear networks in numpy, with a few groups of rows; its noise is not heard."""

    d, m, n = 3, 2, 4

    def __init__(self, t=2, seed=0):
        rng = np.random.default_rng(seed)
        d, m, n, self.t = self.d, self.m, self.n, t
        self.x = rng.normal(size=(n, t, d))
        self.y = np.array([0, 1, 1, 0])
        self.each = np.repeat(self.y, t)
        shapes = {
            "encoder": (m, d),
            "head": (2, m),
            "mixer": (t, t * m + 2),
            "decoder": (d, m + 2),
            "critic": (1, d + 2),
        }
        self.weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        self.biases = {name: rng.normal(size=shape[0]) for name, shape in shapes.items()}

    def __call__(self, name, *columns):
        return np.hstack(columns) @ self.weights[name].T + self.biases[name]

    def codes(self):
        return self("encoder", self.x.reshape(-1, self.d))

    def alpha(self):
        joined = self.codes().reshape(self.n, -1)
        return softmax(self("mixer", joined, np.eye(2)[self.y]), axis=1)

    def combined(self, alpha):
        return np.einsum("nt,ntm->nm", alpha, self.codes().reshape(self.n, self.t, self.m))

    def cross_entropy(self, z, y):
        return -log_softmax(self("head", z), axis=1)[np.arange(len(z)), y].mean()

    def decoded(self, z):
        return self("decoder", z, np.eye(2)[self.each])

    # Eq. 3: towards the other of the two classes
    def mixer_loss(self, alpha=None):
        return self.cross_entropy(self.combined(self.alpha()), 1 - self.y)

    # Eq. 6
    def classification(self, alpha):
        if alpha is None:
            return self.cross_entropy(self.codes(), self.each)
        z = np.vstack([self.codes(), self.combined(alpha)])
        return self.cross_entropy(z, np.r_[self.each, self.y])

    def reconstruction(self):
        return np.abs(self.x.reshape(-1, self.d) - self.decoded(self.codes())).mean()

    # Eq. 7
    def encoder_loss(self, alpha, clf=5.0, mae=0.1):
        return clf * self.classification(alpha) + mae * self.reconstruction()

    def given_to_decoder(self, alpha):
        """Codes; of each group the last one gives way to the combination."""
        z = self.codes().reshape(self.n, self.t, self.m).copy()
        if alpha is not None:
            z[:, -1] = self.combined(alpha)
        return z.reshape(-1, self.m)

    def scores(self, rows):
        return self("critic", rows, np.eye(2)[self.each])[:, 0]

    # Eq. 4, with what the authors' code adds
    def decoder_terms(self, alpha):
        made = self.decoded(self.given_to_decoder(alpha))
        away = np.abs(self.x - made.reshape(self.x.shape))
        return {
            "decoder": -self.scores(made).mean(),
            "decoder_classification": self.cross_entropy(self("encoder", made), self.each),
            "decoder_reconstruction": (away if alpha is None else away[:, :-1]).mean(),
        }

    def decoder_loss(self, alpha):
        terms = self.decoder_terms(alpha)
        return sum(w * v for w, v in zip((1.0, 1.0, 0.5), terms.values(), strict=True))

    # Eq. 5; the slope of a linear critic is the same everywhere
    def critic_terms(self, alpha):
        real, fake = self.x.reshape(-1, self.d), self.decoded(self.given_to_decoder(alpha))
        slope = np.linalg.norm(self.weights["critic"][0, : self.d])
        return {
            "critic_gap": self.scores(real).mean() - self.scores(fake).mean(),
            "gradient_penalty": (slope - 1) ** 2,
        }

    def critic_loss(self, alpha):
        terms = self.critic_terms(alpha)
        return -terms["critic_gap"] + 10 * terms["gradient_penalty"]

    def slopes(self, loss, name):
        """Central differences of a loss by the weights and biases of a player."""
        found = []
        for values in (self.weights[name], self.biases[name]):
            slope = np.empty_like(values)
            for i in np.ndindex(values.shape):
                was, ends = values[i], []
                for step in (1e-6, -1e-6):
                    values[i] = was + step
                    ends.append(loss())
                values[i] = was
                slope[i] = (ends[0] - ends[1]) / 2e-6
            found.append(slope)
        return found

    def net(self, mixing="mixer", **settings):
        """The same as a net."""
        net = net_of(
            settings=settings,
            shape=(self.d,),
            columns=(self.d, 0, (), (), False),
            n_classes=2,
            latent_dim=self.m,
            n_mixed=self.t,
            mixing=mixing,
            hidden=(),
            mixer_hidden=(),
            critic_hidden=(),
            dropout=0.0,
        )
        for name in self.weights:
            if (layer := layer_of(net, name)) is not None:
                weight = torch.zeros_like(layer.weight)  # of the noise: 0
                own = torch.from_numpy(self.weights[name])
                weight[:, : own.shape[1]] = own
                layer.weight.data = weight
                layer.bias.data = torch.from_numpy(self.biases[name]).float()
        return net

    def batch(self):
        return torch.from_numpy(self.x).float(), torch.from_numpy(self.y)


def layer_of(net, name):
    player = getattr(net.module_, name)
    return next((m for m in (player or nn.Module()).modules() if isinstance(m, nn.Linear)), None)


@pytest.fixture
def gradients(monkeypatch):
    """Instead of a step of an optimiser, keep the gradients of its parameters."""
    found = {}

    def keep(optimizer):
        for group in optimizer.param_groups:
            found.update({p: p.grad.clone() for p in group["params"]})
        optimizer.zero_grad()

    monkeypatch.setattr(net_module, "step", keep)
    return found


def noted(net, player, batch):
    """The terms that a step notes, and what it returns."""
    terms = {}
    net.note = lambda name, value: terms.setdefault(name, value.item())
    return terms, move(net, player, batch)


def assert_gradient(net, gradients, name, expected):
    layer = layer_of(net, name)
    n = expected[0].shape[1]
    found = gradients[layer.weight][:, :n], gradients[layer.bias]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("t", [2, 3])
def test_encoder_step_is_eq_3_6_and_7(gradients, t):
    hand = Linear(t)
    net = hand.net()
    alpha = hand.alpha()
    terms, step = noted(net, "encoder", hand.batch())
    expected = {
        "alpha_entropy": stats.entropy(alpha, axis=1).mean() / math.log(t),
        "mixer": hand.mixer_loss(),
        "classification": hand.classification(alpha),
        "reconstruction": hand.reconstruction(),
    }
    assert terms == pytest.approx(expected, rel=1e-4)
    assert float(step["loss"]) == pytest.approx(hand.encoder_loss(alpha), rel=1e-4)
    assert step["y_pred"].shape == (4 * t + 4, 2)
    own = partial(hand.encoder_loss, alpha)  # the weights of the combination as constants
    for name in ("encoder", "head"):
        assert_gradient(net, gradients, name, hand.slopes(own, name))
    assert_gradient(net, gradients, "mixer", hand.slopes(hand.mixer_loss, "mixer"))
    assert len(gradients) == 6


def test_no_gradient_goes_through_the_weights_to_the_encoder_or_from_the_mixer_to_it(gradients):
    # That the equality above tells the difference: what would reach the encoder otherwise.
    hand = Linear()
    net = hand.net()
    alpha = hand.alpha()
    move(net, "encoder", hand.batch())
    found = gradients[layer_of(net, "encoder").weight].numpy()
    own = hand.slopes(partial(hand.encoder_loss, alpha), "encoder")[0]
    np.testing.assert_allclose(found, own, rtol=2e-4, atol=2e-5)
    through_alpha = hand.slopes(lambda: hand.encoder_loss(hand.alpha()), "encoder")[0]
    against = hand.slopes(hand.mixer_loss, "encoder")[0]
    assert np.abs(through_alpha - own).max() > 0.01
    assert np.abs(against).max() > 0.01


@pytest.mark.parametrize("mixing", ["mixer", None])
def test_without_classification_the_encoder_knows_the_reconstruction_alone(gradients, mixing):
    hand = Linear()
    net = hand.net(mixing, clf_lambda=0.0)
    alpha = None if mixing is None else hand.alpha()
    move(net, "encoder", hand.batch())
    rebuilt = partial(hand.encoder_loss, alpha, clf=0.0)
    assert_gradient(net, gradients, "encoder", hand.slopes(rebuilt, "encoder"))
    # The head makes do with these codes.
    classified = partial(hand.classification, alpha)
    assert_gradient(net, gradients, "head", hand.slopes(classified, "head"))


def test_without_combinations_rows_alone_are_classified(gradients):
    hand = Linear()
    net = hand.net(mixing=None)
    terms, step = noted(net, "encoder", hand.batch())
    assert set(terms) == {"classification", "reconstruction"}
    assert terms["classification"] == pytest.approx(hand.classification(None), rel=1e-4)
    assert step["y_pred"].shape == (8, 2)
    assert_gradient(
        net, gradients, "encoder", hand.slopes(partial(hand.encoder_loss, None), "encoder")
    )


@pytest.mark.parametrize("t", [2, 3])
@pytest.mark.parametrize("mixing", ["mixer", None])
def test_decoder_step_is_eq_4_and_what_the_code_adds(gradients, mixing, t):
    hand = Linear(t)
    net = hand.net(mixing)
    alpha = None if mixing is None else hand.alpha()
    terms, _ = noted(net, "decoder", hand.batch())
    assert terms == pytest.approx(hand.decoder_terms(alpha), rel=1e-4)
    expected = hand.slopes(partial(hand.decoder_loss, alpha), "decoder")
    assert_gradient(net, gradients, "decoder", expected)
    assert len(gradients) == 2


@pytest.mark.parametrize("t", [2, 3])
@pytest.mark.parametrize("mixing", ["mixer", None])
def test_critic_step_is_eq_5(gradients, mixing, t):
    hand = Linear(t)
    net = hand.net(mixing)
    alpha = None if mixing is None else hand.alpha()
    terms, _ = noted(net, "critic", hand.batch())
    assert terms == pytest.approx(hand.critic_terms(alpha), rel=1e-4)
    expected = hand.slopes(partial(hand.critic_loss, alpha), "critic")
    assert_gradient(net, gradients, "critic", expected)
    assert len(gradients) == 2


def test_the_mixer_aims_at_a_wrong_label_or_at_that_of_a_random_group():
    y = torch.arange(3000) % 3
    wrong = net_of()._wrong(y)
    assert (wrong != y).all()
    assert stats.chisquare(torch.bincount((wrong - y) % 3, minlength=3)[1:].numpy()).pvalue > LEVEL
    permuted = net_of(settings={"mixer_target": "permuted"})._wrong(y)
    assert torch.equal(permuted.sort().values, y.sort().values)
    assert stats.binomtest(int((permuted == y).sum()), 3000, 1 / 3).pvalue > LEVEL


# Who is touched by whose move

KINDS = {
    "mixer": {},
    "drawn": {"mixing": 1.0},
    "none": {"mixing": None},
    "three": {"n_mixed": 3},
    "images": IMAGES,
    "no decoder": {"decoder": False},
}


@pytest.mark.parametrize(
    "kind, player", [(k, p) for k in KINDS for p in MOVES if k != "no decoder" or p == "encoder"]
)
def test_a_move_touches_its_own_parameters_and_statistics_only(kind, player):
    net = net_of(**KINDS[kind])
    rae = net.module_
    for parameter in rae.averaged.parameters():
        parameter.data.add_(0.1)
    before = snapshot(rae)
    move(net, player)
    touched = changed(before, snapshot(rae))
    own = {name for name in MOVES[player] if getattr(rae, name) is not None}
    assert set(touched) == own
    for name in own:
        # all parameters, and all statistics where there are any
        assert touched[name] == set(before[name])
    assert all(p.grad is None for p in rae.parameters())


@pytest.mark.parametrize("kind", ["mixer", "images"])
def test_statistics_of_the_encoder_count_the_rows_of_its_own_moves(kind):
    net = net_of(**KINDS[kind])
    seen = []
    net.module_.encoder.register_forward_pre_hook(
        lambda module, inputs: seen.append((module.training, inputs[0].clone()))
    )
    for player in ("critic", "decoder", "encoder"):
        batch = groups_of(net)
        seen.clear()
        move(net, player, batch)
        training = [rows for mode, rows in seen if mode]
        if player == "encoder":
            assert len(training) == 1  # the real rows at once, and no others
            assert torch.equal(training[0], batch[0].flatten(0, 1))
        else:
            assert seen
            assert not training
    tracked = [v for k, v in net.module_.encoder.state_dict().items() if k.endswith("tracked")]
    assert {int(v) for v in tracked} == {1}


def test_players_of_a_step_share_an_optimiser_with_settings_of_their_own():
    net = net_of()
    rae = net.module_
    held = {
        "optimizer_": [[*rae.encoder.parameters(), *rae.head.parameters()], rae.mixer.parameters()],
        "decoder_optimizer_": [rae.decoder.parameters()],
        "critic_optimizer_": [rae.critic.parameters()],
    }
    for name, parts in held.items():
        optimizer = getattr(net, name)
        for group, parameters in zip(optimizer.param_groups, parts, strict=True):
            assert [id(p) for p in group["params"]] == [id(p) for p in parameters]
            assert group["lr"] == 0.01
            first = group["params"][0] is next(rae.encoder.parameters())
            assert group["weight_decay"] == (1e-3 if first else 0)
            assert group["betas"] == ((0.9, 0.999) if first else (0.5, 0.9))
    assert isinstance(net.optimizer_, torch.optim.AdamW)
    bare = net_of(decoder=False, mixing=None)
    assert bare.decoder_optimizer_ is bare.critic_optimizer_ is None
    assert len(bare.optimizer_.param_groups) == 1


# No tape where none is needed


# Averages


def test_averages_over_cycles_start_warm():
    # Weights d_i = min(0.9, i / (i + 9)): so long as the second is the smaller one, of the start
    # there remains 1 / C(n + 9, 9), and the i-th weights have the share C(i + 8, 8) / C(n + 9, 9).
    n = 7
    net = net_of(settings={"ema_decay": 0.999})
    bias = net.module_.head.bias
    path = np.arange(n + 1) ** 2 + 1.0
    with torch.no_grad():
        bias.fill_(path[0])
        net.module_.averaged["head"].bias.fill_(path[0])

    def moves(x, y):
        with torch.no_grad():
            bias.fill_(path[net._n_cycles + 1])
        return {"loss": torch.zeros(()), "y_pred": torch.zeros(1, 3)}

    net._encoder_step, net._decoder_step, net._critic_step = moves, lambda *_: {}, lambda *_: {}
    batch = torch.zeros(5, 1), torch.zeros(5, 1)
    for i in range(1, n + 1):
        net.train_step(batch)
        share = [math.comb(j + 8, 8) / math.comb(i + 9, 9) for j in range(i + 1)]
        assert sum(share) == pytest.approx(1)
        expected = float(np.dot(share, path[: i + 1]))
        found = net.module_.averaged["head"].bias
        torch.testing.assert_close(found, torch.full((3,), expected))


# What is recorded


# Codes and made rows


def test_release_keeps_what_predicts_and_nothing_that_only_trained():
    net = net_of()
    net.partial_fit(torch.rand(30, 4), torch.arange(30) % 3)
    x = torch.rand(5, 4)
    before = net.forward(Dataset(x))
    net.release()
    assert torch.equal(net.forward(Dataset(x)), before)
    assert net.optimizer_ is None
    assert net.decoder_optimizer_ is net.critic_optimizer_ is None
    assert net.module_.critic is None
