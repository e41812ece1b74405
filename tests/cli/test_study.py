"""`perturbax study`: exit codes, JSON, pictures, records."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.cli import main

_FIXTURE = str(Path(__file__).parents[1] / "studies" / "fixtures.py")


@pytest.fixture
def run(tmp_path, capfd):
    """Runs `perturbax study COMMAND` on the fixture study; gives exit code, standard output and standard error."""

    def call(command, *options):
        arguments = ["study", command, _FIXTURE, *options]
        if command != "show":
            arguments += ["--store", str(tmp_path / "s.sqlite"), "--backend", "sequential"]
        code = main(arguments)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def test_bars_that_are_met_are_exit_code_0_with_a_picture_next_to_the_store(run, tmp_path):
    code, out, err = run("run")
    assert code == 0
    assert "spread of scaled over plain" in out
    assert "met" in out
    assert str(tmp_path / "fixture-small.png") in err.replace("\n", "")
    assert (tmp_path / "fixture-small.png").read_bytes().startswith(b"\x89PNG")


def test_a_missed_bar_is_exit_code_3_and_shown_as_missed(run, monkeypatch):
    monkeypatch.setenv("FIXTURE_BAR", "0.1")
    code, out, _ = run("run")
    assert code == 3
    assert "missed" in out


def test_a_failed_trial_is_exit_code_1_and_told_with_its_cell(run, monkeypatch):
    monkeypatch.setenv("FIXTURE_FAIL", "method=scaled size=8 seed=1")
    code, _, err = run("run")
    assert code == 1
    assert "method=scaled size=8 seed=1: FloatingPointError: asked to fail" in err
    monkeypatch.delenv("FIXTURE_FAIL")
    assert run("run", "--retry")[0] == 0


def test_smoke_is_exit_code_0_without_a_verdict_whatever_the_bars(run, monkeypatch):
    monkeypatch.setenv("FIXTURE_BAR", "0.1")
    code, out, _ = run("run", "--preset", "smoke")
    assert code == 0
    assert "no verdict" in out


def test_json_is_one_document_on_standard_output(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FIXTURE_FAIL", "method=scaled size=8 seed=1")
    code, out, _ = run("run", "--json")
    (answer,) = json.loads(out)
    assert code == 1
    assert answer["trials"] == {"new": 12, "reused": 0, "failed": 1}
    assert answer["failures"][0]["cell"] == {"method": "scaled", "size": 8}
    assert answer["met"] is None
    assert answer["picture"] is None


def test_record_writes_summary_and_picture(run, tmp_path):
    code, out, _ = run("record", "--out", str(tmp_path / "out"), "--json")
    assert code == 0
    (answer,) = json.loads(out)
    assert json.loads(Path(answer["recorded"]).read_text())["slug"] == "fixture"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fixture.json", "fixture.png"}
    assert run("record", "--out", str(tmp_path / "out"), "--preset", "smoke")[0] == 2


def test_show_tells_claim_and_sizes(run):
    code, out, _ = run("show", "--json")
    assert code == 0
    assert json.loads(out)["trials"] == {"smoke": 2, "small": 12, "full": 30}
    code, out, _ = run("show")
    assert code == 0
    assert "Scaling by a third" in out


def test_list_names_the_built_studies(capfd):
    assert main(["study", "list", "--json"]) == 0
    assert all(row["built"] for row in json.loads(capfd.readouterr().out))
    assert main(["study", "list"]) == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--preset", "tiny"],
        ["--seeds", "0"],
        ["--seeds", "many"],
        ["--jobs", "-2"],
        ["--store", "nosuch://x"],
        ["--store", ""],
        ["--backend", "spark"],
        ["--json", "extra"],
    ],
)
def test_wrong_options_are_exit_code_2(options, capfd):
    assert main(["study", "run", _FIXTURE, *options]) == 2
    assert "Traceback" not in capfd.readouterr().err


@given(option=st.sampled_from(["--preset", "--seeds", "--jobs", "--backend"]), value=st.text(max_size=10))
def test_no_value_of_an_option_ends_in_a_traceback(option, value, tmp_path_factory):
    store = str(tmp_path_factory.getbasetemp() / "hypothesis.sqlite")
    base = ["study", "run", _FIXTURE, "--preset", "smoke", "--backend", "sequential", "--seeds", "1", "--store", store]
    if value.strip().lstrip("+").isdecimal():
        return
    assert main([*base, option, value]) == (0 if value in ("smoke", "sequential") else 2)


def test_a_damaged_store_is_exit_code_2_and_left_as_it_is(tmp_path, capfd):
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    before = path.read_bytes()
    assert main(["study", "run", _FIXTURE, "--store", str(path), "--backend", "sequential"]) == 2
    error = capfd.readouterr().err
    assert "damaged.sqlite" in error
    assert "untouched" in error
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["damaged.sqlite"]
