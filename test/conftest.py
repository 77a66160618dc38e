"""With SAN=1 the library needs AddressSanitizer in the process, which this Python has not: modules that load it, themselves or
through oracle.py, are not even imported."""

import os
import pathlib
import re

_loads = re.compile(r"^(from|import) (oracle|torch_stablehlo)\b", re.MULTILINE)
_tests = pathlib.Path(__file__).parent.glob("test_*.py")
collect_ignore = [f.name for f in _tests if _loads.search(f.read_text())] if os.environ.get("SAN") else []
