"""Making functions, for the services whose events go to them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from ..nodes import ACCOUNT, REGION
from ..outcomes import Answer
from ..world import Client

ROLE = "runner"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def arn_of(name: str) -> str:
    """The ARN of a function."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), "")
    return buffer.getvalue()


async def make_function(client: Client, name: str, **settings: Any) -> None:
    """Create a function, and the role that all of them have in common if it is not there."""
    made = await client.call("iam", "CreateRole", RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))
    if isinstance(made, Answer):
        await client.must(
            "iam", "PutRolePolicy", RoleName=ROLE, PolicyName="all", PolicyDocument=json.dumps(_EVERYTHING)
        )
    params: dict[str, Any] = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE_ARN}
    await client.must("lambda", "CreateFunction", FunctionName=name, Code={"ZipFile": _archive()}, **params, **settings)


async def permit(client: Client, name: str, principal: str, source: str) -> None:
    """Let a service invoke a function on behalf of a resource."""
    await client.must(
        "lambda",
        "AddPermission",
        FunctionName=name,
        StatementId="sim",
        Action="lambda:InvokeFunction",
        Principal=principal,
        SourceArn=source,
    )
