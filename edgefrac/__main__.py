"""``python -m edgefrac``: the command line, for where the console script is not on the path."""

from __future__ import annotations

import sys

from edgefrac.cli.main import main

sys.exit(main())
