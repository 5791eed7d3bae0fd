"""C2PA: a signed manifest in the output that says how it was made, and reading such manifests. Nothing here uses the network.

The package c2pa-python is imported where it is needed (extra: c2pa).
"""

import io
import json
import os
import wave
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from deepaudio import __version__
from deepaudio.errors import InputError, PolicyError, ToolError
from deepaudio.media.output import temporary

FORMATS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/msvideo",
    ".wav": "audio/wav",
}
ALGORITHMS = ("es256", "es384", "es512", "ps256", "ed25519")
MAX_BYTES = 1 << 20
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Credentials:
    """What signs: a chain of certificates and a private key, both PEM, and the algorithm that goes with them."""

    chain: str
    key: str
    algorithm: str

    def sign(self, path: Path, suffix: str, title: str, tag: str) -> None:
        """Put a signed manifest into the file at `path`, which is of the kind of `suffix`. PolicyError where that fails."""
        kind, signed = FORMATS[suffix.lower()], temporary(path)
        try:
            with path.open("rb") as source, signed.open("w+b") as target:
                self._written(kind, source, target, title, tag)
            os.replace(signed, path)
        finally:
            signed.unlink(missing_ok=True)

    def _written(self, kind: str, source: Any, target: Any, title: str, tag: str) -> None:
        package = _package()
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE, "description": tag}
        manifest = {
            "claim_generator_info": [{"name": "deepaudio", "version": __version__}],
            "title": title,
            "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
        }
        context = package.Context.from_dict(SETTINGS)
        encoded = (self.algorithm.encode(), self.chain.encode(), self.key.encode())
        try:
            signer = package.Signer.from_info(package.C2paSignerInfo(*encoded, None))
            package.Builder(json.dumps(manifest), context).sign(signer, kind, source, target)
        except package.C2paError as error:
            message = f"the output cannot be signed: {_first(error)}"
            raise PolicyError("c2pa.failed", message, "nothing is written; see --c2pa") from error


def read_credentials(path: Path) -> Credentials:
    """The credentials of a PEM file with certificates and a key, tried on a short sound. InputError or PolicyError where they cannot sign."""
    _package()
    if not path.is_file():
        raise InputError("c2pa.missing", f"no such file: {path}", "give a PEM file to --c2pa")
    if path.stat().st_size > MAX_BYTES:
        raise InputError("c2pa.invalid", f"{path} is larger than {MAX_BYTES} bytes")
    text = path.read_text(encoding="ascii", errors="replace")
    chain, key = _blocks(text, "CERTIFICATE"), _blocks(text, "PRIVATE KEY")
    if not chain or len(key) != 1:
        message = f"{path} holds {len(chain)} certificates and {len(key)} private keys"
        hint = "one PEM file: the signer's certificate, those above it, and a key (PKCS 8)"
        raise InputError("c2pa.invalid", message, hint)
    reason = ""
    for algorithm in ALGORITHMS:
        found = Credentials("\n".join(chain), key[0], algorithm)
        try:
            found._written("audio/wav", _silence(), io.BytesIO(), "test", "test")
        except PolicyError as error:
            reason = reason or error.message
        else:
            return found
    raise PolicyError("c2pa.signer", f"{path}: {reason}", "is the key that of the certificate?")


def check_suffix(suffix: str) -> None:
    """PolicyError for a container that cannot hold a manifest."""
    if suffix.lower() not in FORMATS:
        message = f"{suffix} cannot hold a C2PA manifest"
        raise PolicyError("c2pa.container", message, "write to .mp4, .mov or .avi")


def inspect_manifest(path: Path) -> dict[str, Any] | None:
    """What the manifest of a file says; None without one. ToolError without the package."""
    package = _package()
    try:
        with path.open("rb") as file:
            reader = package.Reader(None, file, None, package.Context.from_dict(SETTINGS))
            content = json.loads(reader.json())
    except package.C2paError.ManifestNotFound:
        return None
    except package.C2paError as error:
        if isinstance(error, package.C2paError.NotSupported):
            return None
        return {"state": "unreadable", "reason": _first(error)}
    active = content["manifests"][content["active_manifest"]]
    generator = (active.get("claim_generator_info") or [{}])[0]
    return {
        "state": str(content.get("validation_state", "unknown")).lower(),
        "made_with": f"{generator.get('name')} {generator.get('version')}",
        "signed_by": (active.get("signature_info") or {}).get("common_name"),
        "faults": [status["code"] for status in content.get("validation_status") or ()],
    }


def _package() -> ModuleType:
    try:
        import c2pa
    except ImportError as error:
        message = "signing and reading C2PA manifests needs the package c2pa-python"
        raise ToolError("c2pa.package", message, 'pip install "deepaudio[c2pa]"') from error
    return c2pa


def _blocks(text: str, name: str) -> list[str]:
    """The PEM blocks of that name."""
    begin, end = f"-----BEGIN {name}-----", f"-----END {name}-----"
    parts = text.split(begin)[1:]
    return [f"{begin}{part.partition(end)[0]}{end}\n" for part in parts if end in part]


def _silence() -> io.BytesIO:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    made.seek(0)
    return made


def _first(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
