"""`perturbax optimize`: parameters that are learned from files of a user."""

import typer

from . import _tuning

app = typer.Typer(no_args_is_help=True, help="Relaxation parameters that are learned along a sequence of matrices.")


@app.callback()
def _group() -> None:
    """Keeps the names of the commands when there is one only."""


app.command("tune")(_tuning.tune)
