"""The service that the modules in api/ register their operations with, and what they share: questions to IAM, looking
things up, pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from lambent import model
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context, Service, pass_role
from lambent.kit.paging import seal, unseal
from lambent.kit.service import Authorizer, Handler, TxMode

from . import keys
from .common.roles import handed_on
from .errors import BadRequestException, no_api, not_found
from .model import Resource, RestApi

T = TypeVar("T")
apigateway = Service("apigateway")
PRINCIPAL: Final = "apigateway.amazonaws.com"
PAGE: Final = 25
PAGE_MAX: Final = 500
TAGS_MAX: Final = 50
_LABEL: Final = re.compile(r"\{(\w+)\+?\}")
_ROLE_PATHS: Final = frozenset(("/credentials", "/authorizerCredentials"))


def operation(tx: TxMode, **options: Any) -> Callable[[Handler], Handler]:
    """Register an operation whose permission is what IAM calls it for API Gateway: the HTTP verb as the action, and
    the path of the request as the resource (`apigateway:PUT` on `arn:aws:apigateway:{region}::/restapis/{id}/...`). A
    role that the request hands on is asked for too."""

    def register(fn: Handler) -> Handler:
        name = "".join(word.capitalize() for word in fn.__name__.rstrip("_").split("_"))
        return apigateway.operation(tx=tx, authorize=_question(name), **options)(fn)

    return register


def _question(name: str) -> Authorizer:
    operations = model.service_model("apigateway").operations
    found = next(one for known, one in operations.items() if known.lower() == name.lower())
    path = found.http["requestUri"].partition("?")[0]
    members = found.input.members if found.input is not None else {}
    labels = {str(shape.trait("locationName")): member for member, shape in members.items()}
    action = f"apigateway:{found.http['method']}"

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        where = _LABEL.sub(lambda label: str(req.get(labels.get(label[1], label[1]), "")), path)
        passing = [pass_role(role, PRINCIPAL) for role in sorted(handed_on(_roles(req)))]
        return [Check(action, f"arn:aws:apigateway:{ctx.region}::{where}"), *passing]

    return authorize


def _roles(req: Mapping[str, Any]) -> set[Any]:
    """What a request says of roles that API Gateway is to act as."""
    given = {req.get("credentials"), req.get("authorizerCredentials")}
    return given | {one.get("value") for one in req.get("patchOperations", ()) if one.get("path") in _ROLE_PATHS}


def find_api(ctx: Context, tx: Reader, api: str) -> RestApi:
    """An API of the caller's account and region."""
    found = keys.apis.get(tx, ctx.account, ctx.region, api)
    if found is None:
        raise no_api(ctx.account, api)
    return found


def has_api(ctx: Context, tx: Reader, api: str) -> bool:
    """Whether an API is there."""
    return keys.apis.get(tx, ctx.account, ctx.region, api) is not None


def find_resource(ctx: Context, tx: Reader, req: Mapping[str, Any], member: str = "resourceId") -> Resource:
    """The resource that a request names; a wrong API is told as a wrong resource, as AWS does."""
    found = keys.resources.get(tx, req["restApiId"], req[member]) if has_api(ctx, tx, req["restApiId"]) else None
    if found is None:
        raise not_found("Resource")
    return found


def page_of(items: Iterable[T], req: Mapping[str, Any], key: Callable[[T], str], show: Callable[[T], Any]) -> Any:
    """A page of things in the order of `key`: `limit` (25 when not given, 500 at most) after `position`. A limit below
    1 is an empty page, as on AWS."""
    given = req.get("limit")
    limit = PAGE if given is None else min(int(given), PAGE_MAX)
    if limit < 1:
        return {"items": []}
    ordered = sorted(items, key=key)
    position = req.get("position")
    if position:
        sealed = unseal(position, lambda _: BadRequestException("Invalid position parameter specified"))
        after = sealed.decode("utf-8", "replace")
        ordered = [item for item in ordered if key(item) > after]
    result: dict[str, Any] = {"items": [show(item) for item in ordered[:limit]]}
    if len(ordered) > limit:
        result["position"] = seal(key(ordered[limit - 1]).encode())
    return result


def read_tags(given: Mapping[str, str] | None) -> dict[str, str]:
    """Tags, checked."""
    found = dict(given or {})
    if any(key.lower().startswith("aws:") for key in found):
        raise BadRequestException("Tag keys that start with aws: are reserved")
    if len(found) > TAGS_MAX:
        raise BadRequestException(f"The number of tags exceeds the limit of {TAGS_MAX}")
    return found
