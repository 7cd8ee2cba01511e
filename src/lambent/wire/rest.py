"""The REST protocols, rest-json and rest-xml: bindings plus a body of JSON or XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, Request, Response
from lambent.model import OperationModel, Shape

from . import jsonform, s3form, xmlform
from .bindings import RequestBindings, ResponseBindings
from .codec import Codec, Route, apply_metadata, error_status, xml_code
from .eventstream import EventWriter, stream_member
from .jsonrpc import error_body

_EMPTY_STATUSES = (204, 304)


class RestCodec(Codec):
    """What both REST protocols share; the body's form is left to them."""

    def __init__(self, operation: OperationModel) -> None:
        super().__init__(operation)
        self._bindings = RequestBindings(operation)
        self._answer = ResponseBindings(operation.output)
        self._status = int(operation.http.get("responseCode", 200))
        self._payload = operation.payload
        self._payload_name = operation.input.payload if operation.input is not None else ""
        in_body = set(operation.input.members) - self._bindings.bound if operation.input is not None else set()
        self._body_members = bool(in_body) and self._payload is None
        output = operation.output
        self._output_payload_name = output.payload if output is not None else ""
        self._output_payload = output.members[output.payload] if output is not None and output.payload else None
        stream = stream_member(output)
        self._events = EventWriter(stream[1], self.write_event, self.content_type) if stream is not None else None
        self._output_members = bool(set(output.members) - self._answer.bound) if output is not None else False

    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """See `Codec`."""
        params = self._bindings.read(route.labels, request)
        payload = self._payload
        if self.streaming or not isinstance(body, bytes):
            params[self._payload_name] = body
        elif payload is None:
            if self._body_members:
                params.update(self.read_members(body))
        elif payload.trait("document"):
            params[self._payload_name] = jsonform.loads(body)
        elif payload.kind == "blob":
            if body:
                params[self._payload_name] = body
        elif payload.kind == "string":
            if body:
                params[self._payload_name] = body.decode("utf-8", "replace")
        elif body:
            params[self._payload_name] = self.read_payload(body)
        return params

    def read_members(self, body: bytes) -> dict[str, Any]:
        """The members that the body holds."""
        raise NotImplementedError

    def read_payload(self, body: bytes) -> Any:
        """The structure that is the whole body."""
        raise NotImplementedError

    def serialize(self, result: Mapping[str, Any], request_id: str) -> Response:
        """See `Codec`."""
        headers = self.head(request_id)
        status = self._answer.write(result, headers, self._status)
        response = Response(status, headers)
        payload = self._output_payload
        if payload is not None:
            value = result.get(self._output_payload_name)
            if value is not None:
                self._put_payload(response, payload, value)
        elif self._output_members and status not in _EMPTY_STATUSES:
            response.body = self.write_members(result)
            self._type(response, self.content_type)
        return apply_metadata(response, result)

    def _put_payload(self, response: Response, payload: Shape, value: Any) -> None:
        if self._events is not None:
            self._events.fill(response, value)
        elif payload.kind in ("blob", "string"):
            response.body = value.encode() if isinstance(value, str) else value
            self._type(response, "text/plain" if payload.kind == "string" else "application/octet-stream")
        else:
            response.body = self.write_payload(payload, value)
            self._type(response, self.content_type)

    @staticmethod
    def _type(response: Response, content_type: str) -> None:
        if not any(name == "content-type" for name, _ in response.headers):
            response.headers.append(("content-type", content_type))

    content_type = ""

    def write_members(self, result: Mapping[str, Any]) -> bytes:
        """The body that holds the unbound members."""
        raise NotImplementedError

    def write_payload(self, payload: Shape, value: Any) -> bytes:
        """The body that is one structure."""
        raise NotImplementedError

    def write_event(self, shape: Shape, value: Any, name: str) -> bytes:
        """The body of an event of a stream."""
        raise NotImplementedError


class RestJsonCodec(RestCodec):
    """One operation in rest-json."""

    content_type = "application/json"

    def __init__(self, operation: OperationModel) -> None:
        super().__init__(operation)
        reader, writer = jsonform.Reader(operation.service.name), jsonform.Writer()
        if self._payload is not None and self._payload.kind not in ("blob", "string"):
            self._read_payload = reader.compile(self._payload)
        elif self._body_members and operation.input is not None:
            self._read_members = reader.structure(operation.input, frozenset(self._bindings.bound))
        payload = self._output_payload
        self._write_payload: jsonform.Converter | None = None
        if payload is not None and payload.kind not in ("blob", "string"):
            self._write_payload = writer.compile(payload)
        elif operation.output is not None:
            self._write_members = writer.structure(operation.output, frozenset(self._answer.bound))

    def read_members(self, body: bytes) -> dict[str, Any]:
        """See `RestCodec`."""
        members: dict[str, Any] = self._read_members(jsonform.loads(body))
        return members

    def read_payload(self, body: bytes) -> Any:
        """See `RestCodec`."""
        return self._read_payload(jsonform.loads(body))

    def write_members(self, result: Mapping[str, Any]) -> bytes:
        """See `RestCodec`."""
        return jsonform.dumps(self._write_members(result))

    def write_payload(self, payload: Shape, value: Any) -> bytes:
        """See `RestCodec`."""
        return jsonform.dumps(value if self._write_payload is None else self._write_payload(value))

    def write_event(self, shape: Shape, value: Any, name: str) -> bytes:
        """See `RestCodec`."""
        return jsonform.dumps(jsonform.Writer().structure(shape)(value))

    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """See `Codec`."""
        shape = self.error_shape(error)
        headers = [*self.head(request_id), ("content-type", "application/json")]
        headers.append(("x-amzn-errortype", shape.name if shape is not None else error.code))
        bindings = ResponseBindings(shape)
        bindings.write(error.fields, headers, 0)
        body = {name: value for name, value in error_body(error, shape).items() if name not in _wire_names(shape)}
        return Response(error_status(error, shape), headers, jsonform.dumps(body))


