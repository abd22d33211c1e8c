"""What RAE costs: a cycle beside its matrix products, its tapes, the defaults, a million rows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from imbdeep.benchmarks._classifiers import _GPU_EPOCH, _Task, _where
from imbdeep.benchmarks._measuring import (
    MIB,
    Line,
    SavedBytes,
    Sizes,
    devices,
    in_turns,
    median_ratio,
    peak_bytes,
    peak_mib,
    run_python,
    seconds_of,
)
from imbdeep.benchmarks._mgvae import _table
from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._rae.net import RAENet
from imbdeep.classifiers.base import DeepClassifier

#: Training of the million rows: an epoch, for what a step holds does not grow with their number.
_FEW_STEPS = 100
#: Images to draw from; a step holds as many, however many there are.
_N_IMAGES = 500
#: Who only makes constants in a player's step. In that of the encoder nobody does.
CONSTANT = {
    "critic": ("encoder", "head", "mixer", "decoder"),
    "decoder": ("mixer",),
}


class Products(TorchDispatchMode):
    """Matrix products and convolutions that are called within, to do them alone.

    They are found below autograd, so that those of the backward passes are among them, the
    penalty's double ones too. What a call adds to its product, a bias or a bias's gradient, is left
    out.

    Attributes
    ----------
    calls : list of (callable, list)
        Operations and what they were given, in order: the very tensors, in their own memory.
    operations : int
        Floating-point operations of them all, by torch's table.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Callable[..., Any], list[Any]]] = []
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Do an operation, and keep it if it is a product."""
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.operations += count(*args, **(kwargs or {}), out_val=result)
            given = [a.detach() if isinstance(a, Tensor) else a for a in args]
            self.calls.append(_alone(func, given))
        return result

    @torch.no_grad()
    def again(self) -> None:
        """Do the products once more."""
        for product, given in self.calls:
            product(*given)


def _alone(func: Any, given: list[Any]) -> tuple[Callable[..., Any], list[Any]]:
    """The product within an operation, without the bias, and into memory of its own."""
    aten = torch.ops.aten
    if func._overloadname == "out":
        func = func.overloadpacket.default
    if func.overloadpacket is aten.addmm:
        return aten.mm.default, given[1:3]
    if func.overloadpacket is aten.convolution:
        given[2] = None
    elif func.overloadpacket is aten.convolution_backward:
        given[3], given[-1] = None, [*given[-1][:2], False]
    return func, given


def look_into(
    task: _Task,
    device: torch.device,
    look: Callable[[Any, Tensor, Tensor], None],
    method: type[DeepClassifier] = RAEClassifier,
) -> None:
    """Call ``look(net, x, codes)`` within a fit: its threads, its seed, its memory format.

    After the fit the net has let go of what only the training needs.
    """
    classifier: Any = method(**task.parameters, random_state=0, device=str(device))
    run = classifier._run

    def looked_into(net: Any, x: Tensor, codes: Tensor) -> Any:
        net.partial_fit(x, codes)  # the first steps make the optimisers' moments
        look(net, x, codes)
        return run(net, x, codes)

    classifier.__dict__["_run"] = looked_into  # of this classifier alone
    classifier.fit(task.x, task.y)


def cycle_tasks(sizes: Sizes, device: torch.device) -> dict[str, _Task]:
    """The default classifier on a table and on small images, for the cycles of a repetition."""
    x, y = _table(sizes.rows)
    images = np.random.default_rng(0).integers(0, 256, (_N_IMAGES, 1, 28, 28), dtype=np.uint8)
    more = _GPU_EPOCH if device.type == "cuda" else 1
    each = RAEClassifier(**sizes.rae).encoder_steps
    steps = [more * n * each for n in (sizes.cycles, sizes.image_cycles)]
    return {
        "30 columns": _Task(x, y, {**sizes.rae, "max_steps": steps[0]}),
        "28 x 28": _Task(images, np.arange(_N_IMAGES) % 10, {**sizes.rae, "max_steps": steps[1]}),
    }


def player_steps(net: RAENet, x: Tensor, codes: Tensor) -> dict[str, Callable[[], Any]]:
    """Return a call for each player's step, on rows as the training draws them."""
    groups, labels = next(iter(net.get_iterator(net.get_dataset(x, codes), training=True)))
    return {
        player: partial(getattr(net, f"_{player}_step"), groups[i], labels[i])
        for i, player in enumerate(net.schedule.order)
    }


def products_of(net: RAENet, x: Tensor, codes: Tensor) -> dict[str, Products]:
    """Return the products of each player's step."""
    found = {}
    for player, step in player_steps(net, x, codes).items():
        with Products() as found[player]:
            step()
    return found


