"""The transform AWS::Serverless-2016-10-31, by AWS's own translator."""

from __future__ import annotations

import copy
import logging
from typing import Any

from lambent.contracts.ports import Settings
from lambent.services.cloudformation.errors import ValidationError

from .transforms import SERVERLESS


class TransformFailed(Exception):
    """A transform refused the template; the text is what a stack's status reason shows."""


class _Region:
    """The one thing that the translator asks of a boto session."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def translate(document: dict[str, Any], parameters: dict[str, Any], region: str = Settings().region) -> dict[str, Any]:
    """The template with its serverless resources replaced; raises `TransformFailed`. `parameters` are Ref's values."""
    # The translator takes more than half a second to import and is needed by serverless templates only.
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

    # It warns of features that its own settings do not mention, with every template.
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    refuse_repository(document)
    given = copy.deepcopy(document)
    values = {key: value for key, value in parameters.items() if not key.startswith("AWS::")}
    policies = get_bundled_managed_policy_map("aws") or {}
    to_py27_compatible_template(given, values)
    translator = Translator(policies, Parser(), boto_session=_Region(region))
    try:
        found = translator.translate(
            given, parameter_values=values, passthrough_metadata=True, get_managed_policy_map=lambda: policies
        )
    except InvalidDocumentException as error:
        causes = " ".join(cause.message for cause in error.causes)
        raise TransformFailed(f"Transform {SERVERLESS} failed with: {error.message} {causes}") from None
    finally:
        # What it counted stays here; unpublished counts make it complain on stderr.
        translator.metrics.publish()
    result: dict[str, Any] = undo_mark_unicode_str_in_template(found)
    result.pop("Transform", None)
    result.pop("Globals", None)
    return result


def refuse_repository(document: dict[str, Any]) -> None:
    """Raise when the template takes an application from the Serverless Application Repository."""
    for name, resource in document.get("Resources", {}).items():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::Serverless::Application":
            location = resource.get("Properties", {}).get("Location")
            if isinstance(location, dict):
                raise ValidationError(
                    f"Lambent has no Serverless Application Repository, which {name} takes an application from."
                )
