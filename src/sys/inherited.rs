//! The descriptors of handles with threads, which a forked child closes at once: it has no threads to close them, and
//! no use for them, because every call on such a handle is refused there. Owns the list of these descriptors; closes
//! them in children only.
//!
//! Closing the child's copy neither ends the parent's connection nor removes a socket from the shared poll.
use crate::sys::process;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// Whether children keep the descriptors: the handles of this library have no threads, and a child may continue to use
/// them.
static ARE_KEPT: AtomicBool = AtomicBool::new(false);

/// The blocks of places, the latest first. They are never freed. No lock guards them, because a child could find it
/// held.
static BLOCKS: AtomicPtr<Block> = AtomicPtr::new(null_mut());

/// The number of places in a block.
const PLACES: usize = 64;
/// The content of a free place.
const FREE: RawFd = -1;

struct Block {
    places: [Place; PLACES],
    /// Set before the block is published.
    next: AtomicPtr<Block>,
}

/// One descriptor.
#[derive(Debug)]
struct Place(AtomicI32);

/// Leaves the descriptors of this copy of the library open in children.
pub(crate) fn keep() {
    ARE_KEPT.store(true, Ordering::Relaxed);
}

/// A descriptor that forked children close. Must be dropped before the descriptor is closed in this process.
#[derive(Debug)]
pub(crate) struct Unshared(Option<(&'static Place, RawFd)>);

impl Unshared {
    pub(crate) fn new(fd: RawFd) -> Unshared {
        // The sockets of the scheduler's tests are numbers only.
        if cfg!(calmkeeper_shuttle) || ARE_KEPT.load(Ordering::Relaxed) {
            return Unshared(None);
        }
        // Registers the function that runs in a child after the fork.
        process::generation();
        Unshared(Some((take_place(fd), fd)))
    }
}

impl Drop for Unshared {
    fn drop(&mut self) {
        if let Some((place, fd)) = self.0 {
            // In a child the place may already hold another descriptor.
            let _ = place.0.compare_exchange(fd, FREE, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

fn blocks() -> impl Iterator<Item = &'static Block> {
    // SAFETY: null, or from `add_block`: published with its content, and never freed.
    let first = unsafe { BLOCKS.load(Ordering::Acquire).as_ref() };
    // SAFETY: as above.
    std::iter::successors(first, |block| unsafe { block.next.load(Ordering::Acquire).as_ref() })
}

fn take_place(fd: RawFd) -> &'static Place {
    loop {
        let take = |place: &Place| place.0.compare_exchange(FREE, fd, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if let Some(place) = blocks().flat_map(|block| &block.places).find(|place| take(place)) {
            return place;
        }
        add_block();
    }
}

fn add_block() {
    let places = std::array::from_fn(|_| Place(AtomicI32::new(FREE)));
    let block: &'static Block = Box::leak(Box::new(Block { places, next: AtomicPtr::new(null_mut()) }));
    let new = std::ptr::from_ref(block).cast_mut();
    let mut first = BLOCKS.load(Ordering::Acquire);
    loop {
        block.next.store(first, Ordering::Release);
        match BLOCKS.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(found) => first = found,
        }
    }
}

/// Called in a child right after the fork: closes the inherited descriptors. Makes only system calls that a child of a
/// process with threads may make. The descriptors are copied a little earlier than the memory, so a number in this list
/// may have been the application's at that moment: a file or pipe is left open. (A socket is closed: the parent has
/// just closed it.)
pub(super) fn close_all() {
    for place in blocks().flat_map(|block| &block.places) {
        let fd = place.0.swap(FREE, Ordering::AcqRel);
        if fd >= 0 && is_of_a_kind_of_ours(fd) {
            // SAFETY: the parent's handle is of no use here, and no other code knows this descriptor.
            unsafe { libc::close(fd) };
        }
    }
}

/// Whether a descriptor is a socket, a poll or an event descriptor; the last two have no file type.
fn is_of_a_kind_of_ours(fd: RawFd) -> bool {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the structure is written if the call succeeds, and only read then.
    let mode = (unsafe { libc::fstat(fd, stat.as_mut_ptr()) } == 0).then(|| unsafe { stat.assume_init() }.st_mode);
    mode.is_some_and(|mode| matches!(mode & libc::S_IFMT, libc::S_IFSOCK | 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::tests::in_a_child;
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    /// Whether a descriptor is open in a child.
    fn is_open_in_child(fd: RawFd) -> bool {
        // SAFETY: the child only asks about a descriptor.
        unsafe { in_a_child(|| i32::from(libc::fcntl(fd, libc::F_GETFD) >= 0)) == 1 }
    }

    #[test]
    fn children_close_what_is_listed_and_nothing_else() {
        let listed: Vec<_> = (0..2 * PLACES).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let records: Vec<_> = listed.iter().map(|one| Unshared::new(one.as_raw_fd())).collect();
        for one in &listed {
            assert!(!is_open_in_child(one.as_raw_fd()));
        }
        assert!(is_open_in_child(other.as_raw_fd()));
        drop(records);
        assert!(is_open_in_child(listed[0].as_raw_fd()));
    }

    #[test]
    fn a_file_under_the_same_number_stays_open() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = socket.as_raw_fd();
        let _record = Unshared::new(number);
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        // SAFETY: both are open; the number still belongs to `socket`.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
        assert!(is_open_in_child(number));
    }
}
