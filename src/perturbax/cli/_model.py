"""What `--model` names: a callable of the user's, or a denoiser that perturbax brings.

    module:callable      imported from sys.path or the current folder; called as model(x, time[, condition])
    digits, mnist        the reference denoisers trained on these data (8 x 8 and 28 x 28 pictures)
    digits-mixture       ten Gaussians fitted on the digits, whose denoiser is exact: no training
    FOLDER               what `perturbax diffusion fit` wrote

A file of weights is not enough: it says nothing about the network that they belong to, and nothing is unpickled here.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx

from perturbax import diffusion

from ._callable import find_callable

REFERENCES = ("digits", "digits-mixture", "mnist")
_UNCONDITIONAL = -1
_WEIGHTS = (".safetensors", ".npz", ".npy", ".pt", ".pth", ".ckpt", ".bin", ".gguf", ".onnx", ".h5", ".pkl", ".eqx")


@dataclass(frozen=True)
class Model:
    """A network and what is known about it; `None` where the user must say.

    `identity` changes when the code of a user's module changes, so that a run is not continued with another network.
    """

    call: Callable
    identity: str
    shape: tuple[int, ...] | None = None
    process: str | None = None
    process_options: tuple[str, ...] = ()
    prediction: str | None = None
    unconditional: int | None = None
    classes: int | None = None


class ExactDenoiser(eqx.Module):
    """The denoiser of a Gaussian mixture, in the form of the trained ones."""

    mixture: Any

    def __call__(self, x: Any, sigma: Any, label: Any = None) -> Any:
        return self.mixture.denoise(x, 1.0, sigma, label)


def find_model(name: str) -> Model:
    """The model that `--model` names. A reference denoiser is built on first use.

    **Raises:** `ValueError` when there is no such module, attribute or reference, or it is a file or not callable.
    """
    if name in REFERENCES:
        return _reference(name)
    if Path(name).is_dir():
        return _trained(Path(name))
    if Path(name).suffix.lower() in _WEIGHTS or Path(name).is_file():
        raise ValueError(
            f"--model {name} is a file: weights alone do not say which network they belong to. Write a function that "
            "builds the network and loads them, and name it as module:callable"
        )
    if ":" not in name:
        raise ValueError(f"--model must be module:callable or one of {', '.join(REFERENCES)}, got {name!r}")
    target = find_callable("--model", name, "model(x, time)")
    return Model(target, f"{name} {source_digest(sys.modules[name.partition(':')[0]])}")


def source_digest(module: Any) -> str:
    path = inspect.getsourcefile(module) if hasattr(module, "__file__") else None
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if path else "built in"


def _reference(name: str) -> Model:
    from perturbax import data

    if name == "digits-mixture":
        denoiser: Callable = ExactDenoiser(data.digits_mixture())
    elif name == "digits":
        denoiser = data.digits_denoiser()
    else:
        denoiser = data.mnist_denoiser()
    side = 28 if name == "mnist" else 8
    return Model(
        denoiser, name, (side, side), process="edm", prediction="data", unconditional=_UNCONDITIONAL, classes=10
    )


def _trained(folder: Path) -> Model:
    path = folder / "denoiser.npz"
    if not path.is_file():
        raise ValueError(f"--model {folder} is a folder without denoiser.npz, which `perturbax diffusion fit` writes")
    saved = diffusion.load_denoiser(folder)
    return Model(
        saved.denoiser,
        f"{folder} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}",
        saved.shape,
        process="poisson-flow",
        process_options=(f"D={saved.D!r}",),
        prediction="data",
        unconditional=_UNCONDITIONAL,
        classes=saved.denoiser.network.labels.shape[0],
    )
