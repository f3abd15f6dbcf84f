"""The registry: can the images be pulled, to the last byte?"""

import pytest


@pytest.mark.requirement("REG-01")
def test_the_registry_answers_as_a_registry(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-02")
def test_the_image_can_be_asked_for(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-03")
def test_the_images_manifest_is_there_for_the_platform(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-04")
def test_the_images_layers_arrive_and_verify(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-05")
def test_the_cdn_host_opens_with_its_own_certificate(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-06")
def test_ones_own_registry_holds_what_the_source_holds(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-07")
def test_the_charts_values_point_at_the_registry(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("REG-08")
def test_image_layers_arrive_fast_enough(verdict):
    verdict.is_satisfied()
