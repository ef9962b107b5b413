"""Google's gRPC APIs, served from the clients' own descriptions of them: paths, requests and responses."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc

Answer = Callable[[Any], Any]
"""Takes the request, gives the response (or its fields), or raises Refusal."""


class Refusal(Exception):  # noqa: N818
    """What the server answers instead."""

    def __init__(self, code: grpc.StatusCode, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message or code.name


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one API."""

    name: str
    path: str
    request: type[Any]
    response: type[Any]


class _Recorder(grpc.Channel):  # type: ignore[misc]
    """A channel that goes nowhere, and knows which paths it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def unary_unary(self, method: str, *_: Any, **__: Any) -> Any:
        self.paths.append(method)
        return lambda *_, **__: None

    unary_stream = stream_unary = stream_stream = unary_unary

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None: ...
    def unsubscribe(self, callback: Any) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *_: Any) -> None: ...


def methods_of(client: str) -> Iterator[Method]:
    """The methods of a client (`module:Class`)."""
    module, _, name = client.partition(":")
    transport = getattr(import_module(module), name).get_transport_class("grpc")
    instance = transport(channel=_Recorder())
    for attribute, member in vars(transport).items():
        if attribute.startswith("_") or not isinstance(member, property) or attribute in ("kind", "grpc_channel"):
            continue
        hint = typing.get_type_hints(member.fget).get("return")
        if typing.get_origin(hint) is None or len(typing.get_args(hint)) != 2 or not typing.get_args(hint)[0]:
            continue
        (request,), response = typing.get_args(hint)
        recorder = instance._logged_channel = _Recorder()
        instance._stubs.clear()
        getattr(instance, attribute)
        if recorder.paths:
            yield Method(attribute, recorder.paths[0], request, response)


def _bytes(message: Any) -> bytes:
    raw = message if hasattr(message, "DESCRIPTOR") else type(message).pb(message)
    return bytes(raw.SerializeToString())


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, methods: Mapping[str, Method], answers: Mapping[str, Answer]) -> None:
        self._methods = methods
        self._answers = answers

    def service(self, details: Any) -> Any:
        method = self._methods.get(details.method)
        answer = self._answers.get(method.name) if method else None
        if method is None or answer is None:
            return None

        def respond(request: Any, context: Any) -> Any:
            try:
                result = answer(request)
            except Refusal as refusal:
                context.abort(refusal.code, refusal.message)
            return result if isinstance(result, method.response) else method.response(**result)

        decode = getattr(method.request, "FromString", None) or method.request.deserialize
        return grpc.unary_unary_rpc_method_handler(respond, request_deserializer=decode, response_serializer=_bytes)


@contextmanager
def served(clients: typing.Iterable[str], answers: Mapping[str, Answer]) -> Iterator[str]:
    """Serve these clients' APIs with these answers, by method name (`list_assets`); gives the address."""
    methods = {method.path: method for client in clients for method in methods_of(client)}
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((_Handler(methods, answers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
