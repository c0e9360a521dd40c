"""The slow twin of these tests is a module beside them, the writer of journals one beside the tests of their reader."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "events" / "journal")]
