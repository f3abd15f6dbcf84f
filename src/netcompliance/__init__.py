"""netcompliance: does this network meet what the StackState Agent's network documentation requires?

This file stays empty of code: the on-host probe imports the package under this name on machines that have nothing
but an old standard library.
"""
