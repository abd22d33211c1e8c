"""The command line, as a user meets it: what is written, what is refused, what is left behind."""

import gzip
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import imbdeep.over_sampling
from imbdeep.cli import _demo, main
from imbdeep.cli._table import TableFile
from imbdeep.cli._terminal import replacing

QUICK = ["--param", "pretrain_steps=20", "--param", "finetune_steps=10", "--param"]
QUICK += ["row_filter=None", "--quiet"]
HEADER = "size,count,price,colour,ok,y"


def lines_of(n=40, separator=","):
    """A table with numbers as people write them, words, gaps, and a minority of a quarter."""
    colours = ["red", '"dark, blue"', ""]
    lines = [HEADER]
    for k in range(n):
        cells = [f"{k / 7:.3f}0", "" if k % 5 == 0 else str(k % 4), f"{k}e-3", colours[k % 3]]
        lines.append(",".join([*cells, str(k % 2 == 0), "ill" if k % 4 == 0 else "well"]))
    return [line.replace(",", separator) for line in lines]


@pytest.fixture
def resample(tmp_path, monkeypatch, capsys):
    """Run ``resample`` on a text in ``data.csv``; give the status and the two outputs."""
    monkeypatch.chdir(tmp_path)

    def run(*options, text=None, source="data.csv", output="out.csv", target="y"):
        if text is not None:
            Path(source).write_bytes(text if isinstance(text, bytes) else text.encode())
        words = ["resample", source, "--target", target, "--output", output, *options]
        status = main(words)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def refused(result):
    """The error of a refused command: one line, status 2, nothing said, nothing written."""
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("imbdeep: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    left = {"data.csv", "out.csv", "data.parquet", "data.tsv", "data.csv.gz", "data.CSV"}
    assert set(os.listdir()) <= left
    return err


CSV = "\n".join(lines_of()) + "\n"


@pytest.fixture
def no_training(monkeypatch):
    """Fail the test that gets as far as training."""

    def fit_resample(self, X, y):
        raise AssertionError("the command went on to the training")

    monkeypatch.setattr(imbdeep.over_sampling.MGVAESampler, "fit_resample", fit_resample)


# ------------------------------------------------------------------------------- the program


def test_help_is_fast_and_names_the_commands():
    start = time.perf_counter()
    program = [sys.executable, "-X", "importtime", "-m", "imbdeep", "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 5  # on a machine that is busy
    for command in ("demo", "compare", "resample", "reproduce"):
        assert f"\n    {command}" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "numpy", "sklearn", "pandas", "imblearn", "matplotlib", "joblib"}


@pytest.mark.parametrize("command", ["demo", "compare", "resample"])
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "--seed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "required: COMMAND"),
        (["train"], "invalid choice: 'train'"),
        (["resample", "data.csv", "--output", "out.csv"], "required: --target"),
        (["demo", "--folds", "1"], "1 must be an integer from 2 to 20"),
        (["demo", "--seed", "one"], "one must be an integer from 0"),
        (["demo", "--output", "picture.jpg"], "picture.jpg must end in .png"),
    ],
)
def test_words_that_are_not_understood(words, message, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("imbdeep: ")
    assert message in err
    assert err.count("\n") == 1


# ---------------------------------------------------------------------------------- resample


def test_resample_balances_and_says_so(resample):
    status, out, err = resample(*QUICK, text=CSV)
    assert status == 0
    assert err == ""
    assert out.splitlines()[:3] == [
        "y     rows before  rows after",
        "well           30          30",
        "ill            10          30",
    ]
    assert "20 new rows by mgvae behind the 40 original ones, in " in out
    assert " s on " in out
    assert "Written: out.csv" in out
    assert "shifts the probabilities" in out
    assert "TunedThresholdClassifierCV" in out
    assert sorted(os.listdir()) == ["data.csv", "out.csv"]
    table = pd.read_csv("out.csv", dtype_backend="numpy_nullable")
    assert table["y"].value_counts().to_dict() == {"ill": 30, "well": 30}
    assert (table["y"][40:] == "ill").all()
    assert [str(dtype) for dtype in table.dtypes] == [
        *("Float64", "Int64", "Float64", "string", "boolean", "string")
    ]
    assert table["count"][40:].dropna().isin(range(4)).all()
    assert set(table["colour"][40:].dropna()) <= {"red", "dark, blue"}


def test_same_seed_same_bytes(resample):
    outputs = []
    for name, seed in [("a.csv.gz", "3"), ("b.csv.gz", "3"), ("c.csv.gz", "4")]:
        assert resample(*QUICK, "--seed", seed, text=CSV, output=name)[0] == 0
        outputs.append(Path(name).read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]
    assert gzip.decompress(outputs[0]).startswith(CSV.encode())


def parquet_frame(n=40):
    rows = np.arange(n)
    frame = pd.DataFrame(
        {
            "small": (rows % 7).astype("int8"),
            "single": (rows / 7).astype("float32"),
            "nullable": pd.array([None if k % 5 == 0 else int(k) % 4 for k in rows], dtype="Int64"),
            "flag": rows % 2 == 0,
            "kind": pd.Categorical.from_codes(rows % 3, ["a", "b", "never", "c"]),
            "word": [["x", "y"][k % 2] for k in rows],
        }
    )
    frame.insert(2, "y", (rows % 4 == 0).astype("uint8"))
    return frame


def test_parquet_keeps_dtypes_and_rows(resample, tmp_path):
    frame = parquet_frame()
    frame.to_parquet(tmp_path / "data.parquet")
    status, out, err = resample(*QUICK, source="data.parquet", output="out.parquet")
    assert (status, err) == (0, "")
    assert "20 new rows" in out
    result = pd.read_parquet("out.parquet")
    pd.testing.assert_frame_equal(result[:40], pd.read_parquet("data.parquet"))
    assert (result["y"][40:] == 1).all()


def test_parquet_without_the_metadata_of_pandas(resample, tmp_path):
    """Integers beside gaps stay integers; an index of names is left out, and that is said."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = parquet_frame()
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, tmp_path / "data.parquet")
    assert resample(*QUICK, source="data.parquet", output="out.parquet")[0] == 0
    assert pq.read_schema("out.parquet").field("nullable").type == pa.int64()
    assert pq.read_table("out.parquet")["nullable"][:40].to_pylist() == [
        None if k % 5 == 0 else k % 4 for k in range(40)
    ]
    frame.index = [f"row {k}" for k in range(40)]
    frame.to_parquet(tmp_path / "data.parquet")
    status, _, err = resample(*QUICK, source="data.parquet", output="out.csv")
    assert status == 0
    assert (
        err == "imbdeep: note: the index of data.parquet is left out, since new rows have none.\n"
    )
    assert "row" not in Path("out.csv").read_text()
    assert Path("out.csv").read_text().startswith("small,single,y,nullable")


def test_parquet_without_pyarrow(resample, monkeypatch, tmp_path):
    parquet_frame().to_parquet(tmp_path / "data.parquet")

    def missing(*_, **__):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", missing)
    hint = 'pip install "imbdeep[parquet]"'
    assert hint in refused(resample(*QUICK, source="data.parquet"))
    assert hint in refused(resample(*QUICK, text=CSV, output="out.parquet"))


def test_sampling_strategy_and_parameters(resample, monkeypatch):
    seen = []
    fit_resample = imbdeep.over_sampling.MGVAESampler.fit_resample

    def spy(self, X, y):
        seen.append(self.get_params())
        return fit_resample(self, X, y)

    monkeypatch.setattr(imbdeep.over_sampling.MGVAESampler, "fit_resample", spy)
    options = [*QUICK, "--param", "prior=gaussian", "--param", "hidden_layer_sizes=(8, 4)"]
    options += ["--param", "row_filter=None", "--param", "n_candidates=3"]
    ratio = [*options, "--sampling-strategy", "0.5", "--device", "cpu", "--seed", "7"]
    assert resample(*ratio, text=CSV)[0] == 0
    assert seen[0]["sampling_strategy"] == 0.5
    assert seen[0]["prior"] == "gaussian"
    assert seen[0]["row_filter"] is None
    assert seen[0]["n_candidates"] == 3
    assert seen[0]["hidden_layer_sizes"] == (8, 4)
    assert seen[0]["random_state"] == 7
    assert seen[0]["device"] == "cpu"
    assert seen[0]["verbose"] is False
    assert Path("out.csv").read_text().count("ill\n") == 15
    totals = ["--sampling-strategy", "{'ill': 12}", "--force"]
    assert resample(*options, *totals)[0] == 0
    assert Path("out.csv").read_text().count("ill\n") == 12


def test_progress_is_shown_unless_quiet(resample):
    status, _, err = resample(*QUICK[:-1], text=CSV)
    assert status == 0
    assert "20/20" in err


def test_notes_are_one_line_without_our_source(resample, monkeypatch):
    """A warning of the sampler reaches the user as a sentence."""
    monkeypatch.setattr("warnings.filters", [])
    status, _, err = resample(*QUICK, "--param", "n_exemplars=99", text=CSV)
    assert status == 0
    assert err.startswith("imbdeep: note: n_exemplars=99 is more than the majority has")
    assert ".py" not in err


WIDE = ",".join(f"column{k}" for k in range(50)) + "\n" + "1," * 49 + "1\n"
REFUSED = {
    "target": ({"target": "sise"}, "sise is no column of data.csv, which has: size, count, price"),
    "nearest target": ({"target": "sise"}, "Did you mean 'size'?"),
    "wide table": ({"text": WIDE, "target": "zzz"}, "column29, ..."),
    "output is there": ({"output": "there.csv"}, "--output there.csv is there already"),
    "output is the input": ({"output": "./data.csv"}, "--output ./data.csv is the input"),
    "no folder": ({"output": "nowhere/out.csv"}, "/nowhere: make it first"),
    "a folder": ({"output": "folder.csv"}, "is a folder: name a file in it"),
    "ending": ({"output": "a.xlsx"}, "a.xlsx must end in .csv or .csv.gz or .tsv or .parquet"),
    "ending of the input": ({"source": "a.xlsx"}, "a.xlsx must end in .csv or .csv.gz"),
    "no gzip": ({"text": b"no gzip", "source": "data.csv.gz"}, "data.csv.gz cannot be read"),
    "half a gzip": (
        {"text": gzip.compress(CSV.encode())[:60], "source": "data.csv.gz"},
        "data.csv.gz cannot be read",
    ),
    "no parquet": ({"text": "a,y", "source": "data.parquet"}, "cannot be read as parquet"),
    "no features": ({"text": "y\n1\n0\n"}, "data.csv has no column beside y"),
    "many": ({"text": "a,y\n" + "1,\n" * 7 + "2,1\n"}, "no label in row 1, 2, 3, 4, 5 and 2 more"),
    "method": ({"options": "--method mgave"}, "take one of mgvae, cvae, cgan, rae. Did you mean"),
    "parameter": ({"options": "--param pretrain_step=5"}, "Did you mean 'pretrain_steps'?"),
    "no parameter": ({"options": "--param zz=5"}, "is no parameter of mgvae. It has batch_size, "),
    "no value": ({"options": "--param pretrain_steps"}, "pretrain_steps must be KEY=VALUE"),
    "own option": ({"options": "--param random_state=5"}, "an option of its own: use --seed"),
    "categories": ({"options": "--param categorical_features=a"}, "use --categorical"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.usefixtures("no_training")
def test_refused_before_training(resample, case):
    """With the value, the rule and the next action in one line."""
    how, message = REFUSED[case]
    how = {"text": CSV, "options": "", **how}
    if how.get("source", "").endswith("xlsx"):
        del how["text"]
    Path("there.csv").write_text("precious")
    Path("folder.csv").mkdir()
    before = set(os.listdir())
    status, out, err = resample(*how.pop("options").split(), **how)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("imbdeep: ")
    assert err.count("\n") == 1
    assert Path("there.csv").read_text() == "precious"
    assert set(os.listdir()) <= before | {how.get("source", "data.csv")}


@pytest.mark.parametrize(
    "options, message",
    [
        (["--param", "beta=high"], "The 'beta' parameter of MGVAESampler must be a float"),
        (["--device", "abacus"], "device='abacus' is not a device"),
        (["--sampling-strategy", "{'dead': 90}"], "dead"),
    ],
)
def test_what_the_sampler_refuses(resample, options, message):
    assert message in refused(resample(*QUICK, *options, text=CSV))


def test_force_replaces_the_input_itself(resample):
    assert resample(*QUICK, "--force", text=CSV, output="data.csv")[0] == 0
    assert Path("data.csv").read_text().startswith(CSV)
    assert len(Path("data.csv").read_text().splitlines()) == 61
    assert os.listdir() == ["data.csv"]


@pytest.mark.parametrize("output", ["out.csv.gz", "out.parquet"])
@pytest.mark.parametrize(
    "error, status", [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)]
)
def test_nothing_is_left_behind(resample, monkeypatch, output, error, status):
    """The disk is full, or Ctrl-C comes, in the middle of writing; an old output stays."""
    Path(output).write_text("old")

    def fail(self, file, *_, **__):
        if isinstance(file, Path):
            file.write_text("half")
        else:
            file.write(b"half")
        raise error

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    got, out, err = resample(*QUICK, "--force", text=CSV, output=output)
    assert got == status
    assert out == ""
    message = "interrupted: nothing was written." if status == 130 else "No space left on device"
    assert err.startswith("imbdeep: ")
    assert message in err
    assert sorted(os.listdir()) == sorted(["data.csv", output])
    assert Path(output).read_text() == "old"


def test_interrupt_and_lack_of_memory_while_training(resample, monkeypatch):
    for error, status in [(KeyboardInterrupt(), 130), (MemoryError(), 2)]:

        def fit_resample(self, X, y, error=error):
            raise error

        monkeypatch.setattr(imbdeep.over_sampling.MGVAESampler, "fit_resample", fit_resample)
        got, out, err = resample(text=CSV)
        assert (got, out) == (status, "")
        assert err in ("imbdeep: interrupted: nothing was written.\n", "imbdeep: MemoryError\n")
        assert os.listdir() == ["data.csv"]


def test_link_as_output_stays_a_link(resample, tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert "is there already" in resample(text=CSV, output="link.csv")[2]
    assert resample(*QUICK, "--force", text=CSV, output="link.csv")[0] == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith(CSV)


def test_floats_are_read_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    rows = [f"{value!r},{k % 2}" for k, value in enumerate(values.tolist())]
    (tmp_path / "data.csv").write_text("\n".join(["a,y", *rows]))
    assert (TableFile(tmp_path / "data.csv").read()["a"].to_numpy(float) == values).all()


def test_a_column_of_dates_gives_one_note(resample):
    """The encoder's own warning would repeat it."""
    header, *lines = CSV.splitlines()
    days = [f"2024-{1 + k // 28:02d}-{1 + k % 28:02d}" for k in range(len(lines))]
    rows = [f"{day},{line}" for day, line in zip(days, lines, strict=True)]
    status, _, err = resample(*QUICK, text="\n".join([f"day,{header}", *rows]) + "\n")
    assert status == 0
    assert err.count("note:") == 1
    assert "column day of data.csv holds 40 different names, such as '2024-01-01'" in err


@pytest.mark.parametrize(
    "method, options",
    [
        ("cvae", {"max_steps": "10"}),
        ("cgan", {"max_steps": "10"}),
        ("rae", {"max_steps": "10", "mixing": "2.0"}),  # of the classifier, and its own
    ],
)
def test_other_methods(resample, method, options):
    options = {**options, "row_filter": "None"}
    words = [word for key, value in options.items() for word in ("--param", f"{key}={value}")]
    status, out, err = resample("--method", method, *words, "--quiet", text=CSV)
    assert (status, err) == (0, "")
    assert f"20 new rows by {method} behind the 40 original ones" in out
    assert Path("out.csv").read_text().startswith(CSV)


def test_without_a_header(resample):
    rows = CSV.partition("\n")[2]
    for target, output in [("5", "a.csv"), ("c5", "c.tsv")]:
        options = [*QUICK, "--no-header"]
        assert resample(*options, text=rows, target=target, output=output)[0] == 0
    assert Path("a.csv").read_text().startswith(rows)
    assert len(Path("a.csv").read_text().splitlines()) == 60
    assert Path("c.tsv").read_text().startswith("0.0000\t\t0e-3\tred\tTrue\till\n")


# -------------------------------------------------------------------------------------- demo

DEMONSTRATE = _demo.demonstrate
SMALL = {"pretrain_steps": 20, "finetune_steps": 10, "classifier_steps": 20, "n_jobs": 1}


def table_of(out):
    """The lines of the table, without what is above and below."""
    lines = out.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("done to the training part"))
    stop = next(k for k, line in enumerate(lines) if line.startswith("In percent"))
    return lines[start:stop]


def test_demo_compares_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_demo, "demonstrate", partial(DEMONSTRATE, **SMALL))
    assert main(["demo", "--folds", "2"]) == 0
    out, err = capsys.readouterr()
    assert "2 of 2 folds done" in err
    assert "20/20" in err  # the bar of the first fold
    lines = table_of(out)
    assert [line[:24].strip() for line in lines[1:]] == [
        *("nothing", "nothing, threshold tuned", "class weights"),
        *("random over-sampling", "SMOTE", "MGVAE"),
    ]
    assert all(line.count("±") == 3 for line in lines[1:])
    assert "MGVAE is " in out
    assert "at most 20 + 10 training steps" in out
    assert f"Picture: {tmp_path / 'imbdeep-demo.png'}" in out
    assert os.listdir() == ["imbdeep-demo.png"]
    assert Path("imbdeep-demo.png").read_bytes().startswith(b"\x89PNG")


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    private = tmp_path / "private.csv"
    private.write_text("old")
    private.chmod(0o600)
    with replacing(private) as temporary:
        temporary.write_text("new")
    assert private.read_text() == "new"
    assert private.stat().st_mode & 0o777 == 0o600
