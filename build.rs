//! Compiles the C files, and makes the layout assertions and the C headers from the sources.
//!
//! The headers are made in `OUT_DIR`; with `CALMKEEPER_WRITE_HEADERS` set (`scripts/headers.sh --write`) also in
//! include/zookeeper, where they are checked in. tests/headers.rs compares the two.
#![allow(clippy::expect_used, clippy::panic, reason = "a build that cannot be done has to stop")]
#[path = "build-script/headers.rs"]
mod headers;
#[path = "build-script/layout.rs"]
mod layout;

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    log_message();
    callout();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let facts = fs::read_to_string("abi/layout-3.8.0.tsv").expect("the layout facts are readable");
    fs::write(out.join("layout.rs"), layout::assertions(&facts)).expect("OUT_DIR is writable");
    let checked_in = env::var_os("CALMKEEPER_WRITE_HEADERS").map(|_| PathBuf::from("include/zookeeper"));
    for (name, text) in headers::render(&facts) {
        for folder in [Some(&out), checked_in.as_ref()].into_iter().flatten() {
            fs::write(folder.join(name), &text).expect("the folder of the headers is writable");
        }
    }
    println!("cargo:rerun-if-env-changed=CALMKEEPER_WRITE_HEADERS");
    for input in [
        "build.rs",
        "build-script",
        "abi/layout-3.8.0.tsv",
        "src/ffi",
        "src/sys/shield.c",
        "src/sys/shield.h",
        "mt/src",
        "include/templates",
    ] {
        println!("cargo:rerun-if-changed={input}");
    }
}

/// Compiles the calls into the application, and the entry of a call that its thread may leave. With -fexceptions their
/// clean-up handlers cost nothing until they run.
fn callout() {
    cc::Build::new()
        .file("src/ffi/callout.c")
        .file("src/sys/shield.c")
        .std("c11")
        .define("_GNU_SOURCE", None)
        .flag("-fexceptions")
        .warnings(true)
        .extra_warnings(true)
        .compile("calmkeeper_callout");
}

/// Compiles the variadic function, which Rust cannot define.
fn log_message() {
    cc::Build::new()
        .file("src/ffi/log_message.c")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .compile("calmkeeper_log_message");
}
