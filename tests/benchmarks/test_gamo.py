"""A mini-batch is beside exactly its products, and what a generator holds is all counted."""

import numpy as np
import pytest
import torch

from imbdeep.benchmarks import PAPER_STEPS, _gamo, main
from imbdeep.benchmarks._gamo import (
    batch_of,
    class_lines,
    class_tasks,
    fit_anchors,
    game_tasks,
    gamo_fit_lines,
    gamo_memory_lines,
    held_bytes,
    look_into_gamo,
    products_of,
)
from imbdeep.benchmarks._measuring import Line, Sizes
from imbdeep.benchmarks._rae import Products
from imbdeep.classifiers import GAMOClassifier

CPU = torch.device("cpu")
TASKS = ("30 columns", "784 pixels")


@pytest.mark.parametrize("name", TASKS)
def test_products_are_those_that_a_mini_batch_needs(name, tiny):
    """The operations that torch counts in a mini-batch, by the sizes of the layers."""
    n, found = 6, {}
    parameters = {
        "batch_size": n,
        "latent_dim": 5,
        "hidden_layer_sizes": (11, 9),
        "generator_layer_sizes": (7, 8),
        "discriminator_layer_sizes": (13, 10),
        "max_steps": 1,
    }

    def look(net, x, codes):
        found["counted"] = products_of(net, x, codes).operations
        sizes = net.module_.sizes
        (block,) = net.module_.generator.blocks  # few anchors: one product with all
        assert block == (0, len(sizes.minority))
        d, k, anchors = sizes.width, sizes.n_classes, sum(sizes.n_anchors)
        first = 11 * d, 13 * d  # of M and of D
        rivals = (first[0] + 11 * 9 + 9 * k) + (first[1] + 13 * 10 + 10)
        mapping = 5 * 7 + 7 * 8
        generator = mapping + 8 * anchors + anchors * d
        # By the weights and the input of each layer, but for the latent vectors. The anchors get no
        # gradient.
        backward = 2 * generator - 5 * 7 - anchors * d
        found["needed"] = 2 * (
            n * generator  # rows for M and D
            + 2 * n * (3 * rivals - sum(first))  # real and generated rows are constants
            + n * generator
            + n * 2 * rivals  # the gradient goes through them
            + n * 2 * backward  # that of M's and that of D's loss
        )

    look_into_gamo(game_tasks(tiny, **parameters)[name], CPU, look)
    assert found["counted"] == found["needed"]


def test_again_is_the_same_products(tiny):
    counted = []

    def look(net, x, codes):
        found = products_of(net, x, codes)
        with Products() as repeated:
            found.again()
        counted.extend([found.operations, repeated.operations])

    look_into_gamo(game_tasks(tiny)["30 columns"], CPU, look)
    assert counted[0] == counted[1] > 0


def test_a_product_into_given_memory_is_one():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, generator=generator), torch.rand(3, 4, generator=generator)
    out = torch.empty(2, 4)
    with Products() as found:
        torch.mm(a, b, out=out)
    kept = out.clone()
    ((product, given),) = found.calls
    out.zero_()
    assert torch.equal(product(*given), kept)
    assert not out.any()  # what the method holds is not touched
    assert found.operations == 2 * 2 * 3 * 4


def test_games_are_those_of_the_defaults_and_of_the_paper():
    sizes = Sizes()
    tasks = game_tasks(sizes)
    assert tasks["30 columns"].x.shape == (20_000, 30)
    assert tasks["30 columns"].parameters == {"max_steps": 100}
    digits = tasks["784 pixels"]
    assert digits.x.shape == (9000, 784)
    assert np.bincount(digits.y).tolist() == [4000, 2000, 1000, 750, 500, 350, 200, 100, 60, 40]
    assert digits.parameters == {"max_steps": 100, "encode": False}
    assert PAPER_STEPS == 25_000


def test_a_repetition_has_its_games(tiny, monkeypatch):
    """Training and products take turns: as many mini-batches in either."""
    steps, products = [], []
    real = Products.again

    def again(self):
        products.append(self)
        real(self)

    monkeypatch.setattr(Products, "again", again)

    def look(net, x, codes):
        assert net.module_.sizes.convolutional is False
        assert torch.get_num_threads() == 1  # the classifier's own surroundings
        train_step = net.train_step

        def counted(batch, **given):
            steps.append(batch)
            return train_step(batch, **given)

        monkeypatch.setattr(net, "train_step", counted)
        lines = list(_gamo._game_lines("table", tiny._replace(repetitions=2), CPU, net, x, codes))
        assert [line.limit for line in lines] == [None, None, None, 2.0]
        # One for the products, and three turns, the first of which warms up.
        assert len(steps) == 1 + 3 * tiny.games
        assert len(products) == 3 * tiny.games

    torch.set_num_threads(2)
    try:
        look_into_gamo(game_tasks(tiny)["30 columns"], CPU, look)
    finally:
        torch.set_num_threads(1)


def test_classes_grow_in_two_ways():
    sizes = Sizes()
    found = class_tasks(sizes)
    assert list(found) == [
        "30 columns, 5000 rows",
        "30 columns, 50 a class",
        "784 columns, 5000 rows",
        "784 columns, 50 a class",
    ]
    for name, tasks in found.items():
        assert list(tasks) == [10, 30, 100]
        for k, task in tasks.items():
            most, *others = np.bincount(task.y)
            assert len(others) == k - 1
            assert {most} == {2 * n for n in others}  # so that all others are generated
            assert task.x.shape == (len(task.y), int(name.split()[0]))
            if "rows" in name:
                assert len(task.y) == pytest.approx(5000, abs=k)
            else:
                assert set(others) == {50}


