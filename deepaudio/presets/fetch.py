"""Download official files with resume and sum check, then import them; offline once that is done."""

import contextlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from deepaudio.errors import ResourceError, WeightsError
from deepaudio.presets import store
from deepaudio.presets.importing import check_published, import_part
from deepaudio.presets.official import OfficialFile, Part
from deepaudio.progress import Progress

OFFLINE_VARIABLES = ("DEEPAUDIO_OFFLINE", "HF_HUB_OFFLINE")
_TIMEOUT_SECONDS = 30
_BLOCK = 1 << 20


def is_offline() -> bool:
    """Whether the environment forbids the network."""
    return any(
        os.environ.get(name, "").lower() not in ("", "0", "false") for name in OFFLINE_VARIABLES
    )


def offline_error(wanted: Sequence[Part]) -> WeightsError:
    """What is not here and cannot be fetched: every file, the size, the folder."""
    files = [f"{file.name} ({file.place})" for part in wanted for file in part.files]
    total = sum(part.size for part in wanted)
    return WeightsError(
        "weights.offline",
        f"the network is off and {', '.join(p.name for p in wanted)} "
        f"{'is' if len(wanted) == 1 else 'are'} not in {store.home()}: "
        f"{', '.join(files)}; {store.readable(total)} in all",
        hint="deepaudio models import FILE, for files that you have",
        parts=[part.name for part in wanted],
        files=[file.name for part in wanted for file in part.files],
        bytes=total,
    )


def pull(wanted: Part, *, progress: Progress | None = None) -> Path:
    """Bring a part to this machine; returns its folder.

    Raises WeightsError at once when offline, and for files that are not what was published. Finished downloads are
    removed once they are converted; unfinished ones are resumed by the next pull.
    """
    if store.is_there(wanted):
        return store.checked(wanted)
    if not wanted.published:
        hint = f"deepaudio models import FILE --part {wanted.name}"
        raise WeightsError("weights.unpublished", f"{wanted.name}: {wanted.note}", hint)
    if is_offline():
        raise offline_error([wanted])
    store.need_space(2 * wanted.size, store.home())
    staging = store.home() / ".downloads" / wanted.name
    with store.writable(staging):
        try:
            downloads = [_download(file, staging, progress) for file in wanted.files]
        except BaseException:
            _remove_if_empty(staging)
            raise
    paths = [path for path, _ in downloads]
    whole = paths[0].parent if wanted.kind in store.FOLDER_KINDS else paths[0]
    origin = ", ".join(dict.fromkeys(origin for _, origin in downloads))
    folder = import_part(wanted, whole, allow_pickle=True, origin=origin, progress=progress)
    shutil.rmtree(staging, ignore_errors=True)
    return folder


def _remove_if_empty(staging: Path) -> None:
    """What has come stays for the next pull; folders without anything go."""
    if not any(path.is_file() and path.stat().st_size for path in staging.rglob("*")):
        shutil.rmtree(staging, ignore_errors=True)
    for folder in (staging.parent, store.home()):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _download(file: OfficialFile, staging: Path, progress: Progress | None) -> tuple[Path, str]:
    """(the file, where it came from with its revision), its sum compared with what is published."""
    if file.repository:
        path, origin = _from_hub(file, staging, progress)
    else:
        path, origin = _from_address(file, staging, progress), str(file.url)
    try:
        check_published(file, path, progress)
    except WeightsError:
        path.unlink(missing_ok=True)
        raise
    return path, origin


def _from_hub(file: OfficialFile, staging: Path, progress: Progress | None) -> tuple[Path, str]:
    """Through huggingface_hub, which resumes; at the commit seen now, compared with the hub's SHA-256 of it."""
    import huggingface_hub as hub
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    repository = str(file.repository)
    try:
        address = hub.hf_hub_url(repository, file.path, revision=file.revision)
        known = hub.get_hf_file_metadata(address)
        revision = known.commit_hash or file.revision
        path = Path(
            hub.hf_hub_download(repository, file.path, revision=revision, local_dir=staging)
        )
    except (EntryNotFoundError, RepositoryNotFoundError) as error:
        hint = "was it moved? `deepaudio models import` takes the file from anywhere"
        raise WeightsError("weights.not_found", f"{file.place}: no {file.path}", hint) from error
    except (
        Exception
    ) as error:  # the hub's HTTP library, another one in every version, has its own errors
        raise _unreachable(file, error) from error
    etag = (known.etag or "").strip('"')
    if len(etag) == 64 and store.sha256_of(path, progress) != etag:
        path.unlink()
        message = f"{file.name}: not the SHA-256 that {file.place} states"
        raise WeightsError("weights.checksum", message, "the download was damaged; pull again")
    return path, f"{file.place}@{revision}"


def _from_address(file: OfficialFile, staging: Path, progress: Progress | None) -> Path:
    """A plain download that continues where an earlier one stopped."""
    path, partial = staging / file.name, staging / f"{file.name}.partial"
    if path.is_file():
        return path
    start = partial.stat().st_size if partial.is_file() else 0
    headers = {"User-Agent": "deepaudio"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(str(file.url), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            total = _write(response, file, partial, start, progress)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: everything is here already
            raise _unreachable(file, error) from error
        total = start
    except (OSError, HTTPException) as error:  # what has come stays for the next pull
        raise _unreachable(file, error) from error
    if partial.stat().st_size < total:
        message = f"{file.name}: the connection ended early"
        raise ResourceError("download.cut", message, "pull again: it continues")
    partial.rename(path)
    return path


def _write(
    response: HTTPResponse,
    file: OfficialFile,
    partial: Path,
    start: int,
    progress: Progress | None,
) -> int:
    """Append the answer to the partial file, or begin anew when the server does not resume; returns the full size."""
    if "html" in response.headers.get("Content-Type", ""):
        raise WeightsError("weights.not_weights", f"{file.url} answered with a web page")
    resumed = response.status == 206
    done = start if resumed else 0
    total = done + int(response.headers.get("Content-Length") or 0)
    with partial.open("ab" if resumed else "wb") as target:
        while block := response.read(_BLOCK):
            target.write(block)
            done += len(block)
            if progress:
                progress(file.name, done, max(total, done))
    return total


def _unreachable(file: OfficialFile, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    hint = "is there a network? `deepaudio models import FILE` works without one"
    return WeightsError("weights.unreachable", f"{file.place}: {reason}", hint)
