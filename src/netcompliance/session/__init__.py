"""A session of pytest: what was handed in becomes runs, and each run looks, judges and leaves its evidence.

`build` makes the runs, `run` is one tenant's from plan to footer, `visit_collector` and `watch_collector` take what
visits and watch tell, `baseline_check` holds a run against an earlier one, `pytest_items` tells pytest's objects of all
this.
"""
