"""`perturbax verify`: a network and a safety property from files, a verdict; or a folder of both, a table. `perturbax
verify certify`: certificates of images."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from . import _options as options
from ._certifying import certify


class _ProvesByDefault(TyperGroup):
    """`perturbax verify NETWORK PROPERTY` is `perturbax verify prove NETWORK PROPERTY`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["prove", *args])


app = typer.Typer(cls=_ProvesByDefault)
app.command()(certify)

# Those of solvers of satisfiability, which is what a property asks for.
_EXIT_CODES = {"falsified": 10, "verified": 20, "unknown": 0}

# Up to so many inputs `auto` splits them.
_FEW_INPUTS = 10

_SECONDS = 60.0


@app.command()
def prove(
    network: Annotated[
        Path, typer.Argument(help="An .onnx file with one input and one output, or a folder with an instances.csv.")
    ],
    prop: Annotated[
        Path | None,
        typer.Argument(metavar="PROPERTY", help="A .vnnlib or .vnnlib.gz file: what a counterexample is."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds, compilation included: 60, or what instances.csv says.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write sat and the counterexample, unsat, timeout or unknown; for a folder the table of results, to "
            "which a later run adds what is missing (results.csv).",
            show_default=False,
        ),
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

    Exit codes: 10 a counterexample was found (sat), 20 there is none (unsat), 0 unknown, or a folder was done.
    """
    from perturbax.core import enable_compilation_cache

    method = options.choose("--method", method, ("auto", "inputs", "activations"))
    out = Path("results.csv") if out is None and network.is_dir() else out
    for option, path in (("--out", out), ("--checkpoint", checkpoint)):
        if path is not None:
            options.check_writable(option, path)
    enable_compilation_cache()

    def decide(network: Path, prop: Path, seconds: float) -> tuple[Any, str, str]:
        return _decide(network, prop, method, seconds, memory, batch, seed, checkpoint)

    if network.is_dir():
        if prop is not None or checkpoint is not None:
            raise ValueError("PROPERTY and --checkpoint must not be given with a folder")
        assert out is not None
        _folder(network, out, decide, timeout, as_json)
        return
    if prop is None:
        raise ValueError("PROPERTY must be given: a .vnnlib file")
    options.check_file("NETWORK", network)
    options.check_file("PROPERTY", prop)
    verdict, result, word = decide(network, prop, _SECONDS if timeout is None else timeout)
    _tell(verdict, result, word, out, as_json)
    raise typer.Exit(_EXIT_CODES[verdict.status])


def _decide(
    network: Path,
    prop: Path,
    method: str,
    seconds: float,
    memory: float,
    batch: int | None,
    seed: int,
    checkpoint: Path | None,
) -> tuple[Any, str, str]:
    """The verdict, the competition's word for it, and what was split."""
    import jax

    from perturbax import verify

    from ._console import note

    problem = verify.read_verification(network, prop)
    if problem.original is None:
        note("onnxruntime is not installed: a counterexample is checked on our reading of the network only")
    few = problem.property.inputs <= _FEW_INPUTS
    word = ("inputs" if few else "activations") if method == "auto" else method
    kind: Any = verify.InputSplitting if word == "inputs" else verify.ActivationSplitting
    settings = {} if batch is None else {"batch_size": batch}
    splitting = kind(seconds=seconds, memory=memory, **settings)
    verdict = verify.verify(problem, splitting, key=jax.random.key(seed), checkpoint=checkpoint)
    result = {"falsified": "sat", "verified": "unsat", "unknown": "unknown"}[verdict.status]
    return verdict, "timeout" if verdict.reason.startswith("the time limit") else result, word


def _tell(verdict: Any, result: str, word: str, out: Path | None, as_json: bool) -> None:
    from perturbax.interop import write_vnnlib_result

    from ._console import note, print_json

    if out is not None:
        write_vnnlib_result(out, result, verdict.counterexample, verdict.output)
    stats = verdict.stats
    if as_json:
        witness = None if verdict.counterexample is None else verdict.counterexample.ravel().tolist()
        output = None if verdict.output is None else verdict.output.ravel().tolist()
        told = {"status": verdict.status, "result": result, "reason": verdict.reason, "method": word}
        print_json({**told, "counterexample": witness, "output": output, **stats})
        return
    proved = f"{100 * stats['proved']:.3g} % proved"
    note(f"{stats['evaluations']} subdomains bounded, {proved}, {stats['seconds']:.1f} s")
    print(f"{verdict.status}{': ' + verdict.reason if verdict.reason else ''}")


def _folder(folder: Path, out: Path, decide: Any, timeout: float | None, as_json: bool) -> None:
    from collections import Counter

    from ._console import print_json, print_table
    from ._instances import run_instances

    def one(network: Path, prop: Path, seconds: float) -> tuple[str, float, str]:
        verdict, result, _ = decide(network, prop, seconds if timeout is None else timeout)
        return result, verdict.stats["seconds"], verdict.reason

    rows = run_instances(folder, out, one)
    counts = Counter(row["result"] for row in rows)
    if as_json:
        print_json({"out": str(out), "instances": len(rows), "results": dict(counts)})
        return
    cells = [(result, str(count)) for result, count in sorted(counts.items())]
    print_table(f"{len(rows)} instances of {folder}", {"result": "left", "instances": "right"}, cells)
    print(out)
