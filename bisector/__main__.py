"""``python -m bisector`` is the ``bisect`` command."""

import sys

from bisector.cli import main

sys.exit(main())
