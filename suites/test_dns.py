"""DNS: does this network know the tenant's name, and is the answer the tenant's own?"""

import pytest


@pytest.mark.requirement("DNS-01")
def test_the_name_resolves_through_the_hosts_own_resolver(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-02")
def test_the_answer_is_the_tenants_own(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-03")
def test_every_configured_nameserver_answers(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-04")
def test_the_answer_agrees_with_the_public_dns(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-05")
def test_every_address_is_in_the_allow_list(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-06")
def test_every_address_in_the_allow_list_is_the_tenants(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-07")
def test_no_entry_of_the_allow_list_is_wider_than_needed(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-08")
def test_what_else_is_needed_is_in_the_allow_list_too(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("DNS-09")
def test_looking_up_the_name_is_quick_and_steady(verdict):
    verdict.is_satisfied()
