"""The instance's electronic seal (PAdES B-B): who issued a document, and that no byte of it changed since."""

import fcntl
import os
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from pyhanko.sign.signers import SimpleSigner

FIELD = "Sceau"
LABEL = "Sceau électronique de l’extranet des partenaires"
ISSUER = "Extranet partenaires monenfant.fr"


def ensure_key() -> tuple[Path, Path]:
    """The files of the seal's key and certificate: those given, else made once in the data folder."""
    given = settings.SEAL_KEY_FILE, settings.SEAL_CERT_FILE
    if any(given):
        for name, path in zip(("EXTRANET_SEAL_KEY_FILE", "EXTRANET_SEAL_CERT_FILE"), given, strict=True):
            if not path or not Path(path).is_file():
                raise ImproperlyConfigured(f"{name} : fichier introuvable (la clé et le certificat vont ensemble).")
        return Path(given[0]), Path(given[1])
    folder = settings.DATA_DIR / "cles"
    key, certificate = folder / "sceau.key", folder / "sceau.crt"
    if not key.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(folder / "sceau.verrou", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not key.exists():
                _make(key, certificate)
    return key, certificate


def seal(pdf: bytes, *, reason: str, now: datetime) -> bytes:
    """The document with the seal: any later change of it is found."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

    class DatedSigner(PdfSigner):
        """Signs at the portal's time, not at the machine's."""

        def init_signing_session(self, *args: Any, **kwargs: Any) -> Any:
            session = super().init_signing_session(*args, **kwargs)
            session.system_time = now.astimezone(UTC)
            return session

    about = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        name=ISSUER,
        reason=reason,
    )
    writer = IncrementalPdfFileWriter(BytesIO(_with_field(pdf)))
    signer = DatedSigner(about, signer=_signer(*ensure_key()))
    return signer.sign_pdf(writer, existing_fields_only=True).getvalue()


def is_intact(pdf: bytes) -> bool:
    """Whether the document carries this instance's seal, over all of its bytes, unbroken.

    The certificate file may go on with former certificates, so that what they sealed stays proven.
    """
    from pyhanko.keys import load_certs_from_pemder
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    certificates = list(load_certs_from_pemder([str(ensure_key()[1])]))
    try:
        (signature,) = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures
        status = validate_pdf_signature(
            signature,
            ValidationContext(trust_roots=certificates, allow_fetching=False),
            key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"}),
        )
    except Exception:  # whatever stops the reading of a file that we had sealed is a change of it
        return False
    return bool(status.bottom_line and status.coverage == SignatureCoverageLevel.ENTIRE_FILE)


@cache
def _signer(key: Path, certificate: Path) -> "SimpleSigner":
    """Read once a process: reading a key costs more than signing with it. The first certificate is the key's."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from pyhanko.keys import load_certs_from_pemder, load_private_key_from_pemder
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    names = "EXTRANET_SEAL_KEY_FILE, EXTRANET_SEAL_CERT_FILE"
    try:
        secret = load_pem_private_key(key.read_bytes(), password=None)
        current = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (ValueError, TypeError) as fault:
        raise ImproperlyConfigured(f"{names} : clé ou certificat illisible (PEM sans mot de passe).") from fault
    if secret.public_key() != current.public_key():
        raise ImproperlyConfigured(f"{names} : le premier certificat n’est pas celui de la clé.")
    return SimpleSigner(
        signing_cert=next(iter(load_certs_from_pemder([str(certificate)]))),
        signing_key=load_private_key_from_pemder(str(key), passphrase=None),
        cert_registry=SimpleCertificateStore(),
    )


def _with_field(pdf: bytes) -> bytes:
    """The document with the seal's empty field, named and placed in the structure as PDF/UA wants it."""
    import pikepdf
    from pikepdf import Array, Dictionary, Name

    with pikepdf.open(BytesIO(pdf)) as document:
        root, page = document.Root, document.pages[-1].obj
        numbers = pikepdf.NumberTree(root.StructTreeRoot.ParentTree)
        rank = max(numbers.keys(), default=-1) + 1
        field = document.make_indirect(
            Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Sig,
                T=FIELD,
                TU=LABEL,
                F=0b10000100,  # printed, locked
                Rect=Array([0, 0, 0, 0]),
                P=page,
                StructParent=rank,
            )
        )
        parent = root.StructTreeRoot.K[0]
        element = document.make_indirect(
            Dictionary(
                Type=Name.StructElem,
                S=Name.Form,
                P=parent,
                Pg=page,
                Alt=LABEL,
                K=Dictionary(Type=Name.OBJR, Obj=field, Pg=page),
            )
        )
        parent.K.append(element)
        numbers[rank] = element
        root.StructTreeRoot.ParentTreeNextKey = rank + 1
        page.Annots = Array([*page.get("/Annots", []), field])
        page.Tabs = Name.S
        root.AcroForm = Dictionary(Fields=Array([field]), SigFlags=3)
        target = BytesIO()
        document.save(target)
    return target.getvalue()


def _make(key: Path, certificate: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
    others = ["key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign"]
    others += ["crl_sign", "encipher_only", "decipher_only"]
    # No well-defined end (RFC 5280): a seal is looked at for as long as what it proves is kept.
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, content_commitment=True, **dict.fromkeys(others, False)),
            critical=True,
        )
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    # The key last: where it is, its certificate is.
    _write(certificate, made.public_bytes(pem))
    _write(key, secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def _write(path: Path, data: bytes) -> None:
    partial = path.with_suffix(path.suffix + ".part")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    partial.rename(path)
