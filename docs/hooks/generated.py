"""What the docs do not say by hand: the house from the imports, the gallery and the table from recorded studies."""

import tomllib
from html import escape
from pathlib import Path

import grimp
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from perturbax import report

ROOT = Path(__file__).resolve().parents[2]
BOX = (150, 54)
GAP = (32, 44)
MARGIN = 24
BAR = "\\|"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for card in report.cards():
        if card.picture is not None:
            files.append(File.generated(config, f"pictures/{card.slug}.png", content=card.picture))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    for marker, make in (("house", house), ("gallery", gallery), ("systems", report.systems_table)):
        tag = f"<!-- generated: {marker} -->"
        if tag in markdown:
            markdown = markdown.replace(tag, make())
    return markdown


def gallery() -> str:
    """A section for each recorded study: claim, picture, bars."""
    sections = []
    for card in report.cards():
        rows = [(bar.name, bar.measured, bar.wanted, "met" if bar.met else "**missed**") for bar in card.bars]
        bars = "\n".join(f"| {' | '.join(text.replace('|', BAR) for text in row)} |" for row in rows)
        picture = f"![What was measured in the study {card.slug}](pictures/{card.slug}.png)\n\n" if card.picture else ""
        paper = f"[{card.paper}]({card.paper_url}), " if card.paper_url else ""
        sections.append(
            f"## {card.title}\n\n{card.claim}\n\n{paper}`{card.verb}`, preset `{card.preset}`.\n\n{picture}"
            f"| bar | measured | wanted | outcome |\n| --- | ---: | ---: | --- |\n{bars}\n"
        )
    return "\n".join(sections) or "No study has been recorded yet."


def house() -> str:
    """The packages on their floors, with an arrow for each package that imports another, and the same as a table."""
    graph = grimp.build_graph("perturbax")
    packages = {module.split(".")[1] for module in graph.find_children("perturbax")} - {"_version", "__main__"}
    floors = [[name for name in floor if name in packages] for floor in _floors()]
    floors = [floor for floor in floors if floor]
    uses = {name: {other for other in packages - {name} if _imports(graph, name, other)} for name in packages}
    files = {name: len(graph.find_descendants(f"perturbax.{name}")) or 1 for name in packages}
    order = [name for floor in floors for name in floor]
    table = "\n".join(f"| `{name}` | {', '.join(f'`{n}`' for n in order if n in uses[name])} |" for name in order)
    return f"{_drawing(floors, uses, files)}\n\n| package | imports |\n| --- | --- |\n{table}\n"


def _imports(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    return graph.direct_import_exists(
        importer=f"perturbax.{importer}", imported=f"perturbax.{imported}", as_packages=True
    )


def _drawing(floors: list[list[str]], uses: dict[str, set[str]], files: dict[str, int]) -> str:
    width = max(len(floor) for floor in floors) * (BOX[0] + GAP[0]) - GAP[0] + 2 * MARGIN
    height = len(floors) * (BOX[1] + GAP[1]) - GAP[1] + 2 * MARGIN
    corner = {}
    for level, floor in enumerate(floors):
        left = (width - len(floor) * (BOX[0] + GAP[0]) + GAP[0]) / 2
        for place, name in enumerate(floor):
            corner[name] = (left + place * (BOX[0] + GAP[0]), MARGIN + level * (BOX[1] + GAP[1]))
    arrows = "".join(
        _arrow(corner[low], corner[high], low, high) for low in corner for high in corner if high in _shown(low, uses)
    )
    boxes = "".join(_box(name, *corner[name], files[name]) for name in corner)
    title = "The packages of perturbax on their floors; an arrow points to what is imported"
    return (
        f'<svg class="house" width="{width}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0 8 4 0 8z"/></marker></defs>{arrows}{boxes}</svg>'
    )


def _shown(name: str, uses: dict[str, set[str]]) -> set[str]:
    """What a package imports, without what it would reach through another of these anyway: fewer arrows to read."""
    reached: set[str] = set()
    for other in uses[name]:
        waiting = [*uses[other]]
        while waiting:
            below = waiting.pop()
            if below not in reached:
                reached.add(below)
                waiting.extend(uses[below])
    return uses[name] - reached


def _floors() -> list[list[str]]:
    """The floors as `make check` enforces them, so that the picture cannot say something else."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    return [[name.strip(" ()") for name in floor.replace("|", ":").split(":")] for floor in layers]


def _box(name: str, x: float, y: float, modules: int) -> str:
    label = "1 file" if modules <= 1 else f"{modules} files"
    middle = x + BOX[0] / 2
    return (
        f'<g><rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="8"/>'
        f'<text class="name" x="{middle}" y="{y + 23}">{escape(name)}</text>'
        f'<text class="files" x="{middle}" y="{y + 41}">{label}</text></g>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float], low: str, high: str) -> str:
    """A curve from the bottom of a box to the top of one below, or between neighbours on one floor."""
    title = f"<title>{low} imports {high}</title>"
    if start[1] == end[1]:
        right = start[0] < end[0]
        x1, x2 = (start[0] + BOX[0], end[0]) if right else (start[0], end[0] + BOX[0])
        y = start[1] + BOX[1] / 2
        return f'<path class="uses" d="M{x1} {y}L{x2} {y}">{title}</path>'
    x1, y1 = start[0] + BOX[0] / 2, start[1] + BOX[1]
    x2, y2 = end[0] + BOX[0] / 2, end[1]
    # An arrow past a floor bends around the boxes in its column, or it would run behind them.
    floors_apart = round((y2 - start[1]) / (BOX[1] + GAP[1]))
    bend = (BOX[0] * 0.9) if floors_apart > 1 and abs(x1 - x2) < BOX[0] / 2 else 0
    lift = (y2 - y1) / 2
    return f'<path class="uses" d="M{x1} {y1}C{x1 + bend} {y1 + lift} {x2 + bend} {y2 - lift} {x2} {y2}">{title}</path>'
