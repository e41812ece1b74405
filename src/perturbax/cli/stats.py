"""`perturbax stats`: questions about data of a user."""

import typer

from . import _excursions, _fit_distribution, _holdout, _robust_subset

app = typer.Typer(no_args_is_help=True, help="Excursions, reusable holdouts, robust subsets and distributions.")


@app.callback()
def _group() -> None:
    """Keeps the names of the commands when there is one only."""


app.add_typer(_holdout.app, name="holdout")
app.command("excursions")(_excursions.excursions)
app.command("fit-distribution")(_fit_distribution.fit_distribution)
app.command("robust-subset")(_robust_subset.robust_subset)
