"""The net of RAE: the order of its moves, its batches, each player's loss, gradient and reach."""

import dataclasses
import math
from collections import Counter
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn
from torch.nn import functional as F

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


# The losses and gradients, as the paper writes them

#: Two classes, so that there is one wrong label, and no batch statistics.
LINEAR = {
    "n_classes": 2,
    "hidden": (),
    "mixer_hidden": (),
    "critic_hidden": (),
    "dropout": 0.0,
}


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


class Step:
    """A step of a player, with what the equations are made of: rows, codes and combinations."""

    def __init__(self, player, t=2, mixing="mixer", **settings):
        self.net = net_of(n_mixed=t, mixing=mixing, settings=settings, **LINEAR)
        self.rae, self.t = self.net.module_, t
        self.x, self.y = groups_of(self.net)
        self.rows, self.each = self.x.flatten(0, 1), self.y.repeat_interleave(t)
        self.terms = {}
        self.net.note = lambda name, value: self.terms.setdefault(name, value.item())
        torch.manual_seed(1)
        self.found = move(self.net, player, (self.x, self.y))
        torch.manual_seed(1)  # the mixer's noise comes first
        self.z = self.rae.encoder(self.rows)
        self.groups = self.z.view(len(self.y), t, -1)
        self.alpha = self.combined = None
        if mixing is not None:
            self.alpha = self.rae.alpha(self.groups.detach(), self.y, mixing)
            self.combined = self.mixed(self.alpha.detach(), self.groups)

    def mixed(self, alpha, groups):
        """Eq. 1."""
        return torch.einsum("nt,ntm->nm", alpha, groups)

    def decoder_rows(self):
        """Decoded codes; of each group the last one gives way to the combination."""
        z = self.groups.detach().clone()
        if self.alpha is not None:
            z[:, -1] = self.combined.detach()
        return self.rae.decode(z.flatten(0, 1), self.each)

    def check(self, gradients, loss, *players):
        parameters = [p for player in players for p in player.parameters()]
        for player in (self.rae.encoder, self.rae.head, self.rae.mixer, *players):
            if player is not None:
                player.requires_grad_(True)
        expected = torch.autograd.grad(loss(), parameters)
        for parameter, slope in zip(parameters, expected, strict=True):
            torch.testing.assert_close(gradients[parameter], slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("t", [2, 3])
@pytest.mark.parametrize("mixing", ["mixer", None])
@pytest.mark.parametrize("clf", [5.0, 0.0])
def test_encoder_step_is_eq_3_6_and_7(gradients, t, mixing, clf):
    step = Step("encoder", t, mixing, clf_lambda=clf)
    rae, y = step.rae, step.y
    reconstruction = (step.rows - rae.decode(step.z, step.each)).abs().mean()

    def classification(fixed=False):  # Eq. 6
        z = [step.z] if mixing is None else [step.z, step.combined]
        labels = [step.each, y][: len(z)]
        z = torch.cat(z)
        return F.cross_entropy(rae.head(z.detach() if fixed else z), torch.cat(labels))

    own = clf * classification() + 0.1 * reconstruction  # Eq. 7
    expected = {"classification": classification(), "reconstruction": reconstruction}
    if mixing is not None:
        # Eq. 3, towards the other class; codes reach the mixer, and weights the encoder, as
        # constants, and the head gets no gradient.
        logits = rae.head(step.mixed(step.alpha, step.groups.detach()))
        expected["mixer"] = against = F.cross_entropy(logits, 1 - y)
        entropy = stats.entropy(step.alpha.detach().numpy(), axis=1).mean() / math.log(t)
        expected["alpha_entropy"] = torch.tensor(entropy)
        step.check(gradients, lambda: against, rae.mixer)
    assert step.terms == pytest.approx({k: v.item() for k, v in expected.items()}, rel=1e-4)
    assert float(step.found["loss"]) == pytest.approx(own.item(), rel=1e-4)
    assert len(step.found["y_pred"]) == len(step.rows) + len(y) * (mixing is not None)
    if clf:
        step.check(gradients, lambda: own, rae.encoder, rae.head)
    else:  # the codes are the decoder's, and the head makes do with them
        step.check(gradients, lambda: own, rae.encoder)
        step.check(gradients, lambda: classification(fixed=True), rae.head)


@pytest.mark.parametrize("t", [2, 3])
@pytest.mark.parametrize("mixing", ["mixer", None])
def test_decoder_step_is_eq_4_and_what_the_code_adds(gradients, mixing, t):
    step = Step("decoder", t, mixing)
    rae, made = step.rae, step.decoder_rows()
    away = (step.rows - made).view(step.x.shape).abs()
    terms = {
        "decoder": -rae.critic(made, step.each).mean(),
        "decoder_classification": F.cross_entropy(rae.head(rae.encoder(made)), step.each),
        "decoder_reconstruction": (away if mixing is None else away[:, :-1]).mean(),
    }
    assert step.terms == pytest.approx({k: v.item() for k, v in terms.items()}, rel=1e-4)
    loss = sum(w * v for w, v in zip((1.0, 1.0, 0.5), terms.values(), strict=True))
    step.check(gradients, lambda: loss, rae.decoder)
    assert set(gradients) == {*rae.decoder.parameters()}


@pytest.mark.parametrize("mixing", ["mixer", None])
def test_critic_step_is_eq_5(gradients, mixing):
    step = Step("critic", 2, mixing)
    critic, made = step.rae.critic.requires_grad_(True), step.decoder_rows().detach()
    scores = [critic(rows, step.each) for rows in (step.rows, made)]
    gap = scores[0].mean() - scores[1].mean()
    # The slope of a linear critic is the same everywhere.
    (weight, *_) = [p for p in critic.parameters() if p.ndim == 2]
    penalty = (weight[0, : step.rows.shape[1]].norm() - 1).square()
    expected = {"critic_gap": gap.item(), "gradient_penalty": penalty.item()}
    assert step.terms == pytest.approx(expected, rel=1e-4)
    step.check(gradients, lambda: 10 * penalty - gap, critic)


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


# Averages
