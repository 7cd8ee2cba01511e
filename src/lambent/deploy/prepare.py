"""From a template's text to a checked, expanded one: what CreateStack and its kin do before they accept a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from lambent.contracts.deploy import ParameterValue, Prepared, Proposal, TemplateSummary
from lambent.contracts.errors import NotBuilt
from lambent.services.cloudformation.errors import ValidationError

from .template import capabilities, graph, parameters, sam, schema, transforms
from .template.intrinsics import Scope, evaluate
from .template.loader import load
from .template.model import Template, dump, parse


def pseudo(account: str, region: str, stack_name: str, stack_id: str, arns: tuple[str, ...] = ()) -> dict[str, Any]:
    """The pseudo parameters of a stack."""
    return {
        "AWS::AccountId": account,
        "AWS::NotificationARNs": list(arns),
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::StackId": stack_id,
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }


def scope_of(
    template: Template, values: tuple[ParameterValue, ...], pseudos: dict[str, Any], **lookups: Callable[..., Any]
) -> Scope:
    """The meaning of names in an expanded template."""
    typed = parameters.typed(template.parameters, values)
    return Scope(
        {**typed, **pseudos},
        mappings=template.mappings,
        conditions=template.conditions,
        extended=True,
        **lookups,
    )


def summarize(body: str) -> TemplateSummary:
    """Describe a template without expanding it."""
    template = parse(load(body))
    resources = [(r.logical_id, r.type, r.properties) for r in template.resources.values()]
    serverless = capabilities.is_serverless(template.transform_names)
    if not serverless:
        refuse_unknown(r.type for r in template.resources.values())
    needed, reason = capabilities.required(resources, template.transform_names)
    return TemplateSummary(
        version=template.version,
        description=template.description,
        metadata=dump(template.metadata) if template.metadata is not None else "",
        parameters=parameters.declarations(template.parameters),
        resources=tuple((name, kind) for name, kind, _ in resources),
        transforms=template.transform_names,
        capabilities=needed,
        capabilities_reason=reason,
    )


def prepare(proposal: Proposal, built: Callable[[str], bool]) -> Prepared:
    """Check and expand a proposal. `built` says whether Lambent has a handler of a resource type."""
    template = parse(load(proposal.body))
    transforms.check(template.transform_names)
    embedded = transforms.find_embedded(template.document)
    if embedded:
        raise NotBuilt(f"Lambent has not built the transform {embedded} inside a template yet.")
    if template.rules:
        raise NotBuilt("Lambent has not built the Rules block of templates yet.")
    values = parameters.resolve(template.parameters, proposal.parameters)
    pseudos = pseudo(
        proposal.account, proposal.region, proposal.stack_name, proposal.stack_id, proposal.notification_arns
    )
    failure = ""
    try:
        expanded = _expand(template, values, pseudos, proposal.region)
    except sam.TransformFailed as failed:
        expanded, failure = template, str(failed)
    if not failure:
        _check(expanded, scope_of(expanded, values, pseudos), template.transform_names, built)
    needed, _ = capabilities.required(
        [(r.logical_id, r.type, r.properties) for r in expanded.resources.values()], template.transform_names
    )
    return Prepared(
        original=proposal.body,
        processed=dump(expanded.document),
        description=template.description,
        parameters=values,
        transforms=template.transform_names,
        capabilities=needed,
        resource_types=tuple(dict.fromkeys(r.type for r in expanded.resources.values())),
        failure=failure,
    )


def _expand(template: Template, values: tuple[ParameterValue, ...], pseudos: dict[str, Any], region: str) -> Template:
    names = template.transform_names
    if not names:
        return template
    document = template.document
    typed = parameters.typed(template.parameters, values)
    if transforms.LANGUAGE_EXTENSIONS in names:
        scope = Scope({**typed, **pseudos}, mappings=template.mappings, conditions=template.conditions, extended=True)
        document = transforms.expand_language(document, scope)
    if transforms.SERVERLESS in names:
        document = sam.translate(document, typed, region)
    return parse({key: value for key, value in document.items() if key != "Transform"})


def _check(template: Template, scope: Scope, declared: tuple[str, ...], built: Callable[[str], bool]) -> None:
    scope.extended = transforms.LANGUAGE_EXTENSIONS in declared or transforms.SERVERLESS in declared
    graph.check_names(template)
    graph.dependencies(template, scope)
    types = [r.type for r in template.resources.values()]
    refuse_unknown(types)
    unbuilt = sorted({kind for kind in types if not built(kind)})
    if unbuilt:
        raise ValidationError(f"Lambent has not built these resource types yet: [{', '.join(unbuilt)}]")
    _refuse_dynamic(template.document)
    for resource in graph.active(template, scope).values():
        evaluate(resource.properties, scope)
    for output in template.outputs.values():
        if not output.condition or scope.condition(output.condition):
            evaluate([output.value, output.export], scope)


def refuse_unknown(types: Iterable[str]) -> None:
    """Raise AWS's error for resource types that AWS does not have."""
    unknown = sorted({kind for kind in types if not schema.exists(kind)})
    if unknown:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def _refuse_dynamic(document: dict[str, Any]) -> None:
    content = json.dumps([document.get("Resources"), document.get("Outputs")])
    for service in ("ssm-secure", "ssm", "secretsmanager"):
        if "{{resolve:" + service + ":" in content:
            raise NotBuilt(
                f"Lambent has not built dynamic references to {service} ({{{{resolve:{service}:...}}}}) yet."
            )
