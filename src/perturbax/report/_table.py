"""The table of all systems in Markdown, from what is recorded in the package."""

from perturbax import studies

from ._cards import number, paper_of, wanted


def systems_table() -> str:
    """All systems: what is built, the bars, what was measured.

    **Returns:** a Markdown table.

    >>> from perturbax import report
    >>> report.systems_table().splitlines()[0]
    '| No. | system | paper | verb | bars met | closest bar, measured |'
    """
    head = ("No.", "system", "paper", "verb", "bars met", "closest bar, measured")
    lines = [f"| {' | '.join(head)} |", "| ---: | --- | --- | --- | --- | --- |"]
    for system in studies.systems():
        status = studies.system_status(system)
        paper, url = paper_of(system.arxiv, system.doi)
        bars = status["bars"]
        if bars:
            met = sum(bar["met"] for bar in bars)
            state = f"{met} of {len(bars)}" if met == len(bars) else f"**{met} of {len(bars)}**"
            state += f" ({status['preset']}, {status['recorded']})"
            closest = _closest(bars)
            measured = f"{_cell(closest['name'])}: {number(closest['measured'])} (wanted {wanted(closest)})"
        else:
            state, measured = ("built, not recorded" if status["built"] else "planned"), ""
        cells = (str(system.number), _cell(system.title), f"[{paper}]({url})", f"`{system.verb}`", state, measured)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _closest(bars: list[dict]) -> dict:
    """The bar with the least room: a missed one if there is any, because that is what a reader must see."""
    return min(bars, key=lambda bar: (bar["met"], _room(bar)))


def _room(bar: dict) -> float:
    """Distance of the measured value from its threshold, as a share of the threshold."""
    if bar["measured"] is None:
        return 0.0
    ends = [bar["threshold"]] + ([] if bar["upper"] is None else [bar["upper"]])
    return min(abs(bar["measured"] - end) / (abs(end) or 1.0) for end in ends)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
