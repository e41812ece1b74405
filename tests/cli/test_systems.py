"""`perturbax systems`: all 72, as a table and as JSON."""

import json

from perturbax.cli import main


def test_all_72_are_listed(capfd):
    assert main(["systems", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert [row["number"] for row in rows] == list(range(1, 73))
    assert {"slug", "title", "arxiv", "verb", "methods", "built", "met", "bars", "recorded", "stale"} <= set(rows[0])


def test_the_table_shows_every_slug(capfd):
    assert main(["systems"]) == 0
    out = capfd.readouterr().out
    assert "dpm-solver-pp" in out
    assert "72 systems" in out


def test_a_search_narrows_the_list(capfd):
    assert main(["systems", "--search", "hebbian", "--json"]) == 0
    assert [row["slug"] for row in json.loads(capfd.readouterr().out)] == ["dense-hebbian"]
    assert main(["systems", "--search", "no such words", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == []
