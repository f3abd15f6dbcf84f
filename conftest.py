"""Hooks of a site's own go here. The suites need none: all they use comes from the plugin `netcompliance.plugin`."""
