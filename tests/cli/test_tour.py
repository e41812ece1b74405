"""`perturbax tour` runs every stop and ends with the site."""

import pkgutil

import pytest

import perturbax
from perturbax.cli import main
from perturbax.cli import tour as tour_module


def quick(stops):
    """The stops that train nothing and run no study."""
    return tuple(stop for stop in stops if stop[0] in ("data", "stats", "interop", "report"))


def test_the_tour_ends_with_the_place_of_the_site(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tour_module, "STOPS", quick(tour_module.STOPS))
    assert main(["tour", "--out", str(tmp_path / "tour")]) == 0
    said = capsys.readouterr().out
    assert "4/4 report" in said
    assert "1,797 handwritten digits" in said
    last = said.strip().splitlines()[-1]
    assert last == str(tmp_path / "tour" / "index.html")
    assert (tmp_path / "tour" / "index.html").is_file()


def test_every_package_has_a_stop():
    named = {name for packages, _, _ in tour_module.STOPS for name in packages.split(", ")}
    packages = {module.name for module in pkgutil.iter_modules(perturbax.__path__) if module.ispkg}
    assert named == packages - {"cli"}


def test_a_file_in_the_way_is_usage(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["tour", "--out", str(tmp_path / "file")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_tour(tmp_path, capsys):
    assert main(["tour", "--out", str(tmp_path)]) == 0
    assert "two samplers" in capsys.readouterr().out
    assert (tmp_path / "digits.png").stat().st_size > 5000
