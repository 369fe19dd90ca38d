"""For `pip install ./python-compat`; run.py builds without setuptools, with the same sources."""

import pathlib

from setuptools import Extension, setup

HERE = pathlib.Path(__file__).resolve().parent
OURS = HERE.parent / "target" / "release" / "libzookeeper_mt.so"

setup(
    ext_modules=[
        Extension(
            "zookeeper",
            sources=sorted(str(source.relative_to(HERE)) for source in (HERE / "src").glob("*.c")),
            depends=["src/zkmodule.h", "src/additive.h", "src/limited.h"],
            # A source distribution contains the headers.
            include_dirs=[str(next(top for top in (HERE, HERE.parent) if (top / "include").is_dir()) / "include")],
            extra_compile_args=["-std=gnu11", "-fvisibility=hidden"],
            # In both cases only the name libzookeeper_mt.so.2 gets into the module.
            extra_link_args=[str(OURS) if OURS.exists() else "-l:libzookeeper_mt.so.2", "-pthread"],
        )
    ]
)
