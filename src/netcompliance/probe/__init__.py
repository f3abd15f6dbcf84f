"""The probe: a program that looks, on whatever machine it is put, and says what it saw.

`onhost` is that program: standard library only, syntax and library of Python 3.6 to 3.14. `bundle` turns it and a plan
into one command-line argument. Nothing in here has an opinion about what was seen.
"""
