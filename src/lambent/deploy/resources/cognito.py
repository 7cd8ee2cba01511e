"""AWS::Cognito::UserPool, its clients, groups, users, domains and resource servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .base import Handler, HandlerFailed, Physical, Work, chosen

_SERVICE: Final = "cognito-idp"
_NOT_FOUND: Final = ("ResourceNotFoundException",)
_USER_GONE: Final = (*_NOT_FOUND, "UserNotFoundException")
_FACTORS: Final = {"SMS_MFA": "SmsMfaConfiguration", "SOFTWARE_TOKEN_MFA": "SoftwareTokenMfaConfiguration",
                   "EMAIL_OTP": "EmailMfaConfiguration"}  # fmt: skip
_PAGE: Final = 60


def _refuse(work: Work, properties: dict[str, Any], built: tuple[str, ...]) -> None:
    for name in sorted(properties.keys() - set(built)):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")


class UserPool(Handler):
    """AWS::Cognito::UserPool. Its id is the pool's."""

    _PLAIN: Final = (
        "AccountRecoverySetting", "AdminCreateUserConfig", "AutoVerifiedAttributes", "DeletionProtection",
        "EmailConfiguration", "EmailVerificationMessage", "EmailVerificationSubject", "LambdaConfig",
        "MfaConfiguration", "Policies", "SmsAuthenticationMessage", "SmsConfiguration", "SmsVerificationMessage",
        "UserAttributeUpdateSettings", "UserPoolAddOns", "UserPoolTier", "VerificationMessageTemplate",
    )  # fmt: skip
    _FIXED: Final = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
    _BUILT: Final = (
        *_PLAIN, *_FIXED, "EmailAuthenticationMessage", "EmailAuthenticationSubject", "EnabledMfas", "Schema",
        "UserPoolName", "UserPoolTags",
    )  # fmt: skip

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """How users are named cannot be changed, though the schema does not say so."""
        return any(old.get(name) != new.get(name) for name in self._FIXED)

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the pool, then its second factors."""
        _refuse(work, properties, self._BUILT)
        id = work.physical_id
        if not id:
            name = properties.get("UserPoolName") or work.name(128)
            id = await self._made_before(work, name)
            if not id:
                params = chosen(properties, *self._PLAIN, *self._FIXED, "Schema")
                made = await work.call(
                    _SERVICE, "CreateUserPool", PoolName=name, UserPoolTags=self._tags(work, properties), **params
                )
                id = str(made["UserPool"]["Id"])
            await work.made(id)
        await self._set_factors(work, id, properties)
        return self._physical(work, id, properties)

    async def _made_before(self, work: Work, name: str) -> str:
        """The pool that an earlier try made and did not come to tell of; names are not unique, so it is looked for."""
        token: dict[str, str] = {}
        while work.resumed:
            found = await work.call(_SERVICE, "ListUserPools", MaxResults=_PAGE, **token)
            for one in found["UserPools"]:
                if one["Name"] == name and work.ours(one["CreationDate"]):
                    return str(one["Id"])
            if "NextToken" not in found:
                break
            token = {"NextToken": found["NextToken"]}
        return ""

    def _tags(self, work: Work, properties: dict[str, Any]) -> dict[str, str]:
        return {**work.tags, **properties.get("UserPoolTags", {})}

    async def _set_factors(self, work: Work, id: str, properties: dict[str, Any]) -> None:
        if "EnabledMfas" not in properties:
            return
        email = {"Message": "EmailAuthenticationMessage", "Subject": "EmailAuthenticationSubject"}
        settings: dict[str, Any] = {
            "SMS_MFA": chosen(properties, "SmsConfiguration", "SmsAuthenticationMessage"),
            "SOFTWARE_TOKEN_MFA": {"Enabled": True},
            "EMAIL_OTP": {name: properties[source] for name, source in email.items() if source in properties},
        }
        params = {_FACTORS[name]: settings[name] for name in properties["EnabledMfas"] if name in _FACTORS}
        wanted = properties.get("MfaConfiguration", "OFF")
        await work.call(_SERVICE, "SetUserPoolMfaConfig", UserPoolId=id, MfaConfiguration=wanted, **params)

    def _physical(self, work: Work, id: str, properties: dict[str, Any]) -> Physical:
        arn = f"arn:aws:cognito-idp:{work.region}:{work.account}:userpool/{id}"
        # The issuer of the pool's tokens is an address of this cloud: see the service's DESIGN.md.
        url = f"{work.cloud.settings.endpoint}/{id}"
        if self._tags(work, properties).get("lambent:issuer") == "aws":
            url = f"https://cognito-idp.{work.region}.amazonaws.com/{id}"
        name = url.partition("://")[2]
        return Physical(id, {"Arn": arn, "ProviderName": name, "ProviderURL": url, "UserPoolId": id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Say everything anew; attributes can only be added."""
        _refuse(work, new, self._BUILT)
        params = chosen(new, *self._PLAIN)
        if "UserPoolName" in new:
            params["PoolName"] = new["UserPoolName"]
        tags = self._tags(work, new)
        await work.call(_SERVICE, "UpdateUserPool", UserPoolId=physical.id, UserPoolTags=tags, **params)
        await self._add_attributes(work, physical.id, old.get("Schema", []), new.get("Schema", []))
        await self._set_factors(work, physical.id, new)
        return self._physical(work, physical.id, new)

    async def _add_attributes(self, work: Work, id: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
        before = {one["Name"]: one for one in old}
        after = {one["Name"]: one for one in new}
        if any(after.get(name) != one for name, one in before.items()):
            raise HandlerFailed("Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
                                " Existing schema attributes cannot be modified or deleted.")  # fmt: skip
        shown = await work.call(_SERVICE, "DescribeUserPool", UserPoolId=id)
        there = {one["Name"].rpartition(":")[2] for one in shown["UserPool"]["SchemaAttributes"]}
        added = [one for name, one in after.items() if name not in before and name not in there]
        if added:
            await work.call(_SERVICE, "AddCustomAttributes", UserPoolId=id, CustomAttributes=added)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the pool, with everybody in it."""
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteUserPool", UserPoolId=physical.id)


class UserPoolClient(Handler):
    """AWS::Cognito::UserPoolClient. Its id is the client's."""

    _PLAIN: Final = (
        "AccessTokenValidity", "AllowedOAuthFlows", "AllowedOAuthFlowsUserPoolClient", "AllowedOAuthScopes",
        "AuthSessionValidity", "CallbackURLs", "ClientName", "DefaultRedirectURI",
        "EnablePropagateAdditionalUserContextData", "EnableTokenRevocation", "ExplicitAuthFlows", "IdTokenValidity",
        "LogoutURLs", "PreventUserExistenceErrors", "ReadAttributes", "RefreshTokenRotation", "RefreshTokenValidity",
        "SupportedIdentityProviders", "TokenValidityUnits", "WriteAttributes",
    )  # fmt: skip
    _BUILT: Final = (*_PLAIN, "GenerateSecret", "UserPoolId")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the client."""
        _refuse(work, properties, self._BUILT)
        pool, id = properties["UserPoolId"], work.physical_id
        if not id:
            name = properties.get("ClientName") or work.name(128)
            id = await self._made_before(work, pool, name)
            if not id:
                params = {**chosen(properties, *self._PLAIN, "GenerateSecret"), "ClientName": name}
                made = await work.call(_SERVICE, "CreateUserPoolClient", UserPoolId=pool, **params)
                id = str(made["UserPoolClient"]["ClientId"])
            await work.made(id)
        return await self._physical(work, pool, id)

    async def _made_before(self, work: Work, pool: str, name: str) -> str:
        if not work.resumed:
            return ""
        found = await work.call(_SERVICE, "ListUserPoolClients", UserPoolId=pool, MaxResults=_PAGE)
        for one in found["UserPoolClients"]:
            if one["ClientName"] == name:
                shown = await work.call(_SERVICE, "DescribeUserPoolClient", UserPoolId=pool, ClientId=one["ClientId"])
                if work.ours(shown["UserPoolClient"]["CreationDate"]):
                    return str(one["ClientId"])
        return ""

    async def _physical(self, work: Work, pool: str, id: str) -> Physical:
        shown = await work.call(_SERVICE, "DescribeUserPoolClient", UserPoolId=pool, ClientId=id)
        client = shown["UserPoolClient"]
        attributes = {"ClientId": id, "Name": client["ClientName"]}
        if "ClientSecret" in client:
            attributes["ClientSecret"] = client["ClientSecret"]
        return Physical(id, attributes)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Say everything anew."""
        _refuse(work, new, self._BUILT)
        pool = new["UserPoolId"]
        await work.call(
            _SERVICE, "UpdateUserPoolClient", UserPoolId=pool, ClientId=physical.id, **chosen(new, *self._PLAIN)
        )
        return await self._physical(work, pool, physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the client."""
        pool = properties["UserPoolId"]
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteUserPoolClient", UserPoolId=pool, ClientId=physical.id)


class UserPoolGroup(Handler):
    """AWS::Cognito::UserPoolGroup. Its id is its name."""

    name_property = "GroupName"
    _CHANGED: Final = ("Description", "Precedence", "RoleArn")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the group."""
        pool = properties["UserPoolId"]
        name = work.physical_id or properties.get("GroupName") or work.name(128)
        if not work.physical_id:
            there = await work.attempt(_NOT_FOUND, _SERVICE, "GetGroup", UserPoolId=pool, GroupName=name)
            if there is None:
                params = chosen(properties, *self._CHANGED)
                await work.call(_SERVICE, "CreateGroup", UserPoolId=pool, GroupName=name, **params)
            elif not work.ours(there["Group"]["CreationDate"]):
                raise HandlerFailed(f"Resource of type '{work.type}' with identifier '{name}' already exists.")
            await work.made(name)
        return Physical(name)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what is said of it."""
        params = {"Description": "", "RoleArn": "", **chosen(new, *self._CHANGED)}
        params = {name: value for name, value in params.items() if value != "" or name == "Description"}
        await work.call(_SERVICE, "UpdateGroup", UserPoolId=new["UserPoolId"], GroupName=physical.id, **params)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the group."""
        pool = properties["UserPoolId"]
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteGroup", UserPoolId=pool, GroupName=physical.id)


class UserPoolUser(Handler):
    """AWS::Cognito::UserPoolUser. Its id is the user's name."""

    _PLAIN: Final = (
        "ClientMetadata", "DesiredDeliveryMediums", "ForceAliasCreation", "MessageAction", "UserAttributes",
        "ValidationData",
    )  # fmt: skip

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the user, who gets a mail with a password."""
        pool, id = properties["UserPoolId"], work.physical_id
        if not id:
            name = properties.get("Username") or work.name(128)
            there = await work.attempt(_USER_GONE, _SERVICE, "AdminGetUser", UserPoolId=pool, Username=name)
            if there is not None and not work.ours(there["UserCreateDate"]):
                raise HandlerFailed(f"Resource of type '{work.type}' with identifier '{name}' already exists.")
            if there is None:
                params = chosen(properties, *self._PLAIN)
                made = await work.call(_SERVICE, "AdminCreateUser", UserPoolId=pool, Username=name, **params)
                there = made["User"]
            id = str(there["Username"])
            await work.made(id)
        return Physical(id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the user."""
        pool = properties["UserPoolId"]
        await work.attempt(_USER_GONE, _SERVICE, "AdminDeleteUser", UserPoolId=pool, Username=physical.id)


class UserPoolUserToGroupAttachment(Handler):
    """AWS::Cognito::UserPoolUserToGroupAttachment."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the user into the group."""
        id = work.physical_id or work.name(128)
        await work.made(id)
        await work.call(_SERVICE, "AdminAddUserToGroup", **chosen(properties, "UserPoolId", "GroupName", "Username"))
        return Physical(id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the user out of the group."""
        params = chosen(properties, "UserPoolId", "GroupName", "Username")
        await work.attempt(_USER_GONE, _SERVICE, "AdminRemoveUserFromGroup", **params)


class UserPoolDomain(Handler):
    """AWS::Cognito::UserPoolDomain. Its id is the domain."""

    _CHANGED: Final = ("CustomDomainConfig", "ManagedLoginVersion")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the domain; one of somebody else's is refused by the service."""
        _refuse(work, properties, (*self._CHANGED, "Domain", "UserPoolId"))
        name, pool = properties["Domain"], properties["UserPoolId"]
        if not work.physical_id:
            shown = await work.call(_SERVICE, "DescribeUserPoolDomain", Domain=name)
            if not (work.resumed and shown["DomainDescription"].get("UserPoolId") == pool):
                params = chosen(properties, *self._CHANGED)
                await work.call(_SERVICE, "CreateUserPoolDomain", Domain=name, UserPoolId=pool, **params)
            await work.made(name)
        custom = "CustomDomainConfig" in properties
        return Physical(name, {"CloudFrontDistribution": name} if custom else {})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change the certificate or the look."""
        _refuse(work, new, (*self._CHANGED, "Domain", "UserPoolId"))
        params = chosen(new, *self._CHANGED)
        await work.call(_SERVICE, "UpdateUserPoolDomain", Domain=physical.id, UserPoolId=new["UserPoolId"], **params)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the domain."""
        pool = properties["UserPoolId"]
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteUserPoolDomain", Domain=physical.id, UserPoolId=pool)


class UserPoolResourceServer(Handler):
    """AWS::Cognito::UserPoolResourceServer. Its id is its identifier."""

    _ALL: Final = ("UserPoolId", "Identifier", "Name", "Scopes")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it."""
        id, pool = properties["Identifier"], properties["UserPoolId"]
        if not work.physical_id:
            operation = "DescribeResourceServer"
            there = await work.attempt(_NOT_FOUND, _SERVICE, operation, UserPoolId=pool, Identifier=id)
            if there is None or not work.resumed:
                await work.call(_SERVICE, "CreateResourceServer", **chosen(properties, *self._ALL))
            await work.made(id)
        return Physical(id)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change name and scopes."""
        await work.call(_SERVICE, "UpdateResourceServer", **chosen(new, *self._ALL))
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete it."""
        pool = properties["UserPoolId"]
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteResourceServer", UserPoolId=pool, Identifier=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Cognito::UserPool": UserPool(),
    "AWS::Cognito::UserPoolClient": UserPoolClient(),
    "AWS::Cognito::UserPoolDomain": UserPoolDomain(),
    "AWS::Cognito::UserPoolGroup": UserPoolGroup(),
    "AWS::Cognito::UserPoolResourceServer": UserPoolResourceServer(),
    "AWS::Cognito::UserPoolUser": UserPoolUser(),
    "AWS::Cognito::UserPoolUserToGroupAttachment": UserPoolUserToGroupAttachment(),
}
