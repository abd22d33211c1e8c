"""``python -m imbdeep``."""

from imbdeep.cli import main

raise SystemExit(main())
