"""One Kubernetes node inside the lab: `python -m lab run -- python tests/kubernetes DIR -- COMMAND ...`, as root.

DIR is what `tests/kubernetes/setup` filled. COMMAND finds `kubectl` on its PATH, an empty HOME, and KUBECONFIG and
KUBECONFIG_UNDER_TEST name a file with a context for each user: `admin`, `viewer` (may see pods, not run anything in
them), `outsider` (may do nothing), `stranger` (unknown to the cluster), and `gone` (a cluster that is not there).
COMMAND's exit code is ours; 3 means that there was no cluster, and standard error says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster import Cluster, NoCluster
from machine import Unsuitable

NO_CLUSTER = 3
USAGE = "usage: python -m lab run -- python tests/kubernetes DIR -- COMMAND ..."


def main(arguments: Sequence[str]) -> int:
    """Start everything, run COMMAND, end everything."""
    lab = os.environ.get("NETCOMPLIANCE_LAB")
    if lab is None or len(arguments) < 3 or arguments[1] != "--":
        print(USAGE, file=sys.stderr)
        return NO_CLUSTER
    cluster = Cluster(built=Path(arguments[0]).resolve(), state=Path(lab) / "kubernetes")
    try:
        with cluster.running():
            return subprocess.call(arguments[2:], env=cluster.environment)
    except (NoCluster, Unsuitable, OSError) as error:
        print(f"kubernetes: {error}", file=sys.stderr)
        return NO_CLUSTER


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
