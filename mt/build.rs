//! How the shared library is linked. Without `-Bsymbolic`, which would separate `logLevel` from a program's copy of it.
//! The exported symbols are those marked `no_mangle`, here and in `calmkeeper`; `make abi` compares them with the lists
//! under abi/.
fn main() {
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
    println!("cargo:rerun-if-changed=build.rs");
}
