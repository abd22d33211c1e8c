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
from imbdeep.training import DivergedError

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
    permuted=False,
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


@given(steps, st.integers(0, 3), steps, st.integers(1, 2000))
def test_encoder_updates_are_max_steps_rounded_up_to_whole_cycles(encoder, decoder, critic, most):
    schedule = Schedule(encoder, decoder, critic, most)
    assert most <= schedule.n_cycles * encoder < most + encoder
    # records: each of about a hundred updates, all of them together the whole
    assert (schedule.n_epochs - 1) * schedule.epoch_cycles < schedule.n_cycles
    assert schedule.n_cycles <= schedule.n_epochs * schedule.epoch_cycles
    assert abs(schedule.epoch_cycles * encoder - 100) <= encoder


@pytest.mark.parametrize("schedule", [(2, 3, 1, 9), (5, 1, 2, 12), (1, 4, 5, 5)], ids=str)
def test_players_move_in_the_order_of_the_schedule(monkeypatch, schedule):
    monkeypatch.setattr(net_module, "EPOCH_STEPS", 4)
    net = net_of(schedule, batch_size=2)
    moved = []
    steps = {player: getattr(net, f"_{player}_step") for player in MOVES}
    for name in MOVES:

        def spied(x, y, name=name):
            moved.append(name)
            return steps[name](x, y)

        monkeypatch.setattr(net, f"_{name}_step", spied)
    net.partial_fit(torch.rand(9, 4), torch.arange(9) % 3)
    plan = net.schedule
    assert moved == plan.order * plan.n_cycles
    assert len(net.history) == plan.n_epochs > 1
    assert net._n_cycles == plan.n_cycles


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


def test_a_class_of_fewer_rows_repeats_them():
    made, codes = batches_of(n_mixed=3, counts=(20, 2, 1))
    x, y = next(iter(made))
    rows = x[..., 0].long()
    assert torch.equal(codes[rows], y[..., None].expand_as(rows))
    single = rows[y == 2]
    assert len(single)
    assert (single == int(torch.nonzero(codes == 2))).all()


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


def test_without_reconstruction_it_knows_the_classification_alone(gradients):
    hand = Linear()
    net = hand.net(mae_lambda=0.0)
    terms, _ = noted(net, "encoder", hand.batch())
    assert "reconstruction" not in terms
    own = partial(hand.encoder_loss, hand.alpha(), mae=0.0)
    assert_gradient(net, gradients, "encoder", hand.slopes(own, "encoder"))


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


def test_decoder_step_of_the_paper_has_one_term(gradients):
    hand = Linear()
    net = hand.net(decoder_clf_lambda=0.0, decoder_mae_lambda=0.0)
    terms, _ = noted(net, "decoder", hand.batch())
    alpha = hand.alpha()
    assert terms == pytest.approx({"decoder": hand.decoder_terms(alpha)["decoder"]}, rel=1e-4)
    expected = hand.slopes(lambda: hand.decoder_terms(alpha)["decoder"], "decoder")
    assert_gradient(net, gradients, "decoder", expected)


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


def test_critic_step_without_penalty(gradients):
    hand = Linear()
    net = hand.net(penalty_lambda=0.0)
    terms, _ = noted(net, "critic", hand.batch())
    alpha = hand.alpha()
    assert set(terms) == {"critic_gap"}
    expected = hand.slopes(lambda: -hand.critic_terms(alpha)["critic_gap"], "critic")
    assert_gradient(net, gradients, "critic", expected)


def test_the_mixer_aims_at_a_wrong_label_or_at_that_of_a_random_group():
    y = torch.arange(3000) % 3
    wrong = net_of()._wrong(y)
    assert (wrong != y).all()
    assert stats.chisquare(torch.bincount((wrong - y) % 3, minlength=3)[1:].numpy()).pvalue > LEVEL
    permuted = net_of(settings={"permuted": True})._wrong(y)
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


def test_half_or_fewer_of_the_made_rows_are_combinations():
    # Of each group the last code gives way; the others, and all without mixing, are decoded.
    for kind, n_same in ({"n_mixed": 3}, 2), ({"n_mixed": 2}, 1), ({"mixing": None}, 2):
        net = net_of(**kind)
        net.module_.eval()
        x, y = groups_of(net)
        rows, z, each = net._codes(x, y)
        t = x.shape[1]
        assert torch.equal(rows, x.flatten(0, 1))
        assert each.tolist() == [int(code) for code in y for _ in range(t)]
        with torch.no_grad():
            own = net.module_.encoder(rows)
        same = torch.isclose(z, own, atol=1e-6).all(dim=1).view(-1, t)
        assert same[:, :n_same].all()
        assert not same[:, n_same:].any()
        # between its codes, in each dimension
        codes, last = own.view(-1, t, 2), z.view(-1, t, 2)[:, -1]
        assert (last >= codes.amin(1) - 1e-5).all()
        assert (last <= codes.amax(1) + 1e-5).all()


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


