"""`perturbax diffusion`: sample, compare samplers, invert and edit, with an own model or a reference model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _aligning, _fitting, _inverting, _restoring, _searching, _stability
from . import _options as options
from ._options import check_writable, parse_integers, parse_pairs

_DEFAULT_METHOD = "dpm-solver-pp"

app = typer.Typer(no_args_is_help=True, help="Fast samplers for diffusion models.")


@app.command()
def sample(
    model: options.Model = None,
    process: options.Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    shape: options.Shape = None,
    framework: options.Framework = "jax",
    method: Annotated[
        str,
        typer.Option(
            help="dpm-solver-pp, ddim, ddpm, dpm-solver, euler, heun, plms, heavy-ball, heavy-ball-pp, nesterov, ghvb, "
            "bdia, belm, edict, unipc, adaptive or runge-kutta."
        ),
    ] = _DEFAULT_METHOD,
    nfe: Annotated[
        int | None,
        typer.Option(help="Network evaluations: 20, or an adaptive method's own budget.", show_default=False),
    ] = None,
    order: Annotated[float | None, typer.Option(help="Order of the solver; any number up to 5 for ghvb.")] = None,
    stepping: Annotated[str | None, typer.Option(help="multistep, singlestep or fixed.")] = None,
    grid: options.Grid = None,
    final: options.Final = None,
    solver_type: Annotated[str | None, typer.Option(help="midpoint or taylor.")] = None,
    stochastic: Annotated[
        float | None, typer.Option(help="Noise level of the reverse SDE, from 0 (none) to 1.")
    ] = None,
    method_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Any other parameter of the method, such as eta=0.5 or third=exact."),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="Steps of a .json file that `perturbax diffusion search` wrote.")
    ] = None,
    num_samples: Annotated[
        int | None, typer.Option(min=1, help="How many; one per condition or start picture by default.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples at a time.")] = 64,
    seed: options.Seed = 0,
    condition: options.Condition = None,
    unconditional: options.Unconditional = None,
    guidance: options.Guidance = 1.0,
    threshold: options.Threshold = "none",
    start: Annotated[float | None, typer.Option(help="Time to start from, for --init; the largest by default.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Image to image: an .npy file of pictures that are noised up to --start.")
    ] = None,
    latents: Annotated[
        Path | None,
        typer.Option("--map", help="Start from latents: a map of `perturbax transport semidiscrete`, with --start."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The .npz file to write.")] = Path("samples.npz"),
    png: Annotated[Path | None, typer.Option(help="Also write the samples as one picture.")] = None,
    resume: Annotated[
        bool | None, typer.Option("--resume/--restart", help="Go on with an interrupted run, or begin it again.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the plan of the sampler and stop; needs no model.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Draw samples and write them to an .npz file with `x`, the conditions, the evaluations spent, and the settings.

    A run that is interrupted keeps its finished batches in OUT.partial. Sample i depends on the seed and on i; with a
    method that chooses its steps, which a batch shares, also on --batch.
    """
    from perturbax.core import enable_compilation_cache
    from perturbax.diffusion import USF

    from ._choices import build_method
    from ._model import REFERENCES
    from ._sampling import draw, explain_plan
    from ._task import build_task, check_start, settle_process

    if schedule is not None:
        shaping = (nfe, order, stepping, grid, final, solver_type, stochastic, method_option)
        if any(value is not None for value in shaping) or method != _DEFAULT_METHOD:
            raise ValueError(
                "--schedule says all about the steps: leave out --method, --nfe and the options of methods"
            )
        sampler: Any = USF(_searching.load_schedule(schedule))
    else:
        sampler = build_method(
            method,
            nfe=nfe,
            order=order,
            stepping=stepping,
            grid=grid,
            final=final,
            solver_type=solver_type,
            stochastic=stochastic,
            settings=parse_pairs("--method-option", method_option or []),
        )
    if explain:
        default = "edm" if model in REFERENCES else None
        chosen = settle_process(process or default, process_option or [])
        if start is not None:
            check_start(start, chosen)
        explain_plan(sampler, chosen, start, method, as_json)
        return
    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    check_writable("--out", out)
    if png is not None:
        check_writable("--png", png)
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
        start=start,
        init=init,
        framework=framework,
        latents=latents,
    )
    if png is not None:
        from ._pictures import tile_shape

        tile_shape(task.shape)
    count = num_samples or task.natural_count
    draw(task, sampler, count, min(batch, count), seed, out, png, resume, as_json)


@app.command()
def compare(
    model: options.Model = None,
    methods: Annotated[
        str,
        typer.Option(help="Methods, separated by commas, with options as in dpm-solver-pp:order=3:stepping=fixed."),
    ] = "ddim,dpm-solver,dpm-solver-pp",
    nfe: Annotated[str, typer.Option(help="Numbers of network evaluations, separated by commas.")] = "5,10,20",
    process: options.Process = None,
    process_option: options.ProcessOption = None,
    prediction: options.Prediction = None,
    shape: options.Shape = None,
    framework: options.Framework = "jax",
    grid: options.Grid = None,
    final: options.Final = None,
    num_samples: Annotated[int, typer.Option(min=1, help="How many.")] = 64,
    seed: options.Seed = 0,
    condition: options.Condition = None,
    unconditional: options.Unconditional = None,
    guidance: options.Guidance = 1.0,
    threshold: options.Threshold = "none",
    reference_nfe: Annotated[int, typer.Option(min=30, help="Evaluations of the reference solution.")] = 600,
    out: Annotated[Path | None, typer.Option(help="Write a strip of pictures, a row per method.")] = None,
    as_json: options.Json = False,
) -> None:
    """Compare samplers from the same starts with a fine solution: the median over the samples of the RMS difference."""
    from perturbax.core import enable_compilation_cache

    from ._comparing import comparable, compare_methods
    from ._task import build_task

    if model is None:
        raise ValueError("--model is needed: module:callable, digits, digits-mixture or mnist")
    budgets = parse_integers("--nfe", nfe, minimum=1)
    samplers = [[comparable(text, budget, grid, final) for budget in budgets] for text in methods.split(",")]
    reference = comparable(
        "dpm-solver-pp:order=3:stepping=fixed:solver_type=taylor:grid=logsnr", reference_nfe, None, final
    )
    if out is not None:
        check_writable("--out", out)
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
    if out is not None:
        from ._pictures import tile_shape

        tile_shape(task.shape)
    compare_methods(task, methods.split(","), samplers, budgets, reference, num_samples, seed, out, as_json)


app.command()(_fitting.fit)
app.command()(_aligning.align)
app.command()(_inverting.invert)
app.command()(_inverting.edit)
app.command()(_restoring.restore)
app.command()(_searching.search)
app.command()(_stability.stability)
