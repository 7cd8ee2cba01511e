"""The variables that API Gateway gives to templates: $input, $util, $context with its overrides, $stageVariables."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus, unquote_plus

import orjson

from . import jsonpath, methods
from .budget import Budget
from .errors import BodyNotJson, TemplateFailed
from .scope import Multi, Scope, parse_json
from .values import Thing, Value, json_of, text_of

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_BROKEN: Final = re.compile(r"[\r\n\x00]")
_ESCAPES: Final = (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'), ("/", "\\/"))
_SHORT_ESCAPES: Final = {"\b": "\\b", "\n": "\\n", "\t": "\\t", "\f": "\\f", "\r": "\\r"}
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x80-\U0010ffff]")


class Overrides(NamedTuple):
    """What the templates of a request have set so far, by name; names of headers as they were written."""

    request_headers: dict[str, str]
    request_path: dict[str, str]
    request_query: dict[str, str]
    response_headers: dict[str, str]
    status: int | None


def overrides(context: dict[str, Any]) -> Overrides:
    """The overrides that are in a context; `TemplateFailed` for a status that is none."""
    request, response = context.get("requestOverride", {}), context.get("responseOverride", {})
    status = response.get("status")
    return Overrides(
        dict(request.get("header", ())),
        dict(request.get("path", ())),
        dict(request.get("querystring", ())),
        dict(response.get("header", ())),
        None if status is None else int(status),
    )


class Input(Thing):
    """$input."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._live: tuple[Value] | None = None

    def member(self, name: str, budget: Budget) -> Value:
        """`body`: the payload as it came; an empty one is `{}`."""
        return self._scope.text() if name == "body" else None

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """`json(path)`, `path(path)`, `params()`, `params(name)`."""
        if name == "params":
            return parameter(self._scope, text_of(arguments[0], budget)) if arguments else Parameters(self._scope)
        if name == "getBody":
            return self._scope.text()
        if name not in ("json", "path"):
            return None
        path = jsonpath.compiled(text_of(arguments[0], budget) if arguments else "$")
        if name == "json":
            return _json(path, self._scope.document(), budget)
        if self._live is None:
            self._live = (parse_json(self._scope.body),)  # templates may change what they get
        found = path.of(self._live[0], budget)
        return None if found is jsonpath.MISSING else found


