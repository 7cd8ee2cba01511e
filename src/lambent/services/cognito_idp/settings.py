"""A pool's settings: what can be said of it, what is refused, how it is shown."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader

from . import attributes, keys, passwords
from .errors import InvalidParameterException
from .model import Pool
from .service import moment

FIXED: Final = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
"""What is said when a pool is made, and never changes."""
CHANGED: Final = (
    "Policies", "DeletionProtection", "LambdaConfig", "AutoVerifiedAttributes", "SmsVerificationMessage",
    "EmailVerificationMessage", "EmailVerificationSubject", "VerificationMessageTemplate", "SmsAuthenticationMessage",
    "UserAttributeUpdateSettings", "MfaConfiguration", "EmailConfiguration", "SmsConfiguration",
    "AdminCreateUserConfig", "UserPoolAddOns", "AccountRecoverySetting", "UserPoolTier",
)  # fmt: skip
"""What UpdateUserPool says anew; what it leaves out returns to its default."""
FACTORS: Final = ("SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration")
"""What SetUserPoolMfaConfig says, and UpdateUserPool keeps."""
UNBUILT: Final = (
    "DeviceConfiguration",
    "DcrConfiguration",
    "AcrConfiguration",
    "KeyConfiguration",
    "IssuerConfiguration",
)
_FUNCTIONS_UNBUILT: Final = ("CustomSMSSender", "CustomEmailSender", "KMSKeyID", "InboundFederation")


def read(req: dict[str, Any], *, new: bool) -> dict[str, Any]:
    """The settings of a request, checked."""
    found = {name: req[name] for name in (*CHANGED, *(FIXED if new else ())) if name in req}
    for name in _FUNCTIONS_UNBUILT:
        if name in found.get("LambdaConfig", {}):
            raise NotBuilt(f"Lambent has not built {name} of LambdaConfig yet.")
    if found.get("UserPoolAddOns", {}).get("AdvancedSecurityMode", "OFF") != "OFF":
        raise NotBuilt("Lambent has not built AdvancedSecurityMode yet.")
    allowed = found.get("Policies", {}).get("SignInPolicy", {}).get("AllowedFirstAuthFactors", ["PASSWORD"])
    if allowed != ["PASSWORD"]:
        raise NotBuilt("Lambent has not built other AllowedFirstAuthFactors than PASSWORD yet.")
    if found.get("AliasAttributes") and found.get("UsernameAttributes"):
        raise InvalidParameterException(
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
        )
    _check_verification(found)
    _check_functions(found.get("LambdaConfig", {}))
    _check_recovery(found)
    return found


def _check_verification(found: dict[str, Any]) -> None:
    required = found.get("UserAttributeUpdateSettings", {}).get("AttributesRequireVerificationBeforeUpdate", [])
    for name in required:
        if name not in found.get("AutoVerifiedAttributes", []):
            raise InvalidParameterException(
                "Please use same attribute values for AutoVerifiedAttributes and "
                "AttributesRequireVerificationBeforeUpdate."
            )


def _check_functions(config: dict[str, Any]) -> None:
    chosen = config.get("PreTokenGenerationConfig")
    if chosen and config.get("PreTokenGeneration") not in (None, chosen["LambdaArn"]):
        raise InvalidParameterException(
            "PreTokenGeneration and PreTokenGenerationConfig must name the same function in LambdaConfig."
        )


def _check_recovery(found: dict[str, Any]) -> None:
    options = found.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", [])
    names = [one["Name"] for one in options]
    if "admin_only" in names and len(names) > 1:
        raise InvalidParameterException("Invalid account recovery setting parameter. admin_only can not be combined.")
    if len({one["Priority"] for one in options}) != len(options):
        raise InvalidParameterException("Invalid account recovery setting parameter. Priorities must differ.")


def show(tx: Reader, pool: Pool) -> dict[str, Any]:
    """A pool as DescribeUserPool tells of it."""
    settings = {name: value for name, value in pool.settings.items() if name not in FACTORS}
    policies = {
        "PasswordPolicy": passwords.policy(pool),
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    }
    count = keys.counts.get(tx, pool.id)
    template = {"DefaultEmailOption": "CONFIRM_WITH_CODE", **settings.pop("VerificationMessageTemplate", {})}
    creation = {
        "AllowAdminCreateUserOnly": False,
        "UnusedAccountValidityDays": passwords.policy(pool)["TemporaryPasswordValidityDays"],
        **settings.pop("AdminCreateUserConfig", {}),
    }
    shown: dict[str, Any] = {
        "Id": pool.id,
        "Name": pool.name,
        "DeletionProtection": "INACTIVE",
        "LambdaConfig": {},
        "LastModifiedDate": moment(pool.modified_ms),
        "CreationDate": moment(pool.created_ms),
        "SchemaAttributes": [attributes.show_schema(one) for one in pool.schema],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
        "MfaConfiguration": "OFF",
        "EstimatedNumberOfUsers": count.number if count is not None else 0,
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "UserPoolTags": pool.tags,
        "Arn": pool.arn,
        "UserPoolTier": "ESSENTIALS",
        **settings,
        "Policies": policies,
        "VerificationMessageTemplate": template,
        "AdminCreateUserConfig": creation,
    }
    if pool.domain:
        shown["Domain"] = pool.domain
    if pool.custom_domain:
        shown["CustomDomain"] = pool.custom_domain
    return shown


def show_factors(pool: Pool) -> dict[str, Any]:
    """What GetUserPoolMfaConfig tells."""
    found: dict[str, Any] = {name: pool.settings[name] for name in FACTORS if name in pool.settings}
    return {**found, "MfaConfiguration": pool.mfa}
