"""Makes a wheel of a native library that cargo has built: python3 wheel.py LIBRARY FOLDER

`maturin build --release` builds the library too, and is what releases are made with. This takes one that is there already, of the
tests or of another machine, and needs nothing but Python 3.11 or later. Prints the wheel's path.
"""

import base64
import hashlib
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
#: Machines of ELF files, as tags of wheels have them, and what strips their libraries.
MACHINES = {62: ("x86_64", "strip"), 183: ("aarch64", "aarch64-linux-gnu-strip")}


def elf(library: bytes) -> tuple[int, bytes]:
    """The machine of a library, and its names of symbols and versions."""
    if library[:5] != b"\x7fELF\x02" or library[5] != 1:
        sys.exit("error: expected a 64-bit little-endian ELF library")
    (machine,) = struct.unpack_from("<H", library, 18)
    (table,) = struct.unpack_from("<Q", library, 40)
    size, count, names = struct.unpack_from("<HHH", library, 58)
    sections = [struct.unpack_from("<IIQQQQ", library, table + i * size) for i in range(count)]
    texts = sections[names][4]
    for name, _, _, _, offset, length in sections:
        end = library.index(b"\0", texts + name)
        if library[texts + name : end] == b".dynstr":
            return machine, library[offset : offset + length]
    sys.exit("error: the library has no dynamic symbols")


def platform(library: bytes) -> tuple[str, str]:
    """The tag of the platforms that have what a library asks of the C library, and what strips it."""
    machine, names = elf(library)
    if machine not in MACHINES:
        sys.exit(f"error: expected a library for one of {list(MACHINES)}, found machine {machine}")
    name, strip = MACHINES[machine]
    minors = [int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", names)]
    if b"libpython" in names:
        sys.exit("error: the library asks for a Python of its own")
    return f"manylinux_2_{max(17, *minors)}_{name}", strip


def metadata(project: dict, version: str) -> str:
    """The core metadata, with the README as the description."""
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"License-Expression: {project['license']}"]
    lines += [f"License-File: {name}" for name in ("LICENSE-APACHE", "LICENSE-MIT")]
    lines += [f"Keywords: {','.join(project['keywords'])}"]
    lines += [f"Classifier: {line}" for line in project["classifiers"]]
    for extra, needs in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}"]
        lines += [f"Requires-Dist: {need}; extra == '{extra}'" for need in needs]
    lines += ["Description-Content-Type: text/markdown", "", (HERE / project["readme"]).read_text("utf-8")]
    return "\n".join(lines)


def stripped(library: pathlib.Path, strip: str) -> bytes:
    """The library without what only debuggers read, where there is a program that strips it."""
    if shutil.which(strip) is None:
        return library.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "library"
        subprocess.run([strip, "-o", out, library], check=True)
        return out.read_bytes()


def main(library: pathlib.Path, folder: pathlib.Path) -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    workspace = tomllib.loads((HERE.parent / "Cargo.toml").read_text("utf-8"))["workspace"]
    version = workspace["package"]["version"]
    system, strip = platform(library.read_bytes())
    oldest = project["requires-python"].removeprefix(">=").replace(".", "")
    tag = f"cp{oldest}-abi3-{system}"
    info = f"{project['name']}-{version}.dist-info"

    package = HERE / "package"
    files = {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.suffix in {".py", ".pyi", ".typed"}
    }
    files["atome/_atome.abi3.so"] = stripped(library, strip)
    files[f"{info}/METADATA"] = metadata(project, version).encode()
    wheel = ["Wheel-Version: 1.0", "Generator: atome", "Root-Is-Purelib: false", f"Tag: {tag}", ""]
    files[f"{info}/WHEEL"] = "\n".join(wheel).encode()
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"{info}/licenses/{name}"] = (HERE.parent / name).read_bytes()
    record = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(data)}\n")
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()

    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{project['name']}-{version}-{tag}.whl"
    temporary = out.with_suffix(".new")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    temporary.replace(out)
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
