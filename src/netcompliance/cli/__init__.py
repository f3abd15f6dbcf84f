"""The console command `netcompliance ACTION`: what can be done with journals and the catalogue, without any network.

Rules
* One module per action. It has `HELP` (a line), `add(parser)` (declares arguments) and `run(arguments) -> int`.
* Exit code 0: done and fine; 1: done, and what was looked at is not fine; 4: what was typed or handed in is unusable,
  with one line that says what is right (`BadInput`). Heavy imports happen inside `run`.
"""
