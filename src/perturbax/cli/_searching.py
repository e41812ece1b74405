"""`perturbax diffusion search`: a solver schedule for a model, written as JSON for `sample --schedule`."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import _options as options
from ._options import check_file, check_writable, choose

if TYPE_CHECKING:
    from perturbax.diffusion import AbstractSearch, SolverSchedule

_METHODS = ("s3", "evolution", "random", "gradient")
_SCORES = ("trajectory", "frechet")


def search(
    model: options.Model = None,
    nfe: Annotated[int, typer.Option(min=1, help="Network evaluations of the schedule.")] = 5,
    budget: Annotated[
        int, typer.Option(min=1, help="Candidates that may be scored, some 60 known solvers included.")
    ] = 300,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Stop proposing after so long.")] = None,
    method: Annotated[str, typer.Option(help="s3, evolution, random or gradient.")] = "s3",
    score: Annotated[
        str,
        typer.Option(
            help="trajectory (distance to the fine solution), frechet (distance to --data), or module:function of the "
            "samples, smaller being better."
        ),
    ] = "trajectory",
    data: Annotated[Path | None, typer.Option(help="frechet: an .npy file of real samples, (n, *shape).")] = None,
    features: Annotated[
        str | None,
        typer.Option(help="frechet: module:function from samples to rows; the values by default."),
    ] = None,
    num_samples: Annotated[int, typer.Option(min=2, help="Starts that every candidate is scored on.")] = 96,
    validation: Annotated[int, typer.Option(min=2, help="Other starts, that the best ten are compared on.")] = 96,
    test: Annotated[int, typer.Option(min=2, help="Other starts, that the result is measured on.")] = 256,
    final: Annotated[str, typer.Option(help="End with a step to noise zero, or at the smallest time.")] = "eps",
    process: options.Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    shape: options.Shape = None,
    framework: options.Framework = "jax",
    condition: options.Condition = None,
    unconditional: options.Unconditional = None,
    guidance: options.Guidance = 1.0,
    threshold: options.Threshold = "none",
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option(help="The .json file to write.")] = Path("schedule.json"),
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on with an interrupted search, or begin again.")
    ] = True,
    as_json: options.Json = False,
) -> None:
    """Find the solver schedule that samples best with --nfe evaluations, for a model as it is.

    An interrupted search keeps its state next to OUT, and the same line goes on from it. Models of other frameworks are
    run one candidate after the other, which is slower. Use the result with `perturbax diffusion sample --schedule
    schedule.json`.
    """
    import jax

    from perturbax import diffusion
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json
    from ._task import build_task

    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    check_writable("--out", out)
    searcher = _method(choose("--method", method, _METHODS), nfe, budget, choose("--final", final, ("zero", "eps")))
    enable_compilation_cache()
    task = build_task(
        model=model,
        process=process,
        process_option=process_option or [],
        prediction=prediction,
        shape=shape,
        condition=condition,
        unconditional=unconditional,
        guidance=guidance,
        threshold=threshold,
        start=None,
        init=None,
        framework=framework,
    )
    settled = _score(score, data, features, task.shape)
    total = num_samples + validation + test
    x_T = task.starts(jax.random.fold_in(jax.random.key(seed), 0), 0, total)
    # The model and the score are functions, which the state of a search cannot tell apart; its name can.
    told = (task.model.identity, score, features, data and hashlib.sha256(data.read_bytes()).hexdigest())
    partial = out.with_name(f"{out.name}.{hashlib.sha256(repr(told).encode()).hexdigest()[:8]}.partial")
    with task.scope():
        found = diffusion.search(
            task.problem(0, total),
            searcher,
            key=jax.random.key(seed),
            score=settled,
            samples=num_samples,
            validation=validation,
            test=test,
            x_T=x_T,
            seconds=seconds,
            checkpoint=partial,
            resume=resume,
        )
    found.schedule.to_json(out)
    partial.unlink(missing_ok=True)
    summary: dict[str, Any] = {
        "out": str(out),
        "test_score": found.test_score,
        "validation_score": found.validation_score,
        "known": found.preset,
        "known_test_score": found.preset_test_score,
        "evaluations": found.stats["evaluations"],
        "seconds": round(found.stats["seconds"], 3),
        "predictor_rank_correlation": found.predictor_rank_correlation,
    }
    if as_json:
        print_json(summary)
        return
    note(
        f"{summary['evaluations']} candidates in {summary['seconds']:.0f} s; score on new noise "
        f"{found.test_score:.4g}, of the best known solver ({found.preset}) {found.preset_test_score:.4g}"
    )
    print(out)


def load_schedule(path: Path) -> "SolverSchedule":
    """The schedule of `--schedule`."""
    from perturbax import diffusion

    check_file("--schedule", path)
    try:
        return diffusion.SolverSchedule.from_json(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"--schedule: {error}") from None


def _method(word: str, nfe: int, budget: int, final: str) -> "AbstractSearch":
    from perturbax import diffusion

    if final == "zero" and nfe < 2:
        raise ValueError("--nfe must be at least 2 for --final zero")
    classes: dict[str, Any] = {
        "s3": diffusion.S3,
        "evolution": diffusion.Evolution,
        "random": diffusion.RandomSearch,
        "gradient": diffusion.GradientTimes,
    }
    return classes[word](steps=nfe, budget=budget, final=final)


def _score(word: str, data: Path | None, features: str | None, shape: tuple[int, ...]) -> Any:
    from perturbax import diffusion

    from ._arrays import load_array
    from ._callable import find_callable

    if ":" in word:
        return find_callable("--score", word, "score(samples)")
    if choose("--score", word, _SCORES) == "trajectory":
        for option, value in (("--data", data), ("--features", features)):
            if value is not None:
                raise ValueError(f"{option} has no meaning for --score trajectory")
        return diffusion.TrajectoryError()
    if data is None:
        raise ValueError("--score frechet needs --data, an .npy file of real samples")
    real = load_array("--data", data).astype("float32")
    if real.shape[1:] != shape:
        raise ValueError(f"--data must hold samples of shape {shape}, got {real.shape}")
    if features is None:
        return diffusion.Frechet(lambda x: x.reshape(x.shape[0], -1), real)
    return diffusion.Frechet(find_callable("--features", features, "features(samples)"), real)
