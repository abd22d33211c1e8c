"""Sizes of a second, on one thread."""

import pytest
import torch

from imbdeep import benchmarks


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Here and in the child processes: on a busy machine threads wait for each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Sizes still smaller than those of a quick run, which takes them too."""
    sizes = benchmarks.QUICK._replace(
        rows=400,
        repetitions=1,
        steps=2,
        images=(120, 12),
        large=(2000, 4),
        gemm=32,
        sampler={
            "pretrain_steps": 4,
            "finetune_steps": 2,
            "hidden_layer_sizes": (8,),
            "acceptance": None,
        },
        texts=100,
        rae={
            "hidden_layer_sizes": (8, 6),
            "mixer_layer_sizes": (7,),
            "critic_layer_sizes": (9, 5),
            "batch_size": 4,
            "max_steps": 5,
        },
        cycles=1,
        gamo={
            "latent_dim": 5,
            "hidden_layer_sizes": (8, 6),
            "generator_layer_sizes": (7,),
            "discriminator_layer_sizes": (9, 5),
            "batch_size": 4,
        },
        games=1,
        anchors=100,
        budget=2,
    )
    monkeypatch.setattr(benchmarks, "QUICK", sizes)
    return sizes
