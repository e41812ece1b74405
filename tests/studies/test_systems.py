"""The table of systems, and finding a study by its name."""

import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax.studies import find_study, systems

_PACKAGES = {
    *("optimize", "perturb", "linalg", "stats", "diffusion", "transport", "pde", "operators", "rom", "dynamics"),
    *("control", "verify", "explain", "forensics", "text", "audio", "graph", "approximate"),
}


def test_the_table_has_the_72_systems_once_each():
    table = systems()
    assert [system.number for system in table] == list(range(1, 73))
    assert len({system.slug for system in table}) == 72
    assert len({system.title for system in table}) == 72
    for system in table:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", system.slug)
        assert (system.arxiv is None) == (system.doi is not None)
        assert system.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}", system.arxiv)
        package, verb = system.verb.split(".")
        assert package in _PACKAGES
        assert verb.isidentifier()
        assert all(name.isidentifier() for name in system.methods)


def test_every_built_study_loads_and_agrees_with_the_table():
    for system in systems():
        if system.built:
            study = find_study(system.slug).study
            assert (study.slug, study.number, study.paper) == (system.slug, system.number, system.arxiv)
            assert study.verb == system.verb
            for preset in study.presets.values():
                assert study.trials(preset)


@given(st.text(max_size=20))
def test_a_name_of_nothing_is_a_value_error(text):
    if text not in {system.slug for system in systems()}:
        with pytest.raises(ValueError, match=r"."):
            find_study(text)


def test_a_wrong_slug_is_answered_with_the_near_ones():
    with pytest.raises(ValueError, match="dpm-solver"):
        find_study("dpm-solvr")


def test_a_study_of_ones_own_is_found_by_module_and_by_path(study, tmp_path, monkeypatch):
    shutil.copy(study, tmp_path / "study_of_mine.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for reference in ("study_of_mine:STUDY", "study_of_mine.py", "study_of_mine.py:STUDY"):
        found = find_study(reference)
        assert found.study.slug == "fixture"
        assert found.path == tmp_path / "study_of_mine.py"
        assert find_study(found.reference, found.root).study.slug == "fixture"


def test_what_is_no_study_is_refused(tmp_path, monkeypatch):
    (tmp_path / "nothing_here.py").write_text("STUDY = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TypeError, match="int"):
        find_study("nothing_here.py")
    with pytest.raises(ValueError, match="no OTHER"):
        find_study("nothing_here.py:OTHER")
    with pytest.raises(ValueError, match="no module 'absent_module'"):
        find_study("absent_module:STUDY")
    with pytest.raises(ValueError, match="no file"):
        find_study("absent.py")
