"""Every format in which an allow-list can be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netcompliance.change.allowlist import clouds, filters, kubernetes, request, squid
from netcompliance.change.allowlist.flows import AllowList

FORMATS: Mapping[str, Callable[[AllowList], str]] = {
    "markdown": request.markdown,
    "csv": request.table,
    "nftables": filters.nftables,
    "iptables-save": filters.iptables_save,
    "networkpolicy": kubernetes.network_policy,
    "cilium": kubernetes.cilium,
    "calico": kubernetes.calico,
    "aws": clouds.aws,
    "azure": clouds.azure,
    "squid": squid.acl,
}
"""As `--format` names them. Each gives the whole text, with a newline at its end."""
