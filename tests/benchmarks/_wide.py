"""What tables of thousands of columns cost: encoding, and MGVAE's Fisher information."""

from functools import partial

import torch
from scipy import sparse

from imbdeep.encoding import TabularEncoder
from imbdeep.over_sampling._mgvae.model import build, fisher
from imbdeep.seeding import seeded

from ._measuring import Line, seconds_of


def wide_lines(sizes, data=None):
    """Sparse counts of words in 400 texts: a column a word, 1 % of them in a text."""
    rows, n_columns = 400, sizes.words
    x = sparse.random(rows, n_columns, 0.01, format="csr", random_state=0)
    x.data = (4 * x.data).astype(int) // 3 + 1.0  # once or twice
    what, encoder = f"{rows} x {n_columns}, sparse", TabularEncoder()
    yield Line(f"{what}: fit of the encoder", seconds_of(partial(encoder.fit, x)), "s")
    yield Line(f"{what}: transform", seconds_of(partial(encoder.transform, x)), "s")
    encoded = encoder.transform(x)
    yield Line(f"{what}: decoding", seconds_of(partial(encoder.inverse_transform, encoded)), "s")
    del encoder, encoded
    spec = {
        "shape": (n_columns,),
        "likelihood": {"n_gaussian": 0, "n_bernoulli": n_columns},
        "latent_dim": 40,
        "network": "mlp",
        "hidden_layer_sizes": (300, 300),
        "prior": "exemplar",
    }
    device = torch.device("cpu")
    with seeded(0, device, 1):
        model = build(spec, device)
        events = torch.from_numpy((x > 0).toarray()).float()
        seconds = seconds_of(partial(fisher, model, events, 100, False))
    yield Line(f"{what}: Fisher information, 1 thread", seconds, "s")
