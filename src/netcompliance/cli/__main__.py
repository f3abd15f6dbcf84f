"""`python -m netcompliance.cli` is `netcompliance`."""

import sys

from netcompliance.cli.main import main

sys.exit(main())
