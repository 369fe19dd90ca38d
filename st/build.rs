//! How the shared library is linked, for the reasons in the `build.rs` of the package `mt`. Not to be unloaded, since a handler
//! of forks stays behind.
fn main() {
    for argument in ["-soname,libzookeeper_st.so.2", "-z,nodelete", "-z,relro", "-z,now", "-z,noexecstack"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
