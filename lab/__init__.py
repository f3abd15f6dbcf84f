"""A small internet on one machine, in which the unmodified suite runs and cannot tell.

    python -m lab run [--scenario NAME] [--servers embedded|real] -- COMMAND
    python -m lab scenarios | shell | doctor

Layers, each of which knows only those above it
* `world`, `servers`    what there is, as frozen data            `healthy`   the world in which nothing is wrong
* `scenario`, `changes` pure functions from world to world       `scenarios` every way to break it, as tables
* `names`, `images`     DNS answers, image and chart bytes       `pki`       certificates
* `linux`, `network`, `mounts`  namespaces, links and firewalls, files that look different inside
* `backend`             what a backend gets: certificates, and children in namespaces
* `embedded`, `real`    backends: Python servers that misbehave precisely; the same roles played by real daemons
* `run`, `doctor`, `cli` entering and leaving, what the machine lacks, the command line

Nothing of it is in the wheel, and nothing outside its namespaces changes: no file, no route, no rule. What the servers
saw lies in `$NETCOMPLIANCE_LAB/log.jsonl` while COMMAND runs.
"""