def test_the_numbers_of_classes_take_turns(tiny, monkeypatch):
    order = []
    go_on = _gamo.GAMONet.go_on

    def noted(self, *given, **more):
        order.append(self.module_.sizes.n_classes)
        return go_on(self, *given, **more)

    monkeypatch.setattr(_gamo.GAMONet, "go_on", noted)
    sizes = tiny._replace(fits=3, classes=(2, 3, 5))
    name, tasks = next(iter(class_tasks(sizes).items()))
    monkeypatch.setattr(_gamo, "class_tasks", lambda _: {name: tasks})
    lines = list(class_lines(sizes))
    # One for each net as it starts, four turns (one warms up), and the fits that go on.
    assert order == [2, 3, 5] + [2, 3, 5] * 4 + [5, 3, 2]
    assert [line.unit for line in lines] == ["ms", "ms", "ms", ""]
    assert lines[-1].what.endswith("5 / 2")
    assert lines[-1].limit == 1.3


@pytest.mark.parametrize("cap, n_anchors", [(None, 50), (20, 20)])
def test_all_that_a_generator_holds_is_counted(cap, n_anchors, tiny):
    found = {}

    def look(net, x, codes):
        assert net.module_.sizes.n_anchors == (n_anchors,)
        found.update(held_bytes(CPU, net, x, codes))
        _, _, _, (counts, places) = batch_of(net, x, codes)
        net.module_.generator.train()
        net.module_.generate(counts, places).sum().backward()
        found["by hand"] = sum(p.grad.nbytes for p in net.module_.generator.parameters())
        net.generator_optimizers_[0].zero_grad()

    x, y = _gamo._rows((60, 50), 3)
    parameters = {**tiny.gamo, "max_steps": 1, "max_anchors": cap, "encode": False}
    look_into_gamo(_gamo._Task(x, y, parameters), CPU, look)
    # For M's and D's opinion a gradient each, an optimiser with two moments, and counts of steps.
    assert found["parameters"] == found["gradients"] / 2 == found.pop("by hand")
    n_tensors = 7  # latent vectors' and classes' part of a layer, its normalisation, the units
    assert found["state of Adam"] == 2 * (2 * found["parameters"] + 4 * n_tensors)
    batch = tiny.gamo["batch_size"]
    assert found["activations"] > 4 * batch * n_anchors  # the weights of each row


def test_memory_is_judged_by_what_a_fit_adds(tiny, monkeypatch):
    monkeypatch.setattr(_gamo, "run_python", lambda program: "38.5 3.0 500.0 0.5 600.0")
    lines = [line for line in gamo_memory_lines(tiny) if "peak" in line.what]
    assert [line.measured for line in lines] == [500.0, 600.0] * 2
    assert {line.limit for line in lines} == {1024 + 38.5}
    assert "all anchors" in lines[0].what
    assert "default anchors" in lines[2].what


def test_anchors_are_fitted_in_a_process(tiny):
    parameters = {**tiny.gamo, "max_steps": 1, "max_anchors": 40, "encode": False}
    own, *found = map(float, fit_anchors(50, 3, parameters).split())
    assert own == 40 * 3 * 4 / 2**20
    seconds, added, drawn_seconds, drawn = found
    assert seconds > 0
    assert drawn_seconds > 0
    assert drawn >= added >= 0


def test_some_mini_batches_stand_for_the_papers(tiny, monkeypatch):
    """10 s at the start and 0.02 s a mini-batch."""
    fitted = []

    def seconds_of(call):
        fitted.append(call.func.__self__.max_steps)
        return 10.0 + 0.02 * fitted[-1]

    monkeypatch.setattr(_gamo, "seconds_of", seconds_of)
    start, whole = gamo_fit_lines(tiny._replace(budget=100))
    assert fitted == [1, 101]
    assert start.measured == pytest.approx(10.0)
    assert whole.measured == pytest.approx(10.0 + 0.02 * 25_000)
    assert whole.limit == 600
    fitted.clear()
    (line,) = gamo_fit_lines(tiny._replace(budget=PAPER_STEPS))
    assert fitted == [25_000]
    assert line.measured == whole.measured


def test_full_does_all_mini_batches(monkeypatch, capsys):
    def line_of(sizes, data):
        yield Line("budget", float(sizes.budget), "")

    monkeypatch.setitem(main.__globals__["MEASUREMENTS"], "gamo-fit", (line_of,))
    assert main(["gamo-fit", "--full"]) == 0
    assert main(["gamo-fit"]) == 0
    text = capsys.readouterr().out
    assert "25000.000" in text
    assert f"{Sizes().budget}.000" in text
    with pytest.raises(SystemExit):
        main(["gamo-fit", "--full", "--quick"])
    assert "not allowed with" in capsys.readouterr().err


def test_a_fit_is_the_defaults_with_the_papers_mini_batches(tiny, monkeypatch):
    fitted = []
    monkeypatch.setattr(GAMOClassifier, "fit", lambda self, x, y: fitted.append((self, x, y)))
    list(gamo_fit_lines(Sizes()))
    classifier, x, _ = fitted[-1]
    assert x.shape == (9000, 784)
    expected = GAMOClassifier(
        random_state=0, device="cpu", encode=False, max_steps=501, batch_size=32
    )
    assert classifier.get_params() == expected.get_params()
