"""`perturbax report` writes the site and prints where it is; what cannot be done is told in one line."""

from pathlib import Path

from perturbax.cli import main


def test_the_site_is_written_and_its_place_printed(tmp_path, capsys):
    assert main(["report", "--out", str(tmp_path / "site")]) == 0
    said = capsys.readouterr().out.strip()
    assert said == str(tmp_path / "site" / "index.html")
    assert "<title>perturbax" in Path(said).read_text(encoding="utf-8")


def test_a_file_in_the_way_is_usage(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["report", "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(tmp_path / "file") in said.err


def test_a_stray_argument_is_usage(capsys):
    assert main(["report", "here"]) == 2
    assert "here" in capsys.readouterr().err
