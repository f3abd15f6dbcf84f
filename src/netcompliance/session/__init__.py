"""A session of pytest: what was handed in becomes plans, and each run looks, judges and leaves its evidence.

`build` makes a `plan` for each tenant. `run` is one of them from first line to last, in one of the `phases`, with what
`visit_collector` and `watch_collector` take of visits and watch; `watch_basis` is what the one needs of the other.
`artifacts` is what a run leaves, `baseline_check` holds it against an earlier one, `pytest_items` tells pytest of all
this.
"""
