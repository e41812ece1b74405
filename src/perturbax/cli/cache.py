"""`perturbax cache`: where the cache is, how large, and emptying it."""

from typing import Annotated

import typer

from ._console import print_json

app = typer.Typer(no_args_is_help=True, help="Size and location of the cache folder, and emptying it.")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Where the cache is and how many bytes it takes. Results of studies are not in it."""
    from perturbax.core import cache_folder, cache_size

    size = cache_size()
    if as_json:
        print_json({"folder": str(cache_folder()), "bytes": size})
    else:
        print(f"{cache_folder()}: {size / 1e6:.1f} MB")


@app.command()
def clear(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Empty the cache. Everything in it can be built again."""
    from perturbax.core import cache_folder, cache_size, clear_cache

    size = cache_size()
    if not yes:
        typer.confirm(f"Empty {cache_folder()} ({size / 1e6:.1f} MB)?", abort=True)
    clear_cache()
    print(f"{size / 1e6:.1f} MB removed")
