"""Which services are built and where they live: the one place to add a service to. Each is loaded at first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud, Reader
from lambent.kit import Service

SERVICES: dict[str, str] = {
    "apigateway": "lambent.services.apigateway",
    "apigatewaymanagementapi": "lambent.services.apigateway.connections",
    "apigatewayv2": "lambent.services.apigateway.v2",
    "application-autoscaling": "lambent.services.application_autoscaling",
    "cloudformation": "lambent.services.cloudformation",
    "cloudwatch": "lambent.services.cloudwatch",
    "cognito-idp": "lambent.services.cognito_idp",
    "dynamodb": "lambent.services.dynamodb",
    "dynamodbstreams": "lambent.services.dynamodb.streams",
    "events": "lambent.services.events",
    "iam": "lambent.services.iam",
    "lambda": "lambent.services.lambda_",
    "logs": "lambent.services.logs",
    "pipes": "lambent.services.pipes",
    "s3": "lambent.services.s3",
    "scheduler": "lambent.services.scheduler",
    "sns": "lambent.services.sns",
    "sqs": "lambent.services.sqs",
    "sts": "lambent.services.sts",
}
"""Every built service and its package, loaded at first use."""

_TARGET_ROOMS: dict[str, str] = {"apigateway": "lambent.execute", "cloudformation": "lambent.deploy"}
"""Targets that are offered by a room other than the service's own package."""


def load_service(name: str) -> Service:
    """The service `name`; `KeyError` when Lambent has none of that name."""
    service = importlib.import_module(SERVICES[name]).service
    assert isinstance(service, Service)
    return service


def load_target(cloud: Cloud, service: str) -> Target:
    """The target that `service` offers to the bus; `KeyError` when it offers none."""
    room = importlib.import_module(_TARGET_ROOMS.get(service) or SERVICES[service])
    return room.targets[service](cloud)  # type: ignore[no-any-return]


def blobs_in_use(tx: Reader) -> Iterator[str]:
    """The names of all blobs that any service's records name. A service that keeps bodies exports a function of this
    name and shape."""
    for package in SERVICES.values():
        of_service = getattr(importlib.import_module(package), "blobs_in_use", None)
        if of_service is not None:
            yield from of_service(tx)


class Targets(Mapping[str, Target]):
    """Targets by service, each built at first use."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._found: dict[str, Target] = {}

    def __getitem__(self, service: str) -> Target:
        if service not in self._found:
            self._found[service] = load_target(self._cloud, service)
        return self._found[service]

    def __iter__(self) -> Iterator[str]:
        return iter(SERVICES)

    def __len__(self) -> int:
        return len(SERVICES)
