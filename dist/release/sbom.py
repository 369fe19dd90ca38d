"""The bill of materials of the libraries, as CycloneDX, by cargo-cyclonedx. The libraries also contain it themselves
(cargo-auditable)."""

import datetime
import json
import os
import uuid

from build import packages_to_build
from common import PROGRAM, ROOT, TOOLS, epoch, run, version


def normal(found, kind):
    """Removes the parts that differ from run to run and between machines: the serial number, the time, the paths."""
    text = json.dumps(found, sort_keys=True)
    text = text.replace(f"path+file://{ROOT}", "path+file:///calmkeeper").replace(str(ROOT), "/calmkeeper")
    found = json.loads(text)
    found["metadata"]["timestamp"] = datetime.datetime.fromtimestamp(epoch(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'calmkeeper/{version()}/{kind}/{epoch()}')}"
    return found


def write(out):
    """One for each library, and one for the program beside them."""
    name = f"calmkeeper-{version()}"
    made = []
    try:
        for package in (*packages_to_build(), PROGRAM):
            manifest = ROOT / package.removeprefix("zookeeper_").removeprefix("calmkeeper-") / "Cargo.toml"
            # cargo-cyclonedx writes a file beside each Cargo.toml of the workspace.
            run("cargo", "cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps", "--override-filename", name, "--quiet",
                "--manifest-path", manifest, env=os.environ | {"PATH": f"{TOOLS}/bin:{os.environ['PATH']}"})
            found = json.loads((manifest.parent / f"{name}.json").read_text())
            file = out / f"{'' if package == PROGRAM else 'lib'}{package}-{version()}.cdx.json"
            file.write_text(json.dumps(normal(found, package), indent=2, sort_keys=True) + "\n")
            made.append(file)
    finally:
        for file in (ROOT / f"{name}.json", *ROOT.glob(f"*/{name}.json")):
            file.unlink(missing_ok=True)
    return made
