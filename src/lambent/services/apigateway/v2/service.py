"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

from lambent import model
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, Service, pass_role
from lambent.kit.paging import page, unseal
from lambent.kit.service import TxMode

from ..common.ids import new_id
from ..common.roles import handed_on
from . import keys
from .deploying import deploy_automatically
from .errors import BadRequestException, missing
from .model import Api

apigatewayv2 = Service("apigatewayv2", iam="apigateway")
Handler = TypeVar("Handler", bound=Callable[..., Any])
R = TypeVar("R")
PRINCIPAL: Final = "apigateway.amazonaws.com"
_ARN: Final = "ResourceArn"
_PAGE: Final = 100
_PAGE_MAX: Final = 500
_NAMES: Final[Mapping[str, str]] = {name.lower(): name for name in model.service_model("apigatewayv2").operations}


def operation(tx: TxMode, unbuilt: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
    """Register a handler. IAM is asked, as on AWS, about the HTTP method on the path of the operation:
    `apigateway:PATCH` on `arn:aws:apigateway:REGION::/apis/ID/routes/ID`; and about roles that the request hands on."""

    def register(fn: Handler) -> Handler:
        modelled = model.service_model("apigatewayv2").operations[_NAMES[fn.__name__.replace("_", "")]]
        template = str(modelled.http["requestUri"]).removeprefix("/v2")
        labels = modelled.input.members if modelled.input is not None else {}
        places = {
            shape.trait("locationName"): name for name, shape in labels.items() if shape.trait("location") == "uri"
        }

        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            path = template
            for place, name in places.items():
                # An ARN in a path (of tags) is one segment; route keys in one keep their own slashes.
                path = path.replace(f"{{{place}}}", quote(str(req.get(name, "")), safe="$" if name == _ARN else "$/ "))
            passing = [pass_role(role, PRINCIPAL) for role in sorted(_roles(req))]
            return [Check(action, f"arn:aws:apigateway:{ctx.region}::{path}"), *passing]

        action = f"apigateway:{modelled.http['method']}"
        return apigatewayv2.operation(tx=tx, authorize=authorize, unbuilt=unbuilt)(fn)

    return register


def _roles(req: Mapping[str, Any]) -> set[str]:
    """The roles that a request hands on to API Gateway; api/imports.py asks about those in a document."""
    return handed_on({req.get("CredentialsArn"), req.get("AuthorizerCredentialsArn")})


def roles_in(document: Any) -> set[str]:
    """The roles that a document hands on, wherever they stand in it."""
    return handed_on(_named(document, ("credentials", "authorizerCredentials")))


def _named(value: Any, names: tuple[str, ...]) -> Iterator[Any]:
    """Every value, at any depth, of a member called one of `names`."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield from (found for name, found in one.items() if name in names)
        if isinstance(one, dict | list):
            pending.extend(one.values() if isinstance(one, dict) else one)


def the_api(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> Api:
    """The API that a request names, of the caller's account and region; `NotFoundException` when there is none."""
    found = keys.apis.get(tx, ctx.account, ctx.region, req["ApiId"])
    if found is None:
        raise missing("API", f"{ctx.account}:{req['ApiId']}")
    return found


def changed(ctx: Context, tx: Transaction, api: Api) -> None:
    """Something of an API is different now: stages that deploy automatically do so."""
    deploy_automatically(tx, ctx.cloud.ids, ctx.now_ms, api)


def small_id(ctx: Context, length: int = 7) -> str:
    """A new id of something in an API."""
    return new_id(ctx.cloud.ids, length)


def paged(
    req: Mapping[str, Any],
    scan: Callable[[bytes | None, int], list[tuple[bytes, R]]],
    show: Callable[[R], dict[str, Any]],
) -> dict[str, Any]:
    """A page of what `scan(after, limit)` gives, as Items, and its NextToken where there are more."""
    text = req.get("MaxResults") or str(_PAGE)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _PAGE_MAX:
        raise BadRequestException(f"Invalid value for maxResults: {text}. It must be between 1 and {_PAGE_MAX}.")
    limit = int(text)
    after = unseal(req["NextToken"], BadRequestException) if req.get("NextToken") else None
    rows, token = page(scan(after, limit + 1), limit, lambda row: row[0])
    return {"Items": [show(record) for _, record in rows], **({"NextToken": token} if token else {})}
