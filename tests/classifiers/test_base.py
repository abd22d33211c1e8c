"""From the user's rows and labels to the network and back, whatever is trained in between."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from imbdeep.classifiers import ERMClassifier
from tests.test_common import made

N, N_MAJORITY = 40, 30
Y = np.r_[np.zeros(N_MAJORITY, int), np.ones(N - N_MAJORITY, int)]
A = np.random.default_rng(0).normal(size=(N, 3)) + 3 * Y[:, None]
IMAGES = np.random.default_rng(1).integers(0, 256, (N, 1, 6, 6), dtype=np.uint8)
FRAME = pd.DataFrame(A, columns=["a", "b", "c"])


def quick(**params):
    """Next to no training: what is learned is no matter here."""
    few = {"max_epochs": 2, "batch_size": 16, "hidden_layer_sizes": (4,)}
    return made(ERMClassifier, **{**few, "device": "cpu", "random_state": 0, **params})


# ------------------------------------------------------------------------------------- features


@pytest.mark.parametrize("params", [{}, {"criterion": "ldam"}, {"hidden_layer_sizes": (7, 5)}])
@pytest.mark.parametrize("X", [A, FRAME, IMAGES], ids=["array", "frame", "images"])
def test_features_are_what_the_last_layer_is_given(X, params):
    classifier = quick(module="mlp", **params).fit(X, Y)
    features = classifier.penultimate_features(X)
    module = classifier.net_.module_
    network = module[1] if isinstance(module, nn.Sequential) else module
    width = classifier.hidden_layer_sizes[-1]
    assert features.shape == (N, width)
    assert features.dtype == np.float32
    x = torch.from_numpy(np.asarray(classifier.encoder_.transform(X))).view(-1, *np.shape(X)[1:])
    with torch.no_grad():
        x = module[0](x) if isinstance(module, nn.Sequential) else x
        np.testing.assert_allclose(features, network.body(x.flatten(1)), rtol=1e-5, atol=1e-6)
        logits = network.head(torch.from_numpy(features)).double()
    scale = 30 if params.get("criterion") == "ldam" else 1
    np.testing.assert_allclose(
        classifier.predict_proba(X), torch.softmax(scale * logits, 1), rtol=1e-3
    )
    assert not network.head._forward_pre_hooks  # nothing is left behind
