//! Link settings of the cdylib, the one C file, and what is derived from the sources: layout assertions.
#![allow(clippy::expect_used, clippy::panic, reason = "a build that cannot be done has to stop")]
#[path = "build/layout.rs"]
mod layout;

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    link();
    log_message();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let facts = "abi/layout-3.8.0.tsv";
    println!("cargo:rerun-if-changed={facts}");
    let facts = fs::read_to_string(facts).expect("the layout facts are readable");
    fs::write(out.join("layout.rs"), layout::assertions(&facts)).expect("OUT_DIR is writable");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
}

/// How the shared library is linked. Not `-Bsymbolic`: it would split `logLevel` from a program's copy of it. What is
/// exported is what Rust marks `no_mangle`; `make abi` compares that with the lists under abi/.
fn link() {
    for argument in [
        "-soname,libzookeeper_mt.so.2",
        // Handles have threads, so the code must stay mapped after dlclose.
        "-z,nodelete",
        "-z,relro",
        "-z,now",
        "-z,noexecstack",
    ] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
    }
}

/// The variadic function that Rust cannot define.
fn log_message() {
    let source = "src/ffi/log_message.c";
    println!("cargo:rerun-if-changed={source}");
    cc::Build::new().file(source).std("c11").warnings(true).extra_warnings(true).compile("calmkeeper_log_message");
}
