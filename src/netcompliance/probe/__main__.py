"""`python -m netcompliance.probe PLAN.json`: run a plan here, from the files, to look at what the probe does."""

import json
import sys

from netcompliance.probe.onhost.main import main

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as plan:
        main(json.load(plan))
