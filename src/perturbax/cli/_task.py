"""A sampling problem as the command line states it, and the start of each of its samples."""

import contextlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perturbax import diffusion

from ._arrays import load_array
from ._choices import build_process, predictions
from ._model import Model, find_model
from ._options import check_file, choose, parse_integers, parse_pairs

FRAMEWORKS = ("jax", "numpy", "torch")
_CORRECTORS = {"none": None, "dynamic": diffusion.DynamicThreshold(), "clip": diffusion.Clip()}


@dataclass(frozen=True)
class Task:
    """What to sample from. Sample `i` is the same whatever the others are: its start has a key of its own."""

    model: Model
    process: diffusion.AbstractProcess
    prediction: diffusion.AbstractPrediction
    shape: tuple[int, ...]
    condition: np.ndarray | None
    unconditional: np.ndarray | None
    guidance: float
    corrector: Any
    start: float | None
    init: np.ndarray | None
    framework: str
    latents: Any = None

    @property
    def natural_count(self) -> int:
        """How many samples there are when the user does not say: one per condition or picture to start from."""
        return max(1 if rows is None else len(rows) for rows in (self.condition, self.init))

    def problem(self, first: int, count: int) -> diffusion.Sampling:
        """The problem of samples `first ... first + count - 1`; conditions are used in turn."""
        condition = self._rows(self.condition, first, count)
        guidance = None
        if self.guidance != 1.0:
            guidance = diffusion.ClassifierFree(self.guidance, self._rows(self.unconditional, 0, count))
        reference = self.model.classes is not None
        return diffusion.Sampling(
            diffusion.FromDenoiser(self.model.call, self.process) if reference else self.model.call,
            self.process,
            self.shape,
            self.prediction,
            condition,
            guidance,
            self.corrector,
            self.start,
        )

    def starts(self, key: Any, first: int, count: int) -> Any:
        """The states that these samples start from: noise, the given pictures under noise, or latents of a map."""
        time = self.process.t_max if self.start is None else self.start
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))
        noise = jax.vmap(lambda k: self.process.noise(k, self.shape, jnp.float32))(keys)
        if self.latents is not None:
            return self.arrays(self.latents(np.asarray(noise).reshape(count, -1)).reshape(count, *self.shape))
        x = np.float32(self.process.sigma(time)) * np.asarray(noise)
        if self.init is not None:
            pictures = self.init[(first + np.arange(count)) % len(self.init)]
            x = np.float32(self.process.alpha(time)) * pictures.astype(np.float32) + x
        return self.arrays(x)

    def scope(self) -> Any:
        """What the network is called under."""
        if self.framework != "torch":
            return contextlib.nullcontext()
        import torch

        return torch.no_grad()

    def _rows(self, rows: np.ndarray | None, first: int, count: int) -> Any:
        return None if rows is None else self.arrays(rows[(first + np.arange(count)) % len(rows)])

    def arrays(self, array: np.ndarray) -> Any:
        """An array as the framework of the network has it."""
        if self.framework == "numpy":
            return array
        if self.framework == "jax":
            return jnp.asarray(array.astype(jax.dtypes.canonicalize_dtype(array.dtype)))
        import torch

        return torch.from_numpy(np.array(array))


