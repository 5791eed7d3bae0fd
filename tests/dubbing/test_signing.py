"""C2PA: outputs signed by credentials made here, read back, and refused where that cannot be."""

import datetime
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deepaudio.dubbing.batch import fingerprint
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob, Extras
from deepaudio.dubbing.provenance import signing
from deepaudio.dubbing.provenance.signing import inspect_manifest, read_credentials
from deepaudio.errors import InputError, PolicyError, ToolError, UsageError
from deepaudio.media.verify import video_digest


def certificate(name, key, issuer, issuer_key, authority):
    """A certificate as C2PA wants them: for signing documents, below an authority of its own."""
    day = datetime.timedelta(days=1)
    start = datetime.datetime(2024, 1, 1)
    usage = dict.fromkeys(
        [
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + 20_000 * day)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not authority:
        made = made.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return made.sign(issuer_key, hashes.SHA256())


def pem(key):
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(
        serialization.Encoding.PEM, kind, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def credentials():
    """(certificates, key, another key) as PEM."""
    above, own, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = certificate("Test authority", above, None, above, True)
    signer = certificate("Studio", own, authority.subject, above, False)
    chain = "".join(
        c.public_bytes(serialization.Encoding.PEM).decode() for c in (signer, authority)
    )
    return chain, pem(own), pem(other)


@pytest.fixture
def signer(credentials, tmp_path):
    path = tmp_path / "signer.pem"
    path.write_text(credentials[0] + credentials[1])
    return path


@pytest.fixture
def job(silent_clip, voice, signer):
    return DubJob(silent_clip, text="Hello.", cast=Cast(voice), extras=Extras(c2pa=signer))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_signed_output_says_how_it_was_made_and_by_whom(model, job, suffix):
    done = dub(model, replace(job, output=job.clip.with_name(f"out{suffix}")))
    found = inspect_manifest(done.output)
    assert found["state"] == "valid" and found["signed_by"] == "Studio"
    assert found["made_with"].startswith("deepaudio ")
    assert found["faults"] == ["signingCredential.untrusted"], (
        "nobody knows the authority of a test"
    )
    assert video_digest(done.output) == video_digest(job.clip)
    text = Path(done.facts["record"]).read_text()
    assert json.loads(text)["provenance"]["signed"] is True and "PRIVATE" not in text


def test_a_changed_byte_is_found(model, job):
    done = dub(model, job)
    content = bytearray(done.output.read_bytes())
    content[content.index(b"mdat") + 200] ^= 1
    done.output.write_bytes(content)
    found = inspect_manifest(done.output)
    assert found["state"] == "invalid" and any("mismatch" in fault for fault in found["faults"])


def test_doctor_tells_of_it(command, model, job, capsys):
    done = dub(model, job)
    assert command("doctor", done.output) == 0
    assert "C2PA: valid (made with deepaudio" in capsys.readouterr().out
    assert command("doctor", job.clip) == 0
    assert "C2PA: none" in capsys.readouterr().out


def test_without_the_package_doctor_says_so_and_signing_is_refused(
    model, job, command, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert command("doctor", job.clip) == 0
    assert 'C2PA: not looked for (reason pip install "deepaudio[c2pa]")' in capsys.readouterr().out
    with pytest.raises(ToolError, match="needs the package c2pa-python"):
        dub(model, job)
    assert not model.tts.calls


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (lambda chain, own, other: chain, InputError, "2 certificates and 0 private keys"),
        (lambda chain, own, other: own, InputError, "0 certificates and 1 private keys"),
        (lambda chain, own, other: "hello", InputError, "0 certificates"),
        (lambda chain, own, other: chain + own + other, InputError, "2 private keys"),
        (lambda chain, own, other: chain + other, PolicyError, "cannot be signed"),
        (
            lambda chain, own, other: chain + own.replace("\n-----END", "AAAA\n-----END"),
            PolicyError,
            "cannot be signed",
        ),
    ],
)
def test_what_cannot_sign_is_refused_before_the_work(
    model, job, signer, credentials, content, kind, words
):
    signer.write_text(content(*credentials))
    before = sorted(job.clip.parent.iterdir())
    with pytest.raises(kind, match=words):
        dub(model, job)
    assert not model.tts.calls and sorted(job.clip.parent.iterdir()) == before


def test_a_missing_file_and_an_output_that_is_the_signer(model, job, signer):
    with pytest.raises(UsageError, match="used already"):
        dub(model, replace(job, output=signer))
    with pytest.raises(InputError, match="no such file"):
        read_credentials(signer.with_name("none.pem"))


def test_a_container_without_a_place_for_it_is_refused(model, job):
    with pytest.raises(PolicyError, match=r"\.mkv cannot hold a C2PA manifest") as caught:
        dub(model, replace(job, output=job.clip.with_name("out.mkv")))
    assert caught.value.exit_code == 8 and not model.tts.calls


def test_when_signing_fails_at_the_end_nothing_is_written(model, job, monkeypatch):
    def fails(*_):
        raise PolicyError("c2pa.failed", "the output cannot be signed: no")

    read = signing.Credentials._written
    calls = []

    def once(self, kind, *rest):
        calls.append(kind)
        return read(self, kind, *rest) if kind == "audio/wav" else fails()

    monkeypatch.setattr(signing.Credentials, "_written", once)
    older = job.clip.with_name("clip [x].dub.mp4")
    older.write_bytes(b"older")
    with pytest.raises(PolicyError):
        dub(model, job)
    assert older.read_bytes() == b"older" and "video/mp4" in calls
    assert not list(job.clip.parent.glob(".deepaudio*"))


def test_another_signer_is_another_job(job, signer, credentials, tmp_path):
    (tmp_path / "preset").mkdir()
    batch = BatchJob(tmp_path / "m.jsonl", tmp_path, preset=str(tmp_path / "preset"))
    before = fingerprint(job, batch)
    signer.write_text(credentials[0] + credentials[1] + "\n")
    assert fingerprint(job, batch) != before
