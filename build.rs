//! The C files, and what is derived from the sources: layout assertions and C headers.
//!
//! The headers are made in `OUT_DIR`; with `CALMKEEPER_WRITE_HEADERS` set (`scripts/headers.sh --write`) also in include/zookeeper, where
//! they are checked in. tests/headers.rs proves that the two are the same.
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
    for input in ["build.rs", "build-script", "abi/layout-3.8.0.tsv", "src/ffi", "mt/src", "include/templates"] {
        println!("cargo:rerun-if-changed={input}");
    }
}

/// The calls into the application. With -fexceptions its clean-up handlers cost nothing until they are needed.
fn callout() {
    cc::Build::new()
        .file("src/ffi/callout.c")
        .std("c11")
        .define("_GNU_SOURCE", None)
        .flag("-fexceptions")
        .warnings(true)
        .extra_warnings(true)
        .compile("calmkeeper_callout");
}

/// The variadic function that Rust cannot define.
fn log_message() {
    cc::Build::new()
        .file("src/ffi/log_message.c")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .compile("calmkeeper_log_message");
}
