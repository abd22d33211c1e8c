"""The file of the results, and tables of ours beside the published ones."""

import csv
import io

from imbdeep.reproductions._harness import Approach
from imbdeep.reproductions._results import Outcome, Results, markdown, span, warned
from imbdeep.reproductions.mgvae import METRICS


def outcome(value, seconds=2.0):
    return Outcome(dict.fromkeys(METRICS, value), seconds)


def test_csv_is_tidy_and_written_at_once():
    file = io.StringIO()
    results = Results(file)
    results.add("musk", "SMOTE", 1, outcome(0.75))
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [row["metric"] for row in rows] == list(METRICS)
    assert rows[0] == {
        "dataset": "musk",
        "method": "SMOTE",
        "trial": "1",
        "metric": "balanced accuracy",
        "value": "0.750000",
        "seconds": "2.00",
    }


def test_markdown_puts_ours_beside_the_published():
    outcomes = {"ours": [outcome(0.7, 1.0), outcome(0.8, 3.0)], "alone": [outcome(0.5)]}
    methods = {"ours": Approach("RS"), "alone": Approach(), "not run": Approach("RW")}
    theirs = {name: {"ACSA": (61.0, 0.25)} for name in ("RS", "RW", "VAE")}
    beside = {"balanced accuracy": "ACSA", "G-mean": "GM"}
    text = markdown("d", methods, outcomes, theirs, beside, metrics=METRICS)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    header, _, ours, alone, not_run, paper_only = lines
    assert header == ["method", *METRICS, "seconds", "published ACSA", "published GM"]
    assert ours == ["ours", *["75.0 ± 7.1"] * 4, "2", "61.0 ± 0.2", ""]
    assert alone == ["alone", *["50.0"] * 4, "2", "", ""]  # one trial has no deviation
    assert not_run == ["not run", *[""] * 5, "61.0 ± 0.2", ""]  # visibly empty
    assert paper_only == ["VAE (paper only)", *[""] * 5, "61.0 ± 0.2", ""]
    assert len({len(line) for line in lines}) == 1


def test_numbers_that_are_no_percentages_stay_as_they_are():
    outcomes = {"ours": [Outcome({"density": value}, 1.0) for value in (1.1, 1.3)]}
    theirs = {"Our": {"density": (0.729,)}}
    beside = {"density": "density"}
    text = markdown(
        "d", {"ours": Approach("Our")}, outcomes, theirs, beside, metrics=["density"], percent=False
    )
    assert "| ours | 1.200 ± 0.141 | 1 | 0.729 |" in text


def test_a_span_is_one_number_where_all_are_the_same():
    assert span([2990.0, 3010.4]) == "2990 to 3010"
    assert span([20.0, 20.0]) == "20"


def test_warnings_stand_below_the_table():
    told = warned({"MGVAE": [Outcome({}, 1.0, ["It has collapsed."])] * 2, "nothing": [outcome(1)]})
    assert told == "\nWarnings:\n\n- MGVAE, 2 in all, the first: It has collapsed.\n"
    assert warned({"nothing": [outcome(0.5)]}) == ""
