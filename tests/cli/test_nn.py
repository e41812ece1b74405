"""`perturbax nn` writes initial values that are what the library makes, and reads spectra of public checkpoints."""

import json

import numpy as np
import pytest

from perturbax.cli import main
from perturbax.nn import ssm


def test_initial_values_make_the_layer_that_the_library_makes(tmp_path, capsys):
    out = tmp_path / "init.npz"
    call = ["nn", "ssm-init", "--n", "8", "--out", str(out), "--method", "random-ptd", "--eps", "0.2", "--json"]
    assert main(call) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["perturbation"] == pytest.approx(0.2)
    assert said["backward_error"] < 1e-12
    with np.load(out) as file:
        modes = ssm.Modes(file["values"], file["B"], file["V"], file["V_inverse"])
    C, s = np.ones(8), 1j * np.array([0.0, 3.0])
    np.testing.assert_allclose(modes.transfer(C, s), ssm.dplr(8).transfer(C, s), rtol=0.3)
    assert main(["nn", "ssm-init", "--method", "ptd", "--n", "4", "--eps", "0.1", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "modes by ptd" in said.err
    assert "condition number" in said.err


def test_the_spectrum_of_an_initial_value_and_of_public_checkpoints(tmp_path, capsys):
    out = tmp_path / "init.npz"
    assert main(["nn", "ssm-init", "--n", "8", "--method", "s4d-lin", "--out", str(out)]) == 0
    values = ssm.s4d_lin(8).values
    np.savez(tmp_path / "s4d.npz", log_A_real=np.log(-values.real)[None], A_imag=values.imag[None])
    layers = {
        f"{i}.ssm.Lambda_{name}": part for i in (0, 1) for name, part in (("re", values.real), ("im", values.imag))
    }
    np.savez(tmp_path / "s5.npz", **layers)
    capsys.readouterr()
    told = []
    for name in ("init", "s4d", "s5"):
        assert main(["nn", "ssm-spectrum", str(tmp_path / f"{name}.npz"), "--dt", "0.5", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["modes"] == 4
    assert told[0]["unstable"] == 0
    assert told[0]["aliased"] == 0.25
    assert told[0]["largest_frequency"] == pytest.approx(3 * np.pi)
    assert told[1]["slowest_decay"] == pytest.approx(0.5)
    assert told[2]["modes"] == 8
    assert told[2]["aliased"] == 0.25
    assert told[0]["resonances"][3] == pytest.approx({"frequency": 3 * np.pi, "decay": 0.5, "cycles_per_step": 0.75})
    assert main(["nn", "ssm-spectrum", str(out), "--dt", "0.5"]) == 0
    assert "25 % aliased" in capsys.readouterr().out
    np.savez(tmp_path / "s5.npz", Lambda_re=np.array([0.1, -1.0]), Lambda_im=np.zeros(2))
    assert main(["nn", "ssm-spectrum", str(tmp_path / "s5.npz")]) == 0
    assert "1 of 2 modes unstable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["ssm-init", "--out", "a.npz", "--n", "1"], "N must be"),
        (["ssm-init", "--out", "a.npz", "--method", "dplr"], "--method must be"),
        (["ssm-init", "--out", "a.npz", "--method", "random-ptd", "--eps", "-1"], "eps must be"),
        (["ssm-init", "--out", "a.npz", "--gamma", "0"], "gamma must be"),
        (["ssm-init", "--out", "nowhere/a.npz"], "does not exist"),
        (["ssm-spectrum", "none.npz"], "there is no file none.npz"),
        (["ssm-spectrum", "text.npz"], "text.npz is no readable .npz file"),
        (["ssm-spectrum", "other.npz"], "other.npz must hold values, or log_A_real and A_imag"),
        (["ssm-spectrum", "shapes.npz"], "must have one shape"),
        (["ssm-spectrum", "good.npz", "--dt", "0"], "--dt must be"),
    ],
)
def test_wrong_input_is_told_in_one_line(tmp_path, monkeypatch, capsys, call, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npz").write_text("text")
    np.savez("other.npz", A=np.ones(2))
    np.savez("shapes.npz", Lambda_re=np.ones(2), Lambda_im=np.ones(3))
    np.savez("good.npz", values=np.array([-1.0 + 0.0j]))
    assert main(["nn", *call]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
