"""Runs a command inside the lab, where processes have numbers of their own, and sends it the signal that is asked for.

`signalled.py FILE COMMAND …`: as soon as FILE is there, COMMAND gets the signal whose number is in it. A command that a
signal ended gives 128 and its number, as in a shell.
"""

import subprocess
import sys
import time
from pathlib import Path

asked = Path(sys.argv[1])
process = subprocess.Popen(sys.argv[2:])
while process.poll() is None:
    if asked.exists():
        process.send_signal(int(asked.read_text()))
        break
    time.sleep(0.02)
code = process.wait()
sys.exit(code if code >= 0 else 128 - code)
