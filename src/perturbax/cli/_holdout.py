"""`perturbax stats holdout`: questions to a holdout set of a user that stay valid when they are asked again."""

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from . import _options as options
from ._tables import read_table

app = typer.Typer(no_args_is_help=True, help="A reusable holdout with a ledger that survives.")

Ledger = Annotated[Path, typer.Option(help="The ledger, a file of JSON lines; the first query starts it.")]


@app.command()
def query(
    ledger: Ledger,
    train: Annotated[Path, typer.Option(help="A .csv file with a header: the rows that were worked on.")],
    holdout: Annotated[Path, typer.Option(help="A .csv file with the same columns: the rows that were kept apart.")],
    expr: Annotated[
        str,
        typer.Option(help='What is asked, such as "mean(y == pred)" or "mean(clip(abs(y - f), 0, 1))".'),
    ],
    threshold: Annotated[
        float | None, typer.Option(min=0.0, help="New ledger: how far the two sets may be apart; 4 / sqrt(n).")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(min=0.0, help="New ledger: deviation of the noise; 1 / sqrt(n).")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=1, help="New ledger: how often the two sets may disagree; n.")
    ] = None,
    low: Annotated[float | None, typer.Option(help="New ledger: smallest value of what is averaged; 0.")] = None,
    high: Annotated[float | None, typer.Option(help="New ledger: largest value of what is averaged; 1.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**32 - 1, help="New ledger: seed of the noise; of the system by default."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Ask for a mean over the holdout and get an answer that is valid however the question was found.

    While the two sets agree the answer is that of the training rows and costs nothing. This protects the validity of
    answers, not secrets: who reads the ledger or the holdout is not stopped.
    """
    from perturbax import stats
    from perturbax.core import enable_compilation_cache

    from ._console import note, print_json

    asked = stats.parse_query(expr)
    rows, kept = read_table(train), read_table(holdout)
    enable_compilation_cache()
    settings = {"--threshold": threshold, "--scale": scale, "--budget": budget}
    settings |= {"--low": low, "--high": high, "--seed": seed}
    if ledger.exists() or ledger.with_name(f"{ledger.name}.anchor").exists():
        given = [name for name, value in settings.items() if value is not None]
        if given:
            raise ValueError(f"{', '.join(given)} cannot be given: {ledger} was started before and is never reset")
        reusable = stats.Holdout.open(ledger, rows, kept)
    else:
        reusable = _started(ledger, rows, kept, settings)
        note(f"started the ledger {ledger}")
    answer = reusable.query(asked, name=expr)
    last = reusable.log[-1]
    if as_json:
        print_json({"expr": expr, "answer": answer, "used_holdout": last["used_holdout"], "left": reusable.left})
    else:
        source = "the holdout, with noise" if last["used_holdout"] else "the training rows, which the holdout confirms"
        print(f"{expr} = {answer:.4g}   from {source}; {reusable.left} disagreements left")


@app.command()
def status(
    ledger: Ledger,
    beta: Annotated[float, typer.Option(help="Probability with which the guarantee may fail.")] = 0.05,
    as_json: options.Json = False,
) -> None:
    """Show what was asked, how much of the budget is left, and what the answers are worth."""
    from perturbax.stats import status_of_ledger

    from ._console import print_json, print_table

    found = status_of_ledger(ledger, beta=beta)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{found['method']} on {found['records']} records",
        {"query": "right", "asked": "fold", "answer": "right", "from the holdout": "left"},
        [
            (
                str(e["query"]),
                str(e["name"] or ""),
                "refused" if e["answer"] is None else f"{e['answer']:.4g}",
                "yes" if e["used_holdout"] else "",
            )
            for e in found["log"]
        ],
    )
    print(found["certificate"])


def _started(ledger: Path, rows: Any, kept: Any, settings: dict[str, Any]) -> Any:
    import jax

    from perturbax import stats

    usual = stats.Thresholdout.practice(len(kept), settings["--budget"])
    method = stats.Thresholdout(
        usual.threshold if settings["--threshold"] is None else settings["--threshold"],
        usual.scale if settings["--scale"] is None else settings["--scale"],
        usual.budget,
        usual.noise,
        usual.drift,
        usual.check,
    )
    low, high = settings["--low"], settings["--high"]
    seed = secrets.randbits(32) if settings["--seed"] is None else settings["--seed"]
    bounds = (0.0 if low is None else low, 1.0 if high is None else high)
    return stats.Holdout(rows, kept, method, key=jax.random.key(seed), ledger=ledger, bounds=bounds)
