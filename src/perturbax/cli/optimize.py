"""`perturbax optimize`: parameters learned from files of a user, the minima that they are in, and their integers."""

import typer

from . import _quantizing, _sharpness, _tumour, _tuning

app = typer.Typer(
    no_args_is_help=True,
    help="Relaxation parameters that are learned along a sequence of matrices, the sharpness of trained models, models "
    "in integers, and tumours from a database.",
)

app.command("tune")(_tuning.tune)
app.command("quantize")(_quantizing.quantize)
app.command("sharpness")(_sharpness.sharpness)
app.command("tumour-build")(_tumour.tumour_build)
app.command("tumour-query")(_tumour.tumour_query)
