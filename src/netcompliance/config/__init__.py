"""What a person hands in, checked and put together to the settings of each tenant's run.

`options` is the command line, `profile` a tenant's file, `images` and `allow_list` the files that these name, and
`settings` what holds of all this. `validation` says what is bad input, `yaml_lines` where in a file it stands.
"""