def _wire_names(shape: Shape | None) -> set[str]:
    if shape is None:
        return set()
    return {member.location_name or name for name, member in shape.members.items() if member.trait("location")}


class RestXmlCodec(RestCodec):
    """One operation in rest-xml; S3 is the one that counts."""

    content_type = "application/xml"

    def __init__(self, operation: OperationModel) -> None:
        super().__init__(operation)
        self._s3 = self.service.name == "s3"
        self._puts_object = self._s3 and operation.name in ("PutObject", "CopyObject")
        self._brings_document = self._s3 and not self.streaming and (self._payload is not None or self._body_members)
        reader = xmlform.Reader()
        writer = xmlform.Writer("iso8601-ms" if self._s3 else "iso8601")
        self._writer = writer
        if self._payload is not None and self._payload.kind not in ("blob", "string"):
            self._read_payload = reader.compile(self._payload)
        elif self._body_members and operation.input is not None:
            self._read_members = reader.structure(operation.input, frozenset(self._bindings.bound))
        output = operation.output
        self._write_payload: xmlform.Write | None = None
        self._root = ""
        namespace = self.service.metadata.get("xmlNamespace")
        self._namespace = f' xmlns="{xmlform.escape(namespace)}"' if namespace else ""
        if self._output_payload is not None:
            if self._output_payload.kind == "structure":
                self._write_payload = writer.compile(self._output_payload)
        elif output is not None:
            self._root = output.location_name or f"{operation.name}Response"
            if output.trait("xmlNamespace"):
                self._namespace = ""
            self._write_members = writer.content(output, frozenset(self._answer.bound))
            self._attributes = xmlform.attributes_of(output)
            self._unwrapped = str(output.trait("unwrapped", ""))

    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """See `Codec`."""
        if self._puts_object and request.query:
            s3form.check_address(request)
        if self._brings_document and isinstance(body, bytes):
            s3form.check_document(request.headers, body, "httpChecksum" in self.operation.data)
        return super().read(route, request, body)

    def head(self, request_id: str) -> list[tuple[str, str]]:
        """See `Codec`."""
        if self._s3:
            return [("x-amz-request-id", request_id), ("x-amz-id-2", _host_id(request_id))]
        return super().head(request_id)

    def read_members(self, body: bytes) -> dict[str, Any]:
        """See `RestCodec`."""
        return dict(self._read_members(xmlform.parse(body))) if body.strip() else {}

    def read_payload(self, body: bytes) -> Any:
        """See `RestCodec`."""
        return self._read_payload(xmlform.parse(body))

    def write_members(self, result: Mapping[str, Any]) -> bytes:
        """See `RestCodec`."""
        out: list[str] = []
        if self._unwrapped:
            # The value stands in the root itself (GetBucketLocation).
            out.append(xmlform.escape(str(result.get(self._unwrapped) or "")))
        else:
            self._write_members(out, result)
        namespace = self._namespace
        assert self.operation.output is not None
        if self.operation.output.trait("xmlNamespace"):
            namespace = xmlform.namespace_of(self.operation.output)
        if self._attributes is not None:
            namespace += self._attributes(result)
        return f"{xmlform.DECLARATION}<{self._root}{namespace}>{''.join(out)}</{self._root}>".encode()

    def write_payload(self, payload: Shape, value: Any) -> bytes:
        """See `RestCodec`."""
        out: list[str] = []
        assert self._write_payload is not None
        self._write_payload(out, value, payload.location_name or self._output_payload_name)
        return (xmlform.DECLARATION + "".join(out)).encode()

    def write_event(self, shape: Shape, value: Any, name: str) -> bytes:
        """See `RestCodec`."""
        out: list[str] = []
        self._writer.compile(shape)(out, value, name)
        return "".join(out).encode()

    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """See `Codec`."""
        shape = self.error_shape(error)
        status = error_status(error, shape)
        headers = self.head(request_id)
        headers.extend(error.fields.get("Headers", {}).items())
        bindings = ResponseBindings(shape)
        bindings.write(error.fields, headers, 0)
        if request.method == "HEAD" or status == 304:
            return Response(status, headers)
        headers.append(("content-type", "application/xml"))
        code = xmlform.escape(xml_code(error, shape))
        out = [f"<Code>{code}</Code><Message>{xmlform.escape(error.message)}</Message>"]
        xmlform.write_fields(out, shape, error.fields, {"Headers", *bindings.bound})
        if self._s3:
            out.append(f"<RequestId>{request_id}</RequestId><HostId>{_host_id(request_id)}</HostId>")
            body = f"{xmlform.DECLARATION}<Error>{''.join(out)}</Error>"
        else:
            fault = "Sender" if status < 500 else "Receiver"
            body = (
                f"<ErrorResponse{self._namespace}><Error><Type>{fault}</Type>{''.join(out)}</Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        return Response(status, headers, body.encode())


def _host_id(request_id: str) -> str:
    """S3's second identifier of a request, of the form that its clients show."""
    return request_id.replace("-", "") * 2


def rest_codec(operation: OperationModel, protocol: str) -> Codec:
    """The codec of an operation in a REST protocol."""
    make: Callable[[OperationModel], Codec] = RestJsonCodec if protocol == "rest-json" else RestXmlCodec
    return make(operation)
