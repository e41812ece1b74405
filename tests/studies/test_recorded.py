"""Recorded summaries: whole, readable without a database, honest about missed bars and about age."""

import json

import pytest

from perturbax.studies import (
    draw,
    find_study,
    record_study,
    recorded,
    recorded_picture,
    run_study,
    summarize,
    system_status,
    systems,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from pathlib import Path

    path = str(Path(__file__).parent / "fixtures.py")
    return run_study(path, backend="sequential", store=tmp_path_factory.mktemp("recorded") / "s.sqlite")


def test_a_record_says_what_was_measured_with_what_and_when(run, tmp_path):
    summary, picture = record_study(run, tmp_path)
    content = recorded("fixture", tmp_path)
    assert content == json.loads(summary.read_text())
    assert content == summarize(run)
    assert content["met"] is True
    assert content["bars"][0]["measured"] == pytest.approx(1 / 3)
    assert content["seeds"] == [0, 1, 2]
    assert len(content["code"]) == 64
    assert {"python", "jax", "numpy", "perturbax"} <= set(content["versions"])
    assert content["cores"] >= 1
    assert recorded_picture("fixture", tmp_path) == picture
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_table_of_a_record_has_a_row_per_cell_with_mean_and_spread_over_seeds(run):
    rows = summarize(run)["table"]
    assert [row["cell"] for row in rows] == [
        {"method": method, "size": size} for method in ("plain", "scaled") for size in (8, 16)
    ]
    first = run.table[(run.table["method"] == "plain") & (run.table["size"] == 8)]["mean"]
    assert rows[0]["n"] == 3
    assert rows[0]["values"]["mean"]["mean"] == pytest.approx(first.mean())
    assert rows[0]["values"]["mean"]["std"] == pytest.approx(first.std())
    assert set(rows[0]["values"]) == {"mean", "spread"}


def test_the_same_run_draws_the_same_picture(run):
    assert draw(run) == draw(run)


def test_a_missed_bar_is_recorded_as_missed(study, store, tmp_path, monkeypatch):
    monkeypatch.setenv("FIXTURE_BAR", "0.1")
    record_study(run_study(study, backend="sequential", store=store), tmp_path)
    content = recorded("fixture", tmp_path)
    assert content is not None
    assert content["met"] is False
    assert content["bars"][0]["met"] is False


def test_a_smoke_run_is_not_recorded(study, store, tmp_path):
    with pytest.raises(ValueError, match="no verdict"):
        record_study(run_study(study, "smoke", backend="sequential", store=store), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_with_a_failed_trial_is_not_recorded(study, store, tmp_path, monkeypatch):
    monkeypatch.setenv("FIXTURE_FAIL", "method=scaled size=8 seed=1")
    with pytest.raises(ValueError, match="1 trials failed"):
        record_study(run_study(study, backend="sequential", store=store), tmp_path / "out")


@pytest.mark.parametrize("text", ["{", "[]", '{"slug": "other"}', "\udcff"])
def test_a_damaged_record_is_refused_by_name(tmp_path, text):
    (tmp_path / "fixture.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"fixture\.json"):
        recorded("fixture", tmp_path)


def test_every_packaged_record_belongs_to_a_built_study():
    for system in systems():
        content = recorded(system.slug)
        if content is None:
            continue
        assert system.built
        assert content["met"] == all(bar["met"] for bar in content["bars"])
        assert recorded_picture(system.slug) is not None
        assert content["claim"] == find_study(system.slug).study.claim


def test_a_system_without_a_study_is_not_built_and_has_no_verdict(tmp_path):
    status = system_status(next(system for system in systems() if not system.built), tmp_path)
    assert (status["built"], status["met"], status["recorded"], status["stale"]) == (False, None, None, None)
