"""The recipes in dist/recipes, unchanged."""

import re

from support import DIST, Case, run, run_all
from test_release import packed_tarball

RECIPES = DIST / "recipes"


class Recipes(Case):
    def test_systemd_takes_the_drop_in(self):
        units = self.scratch / "units"
        folder = units / "demo.service.d"
        folder.mkdir(parents=True)
        (units / "demo.service").write_text("[Unit]\nDescription=demo\n[Service]\nExecStart=/bin/true\n")
        text = (RECIPES / "calmkeeper.conf").read_text()
        # Includes the lines that are offered as comments.
        (folder / "calmkeeper.conf").write_text(re.sub(r"(?m)^#(Environment=)", r"\1", text))
        verify = ["systemd-analyze", "verify", units / "demo.service"]
        self.assertEqual(run_all(*verify, environment={"SYSTEMD_UNIT_PATH": f"{units}:"}), ("", ""))
        self.assertIn("LD_LIBRARY_PATH=/usr/lib/calmkeeper\n", text)
        # Checks that systemd-analyze would report an error.
        (folder / "bad.conf").write_text("[Service]\nEnviromnent=A=b\n")
        self.assertIn("Unknown key", run_all(*verify, environment={"SYSTEMD_UNIT_PATH": f"{units}:"})[1])

    def test_the_container_with_the_tarball(self):
        """ADD, RUN and ENV, with a file system in memory for /opt."""
        text = (RECIPES / "Dockerfile.any").read_text()
        folder = re.search(r"^ADD calmkeeper-\S+ (/opt)/$", text, re.M)[1]
        command, setting = re.search(r"^RUN (.*)", text, re.M)[1], re.search(r"^ENV (\w+=\S+)", text, re.M)[1]
        archive, program = packed_tarball(self), self.program()
        script = f'mount -t tmpfs none {folder} && tar -xzf "$1" -C {folder} && {command} && env {setting} "$2"'
        used = run("unshare", "--mount", "sh", "-ec", script, "sh", archive, program)
        self.assertRegex(used, r"^/opt/calmkeeper-[^/]+/lib/calmkeeper/libzookeeper_mt\.so\.2\n$")
