"""Kinds of SDK. SDKs themselves are not built."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader
from lambent.kit import Context

from ..errors import NotFoundException
from ..service import operation, page_of


def _property(name: str, friendly: str, description: str, required: bool) -> dict[str, Any]:
    return {"name": name, "friendlyName": friendly, "description": description, "required": required}


_PREFIX: Final = _property("classPrefix", "Prefix", "Class prefix of the API", True)
_TYPES: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "android",
        "friendlyName": "Android",
        "description": "SDK for Android",
        "configurationProperties": [
            _property("groupId", "Group ID", "Group ID", True),
            _property("invokerPackage", "Invoker package", "Invoker package", True),
            _property("artifactId", "Artifact ID", "Artifact ID", True),
            _property("artifactVersion", "Artifact version", "Artifact version", True),
        ],
    },
    {
        "id": "java",
        "friendlyName": "Java SDK",
        "description": "SDK for Java",
        "configurationProperties": [
            _property("service.name", "Service Name", "Name of the service", True),
            _property("java.package-name", "Java Package Name", "Name of the Java package", True),
        ],
    },
    {"id": "javascript", "friendlyName": "JavaScript", "description": "SDK for JavaScript"},
    {
        "id": "objectivec",
        "friendlyName": "iOS (Objective-C)",
        "description": "SDK for iOS in Objective-C",
        "configurationProperties": [_PREFIX],
    },
    {
        "id": "ruby",
        "friendlyName": "Ruby",
        "description": "SDK for Ruby",
        "configurationProperties": [_property("service.name", "Service Name", "Name of the service", True)],
    },
    {
        "id": "swift",
        "friendlyName": "iOS (Swift)",
        "description": "SDK for iOS in Swift",
        "configurationProperties": [_PREFIX],
    },
)


@operation(tx="read")
def get_sdk_types(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = page_of(_TYPES, req, lambda one: str(one["id"]), dict)
    return answer


@operation(tx="read")
def get_sdk_type(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    for one in _TYPES:
        if one["id"] == req["id"]:
            return dict(one)
    raise NotFoundException("Invalid SDK type identifier specified")


@operation(tx="read")
def get_sdk(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    raise NotBuilt(f"Lambent has not built SDKs of APIs ({req['sdkType']}) yet.")
