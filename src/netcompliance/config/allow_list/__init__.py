"""The list that a network team approved, in whatever form it has: read, and brought down to `model.Approved` entries.

`reading.read` is the way in: the file says itself what it is. `plain` reads addresses, blocks and names, `policies`
NetworkPolicies; a firewall's rules are read by `firewall_rules`, and `firewall_rules.egress` says what they come to.
Everything but reading the named file, and asking the system for the port of a service's name, is pure.

Rules
* An entry keeps the line on which it stands: an audit that cannot say where is no use.
* A rule that is only understood in part is bad input, with its line, if it could matter: an audit must not guess.
"""
