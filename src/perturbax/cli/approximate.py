"""`perturbax approximate`: functions of a user, from tables or by name."""

import typer

from . import _discovering, _random_net

app = typer.Typer(no_args_is_help=True, help="Random nets fitted to tables, and short programs for functions.")


@app.callback()
def _group() -> None:
    """Keeps the names of the commands when there is one only."""


app.command("fit")(_random_net.fit)
app.command("discover")(_discovering.discover)
