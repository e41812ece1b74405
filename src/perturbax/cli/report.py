"""`perturbax report`: the static site."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def report(
    out: Annotated[str, typer.Option(help="The folder to write; made when it is not there.")] = "perturbax-site",
    store: Annotated[
        str | None, typer.Option(help="A store of trials (path or database URL) with newer results than the recorded.")
    ] = None,
) -> None:
    """Write the static site: all systems, and a page for each measured study. Opens from disk."""
    from perturbax.report import build

    typer.echo(build(out, store=store))
