"""Old binary Office files, and what else only LibreOffice reads, through LibreOffice where it is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rag.errors import LoadError
from rag.load.extract import Extract

_SECONDS = 100  # the process that reads gives up a little later, and then without this reason
# Of a profile of its own: no macros, and no connection, for which all addresses lead to a port where nobody listens;
# BlockUntrustedRefererLinks alone let LibreOffice 7.4 ask for the linked pictures of a .doc
_SECURITY = "org.openoffice.Office.Common/Security/Scripting"
_PROXY = "org.openoffice.Inet/Settings"
_PROFILE: Mapping[tuple[str, str], str] = {
    (_SECURITY, "MacroSecurityLevel"): "3",
    (_SECURITY, "BlockUntrustedRefererLinks"): "true",
    (_SECURITY, "DisableActiveContent"): "true",
    (_PROXY, "ooInetProxyType"): "2",
    **{(_PROXY, f"ooInet{kind}ProxyName"): "127.0.0.1" for kind in ("HTTP", "HTTPS", "FTP")},
    **{(_PROXY, f"ooInet{kind}ProxyPort"): "9" for kind in ("HTTP", "HTTPS", "FTP")},
    (_PROXY, "ooInetNoProxy"): "",
}


def program() -> str | None:
    """The path of LibreOffice, if it is installed."""
    return shutil.which("soffice")


def read_converted(path: Path, suffix: str, read: Callable[[Path], Extract]) -> Extract:
    """What `read` finds in the file after LibreOffice has made it one of the format of `suffix`.

    Raises LoadError where there is no LibreOffice, or it makes nothing of the file.
    """
    office = program()
    if office is None:
        raise LoadError(
            f"{path.suffix} is read through LibreOffice, which is not installed;"
            f" install it, or save the file as {suffix}"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        profile = folder / "profile" / "user" / "registrymodifications.xcu"
        profile.parent.mkdir(parents=True)
        profile.write_text(_profile(), encoding="utf-8")
        given = folder / f"given{path.suffix.lower()}"
        given.write_bytes(path.read_bytes())  # LibreOffice leaves a lock beside what it opens
        command = [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore"]
        command += ["--convert-to", suffix.removeprefix("."), "--outdir", str(folder / "made"), str(given)]
        _run(command, folder)
        made = folder / "made" / f"given{suffix}"
        if not made.is_file():
            raise LoadError("LibreOffice cannot read it; it is damaged, locked with a password, or of another format")
        return read(made)


def _profile() -> str:
    items = "".join(
        f'<item oor:path="/{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for (path, name), value in _PROFILE.items()
    )
    return f'<?xml version="1.0"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">{items}</oor:items>'


def _run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"HOME": str(folder)}
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"LibreOffice took more than {_SECONDS} s; save it in a newer format") from error