def build_task(
    *,
    model: str,
    process: str | None,
    process_option: Sequence[str],
    prediction: str | None,
    shape: str | None,
    condition: str | None,
    unconditional: str | None,
    guidance: float,
    threshold: str,
    start: float | None,
    init: Path | None,
    framework: str,
    latents: Path | None = None,
) -> Task:
    """Settle the options of a problem; raises `ValueError` that names the option."""
    choose("--framework", framework, FRAMEWORKS)
    if framework == "torch" and importlib.util.find_spec("torch") is None:
        raise ValueError("--framework torch needs torch: pip install 'perturbax[bench]'")
    corrector = _CORRECTORS[choose("--threshold", threshold, _CORRECTORS)]
    if not np.isfinite(guidance):
        raise ValueError(f"--guidance must be finite, got {guidance}")
    if prediction is not None:
        prediction = choose("--prediction", prediction, predictions())
    asked = None if shape is None else parse_shape(shape)
    settled = settle_process(process, process_option) if process is not None else None
    if start is not None and settled is not None:
        check_start(start, settled)
    conditions = None if condition is None else parse_rows("--condition", condition)
    nothing = None if unconditional is None else parse_rows("--unconditional", unconditional)
    pictures = None if init is None else load_array("--init", init)

    sent = None if latents is None else load_map("--map", latents)
    if sent is not None and (start is None or pictures is not None):
        raise ValueError("--map needs --start, the time of its latents, and goes without --init")

    found = find_model(model)
    if settled is None:
        settled = settle_process(found.process, [*found.process_options, *process_option])
        if start is not None:
            check_start(start, settled)
    wanted = prediction or found.prediction or "epsilon"
    if found.prediction is not None and wanted != found.prediction:
        raise ValueError(f"--prediction must be {found.prediction} for --model {model}, got {wanted!r}")
    if found.classes is not None and framework != "jax":
        raise ValueError(f"--framework must be jax for --model {model}, got {framework!r}")
    if pictures is not None and start is None:
        raise ValueError("--init needs --start, the time up to which the pictures are noised")
    if (
        start is not None
        and pictures is None
        and sent is None
        and start < settled.t_max
        and settled.half_log_snr(start) > 0
    ):
        raise ValueError(f"--start {start:g} needs --init or --map: the state there holds more data than noise")
    settled_shape = asked or found.shape or (pictures.shape[1:] if pictures is not None else None)
    if not settled_shape:
        raise ValueError(f"--shape is needed for --model {model}, such as --shape 3,32,32")
    if found.shape is not None and settled_shape != found.shape:
        raise ValueError(f"--shape must be {_commas(found.shape)} for --model {model}, got {_commas(settled_shape)}")
    if pictures is not None and pictures.shape[1:] != settled_shape:
        raise ValueError(f"--init must hold pictures of shape {_commas(settled_shape)}, got {pictures.shape}")
    if sent is not None and sent.points.shape[1] != np.prod(settled_shape):
        raise ValueError(f"--map has latents of size {sent.points.shape[1]}, the shape is {_commas(settled_shape)}")
    if found.classes is not None:
        _check_labels("--condition", conditions, found.classes)
        _check_labels("--unconditional", nothing, found.classes)
    if guidance != 1.0:
        if conditions is None:
            raise ValueError("--guidance needs --condition, what to guide to")
        if nothing is None and found.unconditional is None:
            raise ValueError("--guidance needs --unconditional, the condition that stands for none")
        if nothing is None:
            nothing = np.full(1, found.unconditional, np.int32)
    return Task(
        found, settled, predictions()[wanted](), settled_shape, conditions, nothing, guidance, corrector, start,
        pictures, framework, sent,
    )  # fmt: skip


def load_map(option: str, path: Path) -> Any:
    """A map that `perturbax transport semidiscrete` wrote."""
    from perturbax.transport import BrenierMap

    check_file(option, path)
    return BrenierMap.load(path)


def settle_process(word: str | None, options: Sequence[str]) -> diffusion.AbstractProcess:
    """The process of the options, `vp-linear` by default."""
    return build_process(word or "vp-linear", parse_pairs("--process-option", options))


def check_start(start: float, process: diffusion.AbstractProcess) -> None:
    """Refuse a start outside the range of the process."""
    if not process.t_min < start <= process.t_max:
        raise ValueError(f"--start must lie in ({process.t_min:g}, {process.t_max:g}], got {start:g}")


def parse_shape(text: str) -> tuple[int, ...]:
    """`3,32,32` as a tuple."""
    return tuple(parse_integers("--shape", text, minimum=1))


def parse_rows(option: str, text: str) -> np.ndarray:
    """Conditions: an `.npy` file with one row per sample, or integers separated by commas."""
    if text.endswith(".npy"):
        rows = load_array(option, text)
        return rows.reshape(1) if rows.ndim == 0 else rows
    try:
        return np.array(parse_integers(option, text), np.int32)
    except (ValueError, OverflowError):
        raise ValueError(f"{option} must be an .npy file or integers separated by commas, got {text!r}") from None


def _check_labels(option: str, labels: np.ndarray | None, classes: int) -> None:
    if labels is None:
        return
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < -1 or labels.max() >= classes:
        raise ValueError(f"{option} must be labels 0 to {classes - 1}, or -1 for none, for this model")


def _commas(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))
