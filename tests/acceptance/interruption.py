"""Runs a script in the lab, and interrupts the network while it watches: `interruption.py DIRECTORY SCRIPT`.

The third run is the one that watches. Two seconds after its journal says that the watch began, the router drops one of
the tenant's addresses for three seconds. DIRECTORY/interrupted is there if that was done.
"""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ADDRESS = "34.250.11.21"
ROUTER = ("ip", "netns", "exec", "router", "nft")
DROPPED = 3.0

directory = Path(sys.argv[1])


def watching() -> bool:
    """Whether the third run says that its watch began, and goes on."""
    runs = sorted(directory.glob("reports/acme/*"))
    if len(runs) != 3:
        return False
    with suppress(OSError):
        journal = (runs[2] / "journal.jsonl").read_text(encoding="utf-8", errors="replace")
        return '"what":"begin"' in journal and '"type":"footer"' not in journal
    return False


def drop() -> None:
    """Drop the address for a while."""
    for command in (
        "add table inet interruption",
        "add chain inet interruption forward { type filter hook forward priority -1; }",
        f"add rule inet interruption forward ip daddr {ADDRESS} tcp dport 443 drop",
    ):
        subprocess.run([*ROUTER, command], check=True)
    time.sleep(DROPPED)
    subprocess.run([*ROUTER, "delete table inet interruption"], check=True)
    (directory / "interrupted").touch()


script = subprocess.Popen(["bash", "-c", sys.argv[2]], cwd=directory)
done = "--watch" not in sys.argv[2]
while script.poll() is None:
    if not done and watching():
        time.sleep(2)
        drop()
        done = True
    time.sleep(0.1)
sys.exit(script.returncode)
