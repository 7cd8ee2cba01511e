"""Every key of REST APIs. `api` is an API's id, which is unique in the whole cloud (common/ids.py).

==========================  ==========================================================================================
apigateway.api              account, region, api
apigateway.resource         api, resource id
apigateway.authorizer       api, authorizer id
apigateway.validator        api, validator id
apigateway.model            api, name
apigateway.response         api, type of gateway response
apigateway.docpart          api, part id
apigateway.docversion       api, version
apigateway.deployment       api, deployment id
apigateway.snapshot         api, deployment id: what the deployment serves
apigateway.stage            api, stage name
apigateway.key              account, region, key id
apigateway.key_value        value of an API key: (account, region, key id)
apigateway.plan             account, region, plan id
apigateway.plan_key         plan id, key id
apigateway.key_plan         key id, plan id
apigateway.stage_plan       api, stage, plan id
apigateway.used             plan id, key id, day (2026-11-21)
apigateway.certificate      account, region, certificate id
apigateway.vpclink          account, region, link id
apigateway.account          account, region
==========================  ==========================================================================================
"""

from __future__ import annotations

import msgspec

from lambent.kv.table import Table

from .model import (
    Account,
    ApiKey,
    Authorizer,
    ClientCertificate,
    Deployment,
    DocumentationPart,
    DocumentationVersion,
    GatewayResponse,
    Mark,
    Model,
    PlanKey,
    Resource,
    RestApi,
    Snapshot,
    Stage,
    UsagePlan,
    Used,
    Validator,
    VpcLink,
)


class Owner(msgspec.Struct, frozen=True):
    """Whose an API key is."""

    account: str
    region: str
    id: str


apis = Table("apigateway.api", RestApi)
resources = Table("apigateway.resource", Resource)
authorizers = Table("apigateway.authorizer", Authorizer)
validators = Table("apigateway.validator", Validator)
models = Table("apigateway.model", Model)
responses = Table("apigateway.response", GatewayResponse)
docparts = Table("apigateway.docpart", DocumentationPart)
docversions = Table("apigateway.docversion", DocumentationVersion)
deployments = Table("apigateway.deployment", Deployment)
snapshots = Table("apigateway.snapshot", Snapshot)
stages = Table("apigateway.stage", Stage)
api_keys = Table("apigateway.key", ApiKey)
key_values = Table("apigateway.key_value", Owner)
plans = Table("apigateway.plan", UsagePlan)
plan_keys = Table("apigateway.plan_key", PlanKey)
key_plans = Table("apigateway.key_plan", Mark)
stage_plans = Table("apigateway.stage_plan", Mark)
used = Table("apigateway.used", Used)
certificates = Table("apigateway.certificate", ClientCertificate)
vpc_links = Table("apigateway.vpclink", VpcLink)
accounts = Table("apigateway.account", Account)
