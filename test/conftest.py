"""With SAN=1 the library needs AddressSanitizer in the process, which this Python has not: modules that load it are not imported."""

import os
import pathlib

_here = pathlib.Path(__file__).parent
collect_ignore = (
    [f.name for f in _here.glob("test_*.py") if "pytestmark = pytest.mark.needs_library" in f.read_text()] if os.environ.get("SAN") else []
)
