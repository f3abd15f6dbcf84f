"""Runs a command inside the lab, then keeps what ends with the lab: `inside.py DIRECTORY COMMAND …`.

DIRECTORY gets `log.jsonl` (what the servers saw) and `peak` (KiB of resident memory of the largest process). Variables
hold command lines of clients that are run too, in the same environment: ORACLE_BESIDE or ORACLE_AFTER of the oracle,
while or after the command runs, with ORACLE_KEY (leaves `oracle.json`), and ORACLE_HELM of Helm, beside it (leaves
`helm.code` and `helm.out`).
"""

import os
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLES = ("ORACLE_BESIDE", "ORACLE_AFTER", "ORACLE_HELM", "ORACLE_KEY")
HELMS_OWN = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")


def main(directory, command, call=subprocess.call):
    """Run the command, by `call`, and give its exit code."""
    asked = {name: os.environ.pop(name, "") for name in VARIABLES}

    def oracle(program):
        return begun(program, directory / "oracle.json", {"ORACLE_KEY": asked["ORACLE_KEY"]})

    def helm(program):
        own = directory / "helm"
        own.mkdir()
        return begun(program, directory / "helm.out", {name: str(own / name) for name in HELMS_OWN}, own)

    beside = oracle(asked["ORACLE_BESIDE"]) if asked["ORACLE_BESIDE"] else None
    pull = helm(asked["ORACLE_HELM"]) if asked["ORACLE_HELM"] else None
    code = call(command)
    (directory / "peak").write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
    after = oracle(asked["ORACLE_AFTER"]) if asked["ORACLE_AFTER"] else None
    for client in filter(None, (beside, after)):
        client.wait()
    if pull:
        (directory / "helm.code").write_text(str(pull.wait()))
    log = Path(os.environ["NETCOMPLIANCE_LAB"], "log.jsonl")
    if log.exists():
        shutil.copy(log, directory)
    return code


def begun(program, output, variables, directory=None):
    """A client that has been started; what it prints goes to a file."""
    with output.open("wb") as file:
        return subprocess.Popen(
            shlex.split(program),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file if directory else None,
            cwd=directory,
            env={**os.environ, **variables},
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
