"""DNS: does this network know the tenant's name, and is the answer the tenant's own?"""

import pytest


@pytest.mark.requirement("DNS-01")
def test_the_name_resolves_through_the_hosts_own_resolver(verdict):
    """The tenant's name resolves through the resolver that the host really uses."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-02")
def test_the_answer_is_the_tenants_own(verdict):
    """No sinkhole, no search domain and no rewriting stands in for the answer."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-03")
def test_every_configured_nameserver_answers(verdict):
    """Every configured nameserver answers when it is asked itself."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-04")
def test_the_answer_agrees_with_the_public_dns(verdict):
    """This network and the public DNS give the same addresses."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-05")
def test_every_address_is_in_the_allow_list(verdict):
    """Every address of the tenant is in the declared allow-list."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-06")
def test_every_address_in_the_allow_list_is_the_tenants(verdict):
    """No entry of the declared allow-list has become somebody else's address."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-07")
def test_no_entry_of_the_allow_list_is_wider_than_needed(verdict):
    """No entry of the declared allow-list opens more than is needed."""
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-08")
def test_what_else_is_needed_is_in_the_allow_list_too(verdict):
    """Resolvers, registry, CDN and chart repository are in the declared rules too."""
    verdict.is_satisfied()
