"""``python -m imbdeep.benchmarks``."""

from imbdeep.benchmarks import main

raise SystemExit(main())
