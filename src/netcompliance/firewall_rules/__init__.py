"""Rules of packet filters, read once: three parsers, one model of rules, two questions (pure).

`nft_json`, `nft_text` and `iptables_save` read what their tools print, and give `rules`' frozen types. `vocabulary` is
the closed list of matches and statements for all of them, `blocks` adds up addresses and ports. `egress` answers what
is let out to where (the audit of an allow-list), `ingress` whether somebody is let in by source (OUT-02).

Rules
* A parser never decides and never raises about one rule: what it cannot read stands in that rule as a doubt.
* What is not in `vocabulary` is not understood, and what is not understood is never taken as if it decided nothing.
"""
