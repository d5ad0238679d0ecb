"""Certificates that no decent authority would give."""

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Maker:
    """An authority whose certificates may be wrong in any way."""

    def __init__(self, kind: str = "ecdsa") -> None:
        self.kind = kind
        self.key = self.new_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {kind}")])
        self.cert = self.sign(self.name, self.key, is_authority=True, issuer=self.name)
        self.pem = self.cert.public_bytes(serialization.Encoding.PEM)

    def new_key(self) -> Any:
        if self.kind == "rsa":
            return rsa.generate_private_key(65537, 2048)
        if self.kind == "short":
            return rsa.generate_private_key(65537, 1024)
        if self.kind == "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        return ec.generate_private_key(ec.SECP256R1())

    def sign(
        self,
        subject: x509.Name,
        key: Any,
        *names: Any,
        is_authority: bool = False,
        issuer: x509.Name | None = None,
        usage: Any = ExtendedKeyUsageOID.SERVER_AUTH,
        begins: float = -1,
        ends: float = 30,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if not is_authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        algorithm = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(self.key, algorithm)

    def issue(self, *names: str, **how: Any) -> tuple[bytes, bytes]:
        """A node's certificate and its key, in PEM format."""
        key = self.new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
        cert = self.sign(subject, key, *(x509.DNSName(name) for name in names), **how)
        return cert.public_bytes(serialization.Encoding.PEM), pem_of(key)

    def forge_by_a_leaf(self, *names: str) -> tuple[bytes, bytes]:
        """The same, of somebody who has a certificate of this authority, and is none."""
        leaf_key = self.new_key()
        leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        leaf = self.sign(leaf_name, leaf_key, x509.DNSName("leaf.example"))
        forger = Maker(self.kind)
        forger.key, forger.name = leaf_key, leaf_name
        cert, key = forger.issue(*names)
        return cert + leaf.public_bytes(serialization.Encoding.PEM), key


def pem_of(key: Any) -> bytes:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem
