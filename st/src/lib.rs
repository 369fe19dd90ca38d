//! `libzookeeper_st`: the single-threaded library, for programs with their own event loop. It has every exported
//! function of `calmkeeper`, with handles that have no threads: `zookeeper_interest` and `zookeeper_process` do the
//! work.
#[doc(hidden)]
pub use calmkeeper;

/// Called by the loader before any code of the program that uses the library.
extern "C" fn at_load() {
    calmkeeper::ffi::lifecycle::do_without_threads();
}

// SAFETY: the section holds pointers to functions that the loader calls, and nothing else.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;
