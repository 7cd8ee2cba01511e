"""User pools: made, described, changed, deleted; their attributes, tags and second factors."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import attributes, keypairs, keys, settings
from ..errors import InvalidParameterException, ResourceNotFoundException
from ..model import Owned, Pool
from ..service import after, cognito_idp, get_pool, moment, on_pool, paged

_ID_LETTERS = 9


@cognito_idp.operation(tx="none", unbuilt=settings.UNBUILT, harmless=("SmsConfiguration", "EmailConfiguration"))
async def create_user_pool(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = settings.read(req, new=True)
    schema = attributes.read_schema(req.get("Schema", ()))
    if sum(one.name not in attributes.STANDARD for one in schema) > attributes.CUSTOM_MAX:
        raise InvalidParameterException("The number of custom attributes exceeds the limit of 50.")
    pool_secrets = await keypairs.make(ctx.cloud.ids)
    pool = Pool(
        id=f"{ctx.region}_{ctx.cloud.ids.alphanumeric(_ID_LETTERS)}",
        name=req["PoolName"],
        account=ctx.account,
        region=ctx.region,
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        schema=schema,
        settings=found,
        tags=req.get("UserPoolTags", {}),
    )

    def make(tx: Transaction) -> dict[str, Any]:
        keys.pools.put(tx, pool, pool.id)
        keys.owned.put(tx, Owned(), ctx.account, ctx.region, pool.id)
        keys.pool_secrets.put(tx, pool_secrets, pool.id)
        return {"UserPool": settings.show(tx, pool)}

    return await ctx.cloud.store.write(make)


@cognito_idp.operation(tx="read", resource=on_pool)
def describe_user_pool(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"UserPool": settings.show(tx, get_pool(ctx, tx, req["UserPoolId"]))}


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=settings.UNBUILT)
def update_user_pool(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    kept = {name: value for name, value in pool.settings.items() if name in (*settings.FIXED, *settings.FACTORS)}
    changed = replace(
        pool,
        name=req.get("PoolName", pool.name),
        settings={**kept, **settings.read(req, new=False)},
        tags=req.get("UserPoolTags", pool.tags),
        modified_ms=ctx.now_ms,
    )
    keys.pools.put(tx, changed, pool.id)
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_user_pool(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    if pool.settings.get("DeletionProtection") == "ACTIVE":
        raise InvalidParameterException(
            "The user pool cannot be deleted because deletion protection is activated. "
            "Deletion protection must be inactivated first."
        )
    if pool.domain or pool.custom_domain:
        raise InvalidParameterException(
            "User pool cannot be deleted. It has a domain configured that should be deleted first."
        )
    keys.delete_pool(tx, pool)


@cognito_idp.operation(tx="read")
def list_user_pools(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = req["MaxResults"]
    rows = keys.owned.scan(tx, ctx.account, ctx.region, after=after(req), limit=limit + 1)
    shown, token = paged(rows, limit)
    found = [keys.pools.get(tx, str(keys.owned.parts(key)[-1])) for key, _ in shown]
    return {"UserPools": [_short(pool) for pool in found if pool is not None], **token}


def _short(pool: Pool) -> dict[str, Any]:
    return {
        "Id": pool.id,
        "Name": pool.name,
        "LambdaConfig": pool.settings.get("LambdaConfig", {}),
        "LastModifiedDate": moment(pool.modified_ms),
        "CreationDate": moment(pool.created_ms),
    }


@cognito_idp.operation(tx="write", resource=on_pool)
def add_custom_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    schema = list(pool.schema)
    for one in req["CustomAttributes"]:
        added = attributes.read_custom(one)
        if pool.attribute(added.name) is not None:
            raise InvalidParameterException(f"{added.name}: Existing attribute already has name {added.name}.")
        schema.append(added)
    if len(schema) - len(attributes.STANDARD) > attributes.CUSTOM_MAX:
        raise InvalidParameterException("The number of custom attributes exceeds the limit of 50.")
    keys.pools.put(tx, replace(pool, schema=tuple(schema), modified_ms=ctx.now_ms), pool.id)
    return {}


@cognito_idp.operation(tx="read", resource=on_pool)
def list_identity_providers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    # Others cannot be made here (CreateIdentityProvider is refused by name), so a pool has none.
    get_pool(ctx, tx, req["UserPoolId"])
    return {"Providers": []}


# -- second factors ---------------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("WebAuthnConfiguration",))
def set_user_pool_mfa_config(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    kept = {name: value for name, value in pool.settings.items() if name not in settings.FACTORS}
    given = {name: req[name] for name in settings.FACTORS if name in req}
    wanted = req.get("MfaConfiguration", "OFF")
    if wanted != "OFF" and not given:
        raise InvalidParameterException(
            "Invalid MFA configuration given, can't turn on MFA and disable all MFA methods."
        )
    changed = replace(pool, settings={**kept, **given, "MfaConfiguration": wanted}, modified_ms=ctx.now_ms)
    keys.pools.put(tx, changed, pool.id)
    return settings.show_factors(changed)


@cognito_idp.operation(tx="read", resource=on_pool)
def get_user_pool_mfa_config(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return settings.show_factors(get_pool(ctx, tx, req["UserPoolId"]))


# -- tags -------------------------------------------------------------------------------------------------------------


def _tagged_arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceArn"])


def _tagged(ctx: Context, tx: Reader, req: dict[str, Any]) -> Pool:
    try:
        place = arn.parse(req["ResourceArn"])
    except ValueError:
        raise InvalidParameterException("Invalid ARN.") from None
    pool = get_pool(ctx, tx, place.resource.removeprefix("userpool/"))
    if pool.arn != req["ResourceArn"]:  # IAM was asked about the ARN as it is written
        raise ResourceNotFoundException("Resource not found")
    return pool


@cognito_idp.operation(tx="read", resource=_tagged_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _tagged(ctx, tx, req).tags}


@cognito_idp.operation(tx="write", resource=_tagged_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = _tagged(ctx, tx, req)
    keys.pools.put(tx, replace(pool, tags={**pool.tags, **req["Tags"]}), pool.id)
    return {}


@cognito_idp.operation(tx="write", resource=_tagged_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = _tagged(ctx, tx, req)
    gone = set(req["TagKeys"])
    kept = {name: value for name, value in pool.tags.items() if name not in gone}
    keys.pools.put(tx, replace(pool, tags=kept), pool.id)
    return {}
