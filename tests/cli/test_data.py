"""`perturbax data`: cards of what is there, reasons for what is not, and reference models with their quality."""

import dataclasses
import json

import pytest

from perturbax.cli import main
from perturbax.data import _classifiers, _denoisers


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Training of a few steps in an empty cache."""
    few = {name: dataclasses.replace(recipe, steps=3) for name, recipe in _classifiers._RECIPES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERTURBAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(_denoisers, "_DIGITS", dataclasses.replace(_denoisers._DIGITS, steps=3, sizes=(8, 1)))
        patch.setattr(_classifiers, "_RECIPES", few)
        yield


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


def test_an_unknown_model_is_refused_before_anything_is_trained(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PERTURBAX_CACHE", str(tmp_path))
    assert main(["data", "build", "digits-denoiser", "letters"]) == 2
    assert "name must be 'digits-denoiser' or" in capfd.readouterr().err
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.slow
def test_build_trains_and_measures_against_the_floor(quick, capfd):
    assert main(["data", "build", "digits-denoiser", "--json"]) == 0
    (result,) = json.loads(capfd.readouterr().out)
    assert result["steps"] == 3
    assert result["fd_pixels"] > result["fd_pixels_floor"] > 0
    assert result["fd_features"] > result["fd_features_floor"] > 0


def test_build_trains_again_only_when_asked_to(quick, capfd):
    seconds = []
    for options in ([], [], ["--retrain"]):
        assert main(["data", "build", "digits-classifier", *options, "--json"]) == 0
        seconds.append(json.loads(capfd.readouterr().out)[0]["seconds"])
    assert seconds[0] == seconds[1] != seconds[2]


def test_build_prints_a_table_with_the_accuracy_of_a_classifier(quick, capfd):
    assert main(["data", "build", "digits-classifier"]) == 0
    assert "899/898" in capfd.readouterr().out
