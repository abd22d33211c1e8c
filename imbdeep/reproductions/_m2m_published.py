"""The numbers of M2m's paper: Tables 1 to 5."""

from __future__ import annotations

#: Rows of Tables 1 and 2, in their order.
ROWS = (
    "ERM",
    "ERM-RS",
    "ERM-SMOTE",
    "ERM-RW",
    "ERM-CB-RW",
    "ERM-DRS",
    "ERM-M2m",
    "Focal",
    "LDAM",
    "LDAM-DRW",
    "LDAM-M2m",
)
#: Mean and standard deviation of bACC, then of GM, in percent; a line a row of ROWS.
_TABLES = {
    "cifar10-jpeg-100": """
        68.7 1.43 66.4 1.69
        70.4 1.15 69.0 1.36
        71.5 0.57 70.2 0.93
        72.8 0.33 72.0 0.29
        71.2 1.14 70.0 1.28
        75.2 0.26 73.9 0.17
        78.3 0.16 77.8 0.16
        68.3 1.19 65.5 1.71
        72.8 0.37 70.8 0.65
        77.1 0.49 76.7 0.59
        79.1 0.19 78.6 0.19""",  # Table 1
    "cifar10-jpeg-10": """
        86.0 0.69 85.8 0.50
        86.6 0.37 86.4 0.37
        85.7 0.25 85.5 0.26
        86.6 0.18 86.5 0.16
        86.8 0.49 86.6 0.53
        87.1 0.26 87.0 0.29
        87.9 0.21 87.5 0.15
        85.3 0.47 85.1 0.47
        86.2 0.12 86.0 0.15
        87.1 0.28 86.9 0.28
        87.5 0.15 87.4 0.19""",  # Table 1
    "cifar100-lt-100": """
        37.2 1.12 21.5 1.66
        31.6 1.26 17.7 1.33
        34.0 0.33 19.6 0.36
        30.1 0.59 17.6 0.85
        38.6 0.46 22.5 0.49
        41.5 0.21 31.0 0.21
        42.9 0.16 33.0 0.11
        37.7 1.38 22.1 1.49
        39.5 0.69 20.8 0.49
        42.1 0.09 29.2 0.27
        43.5 0.22 34.2 0.62""",  # Table 1
    "cifar100-lt-10": """
        56.2 0.69 51.8 0.63
        54.8 0.47 50.3 0.68
        53.8 0.93 49.4 1.15
        56.0 0.35 52.0 0.51
        55.9 0.24 52.0 0.42
        57.7 0.40 54.8 0.33
        58.2 0.08 55.3 0.05
        55.3 0.42 50.7 0.43
        54.7 0.16 44.1 0.53
        56.9 0.15 50.4 0.29
        57.6 0.14 51.8 0.38""",  # Table 1
    "celeba-5": """
        72.7 1.24 69.4 0.97
        72.5 0.93 70.4 1.37
        72.8 1.07 70.7 0.84
        74.5 0.50 73.4 0.87
        74.2 0.59 72.3 0.50
        73.1 0.68 71.2 0.62
        75.6 0.16 74.6 0.34
        72.7 0.57 69.7 1.42
        73.0 1.14 68.0 2.19
        74.4 0.33 72.3 0.82
        75.9 1.09 75.0 0.94""",  # Table 2
    "sun397": """
        31.5 0.07 20.2 0.74
        28.4 0.19 19.8 1.10
        23.7 0.09 14.8 0.39
        31.3 0.20 25.3 0.12
        31.7 0.13 25.1 0.51
        30.7 0.34 24.2 0.40
        32.4 0.17 25.8 0.29
        31.2 0.14 21.3 0.71
        30.2 0.10 14.4 0.83
        31.6 0.10 23.6 0.36
        33.3 0.20 24.9 0.76""",  # Table 2
    "twitter-brown": """
        74.7 0.46 65.2 1.10
        75.8 0.30 70.4 1.67
        75.8 0.38 69.5 0.30
        76.2 0.95 73.5 1.46
        77.5 0.40 73.6 0.79
        77.8 0.85 74.3 1.48
        78.2 0.35 74.8 0.78
        74.2 2.35 70.4 4.03
        74.6 0.40 66.1 2.28
        78.0 0.87 74.4 1.28
        78.8 0.21 76.0 0.23""",  # Table 2
    "reuters": """
        59.8 1.17 53.8 1.75
        63.3 0.90 57.4 1.03
        62.5 1.30 56.8 1.69
        65.0 1.08 59.2 1.84
        64.8 0.45 57.6 1.62
        62.4 0.39 56.0 1.34
        66.3 0.42 60.5 0.52
        59.4 0.42 53.0 0.74
        63.0 1.36 57.6 0.50
        64.1 0.31 56.9 1.08
        70.0 0.68 63.9 0.49""",  # Table 2
}
#: Tables 3, 4 and 5, at ratio 100; bACC and GM that they repeat of Table 1 are left out.
_ABLATED = {
    "10 seeds": "74.9 0.29 73.7 0.33",
    "50 seeds": "76.2 0.30 75.3 0.29",
    "100 seeds": "76.5 0.34 75.6 0.41",
    "200 seeds": "76.7 0.51 75.9 0.59",
    "500 seeds": "77.4 0.38 76.8 0.31",
    "M2m (lambda = 0)": "76.9 0.15 76.5 0.11",
    "M2m-Clean": "73.5 0.81 73.0 0.93",
    "M2m-RS": "74.1 0.10 73.1 0.14",
    "M2m-RS-Rand": "71.6 0.36 70.3 0.80",
    "M2m-Self": "75.9 0.27 74.9 0.32",
    "M2m-No-Reject": "77.4 0.33 76.8 0.40",
    "M2m (gamma = 0)": "76.9 0.19 76.4 0.20",
    "M2m-Ensemble": "78.5 0.20 78.0 0.22",
}

#: The recalls of Table 4: of the majority classes (the first two), then of the others.
_HALVES = {
    "M2m (lambda = 0)": "92.8 0.97 73.0 0.10",
    "M2m-Clean": "78.4 2.45 72.7 0.60",
    "ERM-RS": "92.8 1.50 64.8 1.18",
    "M2m-RS": "92.9 2.99 69.4 0.84",
    "M2m-RS-Rand": "93.6 2.34 66.1 1.04",
    "ERM-M2m": "93.3 0.85 74.6 0.34",
}


def _pairs(line: str, first: str = "bACC", second: str = "GM") -> dict[str, tuple[float, float]]:
    values = [float(value) for value in line.split()]
    return {first: (values[0], values[1]), second: (values[2], values[3])}


#: Data set, row of the paper's table, metric: mean and standard deviation, in percent.
PUBLISHED: dict[str, dict[str, dict[str, tuple[float, float]]]] = {
    dataset: dict(zip(ROWS, map(_pairs, table.strip().splitlines()), strict=True))
    for dataset, table in _TABLES.items()
}
PUBLISHED["cifar10-jpeg-100"] |= {row: _pairs(line) for row, line in _ABLATED.items()}
for _row, _line in _HALVES.items():
    PUBLISHED["cifar10-jpeg-100"][_row] |= _pairs(_line, "Major", "Minor")
