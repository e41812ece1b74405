"""`perturbax verify`: a network and a safety property from files, a verdict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options

app = typer.Typer()

# Those of solvers of satisfiability, which is what a property asks for.
_EXIT_CODES = {"falsified": 10, "verified": 20, "unknown": 0}

# Up to so many inputs `auto` splits them.
_FEW_INPUTS = 10


@app.command()
def verify(
    network: Annotated[Path, typer.Argument(help="An .onnx file with one input and one output.")],
    prop: Annotated[
        Path,
        typer.Argument(metavar="PROPERTY", help="A .vnnlib or .vnnlib.gz file: what a counterexample is."),
    ],
    timeout: Annotated[float, typer.Option(help="Seconds, compilation included.")] = 60.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write sat and the counterexample, unsat, timeout or unknown.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="What is split: inputs, activations, or auto for inputs when there are at most 10.")
    ] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="Subdomains that are bounded at once.")] = None,
    memory: Annotated[float, typer.Option(help="MiB of subdomains that may wait.")] = 1024.0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Keep an unfinished search in this file, and go on from it when it is there.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Prove a safety property of a neural network, or find a counterexample.

    Exit codes: 10 a counterexample was found (sat), 20 there is none (unsat), 0 unknown.
    """
    import jax

    from perturbax import verify
    from perturbax.core import check_choice, enable_compilation_cache
    from perturbax.interop import write_vnnlib_result

    from ._console import note, print_json

    for option, path in (("--out", out), ("--checkpoint", checkpoint)):
        if path is not None:
            options.check_writable(option, path)
    for name, path in (("NETWORK", network), ("PROPERTY", prop)):
        if not path.is_file():
            raise ValueError(f"{name}: there is no file {path}")
    kinds: dict[str, Any] = {"inputs": verify.InputSplitting, "activations": verify.ActivationSplitting}
    word = check_choice("--method", method, ("auto", *kinds))
    problem = verify.read_verification(network, prop)
    if word == "auto":
        word = "inputs" if problem.property.inputs <= _FEW_INPUTS else "activations"
    settings = {} if batch is None else {"batch_size": batch}
    enable_compilation_cache()
    if problem.original is None:
        note("onnxruntime is not installed: a counterexample is checked on our reading of the network only")
    splitting = kinds[word](seconds=timeout, memory=memory, **settings)
    verdict = verify.verify(problem, splitting, key=jax.random.key(seed), checkpoint=checkpoint)
    result = {"falsified": "sat", "verified": "unsat", "unknown": "unknown"}[verdict.status]
    if verdict.reason.startswith("the time limit"):
        result = "timeout"
    if out is not None:
        write_vnnlib_result(out, result, verdict.counterexample, verdict.output)
    if as_json:
        witness = None if verdict.counterexample is None else verdict.counterexample.ravel().tolist()
        output = None if verdict.output is None else verdict.output.ravel().tolist()
        told = {"status": verdict.status, "result": result, "reason": verdict.reason, "method": word}
        print_json({**told, "counterexample": witness, "output": output, **verdict.stats})
    else:
        stats = verdict.stats
        note(
            f"{stats['evaluations']} subdomains bounded, {100 * stats['proved']:.3g} % proved, {stats['seconds']:.1f} s"
        )
        print(f"{verdict.status}{': ' + verdict.reason if verdict.reason else ''}")
    raise typer.Exit(_EXIT_CODES[verdict.status])
