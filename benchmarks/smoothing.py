"""Certificates by randomized smoothing against adversarial-robustness-toolbox: the same perceptron, images and draws.

`python benchmarks/smoothing.py`. Calls are made in turn in one process; medians are printed. The toolbox certifies in
batches of 32 unless told otherwise, so it is timed with larger ones too. The noise is drawn by each on its own, so the
counts agree up to their sampling error.

The forward passes are the same, so the ratio tends to 1 with the size of the network. On a CPU more than half of our
time goes into normal numbers, most of it into the inverse error function.
"""

import importlib.metadata
import logging
from typing import Any

import jax
import numpy as np
import torch
from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing

from _timing import medians
from perturbax import core, data, nn, verify

SIGMA, N0, N, IMAGES, SHAPE = 0.5, 100, 10_000, 2, (14, 14)


def trained(x: np.ndarray, labels: np.ndarray) -> verify.NoiseClassifier:
    encoder = nn.NoiseEncoder(SHAPE, (256, 256), centre=0.3, key=jax.random.key(0), activation=jax.nn.relu)
    network = verify.NoiseClassifier(encoder, encoder.width, 10, sigma=SIGMA)
    settings = {"steps": 200, "batch_size": 128, "optimizer": core.adam(1e-3), "key": jax.random.key(1)}
    return verify.fit_smoothed(network, (x, labels), verify.GaussianAugmentation(SIGMA), **settings).network


class Scaled(torch.nn.Module):
    """The same network in PyTorch."""

    def __init__(self, network: verify.NoiseClassifier):
        super().__init__()
        encoder, layers = network.encoder, []
        for layer in (*encoder.layers, network.head):
            linear = torch.nn.Linear(*layer.weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(np.array(layer.weight.T)))
                linear.bias.copy_(torch.from_numpy(np.array(layer.bias)))
            layers += [linear, torch.nn.ReLU()]
        self.body = torch.nn.Sequential(*layers[:-1])
        self.centre, self.scale = encoder.centre, (SIGMA**2 + encoder.deviation**2) ** -0.5
        self.level = 0.25 * float(np.log(SIGMA))

    def forward(self, x: Any) -> Any:
        flat = (x - self.centre).flatten(1) * self.scale
        return self.body(torch.cat([flat, torch.full((len(x), 1), self.level)], 1))


def main() -> None:
    logging.getLogger("art").setLevel(logging.ERROR)
    digits = data.mnist()
    images = (0.5 + 0.5 * digits.images.reshape(-1, 14, 2, 14, 2).mean((2, 4))).astype(np.float32)
    chosen = np.linspace(0, len(images) - 1, IMAGES).astype(int)
    x, network = images[chosen], trained(images, digits.labels)
    module = Scaled(network).eval()
    theirs = PyTorchRandomizedSmoothing(
        module,
        torch.nn.CrossEntropyLoss(),
        SHAPE,
        10,
        device_type="cpu",
        sample_size=N0,
        scale=SIGMA,
        alpha=0.001,
    )
    method = verify.Smoothing(SIGMA, n0=N0, n=N)

    @torch.no_grad()
    def scores(x: np.ndarray) -> np.ndarray:
        return module(torch.from_numpy(x.copy())).numpy()

    np.testing.assert_allclose(scores(x), network(x), atol=1e-4)
    host, key = verify.HostClassifier(scores), jax.random.key(2)
    calls = {
        "ours": lambda: verify.certify(network, x, method, key=key, progress=False).radius,
        "ours, torch network": lambda: verify.certify(host, x, method, key=key, progress=False).radius,
        "batches of 32": lambda: theirs.certify(x, N)[1],
        "batches of 1024": lambda: theirs.certify(x, N, batch_size=1024)[1],
    }
    radii = {name: np.asarray(call()) for name, call in calls.items()}
    took = medians(calls, repeats=2)
    version = importlib.metadata.version("adversarial-robustness-toolbox")
    print(f"{IMAGES} images of 14 x 14, {N} draws, perceptron of two layers of 256: {1e3 * took['ours']:.0f} ms")
    for name in ("batches of 32", "batches of 1024"):
        print(f"  adversarial-robustness-toolbox {version}, {name}: {took[name] / took['ours']:.1f}x (wanted 5x)")
    print(f"  ours with the network in torch {torch.__version__}: {took['ours, torch network'] / took['ours']:.1f}x")
    spread = np.abs(radii["ours"] - radii["batches of 32"]).max()
    print(
        f"  radii differ by {spread:.3f} at most, those of two runs of the toolbox by "
        f"{np.abs(radii['batches of 1024'] - radii['batches of 32']).max():.3f}"
    )


if __name__ == "__main__":
    core.enable_compilation_cache()
    main()
