"""The RPM: the same files as the package calmkeeper for Debian, with headers. rpmbuild determines what the library
provides."""

import shutil

from common import ROOT, epoch, run, version

SPEC = """Name: calmkeeper
Version: {version}
Release: 1
Summary: ZooKeeper's C client library, whose reconnects back off
License: Apache-2.0
AutoReqProv: yes

%description
A drop-in replacement for Apache's C client library of ZooKeeper (interface of
3.8.0). Programs stay as they are. "with-calmkeeper PROGRAM" runs one of them on
it, "calmkeeper install" puts it in for all of them, and "calmkeeper remove"
takes it out.

%install
cp -a {stage}/. %{{buildroot}}/

%posttrans
# An upgrade goes to where the old version was put in.
if [ -s /var/lib/calmkeeper/installed ]; then /usr/bin/calmkeeper install; fi

%preun
if [ "$1" = 0 ] && [ -s /var/lib/calmkeeper/installed ]; then /usr/bin/calmkeeper remove; fi

%files
%defattr(-,root,root,-)
/usr/bin/calmkeeper
/usr/bin/with-calmkeeper
/usr/lib/calmkeeper
/usr/include/calmkeeper
%dir /usr/share/pkgconfig
/usr/share/pkgconfig/calmkeeper*.pc
%doc /usr/share/doc/calmkeeper
"""

SETTINGS = {
    "_build_id_links": "none",
    "debug_package": "%{nil}",
    "__os_install_post": "%{nil}",
    "_buildhost": "calmkeeper.invalid",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    # The pkg-config file is for those who compile; programs run without.
    "__requires_exclude": "^/usr/bin/pkg-config$",
    # Old systems read these.
    "_binary_payload": "w9.gzdio",
    "_source_filedigest_algorithm": "8",
    "_binary_filedigest_algorithm": "8",
}


def package(target, libraries, out, scratch):
    stage, top = scratch / "stage", scratch / "rpmbuild"
    run("sh", ROOT / "dist/stage.sh", stage, "/usr", *libraries, env={"STRIP": "", "PATH": "/usr/bin:/bin"})
    shutil.move(stage / "usr/lib/pkgconfig", stage / "usr/share/pkgconfig")
    # rpmbuild looks for what a library provides only where it may be executed.
    for library in (stage / "usr/lib/calmkeeper").glob("*.so.2"):
        library.chmod(0o755)
    spec = scratch / "calmkeeper.spec"
    spec.write_text(SPEC.format(version=version(), stage=stage))
    settings = SETTINGS | {"_topdir": str(top), "_rpmdir": str(scratch / "out"), "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"}
    defined = [part for name, value in settings.items() for part in ("--define", f"{name} {value}")]
    run("rpmbuild", "-bb", "--quiet", "--target", f"{target.rpm}-linux", *defined, spec,
        env={"SOURCE_DATE_EPOCH": str(epoch()), "PATH": "/usr/bin:/bin", "HOME": str(scratch)})
    made = next((scratch / "out").glob("*.rpm"))
    shutil.copyfile(made, out / made.name)
    return [out / made.name]
