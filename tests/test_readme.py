"""What README and CONTRIBUTING say is true: examples run, tables are up to date, commands exist."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_table_of_the_systems_is_up_to_date():
    from perturbax.report import readme

    assert readme.updated(README) == README, "run `make readme`"


def test_a_readme_without_markers_is_refused():
    from perturbax.report import readme

    with pytest.raises(ValueError, match="markers"):
        readme.updated("# Another README\n")


def test_the_readme_example_runs_and_shows_the_claim(capsys):
    (example,) = python_blocks(README)
    exec(compile(example, "README.md", "exec"), {"__name__": "readme"})
    ddim, dpm = re.findall(r"error ([\d.]+) with 15 evaluations", capsys.readouterr().out)
    assert float(dpm) < 0.5 * float(ddim)


def test_the_template_for_a_method_runs_as_it_stands(monkeypatch, tmp_path):
    from perturbax import core

    template = python_blocks(CONTRIBUTING.split("<!-- template -->")[1])[0]
    (tmp_path / "midpoint.py").write_text(template)
    monkeypatch.syspath_prepend(tmp_path)
    import midpoint

    result = doctest.testmod(midpoint)
    assert result.attempted >= 4
    assert result.failed == 0
    assert core.cite(midpoint.Midpoint).startswith("@")


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`(?:\$ )?make ([a-z-]+)", README + CONTRIBUTING)) | {"tour", "test"}
    assert named <= targets
