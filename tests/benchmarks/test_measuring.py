"""The clock, the turns and the memory of a process."""

import math

import pytest
import torch

from imbdeep.benchmarks import _measuring
from imbdeep.benchmarks._measuring import (
    SavedBytes,
    devices,
    in_turns,
    median_ratio,
    peak_bytes,
    peak_mib,
    run_python,
    seconds_of,
    torch_threads,
)

CPU = torch.device("cpu")


def test_the_clock_waits_for_a_gpu(monkeypatch):
    """No GPU here: the processor plays it, and says how often it was waited for."""
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    assert seconds_of(lambda: None, CPU) >= 0
    assert not waits
    seconds_of(lambda: None, torch.device("cuda"))
    assert len(waits) == 2


@pytest.mark.parametrize("best, expected", [("cpu", ["cpu"]), ("mps", ["cpu"])])
def test_devices_without_cuda(monkeypatch, best, expected):
    monkeypatch.setattr(_measuring, "resolve_device", lambda device: torch.device(best))
    assert [device.type for device in devices()] == expected


def test_devices_with_cuda(monkeypatch):
    monkeypatch.setattr(_measuring, "resolve_device", lambda device: torch.device("cuda"))
    assert [device.type for device in devices()] == ["cpu", "cuda"]


def test_calls_take_turns():
    order = []
    rows = in_turns([lambda: order.append("a"), lambda: order.append("b")], 2, CPU)
    assert order == ["a", "b"] * 3  # the first of each is not timed
    assert [len(row) for row in rows] == [2, 2]


def test_a_ratio_is_that_of_its_turn():
    """A neighbour that slows a whole turn down leaves the ratio as it is."""
    assert median_ratio([[2.0, 1.0], [200.0, 100.0], [2.0, 1.0]], 0, 1) == 2


def test_threads_are_put_back():
    with torch_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


def test_peak_memory_of_both_systems(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n")
    assert peak_mib(status) == 200
    elsewhere = peak_mib(tmp_path / "missing")
    assert 50 < elsewhere < 100_000


def test_a_program_runs_on_its_own():
    assert run_python("import sys; sys.stdout.write(str('torch' in sys.modules))") == "False"


def test_saved_bytes_of_graphs():
    saved = SavedBytes()
    x = torch.ones(1000, requires_grad=True)
    with saved.hooks():
        y = x.exp()  # keeps its result
        assert saved.now == 4000
        z = (y * y).exp()  # keeps y, twice, and its own result
        assert saved.now == 8000
        z.sum().backward()
    torch.testing.assert_close(x.grad, torch.full((1000,), 2 * math.e**2 * math.exp(math.e**2)))
    assert (saved.now, saved.peak) == (0, 8000)
    with saved.hooks():
        y = x.exp()
        del y  # a graph may end without a backward pass
    assert (saved.now, saved.peak) == (0, 8000)


def test_one_graph_after_the_other_costs_one():
    def call():
        for _ in range(3):
            torch.ones(1000, requires_grad=True).exp().sum().backward()

    assert peak_bytes(call, CPU) == 4000


def test_a_gpu_says_itself_what_it_held(monkeypatch):
    held = {"now": 100, "most": 0}
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda device: held.update(most=held["now"])
    )
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: held["now"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: held["most"])
    assert peak_bytes(lambda: held.update(most=170), torch.device("cuda")) == 70
