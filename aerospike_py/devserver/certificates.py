"""Certificates made on the spot, for dev servers with TLS and their clients."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ..exception import ClientError
from ..types import TLSConfig


class Certificate(NamedTuple):
    """A certificate, with those between it and its authority, and its key, in PEM format."""

    cert: bytes
    key: bytes


class Authority:
    """Makes and revokes certificates, which nobody trusts but who is told to.

    Needs the package trustme, which the extra "tls" brings.

    Raises:
        ClientError: The package trustme is not installed.
    """

    def __init__(self) -> None:
        self._ca = _trustme().CA()
        self._revoked: list[Certificate] = []

    @property
    def pem(self) -> bytes:
        """Its own certificate: what is to be trusted."""
        return bytes(self._ca.cert_pem.bytes())

    def issue(
        self,
        *names: str,
        common_name: str | None = None,
        days: float = 30,
        from_days: float = -1,
    ) -> Certificate:
        """Makes a certificate.

        Args:
            names: Host names, which may begin with "*.", and addresses that it is for.
            common_name: Whom it is for; the user, where servers know users by certificates.
            days: When it expires, from now; negative: it has expired.
            from_days: When it begins to be valid, from now.
        """
        now = datetime.now(timezone.utc)
        made = self._ca.issue_cert(
            *names,
            common_name=common_name,
            not_before=now + timedelta(days=min(from_days, days - 1)),
            not_after=now + timedelta(days=days),
        )
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        return Certificate(chain, bytes(made.private_key_pem.bytes()))

    def between(self) -> "Authority":
        """An authority below this one, whose certificates bring its own along."""
        below = Authority.__new__(Authority)
        below._ca = self._ca.create_child_ca()
        below._revoked = []
        return below

    def revoke(self, certificate: Certificate) -> bytes:
        """Takes a certificate back; returns the list of all that were, in PEM format.

        Whoever looks in revocation lists has to be given it beside the authority's certificate.
        """
        self._revoked.append(certificate)
        return self.revocation_list()

    def revocation_list(self) -> bytes:
        """The list of the certificates that were taken back, in PEM format."""
        # What trustme itself is made of.
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.now(timezone.utc)
        own = x509.load_pem_x509_certificate(self.pem)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(own.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=30))
        )
        for revoked in self._revoked:
            serial = x509.load_pem_x509_certificate(revoked.cert).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
        key: Any = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        made = builder.sign(key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


class ServerTLS(NamedTuple):
    """What a dev server's nodes need for TLS, and what their clients do."""

    options: dict[str, Any]
    client: TLSConfig
    authority: Authority | None


NODE_NAME = "node.dev"
"""What nodes are called whose certificates are made on the spot."""


def made_on_the_spot(host: str, *, mutual: bool, allows_plain: bool) -> ServerTLS:
    """For nodes at a host."""
    authority = Authority()
    node = authority.issue(NODE_NAME, "localhost", "127.0.0.1", "::1", host)
    options = {
        "cert": node.cert,
        "key": node.key,
        "ca": authority.pem if mutual else b"",
        "name": NODE_NAME,
        "allows_plain": allows_plain,
    }
    client: TLSConfig = {"ca": authority.pem}
    if mutual:
        client["cert"], client["key"] = authority.issue("client.dev", common_name="client")
    return ServerTLS(options, client, authority)


def given(tls: Mapping[str, Any], *, mutual: bool, allows_plain: bool) -> ServerTLS:
    """For nodes with the certificates that are given; "ca" is what clients' ones have to be of."""
    options = {
        "cert": tls["cert"],
        "key": tls["key"],
        "ca": tls.get("ca", b"") if mutual else b"",
        "name": tls.get("name", ""),
        "allows_plain": allows_plain,
    }
    return ServerTLS(options, {"ca": tls.get("ca", b"")}, None)


def _trustme() -> Any:
    try:
        import trustme
    except ImportError:
        raise ClientError(
            "certificates for a dev server are made with the package trustme, which is not "
            "installed: pip install trustme"
        ) from None
    return trustme
