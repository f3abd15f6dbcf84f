"""The list that a network team approved, in whatever form it has: read, and brought down to `model.Approved` entries.

`reading.read` is the way in: the file says itself what it is. `plain` reads addresses, blocks and names, `nft` (with
`nftwords` and `nftrules`) and `nftjson` nftables, `iptables` iptables-save, `policies` NetworkPolicies. What a
firewall's rules come to, chain by chain, is worked out in `ruleset`. Everything but reading the named file is pure.

Rules
* An entry keeps the line on which it stands: an audit that cannot say where is no use.
* A rule that is only understood in part is bad input, with its line, if it could matter: an audit must not guess.
"""
