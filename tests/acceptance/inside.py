"""Runs a command inside the lab, then keeps what ends with the lab: `inside.py DIRECTORY COMMAND …`.

DIRECTORY gets `log.jsonl` (what the servers saw) and `peak` (KiB of resident memory of the largest process).
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

directory = Path(sys.argv[1])
code = subprocess.call(sys.argv[2:])
(directory / "peak").write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
log = Path(os.environ["NETCOMPLIANCE_LAB"], "log.jsonl")
if log.exists():
    shutil.copy(log, directory)
sys.exit(code)
