"""`perturbax diffusion invert` and `edit`: from data to its latent, and to data of another condition."""

import dataclasses
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_writable, choose, parse_pairs

if TYPE_CHECKING:
    from perturbax import diffusion

    from ._task import Task

_Method = Annotated[str, typer.Option(help="bdia, belm, edict, ddim or fixed-point-ddim.")]
_MethodOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the method, such as gamma=0.96.")
]
_Evaluations = Annotated[int, typer.Option(min=1, help="Network evaluations for all steps in one direction.")]
_Pictures = Annotated[Path, typer.Option("--in", help="An .npy file of data, shape (n, *shape).")]
_Process = Annotated[str | None, typer.Option(help="As for sample; vp-linear by default, for all models.")]
_Batch = Annotated[int, typer.Option(min=1, help="Samples at a time.")]


def invert(
    pictures: _Pictures,
    model: options.Model = None,
    out: Annotated[Path, typer.Option(help="The .npz file to write.")] = Path("latent.npz"),
    method: _Method = "bdia",
    method_option: _MethodOption = None,
    nfe: _Evaluations = 40,
    grid: options.Grid = None,
    condition: options.Condition = None,
    process: _Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    framework: options.Framework = "jax",
    batch: _Batch = 64,
    as_json: options.Json = False,
) -> None:
    """Find the latents that a sampler makes given data from, and tell how well they give the data back.

    The .npz file holds `state_0` (and `state_1` for methods whose latent is a pair) and the `times` of the steps.
    """
    import numpy as np

    from perturbax import diffusion
    from perturbax.core import enable_compilation_cache, progress, write_atomic

    from ._choices import describe

    check_writable("--out", out)
    sampler = _invertible(method, nfe, grid, method_option or [])
    x_0 = _load_pictures(pictures)
    enable_compilation_cache()
    task = _task(model, x_0, condition, None, 1.0, process, process_option, prediction, framework)
    states: list[list[Any]] = []
    errors: list[Any] = []
    with progress(len(x_0), "inverting") as bar, task.scope():
        for first in range(0, len(x_0), batch):
            rows = x_0[first : first + batch]
            problem, data = task.problem(first, len(rows)), task.arrays(rows)
            inversion = diffusion.invert(problem, sampler, data)
            back = diffusion.sample_latent(problem, sampler, inversion.latent).x
            states.append([np.asarray(state) for state in inversion.latent.states])
            errors.append(np.abs(np.asarray(back) - rows).reshape(len(rows), -1).max(axis=1))
            bar.advance(len(rows))
    arrays = {f"state_{i}": np.concatenate(parts) for i, parts in enumerate(zip(*states, strict=True))}
    buffer = io.BytesIO()
    np.savez(
        buffer, allow_pickle=False, **arrays, times=np.array(inversion.latent.times), method=np.array(describe(sampler))
    )
    write_atomic(out, buffer.getvalue())
    _tell(
        out,
        {
            "evaluations": int(inversion.stats["evaluations"]),
            "amplification": float(inversion.amplification),
            "round_trip_error": float(np.concatenate(errors).max()),
        },
        len(x_0),
        as_json,
    )


