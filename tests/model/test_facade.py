"""What the wire sees of a model, the index over all of them, and the coverage table's data."""

from __future__ import annotations

import pytest

from lambent.model import Coverage, coverage, index, service_model, services
from lambent.model.index import ServiceEntry, entry_of


def test_traits_of_a_use_come_before_those_of_the_shape() -> None:
    put = service_model("s3").operations["PutObject"].input
    assert put is not None
    assert put.members["Bucket"].trait("location") == "uri"
    assert put.members["Metadata"].location_name == "x-amz-meta-"
    assert put.payload == "Body"
    assert put.members["Body"].streaming
    assert service_model("s3").operations["PutObject"].streams_input


def test_a_service_is_built_once_and_its_operations_at_first_use() -> None:
    model = service_model("lambda")
    assert service_model("lambda") is model
    assert model.operations["Invoke"] is model.operations["Invoke"]
    assert "NoSuchOperation" not in model.operations


def test_an_error_is_found_by_its_name_and_by_its_code() -> None:
    sqs = service_model("sqs")
    by_name = service_model("iam").error("NoSuchEntityException")
    by_code = service_model("iam").error("NoSuchEntity")
    assert by_name is not None
    assert by_code is not None
    assert by_name.name == by_code.name == "NoSuchEntityException"
    assert sqs.error("NoSuchThing") is None


def test_a_service_that_speaks_several_protocols_lists_its_own_first() -> None:
    assert service_model("cloudwatch").protocols == ("smithy-rpc-v2-cbor", "json", "query")


def test_signing_names_lead_to_services() -> None:
    assert index.by_signing_name()["lambda"][0] == "lambda"
    assert index.by_signing_name()["monitoring"] == ("cloudwatch",)
    assert index.by_target_prefix()["DynamoDB_20120810"] == ("dynamodb",)


@pytest.mark.parametrize("name", ["s3", "iam", "sts", "lambda", "logs", "cloudformation", "sqs", "cloudwatch", "ec2"])
def test_the_index_says_what_the_model_says(name: str) -> None:
    assert index.entries()[name] == entry_of(name)


@pytest.mark.slow
def test_the_index_is_whole() -> None:
    assert index.entries() == {name: entry_of(name) for name in services()}


def test_coverage_names_what_is_built_missing_and_made_up() -> None:
    [found] = coverage({"sts": ["AssumeRole", "GetCallerIdentity", "MakeCoffee"]})
    assert isinstance(found, Coverage)
    assert found.built == ("AssumeRole", "GetCallerIdentity")
    assert "GetSessionToken" in found.missing
    assert found.unknown == ("MakeCoffee",)
    assert 0 < found.share < 1
    assert ServiceEntry("a", "", "v", "json") != entry_of("sts")
