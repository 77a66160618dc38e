"""With SAN=1 the library needs AddressSanitizer in the process, which this Python has not: modules that load it, themselves or
through oracle.py or models/, are not even imported, and to import it all the same is an error rather than the process's end."""

import os
import pathlib
import re
import sys

collect_ignore = []
if os.environ.get("SAN"):
    _loads = re.compile(r"^(from|import) (oracle|models|torch_stablehlo)\b", re.MULTILINE)
    _tests = pathlib.Path(__file__).parent.glob("test_*.py")
    collect_ignore = [f.name for f in _tests if _loads.search(f.read_text())]
    sys.modules["torch_stablehlo"] = None
