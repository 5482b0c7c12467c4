"""A server that is not reached: the sentence says which one and why, for every SDK, and nothing that may be secret."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from precedent.providers.base import Capability, Driver
from precedent.providers.classification import classify
from precedent.providers.config.provider import Provider
from precedent.providers.drivers.claude import ClaudeDriver
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.drivers.gemini import GeminiDriver
from precedent.providers.drivers.mistral import MistralDriver
from precedent.providers.drivers.ollama import OllamaDriver
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import FailureKind
from precedent.providers.testing.question import question

DRIVERS = [OpenAIDriver, GatewayDriver, ClaudeDriver, GeminiDriver, MistralDriver, OllamaDriver]
DAY = timedelta(days=1)
KEY, PATH = "sk-of-nobody-0123456789", "a-path-that-is-secret"


@pytest.fixture
def listening() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Serve connections by a function; gives the port."""
    opened: list[socket.socket] = []

    def serve(handle: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)

        def run() -> None:
            while True:
                try:
                    handle(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=run, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield serve
    for listener in opened:
        listener.close()


def failure(driver: type[Driver], address: str) -> tuple[FailureKind, str, bool]:
    fields: dict[str, Any] = {
        "name": "one",
        "driver": driver.info.name,
        "capability": Capability.TEXT_GENERATION,
        "model": "m",
        "base_url": f"{address}/{PATH}",
        "credentials": {"api_key": KEY},
        "performance": {"timeout_s": 1},
    }
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what the SDK raises is classified below
        driver(Provider.model_validate(fields)).generate(question())
    found = classify(caught.value)
    assert KEY not in str(found)
    assert PATH not in str(found)
    return found.kind, str(found), found.arrived


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What a server needs that has signed its certificate itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + DAY)
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_port_without_a_server(driver: type[Driver], closed_port: int) -> None:
    said = f"The server 127.0.0.1:{closed_port} refuses connections."
    assert failure(driver, f"http://127.0.0.1:{closed_port}") == (FailureKind.CONNECTION, said, False)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_name_without_an_address(driver: type[Driver]) -> None:
    kind, said, arrived = failure(driver, "http://nobody.invalid:8080")
    assert (kind, arrived) == (FailureKind.CONNECTION, False)
    assert said.startswith("The server nobody.invalid:8080 has a name for which there is no address (")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_server_that_says_nothing(driver: type[Driver], listening: Callable[..., int]) -> None:
    held: list[socket.socket] = []
    port = listening(held.append)
    said = f"The server 127.0.0.1:{port} gave no answer in time."
    assert failure(driver, f"http://127.0.0.1:{port}") == (FailureKind.TIMEOUT, said, True)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_server_that_hangs_up(driver: type[Driver], listening: Callable[..., int]) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1)
        connection.close()

    port = listening(hang_up)
    kind, said, _ = failure(driver, f"http://127.0.0.1:{port}")
    assert kind is FailureKind.CONNECTION
    assert said.startswith(f"The server 127.0.0.1:{port} closed the connection")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_server_without_tls(driver: type[Driver], listening: Callable[..., int]) -> None:
    def speak_plainly(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    port = listening(speak_plainly)
    kind, said, _ = failure(driver, f"https://127.0.0.1:{port}")
    assert kind is FailureKind.CONNECTION
    assert said.startswith(f"The server 127.0.0.1:{port} does not speak TLS as it should (")


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.name)
def test_a_certificate_that_is_not_accepted(
    driver: type[Driver], listening: Callable[..., int], own_certificate: ssl.SSLContext
) -> None:
    port = listening(lambda connection: own_certificate.wrap_socket(connection, server_side=True).close())
    kind, said, arrived = failure(driver, f"https://127.0.0.1:{port}")
    assert (kind, arrived) == (FailureKind.CONNECTION, False)
    assert said == f"The server 127.0.0.1:{port} has a certificate that is not accepted (self-signed certificate)."


def test_a_file_that_is_missing_is_no_server() -> None:
    assert "server" not in str(classify(FileNotFoundError(2, "No such file or directory", "/model")))