def edit(
    pictures: _Pictures,
    source: Annotated[str, typer.Option(help="What the data is: a condition, as for sample.")],
    target: Annotated[str, typer.Option(help="What it is to become.")],
    model: options.Model = None,
    out: Annotated[Path, typer.Option(help="The .npy file to write.")] = Path("edited.npy"),
    method: _Method = "bdia",
    method_option: _MethodOption = None,
    nfe: _Evaluations = 40,
    grid: options.Grid = None,
    strength: Annotated[float, typer.Option(help="Share of the steps that are undone, in (0, 1].")] = 0.8,
    guidance: Annotated[float, typer.Option(help="Scale of guidance to the target; 1 is none.")] = 3.0,
    unconditional: options.Unconditional = None,
    process: _Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    framework: options.Framework = "jax",
    batch: _Batch = 64,
    png: Annotated[Path | None, typer.Option(help="Also write a picture, the data above what became of it.")] = None,
    as_json: options.Json = False,
) -> None:
    """Edit data: undo its sampling under the source condition, and sample it again under the target condition."""
    import numpy as np

    from perturbax import diffusion
    from perturbax.core import enable_compilation_cache, progress, write_atomic

    from ._pictures import encode_png, sheet, tile_shape

    for option, path in (("--out", out), ("--png", png)):
        if path is not None:
            check_writable(option, path)
    sampler = _invertible(method, nfe, grid, method_option or [])
    x_0 = _load_pictures(pictures)
    enable_compilation_cache()
    settings = (process, process_option, prediction, framework)
    before = _task(model, x_0, source, None, 1.0, *settings)
    after = _task(model, x_0, target, unconditional, guidance, *settings)
    # One process and one network in both: what differs is what is asked for.
    before = dataclasses.replace(before, model=after.model, process=after.process)
    if png is not None:
        tile_shape(after.shape)
    edited: list[Any] = []
    with progress(len(x_0), "editing") as bar, after.scope():
        for first in range(0, len(x_0), batch):
            rows = x_0[first : first + batch]
            old, new = (task.problem(first, len(rows)) for task in (before, after))
            samples = diffusion.edit(old, new, sampler, after.arrays(rows), strength=strength)
            edited.append(np.asarray(samples.x))
            bar.advance(len(rows))
    x = np.concatenate(edited)
    buffer = io.BytesIO()
    np.save(buffer, x)
    write_atomic(out, buffer.getvalue())
    if png is not None:
        write_atomic(png, encode_png(sheet(np.concatenate([x_0, x]), columns=len(x_0))))
    change = float(np.median(np.sqrt(np.mean((x - x_0).reshape(len(x), -1) ** 2, axis=1))))
    _tell(out, {"evaluations": int(samples.stats["evaluations"]), "rms_change": change}, len(x), as_json)


def _invertible(word: str, nfe: int, grid: str | None, settings: list[str]) -> "diffusion.AbstractInvertible":
    from perturbax import diffusion

    from ._choices import build_method, methods

    words = [name for name, cls in methods().items() if issubclass(cls, diffusion.AbstractInvertible)]
    name = choose("--method", word, words)
    sampler = build_method(name, nfe=nfe, grid=grid, final="eps", settings=parse_pairs("--method-option", settings))
    assert isinstance(sampler, diffusion.AbstractInvertible)
    return sampler


def _load_pictures(path: Path) -> Any:
    import numpy as np

    from ._arrays import load_array

    pictures = load_array("--in", path)
    if pictures.ndim < 2:
        raise ValueError(f"--in: {path} must hold data of shape (n, *shape), got {pictures.shape}")
    return pictures.astype(np.float32)


def _task(
    model: str | None,
    x_0: Any,
    condition: str | None,
    unconditional: str | None,
    guidance: float,
    process: str | None,
    process_option: list[str] | None,
    prediction: str | None,
    framework: str,
) -> "Task":
    from ._model import REFERENCES
    from ._task import build_task

    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    task = build_task(
        model=model,
        # Also for reference models: what a step misses stays as large as it was where it was missed, which on a process
        # of exploding variance is as large as the noise there.
        process=process or "vp-linear",
        process_option=process_option or [],
        prediction=prediction,
        shape=None if model in REFERENCES else ",".join(map(str, x_0.shape[1:])),
        condition=condition,
        unconditional=unconditional,
        guidance=guidance,
        threshold="none",
        start=None,
        init=None,
        framework=framework,
    )
    if x_0.shape[1:] != task.shape:
        raise ValueError(f"--in must hold data of shape (n, *{task.shape}) for --model {model}, got {x_0.shape}")
    return task


def _tell(out: Path, facts: dict[str, Any], count: int, as_json: bool) -> None:
    from ._console import note, print_json

    if as_json:
        print_json({"out": str(out), "count": count, **facts})
        return
    note(f"{count} samples; " + ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in facts.items()))
    print(out)
