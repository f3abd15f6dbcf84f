"""What a person hands in, checked and put together: one `settings.TenantConfig` for each tenant.

`options` declares the command line and its defaults, `profile` reads a tenant's file, `images` and `allow_list` the
files that these name. `settings` says what holds of all this, with `watch` and `credentials`. `validation` says what is
bad input, `yaml_lines` where in a file it stands.
"""
