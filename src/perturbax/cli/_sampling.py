"""`perturbax diffusion sample`: the plan in print, and the run in batches that can be interrupted."""

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from perturbax import diffusion
from perturbax.core import progress, write_atomic

from ._batches import Batches
from ._choices import describe
from ._console import note, print_json
from ._pictures import encode_png, sheet
from ._task import Task


def explain_plan(sampler: Any, process: Any, start: float | None, name: str, as_json: bool) -> None:
    """Print the plan of a sampler, as a table or as JSON."""
    if not isinstance(sampler, diffusion.AbstractPlanned):
        raise ValueError(
            f"--explain needs a method with a fixed plan, and --method {name} chooses its steps as it goes"
        )
    plan = diffusion.plan(sampler, process, start)
    if not as_json:
        print(f"{describe(sampler)}\n{describe(process)}\n\n{plan.explain()}")
        return
    with np.errstate(divide="ignore"):
        half_log_snr = np.log(plan.alphas) - np.log(plan.sigmas)
    stages = [
        {
            "time": float(plan.times[k]),
            "model_time": float(plan.model_times[k]),
            "half_log_snr": float(half_log_snr[k]),
            "order": int(plan.orders[k]),
            "output": "data" if plan.predicts_data[k] else "noise",
            "state": _terms(plan.mix[k]),
            "noise": float(plan.draw[k]),
            "keep": _kept(plan, k),
        }
        for k in range(plan.evaluations)
    ]
    ends = [
        {"state": _terms(plan.mix[k]), "noise": float(plan.draw[k])}
        for k in range(plan.evaluations, plan.evaluations + plan.results)
    ]
    print_json({"method": describe(sampler), "process": describe(process), "stages": stages, "ends": ends})


def _terms(row: np.ndarray) -> dict[str, float]:
    """A combination of registers by their names."""
    return {f"r{r}": float(c) for r, c in enumerate(row) if c != 0}


def _kept(plan: diffusion.Plan, k: int) -> dict[str, Any]:
    """What a stage writes to the registers: its state, output or noise prediction, or a combination of registers."""
    written: list[tuple[int, Any]] = [(plan.state_slot[k], "state"), (plan.output_slot[k], "output")]
    written += [(slot, "noise") for slot in plan.noise_slot[k]]
    written += [(slot, _terms(mix)) for slot, mix in zip(plan.kept_slot[k], plan.kept_mix[k], strict=True)]
    return {f"r{int(slot)}": what for slot, what in written if slot < plan.registers}


def draw(
    task: Task,
    sampler: diffusion.AbstractSampler,
    count: int,
    size: int,
    seed: int,
    out: Path,
    png: Path | None,
    resume: bool | None,
    as_json: bool,
) -> None:
    """Sample in batches, write `out` and `png`, and tell how it went. An interruption keeps the finished batches."""
    settings = _settings(task, sampler, count, size, seed)
    batches = Batches(out, settings, resume)
    first_of = range(0, count, size)
    done = batches.finished() & set(range(len(first_of)))
    key = jax.random.key(seed)
    began = time.perf_counter()
    try:
        with progress(count, "sampling") as bar, task.scope():
            for index, first in enumerate(first_of):
                here = min(size, count - first)
                if index not in done:
                    samples = diffusion.sample(
                        task.problem(first, here),
                        sampler,
                        key=jax.random.fold_in(key, 1),
                        offset=first,
                        x_T=task.starts(jax.random.fold_in(key, 0), first, here),
                    )
                    spent = int(samples.stats["evaluations"])
                    batches.keep(index, x=np.asarray(samples.x), evaluations=np.array([spent]))
                bar.advance(here)
    except KeyboardInterrupt:
        note(f"stopped: {len(batches.finished())} of {len(first_of)} batches are in {batches.folder}; see --resume")
        raise
    arrays = batches.join(len(first_of))
    if task.condition is not None:
        arrays["condition"] = task.condition[np.arange(count) % len(task.condition)]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays, settings=np.array(json.dumps(settings)))
    write_atomic(out, buffer.getvalue())
    if png is not None:
        write_atomic(png, encode_png(sheet(arrays["x"])))
    batches.remove()
    _report(task, sampler, arrays, out, png, len(done), time.perf_counter() - began, as_json)


def _settings(task: Task, sampler: Any, count: int, size: int, seed: int) -> dict[str, Any]:
    """All that the samples depend on, for the record and for `--resume`."""

    def digest(array: Any) -> str | None:
        return None if array is None else hashlib.sha256(array.tobytes()).hexdigest()[:16]

    return {
        "model": task.model.identity,
        "process": describe(task.process),
        "process_table": digest(getattr(task.process, "alphas_cumprod", None)),
        "prediction": describe(task.prediction),
        "method": describe(sampler),
        "shape": list(task.shape),
        "condition": digest(task.condition),
        "unconditional": digest(task.unconditional),
        "guidance": task.guidance,
        "threshold": None if task.corrector is None else describe(task.corrector),
        "start": task.start,
        "init": digest(task.init),
        "map": None if task.latents is None else digest(task.latents.heights),
        "framework": task.framework,
        "num_samples": count,
        "batch": size,
        "seed": seed,
    }


def _report(
    task: Task, sampler: Any, arrays: Any, out: Path, png: Path | None, kept: int, seconds: float, as_json: bool
) -> None:
    x, evaluations = arrays["x"], arrays["evaluations"]
    if as_json:
        print_json(
            {
                "out": str(out),
                "png": None if png is None else str(png),
                "shape": list(x.shape),
                "method": describe(sampler),
                "process": describe(task.process),
                "evaluations": evaluations.tolist(),
                "batches_kept": kept,
                "seconds": round(seconds, 3),
                "mean": float(x.mean()),
                "std": float(x.std()),
            }
        )
        return
    low, high = int(evaluations.min()), int(evaluations.max())
    spent = f"{low}" if low == high else f"{low} to {high}"
    note(f"{len(x)} samples of shape {task.shape}, {spent} evaluations each, {seconds:.1f} s")
    print(out)
    if png is not None:
        print(png)
