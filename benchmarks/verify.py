"""Bounds against auto_LiRPA: the same network, boxes and methods, their values and their seconds.

`python benchmarks/verify.py`. Calls are made in turn in one process; medians are printed. auto_LiRPA 0.3 is from 2022,
the last on the package index.
"""

import importlib.metadata
from typing import Any

import jax
import numpy as np
import torch

from _auto_lirpa import load
from _timing import medians
from perturbax import core, nn, verify

EPSILON = 0.01


def as_torch(network: nn.MLP) -> torch.nn.Module:
    """The same perceptron in PyTorch."""
    layers: list[torch.nn.Module] = []
    for layer in network.layers:
        linear = torch.nn.Linear(*layer.weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.array(layer.weight.T)))
            linear.bias.copy_(torch.from_numpy(np.array(layer.bias)))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def compare(hidden: tuple[int, ...], batch: int) -> None:
    peer = load()
    network = nn.MLP(784, hidden, 10, key=jax.random.key(0), activation=jax.nn.relu)
    x = np.random.default_rng(0).uniform(size=(batch, 784)).astype(np.float32)
    theirs = peer.BoundedModule(as_torch(network), torch.from_numpy(x))
    perturbed = peer.BoundedTensor(torch.from_numpy(x), peer.PerturbationLpNorm(norm=np.inf, eps=EPSILON))
    ball = verify.Ball(x, EPSILON)
    methods = {"IBP": verify.IBP(), "CROWN-IBP": verify.CROWN(verify.IBP()), "CROWN": verify.PlainCROWN()}
    version = importlib.metadata.version("auto-lirpa")
    for name, method in methods.items():

        def ours(method: Any = method) -> Any:
            return jax.block_until_ready(verify.bound(network, ball, method, batched=True).lower)

        def other(name: str = name) -> Any:
            with torch.no_grad():
                return theirs.compute_bounds(x=(perturbed,), method=name)[0]

        difference = np.abs(np.asarray(ours()) - other().detach().numpy()).max()
        scale = np.abs(other().detach().numpy()).max()
        took = medians({"ours": ours, "auto_LiRPA": other}, repeats=9)
        print(
            f"784-{'-'.join(map(str, hidden))}-10, batch {batch}, {name}: auto_LiRPA {version} takes "
            f"{took['auto_LiRPA'] / took['ours']:.2f}x ours ({1e3 * took['ours']:.1f} ms, wanted 1 to 3x); "
            f"bounds differ by {difference / scale:.1e} (wanted 1e-5)"
        )


def growth(widths: tuple[int, ...] = (64, 128, 256, 512)) -> None:
    """CROWN has a row for each neuron, each at the cost of the layers before it: cubic in the width."""
    calls, box = {}, verify.Box(np.zeros(64, np.float32), np.ones(64, np.float32))
    for width in widths:
        network = nn.MLP(64, (width, width, width), 10, key=jax.random.key(0), activation=jax.nn.relu)
        calls[str(width)] = lambda network=network: jax.block_until_ready(
            verify.bound(network, box, verify.CROWN()).lower
        )
    took = medians(calls, repeats=5)
    print("CROWN, three hidden layers:", ", ".join(f"width {w} {1e3 * t:.1f} ms" for w, t in took.items()))


if __name__ == "__main__":
    core.enable_compilation_cache()
    for hidden, batch in (((256, 256), 1), ((256, 256), 32), ((64, 64, 64, 64), 32)):
        compare(hidden, batch)
    growth()
