"""The site as files: what is in it, and that it needs nothing from outside."""

import json
import re

import pytest

from perturbax import report, studies


def test_every_system_is_in_the_table(site):
    text = (site / "index.html").read_text()
    assert text.count("<tr data-text=") == len(studies.systems()) == 72
    for system in studies.systems():
        assert f'<span class="slug">{system.slug}</span>' in text


def test_nothing_is_loaded_from_a_network(site):
    loading = re.compile(r"""(?:src|srcset|url\(|@import|<link[^>]+href)\s*=?\s*["'(]?\s*(?:https?:)?//""")
    for path in [*site.rglob("*.html"), *site.rglob("*.css"), *site.rglob("*.js")]:
        assert not loading.search(path.read_text()), path


def test_every_local_link_has_its_file(site):
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#:]+)"', page.read_text()):
            assert (page.parent / target).resolve().is_file(), f"{page.name}: {target}"


def test_text_of_studies_is_escaped(site):
    for page in (site / "index.html", site / "studies" / "dpm-solver-pp.html"):
        assert "<script>alert(1)" not in page.read_text()
        assert "&lt;script&gt;alert(1)" in page.read_text()


def test_a_missed_bar_is_told_plainly(site):
    missed = (site / "studies" / "dpm-solver-pp.html").read_text()
    assert "1 of 2 bars missed: median error against DDIM at equal cost" in missed
    assert "missed" not in (site / "studies" / "dpm-solver.html").read_text().split("<footer>")[0]


def test_the_numbers_go_with_the_page(site, two_cards):
    assert json.loads((site / "data" / "dpm-solver.json").read_text()) == two_cards[0].summary


def test_a_second_site_in_the_same_folder_leaves_other_files_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    first = report.build(tmp_path).read_bytes()
    assert report.build(tmp_path).read_bytes() == first
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        report.build(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def test_cells_that_are_the_same_everywhere_are_told_once(two_cards):
    card = two_cards[0]
    assert [column.name for column in card.columns] == ["method", "steps", "error", "evaluations"]
    assert ("task", "digits-gmm") in card.fixed
    assert card.rows[1] == ("DDIM", "10", "0.0123 ± 0.0012", "10")


def test_a_value_that_is_not_finite_is_told():
    from perturbax.report._cards import number

    assert number(None) == "not finite"
    assert number(0.123456) == "0.1235"
    assert number(3.0) == "3"


def test_recorded_studies_become_cards():
    recorded = [system.slug for system in studies.systems() if studies.recorded(system.slug) is not None]
    made = report.cards()
    assert [card.slug for card in made] == recorded
    assert all(card.bars for card in made)


def test_a_damaged_store_is_refused(tmp_path):
    store = tmp_path / "damaged.sqlite"
    store.write_bytes(b"not a database, but long enough to be read as one")
    with pytest.raises(ValueError, match=re.escape(str(store))):
        report.build(tmp_path / "site", store=store)
    assert store.read_bytes().startswith(b"not a database")


def test_a_store_that_is_not_there_is_named_and_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "none.sqlite"))):
        report.cards(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
