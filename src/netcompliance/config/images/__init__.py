"""Which images the cluster pulls, and from where: from values, manifests, a plain list or the dated one.

`sources.gather` is the way in. Everything but reading the named file is pure.
"""
