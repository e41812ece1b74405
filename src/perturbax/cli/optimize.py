"""`perturbax optimize`: parameters that are learned from files of a user, and the minima that they were learned to."""

import typer

from . import _sharpness, _tuning

app = typer.Typer(
    no_args_is_help=True,
    help="Relaxation parameters that are learned along a sequence of matrices, and the sharpness of trained models.",
)

app.command("tune")(_tuning.tune)
app.command("sharpness")(_sharpness.sharpness)
