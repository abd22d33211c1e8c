"""The file of the results, and tables of ours beside the published ones."""

import csv
import io

from imbdeep.reproductions._results import Outcome, Results, span, warned
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


def test_a_span_is_one_number_where_all_are_the_same():
    assert span([2990.0, 3010.4]) == "2990 to 3010"
    assert span([20.0, 20.0]) == "20"


def test_warnings_stand_below_the_table():
    told = warned({"MGVAE": [Outcome({}, 1.0, ["It has collapsed."])] * 2, "nothing": [outcome(1)]})
    assert told == "\nWarnings:\n\n- MGVAE, 2 in all, the first: It has collapsed.\n"
    assert warned({"nothing": [outcome(0.5)]}) == ""
