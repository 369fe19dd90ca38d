//! How the shared library is linked, for the reasons in the `build.rs` of the package `mt`. It must not be unloaded,
//! because a handler of forks stays registered.
fn main() {
    for argument in ["-soname,libzookeeper_st.so.2", "-z,nodelete", "-z,relro", "-z,now", "-z,noexecstack"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