def _json(path: jsonpath.Path, document: Value, budget: Budget) -> str:
    """The document is as large as its text, so a definite part of it needs no counting on the way."""
    found = path.of(document, budget)
    if found is jsonpath.MISSING:
        return '""'
    if path.definite and not path.function:
        try:
            text = orjson.dumps(found).decode()
        except TypeError:  # whole numbers beyond 64 bits
            return json_of(found, budget)
        budget.produce(len(text))
        budget.spend(len(text) // 64)
        return text
    return json_of(found, budget)


def parameter(scope: Scope, name: str) -> str:
    """A parameter from the path, the query string or the headers, searched in this order; empty when there is none."""
    if name in scope.path:
        return scope.path[name]
    for values in (scope.query.get(name), header_values(scope.headers, name)):
        if values:
            return values[-1]
    return ""


def header_values(headers: Multi, name: str) -> list[str]:
    """The values of a header, whatever the case of its name."""
    values = headers.get(name)
    if values is None:
        lower = name.lower()
        values = next((found for key, found in headers.items() if key.lower() == lower), None)
    return values or []


class Parameters(Thing):
    """`$input.params()`: maps of the path, the query string and the headers."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def member(self, name: str, budget: Budget) -> Value:
        """One of the three maps, with the last value of each name."""
        if name == "path":
            return dict(self._scope.path)
        budget.spend(1 + len(self._scope.query) + len(self._scope.headers))
        if name == "querystring":
            return {key: values[-1] for key, values in self._scope.query.items() if values}
        if name == "header":
            return HeaderMap(self._scope.headers)
        return None

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The methods of a map of three maps."""
        whole = {kind: self.member(kind, budget) for kind in ("path", "querystring", "header")}
        return methods.call(whole, name, arguments, budget)

    def text(self, budget: Budget) -> str:
        """The three maps as Java prints them."""
        whole = {kind: self.member(kind, budget) for kind in ("path", "querystring")}
        whole["header"] = dict(HeaderMap(self._scope.headers))
        return text_of(whole, budget)


class HeaderMap(dict[str, Value]):
    """Headers, found in any case of their names."""

    def __init__(self, headers: Multi) -> None:
        super().__init__((key, values[-1]) for key, values in headers.items() if values)

    def get(self, key: Any, default: Any = None) -> Any:
        """A header's value."""
        found = super().get(key)
        if found is None and isinstance(key, str):
            found = next((value for name, value in self.items() if name.lower() == key.lower()), None)
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None


class Util(Thing):
    """$util."""

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The six functions; of null they are null."""
        function = _UTIL.get(name)
        if function is None or not arguments or arguments[0] is None:
            return None
        text = text_of(arguments[0], budget)
        budget.spend(len(text) // (64 if name in _SLOW else 256))
        try:
            result = function(text)
        except (ValueError, BodyNotJson) as error:
            raise TemplateFailed(f"$util.{name}: {error}") from None
        if isinstance(result, str):
            budget.produce(len(result))
        return result


def _escape_javascript(text: str) -> str:
    """As Java's commons-lang: quotes, backslash, slash, control characters, and what is not ASCII by its code units."""
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return _UNSEEN.sub(_unit_escapes, text)


def _unit_escapes(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    units = character.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _url_encode(text: str) -> str:
    """As Java's URLEncoder: `*` stays, `~` does not."""
    return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")


def _base64_decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error as error:
        raise ValueError(str(error)) from None


_SLOW: Final = ("urlEncode", "parseJson")
_UTIL: Final = {
    "escapeJavaScript": _escape_javascript,
    "parseJson": lambda text: parse_json(text.encode("utf-8", "replace")),
    "urlEncode": _url_encode,
    "urlDecode": lambda text: unquote_plus(text, errors="replace"),
    "base64Encode": lambda text: base64.b64encode(text.encode("utf-8", "replace")).decode(),
    "base64Decode": _base64_decode,
}


class Context(Thing):
    """$context: a map, with the overrides."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._overrides = {
            "requestOverride": Override(values, "requestOverride", ("header", "path", "querystring")),
            "responseOverride": Override(values, "responseOverride", ("header",)),
        }

    def member(self, name: str, budget: Budget) -> Value:
        """A context variable."""
        if name in self._overrides:
            return self._overrides[name]
        found = self._values.get(name)
        return Identity(found) if name == "identity" and type(found) is dict else found

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The methods of a map."""
        if name == "get" and arguments and isinstance(arguments[0], str):
            return self.member(arguments[0], budget)
        if name == "put" and len(arguments) > 1:
            self.assign(text_of(arguments[0], budget), arguments[1])
            return None
        return methods.call(self._plain(), name, arguments, budget)

    def _plain(self) -> dict[str, Any]:
        """A copy with the overrides' names alone: their values are checked when they are set, and reached no other
        way."""
        return {**self._values, **dict.fromkeys(self._overrides, "")}

    def assign(self, name: str, value: Value) -> None:
        """A name of the template's own, which later templates of the request read."""
        if name not in self._overrides:
            self._values[name] = value

    def text(self, budget: Budget) -> str:
        """As Java prints a map."""
        budget.enter()
        text = text_of(self._plain(), budget)
        budget.leave()
        return text


class Identity(Thing):
    """`$context.identity`: a map that, unlike others, is printed as nothing."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._one = values

    def member(self, name: str, budget: Budget) -> Value:
        """What is known of the caller."""
        return self._one.get(name)

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The methods of a map."""
        return methods.call(self._one, name, arguments, budget)


class Override(Thing):
    """`$context.requestOverride` and `$context.responseOverride`."""

    def __init__(self, context: dict[str, Any], kind: str, places: tuple[str, ...]) -> None:
        self._context = context
        self._kind = kind
        self._maps = {place: OverrideMap(context, kind, place) for place in places}
        self._status_set = False

    def member(self, name: str, budget: Budget) -> Value:
        """A map of overrides, or the status that was set."""
        return self._maps[name] if name in self._maps else self._context.get(self._kind, {}).get(name)

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The methods of a map of the maps."""
        if name == "get" and arguments and isinstance(arguments[0], str):
            return self.member(arguments[0], budget)
        return methods.call(dict.fromkeys(self._maps, ""), name, arguments, budget)

    def assign(self, name: str, value: Value) -> None:
        """`status`, once."""
        if name != "status" or self._kind != "responseOverride" or value is None:
            return
        text = text_of(value, Budget()).strip()
        if self._status_set:
            raise TemplateFailed("the status is overridden twice")
        if not re.fullmatch(r"[1-5]\d\d", text, re.ASCII):
            raise TemplateFailed(f"not a status: {text[:20]}")
        self._status_set = True
        self._context.setdefault(self._kind, {})["status"] = int(text)


class OverrideMap(Thing):
    """One map of overrides: each name is set once in a template."""

    def __init__(self, context: dict[str, Any], kind: str, place: str) -> None:
        self._context = context
        self._kind = kind
        self._place = place
        self._set: set[str] = set()

    def _values(self) -> dict[str, Any]:
        found: dict[str, Any] = self._context.get(self._kind, {}).get(self._place, {})
        return found

    def member(self, name: str, budget: Budget) -> Value:
        """What was set."""
        return self._values().get(name)

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """The methods of a map."""
        if name == "put" and len(arguments) > 1:
            self.assign(text_of(arguments[0], budget), arguments[1])
            return None
        return methods.call(dict(self._values()), name, arguments, budget)

    def assign(self, name: str, value: Value) -> None:
        """An override; null is none. Headers that would become two are refused."""
        if value is None:
            return
        text = text_of(value, Budget())
        key = name.lower() if self._place == "header" else name
        if key in self._set:
            raise TemplateFailed(f"{name} is overridden twice")
        if self._place == "header" and (not _TOKEN.fullmatch(name) or _BROKEN.search(text)):
            raise TemplateFailed("an override that is no header")
        self._set.add(key)
        self._context.setdefault(self._kind, {}).setdefault(self._place, {})[name] = text

    def text(self, budget: Budget) -> str:
        """As Java prints a map; one without overrides as nothing."""
        return text_of(dict(self._values()), budget) if self._values() else ""


def variables(scope: Scope) -> dict[str, Value]:
    """The variables that a template begins with."""
    return {
        "input": Input(scope),
        "util": Util(),
        "context": Context(scope.context),
        "stageVariables": dict(scope.stage_variables),
    }
