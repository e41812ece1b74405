"""`perturbax data`: cards of what is there, reasons for what is not, and reference models with their quality."""

import dataclasses
import json

import pytest

from perturbax.cli import main
from perturbax.data import _classifiers, _denoisers


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.setenv("PERTURBAX_CACHE", str(tmp_path))
    monkeypatch.setattr(_denoisers, "_DIGITS", dataclasses.replace(_denoisers._DIGITS, steps=3, sizes=(8, 1)))
    few = {name: dataclasses.replace(recipe, steps=3) for name, recipe in _classifiers._RECIPES.items()}
    monkeypatch.setattr(_classifiers, "_RECIPES", few)
    return tmp_path


def test_the_list_has_cards_models_and_the_reason_why_a_set_is_absent(capfd):
    assert main(["data", "list", "--json"]) == 0
    listed = json.loads(capfd.readouterr().out)
    digits = listed["data"][0]
    assert (digits["name"], digits["n"], digits["shape"], digits["synthetic"]) == ("digits", 1797, [8, 8], False)
    assert "mnist-denoiser" in listed["models"]
    names = [card["name"] for card in listed["data"]] + list(listed["absent"])
    assert sorted(names) == ["digits", "fashion-mnist", "mnist"]


def test_the_list_is_readable(capfd):
    assert main(["data", "list"]) == 0
    out = capfd.readouterr().out
    assert "1,797" in out
    assert "digits-classifier" in out


def test_build_trains_reports_and_finds_what_it_trained(quick, capfd):
    assert main(["data", "build", "digits-denoiser", "--json"]) == 0
    (first,) = json.loads(capfd.readouterr().out)
    assert first["steps"] == 3
    assert first["fd_pixels"] > first["fd_pixels_floor"] > 0
    assert first["fd_features"] > first["fd_features_floor"] > 0
    assert main(["data", "build", "digits-denoiser", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == [first], "the seconds are those of the training that was kept"
    assert main(["data", "build", "digits-denoiser", "--retrain", "--json"]) == 0
    (again,) = json.loads(capfd.readouterr().out)
    assert again["fd_pixels"] == first["fd_pixels"]
    assert again["seconds"] != first["seconds"]


def test_build_prints_a_table_with_the_accuracy_of_a_classifier(quick, capfd):
    assert main(["data", "build", "digits-classifier"]) == 0
    assert "899/898" in capfd.readouterr().out


def test_an_unknown_model_is_refused_before_anything_is_trained(quick, capfd):
    assert main(["data", "build", "digits-denoiser", "letters"]) == 2
    assert "name must be 'digits-denoiser' or" in capfd.readouterr().err
    assert not list(quick.rglob("*.npz"))
