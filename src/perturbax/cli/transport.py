"""`perturbax transport`: maps and processes between samples of a user."""

import typer

from . import _semidiscrete

app = typer.Typer(no_args_is_help=True, help="Optimal-transport maps and bridges between samples.")


@app.callback()
def _group() -> None:
    """Keeps the names of the commands when there is one only."""


app.command("semidiscrete")(_semidiscrete.semidiscrete)
