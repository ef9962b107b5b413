"""Google's Pub/Sub emulator, where the machine has it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient

from served import free_port

HOW_TO_GET_IT = (
    "needs Google's Pub/Sub emulator: gcloud components install pubsub-emulator "
    "(Debian: google-cloud-cli-pubsub-emulator), and a Java runtime"
)


def find_emulator() -> list[str] | None:
    """The command that starts the emulator, None where there is none."""
    gcloud, java = shutil.which("gcloud"), shutil.which("java")
    roots = [Path(gcloud).resolve().parents[1]] if gcloud else []
    roots += [Path("/usr/lib/google-cloud-sdk"), Path.home() / "google-cloud-sdk"]
    for root in roots:
        jars = sorted(root.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"))
        if java and jars:
            return [java, "-jar", str(jars[-1])]
    return None


@dataclass(frozen=True, slots=True)
class PubSub:
    """A running emulator and clients of it. Topics and subscriptions are named by their last part."""

    host: str
    publisher: PublisherClient
    subscriber: SubscriberClient
    project: str = "example-security"

    def topic(self, name: str) -> str:
        """Create a topic, and its full name."""
        full = f"projects/{self.project}/topics/{name}"
        self.publisher.create_topic(request={"name": full})
        return full

    def subscription(self, name: str, topic: str, **more: Any) -> str:
        """Create a subscription, and its full name."""
        full = f"projects/{self.project}/subscriptions/{name}"
        self.subscriber.create_subscription(request={"name": full, "topic": topic, "ack_deadline_seconds": 10, **more})
        return full

    def publish(self, topic: str, *bodies: bytes) -> None:
        """Publish what a sink would: the data, and the one attribute it sets."""
        stamp = {"logging.googleapis.com/timestamp": "2026-11-01T10:00:00Z"}
        for start in range(0, len(bodies), 500):
            messages = [{"data": body, "attributes": stamp} for body in bodies[start : start + 500]]
            self.publisher.publish(request={"topic": topic, "messages": messages})

    def drain(self, subscription: str, *, until: int = 0, seconds: float = 20) -> list[Any]:
        """Pull and acknowledge until there are `until` messages, and then until it is quiet for a moment."""
        messages: list[Any] = []
        deadline = time.monotonic() + seconds
        quiet_since = time.monotonic()
        while time.monotonic() < deadline:
            request = {"subscription": subscription, "max_messages": 1000, "return_immediately": True}
            received = self.subscriber.pull(request=request).received_messages
            if received:
                quiet_since = time.monotonic()
                messages += [item.message for item in received]
                acks = [item.ack_id for item in received]
                self.subscriber.acknowledge(request={"subscription": subscription, "ack_ids": acks})
            elif len(messages) >= until and time.monotonic() - quiet_since > 0.5:
                break
            else:
                time.sleep(0.05)
        return messages


@contextmanager
def emulated_pubsub(folder: Path) -> Iterator[PubSub]:
    """Run the emulator for as long as the block lasts."""
    command = find_emulator()
    assert command is not None
    host = f"127.0.0.1:{free_port()}"
    with (folder / "pubsub.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host=127.0.0.1", f"--port={host.rpartition(':')[2]}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    channel = grpc.insecure_channel(host)
    try:
        _wait_for(host, process)
        yield PubSub(
            host,
            PublisherClient(transport=PublisherClient.get_transport_class("grpc")(channel=channel)),
            SubscriberClient(transport=SubscriberClient.get_transport_class("grpc")(channel=channel)),
        )
    finally:
        channel.close()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(host: str, process: subprocess.Popen[bytes]) -> None:
    address, _, port = host.partition(":")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, int(port))) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the Pub/Sub emulator did not start")
