"""What happens beside a command while it runs: other programs, readers that leave, signals."""

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import imbdeep.comparison
import imbdeep.over_sampling
from imbdeep.cli import main

BRIEF = ["pretrain_steps=5", "finetune_steps=5", "row_filter=None", "n_exemplars=5"]
ROWS = [f"{k % 7},{'red' if k % 3 else 'blue'},{'病' if k % 4 == 0 else 'well'}" for k in range(40)]
TEXT = "\n".join(["size,colour,y", *ROWS]) + "\n"
RESAMPLE = ["resample", "data.csv", "--target", "y", "--output", "out.csv", "--quiet"]
RESAMPLE += [word for key in BRIEF for word in ("--param", key)]
COMPARE = ["compare", "data.csv", "--target", "y", "--methods", "nothing", "--classifiers"]
COMPARE += ["logistic", "--folds", "2", "--jobs", "1", "--no-cache", "--output", "out.csv"]
PICTURE = "imbdeep-compare.png"


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(imbdeep.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(TEXT)


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen while a sampler or a comparison is at work."""

    def let(happen):
        for place, name in (
            (imbdeep.over_sampling.MGVAESampler, "fit_resample"),
            (imbdeep.comparison, "compare"),
        ):
            work = getattr(place, name)

            def work_beside(*args, work=work, **options):
                found = work(*args, **options)
                happen()
                return found

            monkeypatch.setattr(place, name, work_beside)

    return let


def one_line(capsys):
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("imbdeep: ")
    assert "Traceback" not in err
    return err


# ------------------------------------------------------------------------ two programs, one file


@pytest.mark.parametrize("words", [RESAMPLE, COMPARE], ids=["resample", "compare"])
def test_an_output_that_appears_meanwhile_stays(words, meanwhile, capsys, tmp_path):
    meanwhile(lambda: Path("out.csv").write_text("precious"))
    assert main(words) == 2
    err = one_line(capsys)
    assert f"{tmp_path / 'out.csv'} was written by another program meanwhile" in err
    assert f"the result is in {tmp_path / 'out.1.csv'}." in err
    assert Path("out.csv").read_text() == "precious"
    assert len(pd.read_csv("out.1.csv")) >= 2
    assert not [name for name in os.listdir() if name.startswith(".")]


CHANGES = {
    "appended": lambda: Path("data.csv").write_text(TEXT + "1,red,well\n"),
    "vanished": lambda: Path("data.csv").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_rows_are_those_that_were_read(change, meanwhile):
    main([*RESAMPLE[:5], "expected.csv", *RESAMPLE[6:]])
    meanwhile(change)
    assert main(RESAMPLE) == 0
    assert Path("out.csv").read_bytes() == Path("expected.csv").read_bytes()


def test_an_input_that_grew_is_not_replaced_by_force(meanwhile, capsys):
    meanwhile(CHANGES["appended"])
    assert main([*RESAMPLE[:5], "data.csv", *RESAMPLE[6:], "--force"]) == 2
    assert "the result is in" in one_line(capsys)
    assert Path("data.csv").read_text() == TEXT + "1,red,well\n"
    assert Path("data.1.csv").read_text().startswith(TEXT)


@pytest.mark.parametrize("words", [RESAMPLE, COMPARE], ids=["resample", "compare"])
def test_an_input_that_changes_while_it_is_read_is_refused(words, monkeypatch, capsys):
    read = pd.read_csv

    def read_and_append(*args, **options):
        with open("data.csv", "a") as file:
            file.write("1,red,well\n")
        return read(*args, **options)

    monkeypatch.setattr(pd, "read_csv", read_and_append)
    assert main(words) == 2
    assert "data.csv changed while it was read: run the command again" in one_line(capsys)
    assert os.listdir() == ["data.csv"]


# ------------------------------------------------------------------------------ where it is put


def test_long_names(capsys):
    name = "x" * 251 + ".csv"  # as long as a name can be
    assert main([*RESAMPLE[:5], name, *RESAMPLE[6:]]) == 0
    assert Path(name).read_text().startswith(TEXT)
    assert main([*RESAMPLE[:5], "x" + name, *RESAMPLE[6:]]) == 2
    assert "File name too long: name another file." in one_line(capsys)


@pytest.mark.parametrize("words", [RESAMPLE, COMPARE], ids=["resample", "compare"])
def test_a_folder_that_takes_no_file_is_found_before_the_work(
    words, meanwhile, monkeypatch, capsys
):
    worked = []
    meanwhile(lambda: worked.append(1))
    open_path = Path.open

    def refuse(self, mode="r", *args, **options):
        if "x" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))
        return open_path(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert main(words) == 2
    assert "cannot be written: Read-only file system." in one_line(capsys)
    assert not worked


@pytest.mark.parametrize("words", [RESAMPLE, COMPARE], ids=["resample", "compare"])
def test_a_folder_that_vanishes(words, meanwhile, capsys):
    Path("there").mkdir()
    meanwhile(lambda: [path.unlink() for path in Path("there").iterdir()] + [os.rmdir("there")])
    words = [word.replace("out.csv", "there/out.csv") for word in words]
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert "out.csv cannot be written: " in err
    assert str(Path("there").absolute()) in err
    assert "Traceback" not in err
    assert ("nothing  logistic" in out) == (words[0] == "compare")  # what was found is not lost


def test_a_disk_that_is_full(capsys):
    """By a limit that the system sets: the original rows still fit."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(TEXT.encode()), limit[1]))
    try:
        assert main(RESAMPLE) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "out.csv cannot be written: File too large." in one_line(capsys)
    assert os.listdir() == ["data.csv"]


# --------------------------------------------------------------------------------- what is said


class Leaving(io.StringIO):
    """A stream whose reader leaves after some characters."""

    def __init__(self, n=0, number=errno.EPIPE):
        super().__init__()
        self.n, self.number = n, number

    def write(self, text):
        if self.tell() >= self.n:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


def narrow(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "name, stream",
    [
        ("stdout", lambda: Leaving(60)),
        ("stdout", lambda: None),
        ("stderr", closed),
        ("stderr", lambda: narrow("cp1252")),
    ],
    ids=["after a line", "none", "closed", "narrow"],
)
def test_nothing_is_lost_with_what_cannot_be_said(monkeypatch, name, stream):
    monkeypatch.setattr(sys, name, stream())
    before = getattr(sys, name)
    assert main(COMPARE) == 0
    assert getattr(sys, name) is before
    assert sorted(os.listdir()) == sorted(["data.csv", "out.csv", PICTURE])
    assert main(RESAMPLE) == 2  # the output is there


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp932"])
def test_narrow_encodings(monkeypatch, encoding):
    stream = narrow(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([*COMPARE, "--quiet"]) == 0
    text = stream.buffer.getvalue().decode(encoding)
    label = "病" if encoding == "cp932" else "\\u75c5"
    assert f"{label}: 10)" in text
    assert ("±" if encoding not in ("ascii",) else "+-") in text


def test_a_full_output_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Leaving(number=errno.ENOSPC))
    assert main(RESAMPLE) == 2
    assert "the standard output cannot be written: [Errno 28] No space left" in one_line(capsys)
    assert Path("out.csv").read_text().startswith(TEXT)


@pytest.fixture
def program():
    command = f"{sys.executable} -m imbdeep "

    def run(words, **options):
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}{words}"],
            capture_output=True,
            text=True,
            **options,
        )

    return run