def test_validation_scores_tell_averaged_from_raw_weights():
    x = torch.randn(40, 4)
    y = (torch.arange(40) % 4 == 0).long()  # 10 and 30 rows
    net = net_of(n_classes=2)
    rae = net.module_
    with torch.no_grad():  # the raw weights say 1, the averaged ones 0
        for head, bias in ((rae.head, [0.0, 1.0]), (rae.averaged["head"], [1.0, 0.0])):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(bias))
    net.history.new_epoch()
    net.history.record("epoch", 1)
    net._set_training(False)
    found = [net.validation_step((x[rows], y[rows])) for rows in (slice(25), slice(25, 40))]
    assert all((step["y_pred"].argmax(dim=1) == 0).all() for step in found)
    expected = torch.logsumexp(torch.tensor([1.0, 0.0]), 0) - torch.tensor([1.0, 0.0])[y]
    assert float(found[0]["loss"]) == pytest.approx(float(expected[:25].mean()), rel=1e-5)
    net.note("mixer", torch.tensor(1.0))
    net.on_epoch_end(net)
    assert net.history[-1, "validation_raw_balanced_accuracy"] == 0.5
    with torch.no_grad():
        rae.head.weight.copy_(torch.tensor([[9.0, -9.0], [-9.0, 9.0]]))
        rae.head.bias.zero_()
        raw = rae.head(rae.encoder(x)).argmax(dim=1)
    net.validation_step((x, y))
    recalls = [float((raw[y == k] == k).float().mean()) for k in range(2)]
    net.history.new_epoch()
    net.note("mixer", torch.tensor(1.0))
    net.on_epoch_end(net)
    score = net.history[-1, "validation_raw_balanced_accuracy"]
    assert score == pytest.approx(sum(recalls) / 2)
    assert score != 0.5


def test_a_loss_that_breaks_names_its_term():
    net = net_of()
    step = net._encoder_step

    def broken(x, y):
        found = step(x, y)
        net.note("reconstruction", torch.tensor(math.nan))
        return {**found, "loss": found["loss"] * math.nan}

    net._encoder_step = broken
    with pytest.raises(DivergedError, match=r"The term 'reconstruction' became nan in epoch 1"):
        net.partial_fit(torch.rand(30, 4), torch.arange(30) % 3)


# Codes and made rows


def shifted(net):
    """Let the averaged weights be others than those that learn."""
    with torch.no_grad():
        for parameter in net.module_.averaged.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net


@pytest.mark.parametrize("kind", [{}, IMAGES], ids=["table", "images"])
def test_codes_are_those_of_the_averaged_encoder_in_any_parts(monkeypatch, kind):
    net = shifted(net_of(**kind))
    x = torch.rand(9, *net.module_.sizes.shape)
    with torch.no_grad():
        expected = net.module_.eval().averaged["encoder"](x)
    net.module_.train()
    found = net.codes(x.flatten(1).numpy())  # as a flattened row, too
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad
    monkeypatch.setattr(net_module, "_GENERATED_ROWS", 4)
    torch.testing.assert_close(net.codes(x.numpy()), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [{}, IMAGES, {"n_mixed": 4}], ids=["table", "images", "four"])
def test_made_rows_are_those_of_the_class(monkeypatch, kind):
    monkeypatch.setattr(net_module, "_GENERATED_ROWS", 4)
    net = shifted(net_of(**kind))
    sizes, seen = net.module_.sizes, []
    generate = net.module_.generate

    def spied(z, y, mixing):
        seen.append((z, y, mixing))
        return generate(z, y, mixing)

    net.module_.generate = spied
    z = torch.randn(7, 2)
    net.release()
    rows = net.generate(z, 2, 10, 0.5)
    assert rows.shape == (10, *sizes.shape)
    assert rows.dtype == np.float32
    assert [len(y) for _, y, _ in seen] == [4, 4, 2]
    assert all((y == 2).all() and mixing == 0.5 for _, y, mixing in seen)
    for group in torch.cat([z for z, _, _ in seen]):
        assert len(group.unique(dim=0)) == sizes.n_mixed  # distinct ones
        assert all((code == z).all(dim=1).any() for code in group)


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
