"""blackbox_exporter in its documented use, polled every second, as a Prometheus would: `polled.py FILE`.

FILE gets a line for each poll: when it began, and whether it was a success. A poll waits for its answer, and the next
one begins a second after the last began, or when that has ended.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PORT = 9115
CONFIGURATION = Path(__file__).resolve().parent.parent / "peers" / "blackbox.yml"
TARGET = "https://acme.app.stackstate.io/receiver/stsAgent/features"
URL = f"http://127.0.0.1:{PORT}/probe?module=receiver&target={TARGET}"


def main(file: Path) -> None:
    """Poll until this is ended."""
    exporter = subprocess.Popen(
        ["prometheus-blackbox-exporter", f"--config.file={CONFIGURATION}", f"--web.listen-address=127.0.0.1:{PORT}"],
        stderr=subprocess.DEVNULL,
    )
    try:
        with file.open("w") as written:
            while True:
                begun = time.time()
                try:
                    with urllib.request.urlopen(URL, timeout=10) as answer:
                        success = b"\nprobe_success 1" in answer.read()
                except OSError:
                    success = False
                written.write(f"{begun} {int(success)}\n")
                written.flush()
                time.sleep(max(0.0, begun + 1 - time.time()))
    finally:
        exporter.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