@pytest.mark.parametrize("words", ["--help | head -1", "--version >&-", "compare --help 2>&- >&-"])
def test_help_without_a_reader(program, words):
    done = program(words)
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_streams_are_open_again_in_other_processes():
    """Else joblib's workers end, and files get the descriptors of the streams."""
    code = (
        "import subprocess, sys\n"
        "from imbdeep.cli._terminal import lasting_streams\n"
        "ask = 'import sys; sys.exit(None in (sys.stdin, sys.stdout, sys.stderr))'\n"
        "with lasting_streams(), open('made', 'w') as file:\n"
        "    lowest = file.fileno()\n"
        "    sys.exit(lowest < 3 or subprocess.call([sys.executable, '-c', ask]))\n"
    )
    Path("code.py").write_text(code)
    for closed_streams in ("<&- >&- 2>&-", ">&-", "2>&-"):
        command = f"{sys.executable} code.py {closed_streams}"
        assert subprocess.run(["bash", "-c", command]).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_no_trace(number, monkeypatch, capsys, meanwhile):
    # As in a terminal; a process behind nohup ignores some of them.
    handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, handler)
    try:
        meanwhile(lambda: signal.raise_signal(number))
        assert main(RESAMPLE) == 128 + number
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)
    assert one_line(capsys) == "imbdeep: interrupted: nothing was written."
    assert os.listdir() == ["data.csv"]


# ------------------------------------------------------------------------------- before torch

MISTAKES = {
    "wrong target": ("data.csv", "--target why", "Did you mean 'y'"),
    "empty file": ("empty.csv", "--target y", "is empty"),
    "one class": ("one.csv", "--target y", "holds the one class"),
    "unlabelled rows": ("gaps.csv", "--target y", "has no label in row 1"),
    "wrong categories": ("data.csv", "--target y --categorical color", "--categorical color is no"),
    "no such file": ("none.csv", "--target y", "is no file"),
}


def test_mistakes_are_told_before_torch_is_loaded(program):
    Path("empty.csv").write_text("")
    Path("one.csv").write_text("a,y\n1,2\n2,2\n")
    Path("gaps.csv").write_text("a,y\n1,\n2,2\n")
    words = [
        f"{command} {file} {options} --output out.csv".split()
        for file, options, _ in MISTAKES.values()
        for command in ("resample", "compare")
    ]
    words.append(["resample", "data.csv", "--target", "y", "--output", "o.csv", "--method", "x"])
    code = (
        "import sys; from imbdeep.cli import main; "
        f"found = [main(words) for words in {words!r}]; "
        "sys.exit(str(found) if set(found) != {2} or 'torch' in sys.modules else 0)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert time.perf_counter() - start < 10  # on a machine that is busy
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(words)
    for k, (_, _, message) in enumerate(MISTAKES.values()):
        assert message in lines[2 * k]
        assert message in lines[2 * k + 1]