def cycle_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds of a cycle of updates against those of its matrix products alone.

    The cycle is the training's own, with all that surrounds the steps: draws of rows, the averages
    of the weights, the record of an epoch. The products are those that the steps called, on the
    same tensors.
    """
    for device in devices():
        for name, task in cycle_tasks(sizes, device).items():
            lines: list[Line] = []
            what = f"{name}, {_where(task, device)}"
            look_into(
                task,
                device,
                lambda *given, what=what, device=device, lines=lines: lines.extend(
                    _cycle_lines(what, sizes.repetitions, device, *given)
                ),
            )
            yield from lines


def _cycle_lines(
    what: str, repetitions: int, device: torch.device, net: RAENet, x: Tensor, codes: Tensor
) -> Iterator[Line]:
    found = products_of(net, x, codes)
    n = net.schedule.n_cycles
    order = net.schedule.order

    def products() -> None:
        for player in order * n:
            found[player].again()

    turns = in_turns([partial(net.partial_fit, x, codes), products], repetitions, device)
    cycle, bare = (statistics.median(column) / n for column in zip(*turns, strict=True))
    operations = sum(found[player].operations for player in order)
    yield Line(f"{what}: products of a cycle alone", 1e3 * bare, "ms")
    yield Line(f"{what}: products of a cycle alone", operations / bare / 1e9, "GFLOP/s")
    yield Line(f"{what}: cycle of RAE", 1e3 * cycle, "ms")
    yield Line(f"{what}: the same / products", median_ratio(turns, 0, 1), "", 1.6)


@contextmanager
def kept_by(networks: Mapping[str, nn.Module]) -> Iterator[dict[str, SavedBytes]]:
    """Watch what each network's forward passes within the block keep for backward ones."""
    saved = {name: SavedBytes() for name in networks}

    def watched(name: str, forward: Callable[..., Any], *given: Any) -> Any:
        with saved[name].hooks():
            return forward(*given)

    for name, network in networks.items():
        network.forward = partial(watched, name, network.forward)
    try:
        yield saved
    finally:
        for network in networks.values():
            del network.__dict__["forward"]  # the class has its own


def tape_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Bytes that the graph of each player's step keeps, and those kept where none are needed."""
    cpu = torch.device("cpu")  # elsewhere the graphs are the same
    for name, task in cycle_tasks(sizes, cpu).items():
        lines: list[Line] = []
        once = task._replace(parameters={**task.parameters, "max_steps": 1})
        look_into(
            once,
            cpu,
            lambda *given, name=name, lines=lines: lines.extend(_tape_lines(name, *given)),
        )
        yield from lines


def _tape_lines(name: str, net: RAENet, x: Tensor, codes: Tensor) -> Iterator[Line]:
    for player, step in player_steps(net, x, codes).items():
        yield Line(
            f"{name}: tape of a step of the {player}",
            peak_bytes(step, torch.device("cpu")) / MIB,
            "MiB",
        )
        constant = CONSTANT.get(player)
        if constant is None:
            continue
        with kept_by({part: getattr(net.module_, part) for part in constant}) as saved:
            step()
        kept = sum(saved[part].peak for part in constant)
        yield Line(f"{name}: of that, by {', '.join(constant)}", kept / MIB, "MiB", 0.0)


def rae_fit_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Seconds that the default classifier takes for a table."""
    x, y = _table(sizes.rows)
    classifier = RAEClassifier(random_state=0, **sizes.rae)
    seconds = seconds_of(partial(classifier.fit, x, y))
    yield Line(f"RAE's defaults: {len(x)} x {x.shape[1]}", seconds, "s", 90.0)


def fit_large(n: int, n_columns: int, parameters: dict[str, Any]) -> str:
    """Fit and predict a large table; its megabytes, the seconds, the peaks after either."""
    random = np.random.default_rng(0)
    y = (random.random(n) < 0.05).astype(np.int64)
    x = random.standard_normal((n, n_columns))
    x[y == 1, : n_columns // 2] += 1.0
    classifier = RAEClassifier(random_state=0, device="cpu", **parameters)
    found = [(x.nbytes + y.nbytes) / MIB]
    for call in (partial(classifier.fit, x, y), partial(classifier.predict, x)):
        found += [seconds_of(call), peak_mib()]
    return " ".join(map(str, found))


def rae_memory_lines(sizes: Sizes, data: str | None = None) -> Iterator[Line]:
    """Peak memory of RAE on a large table, in a process of its own.

    The limit is the data's own memory and 1 GiB, the interpreter's part included.
    """
    n, n_columns = sizes.large
    parameters = {"max_steps": _FEW_STEPS, **sizes.rae}
    program = (
        "import sys; from imbdeep.benchmarks._rae import fit_large; "
        f"sys.stdout.write(fit_large({n}, {n_columns}, {parameters!r}))"
    )
    megabytes, *found = map(float, run_python(program).split())
    what = f"RAE, {n} x {n_columns} ({megabytes:.0f} MiB)"
    for call, seconds, peak in zip(("fit", "predict"), found[::2], found[1::2], strict=True):
        yield Line(f"{what}: {call}", seconds, "s")
        yield Line(f"{what}: peak memory in {call}", peak, "MiB", megabytes + 1024)
