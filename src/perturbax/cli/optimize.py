"""`perturbax optimize`: parameters that are learned from files of a user, and the minima that they were learned to."""

import typer

from . import _sharpness, _tumour, _tuning

app = typer.Typer(
    no_args_is_help=True,
    help="Relaxation parameters learned along matrices, the sharpness of trained models, and tumours from a database.",
)

app.command("tune")(_tuning.tune)
app.command("sharpness")(_sharpness.sharpness)
app.command("tumour-build")(_tumour.tumour_build)
app.command("tumour-query")(_tumour.tumour_query)
