//! The descriptors of handles. A forked child closes those of handles with threads at once: it has no threads to close them,
//! and no use for them, because every call on such a handle is refused there. Owns the list of these descriptors, and
//! closes no number under which the program has a file of its own.
//!
//! Closing the child's copy neither ends the parent's connection nor removes a socket from the shared poll.
use crate::sys::file_id::FileId;
use crate::sys::process;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// Whether children keep the descriptors: the handles of this library have no threads, and a child may continue to use
/// them.
static ARE_KEPT: AtomicBool = AtomicBool::new(false);

/// The blocks of places, the latest first. They are never freed. No lock guards them, because a child could find it
/// held.
static BLOCKS: AtomicPtr<Block> = AtomicPtr::new(null_mut());

/// The number of places in a block.
const PLACES: usize = 64;
/// The owner of a free place.
const FREE: u64 = u64::MAX;
/// The owner of a place that is being written.
const TAKEN: u64 = FREE - 1;

struct Block {
    places: [Place; PLACES],
    /// Set before the block is published.
    next: AtomicPtr<Block>,
}

/// One descriptor. Within a page, because a child may get two pages as they were at different moments.
#[derive(Debug)]
#[repr(align(32))]
struct Place {
    /// Set last: [`Owner::word`], [`FREE`] or [`TAKEN`].
    owner: AtomicU64,
    device: AtomicU64,
    inode: AtomicU64,
}

/// A descriptor, and the generation of the process that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    generation: u32,
    fd: RawFd,
}

impl Owner {
    fn word(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.fd.cast_unsigned())
    }

    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    fn of(word: u64) -> Option<Owner> {
        let owner = Owner { generation: (word >> 32) as u32, fd: (word as u32).cast_signed() };
        (owner.fd >= 0).then_some(owner)
    }
}

impl Place {
    /// The descriptor in this place and its file, if another process than that of generation `own` opened it.
    fn inherited(&self, own: u32) -> Option<(Owner, FileId)> {
        let owner = Owner::of(self.owner.load(Ordering::Acquire)).filter(|owner| owner.generation != own)?;
        let (device, inode) = (self.device.load(Ordering::Relaxed), self.inode.load(Ordering::Relaxed));
        Some((owner, FileId { device, inode }))
    }

    /// Frees the place. Returns whether `owner` was there.
    fn free(&self, owner: Owner) -> bool {
        self.owner.compare_exchange(owner.word(), FREE, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Leaves the descriptors of this copy of the library open in children.
pub(crate) fn keep() {
    ARE_KEPT.store(true, Ordering::Relaxed);
}

/// The owner of a descriptor that forked children close. On drop it is closed here, unless the program has closed it
/// and has another file under its number. In a child it is closed only if it is certainly the inherited one.
#[derive(Debug)]
pub(crate) struct Unshared<T: AsRawFd> {
    place: Option<&'static Place>,
    owner: Owner,
    id: FileId,
    file: ManuallyDrop<T>,
}

impl<T: AsRawFd> Unshared<T> {
    pub(crate) fn new(file: T) -> Unshared<T> {
        let fd = file.as_raw_fd();
        // Also registers the function that runs in a child after the fork.
        let owner = Owner { generation: process::generation(), fd };
        // The sockets of the scheduler's tests are numbers only.
        let id = if cfg!(calmkeeper_shuttle) { FileId::default() } else { FileId::of(fd) };
        let is_listed = !cfg!(calmkeeper_shuttle) && !ARE_KEPT.load(Ordering::Relaxed);
        let place = is_listed.then(|| take_place(owner, id));
        Unshared { place, owner, id, file: ManuallyDrop::new(file) }
    }

    /// Whether the number still stands for the file: in the process that opened it unless another file is there, in a
    /// child only if that is certain.
    pub(crate) fn is_in_place(&self) -> bool {
        let Owner { generation, fd } = self.owner;
        cfg!(calmkeeper_shuttle)
            || if process::is_other(generation) { self.id.is_at(fd) } else { self.id.may_be_at(fd) }
    }
}

impl<T: AsRawFd> Deref for Unshared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.file
    }
}

impl<T: AsRawFd> DerefMut for Unshared<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.file
    }
}

impl<T: AsRawFd> Drop for Unshared<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            // In a child the place may already hold another descriptor.
            place.free(self.owner);
        }
        if self.is_in_place() {
            // SAFETY: it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.file) }
        }
    }
}

fn blocks() -> impl Iterator<Item = &'static Block> {
    // SAFETY: null, or from `add_block`: published with its content, and never freed.
    let first = unsafe { BLOCKS.load(Ordering::Acquire).as_ref() };
    // SAFETY: as above.
    std::iter::successors(first, |block| unsafe { block.next.load(Ordering::Acquire).as_ref() })
}

fn take_place(owner: Owner, id: FileId) -> &'static Place {
    let take = |place: &Place| place.owner.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    loop {
        if let Some(place) = blocks().flat_map(|block| &block.places).find(|place| take(place)) {
            place.device.store(id.device, Ordering::Relaxed);
            place.inode.store(id.inode, Ordering::Relaxed);
            place.owner.store(owner.word(), Ordering::Release);
            return place;
        }
        add_block();
    }
}

fn add_block() {
    let place = || Place { owner: AtomicU64::new(FREE), device: AtomicU64::new(0), inode: AtomicU64::new(0) };
    let places = std::array::from_fn(|_| place());
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

/// Called in a child, the process of generation `own`: closes the inherited descriptors. Makes only system calls that a
/// child of a process with threads may make. The program may have closed them and opened its own under these numbers,
/// in a fork handler that ran earlier or if this is the first call after a fork that ran no handler. So a number is
/// closed only if the inherited file is certainly there; one whose file is not recognised stays open, which costs the
/// child a number and the parent nothing.
pub(super) fn close_all(own: u32) {
    let places = || blocks().flat_map(|block| &block.places);
    // All are checked before one is closed: closing the event descriptor could remove the mark from the poll.
    for place in places() {
        if let Some((owner, id)) = place.inherited(own)
            && !id.is_at(owner.fd)
        {
            place.free(owner);
        }
    }
    for place in places() {
        if let Some((owner, _)) = place.inherited(own)
            && place.free(owner)
        {
            // SAFETY: the parent's handle is of no use here, and no other code knows this descriptor.
            unsafe { libc::close(owner.fd) };
        }
    }
}

#[cfg(test)]
#[cfg(not(calmkeeper_shuttle))]
mod tests {
    use super::*;
    use crate::sys::process::tests::in_a_child;
    use crate::sys::{socket, waker::Waker};
    use std::fs::File;
    use std::net::TcpListener;

    fn listen() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn is_open(fd: RawFd) -> bool {
        // SAFETY: only asks about a descriptor.
        unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
    }

    /// Whether a descriptor is open in a child.
    fn is_open_in_child(fd: RawFd) -> bool {
        // SAFETY: the child only asks about a descriptor.
        unsafe { in_a_child(|| i32::from(is_open(fd))) == 1 }
    }

    /// Puts another file under a number, and leaves the open file that was there without an owner.
    fn replace(number: RawFd, other: &impl AsRawFd) {
        // SAFETY: both are open, and the test expects the change.
        assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), number) }, number);
    }

    #[test]
    fn children_close_what_is_listed_and_nothing_else() {
        let listed: Vec<_> = (0..2 * PLACES).map(|_| Unshared::new(listen())).collect();
        let other = listen();
        for one in &listed {
            assert!(!is_open_in_child(one.as_raw_fd()));
        }
        assert!(is_open_in_child(other.as_raw_fd()));
        let numbers: Vec<_> = listed.iter().map(|one| one.as_raw_fd()).collect();
        drop(listed);
        let others: Vec<_> = (0..2 * PLACES).map(|_| listen()).collect();
        let mut again = others.iter().map(AsRawFd::as_raw_fd).filter(|number| numbers.contains(number));
        assert!(again.all(is_open_in_child));
    }

    #[test]
    fn children_close_polls_and_event_descriptors() {
        let poll = socket::new_poll().unwrap();
        let waker = Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let poll = Unshared::new(poll);
        waker.wake().unwrap();
        assert!(!is_open_in_child(poll.as_raw_fd()) && !is_open_in_child(waker.fd()));
    }

    #[test]
    fn a_file_of_the_program_under_the_same_number_stays_open() {
        let poll = socket::new_poll().unwrap();
        let waker = Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let poll = Unshared::new(poll);
        let socket = Unshared::new(listen());
        let numbers = [socket.as_raw_fd(), poll.as_raw_fd(), waker.fd()];
        // SAFETY: a new descriptor, owned here.
        let event = unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(libc::eventfd(0, 0)) };
        let (file, other, empty) = (File::open("/proc/self/exe").unwrap(), listen(), socket::new_poll().unwrap());
        let others = [file.as_raw_fd(), other.as_raw_fd(), empty.as_raw_fd(), event.as_raw_fd()];
        // As in a fork handler that runs before the library's.
        let own = process::generation();
        let lost = || {
            for from in others {
                for number in numbers {
                    replace(number, &from);
                }
                close_all(own + 1);
                if !numbers.into_iter().all(is_open) {
                    return 1;
                }
            }
            0
        };
        // The list is that of the process, whose other tests go on.
        // SAFETY: no handler of `pthread_atfork` runs; the child makes atomic operations and system calls only.
        let bare = || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        // SAFETY: as above.
        assert_eq!(unsafe { process::tests::in_a_child_of(|| libc::pid_t::try_from(bare()).unwrap(), lost) }, 0);
    }

    #[test]
    fn what_the_child_itself_opens_while_it_closes_stays_open() {
        let socket = Unshared::new(listen());
        let number = socket.as_raw_fd();
        close_all(process::generation());
        assert!(is_open(number));
    }

    #[test]
    fn an_owner_does_not_close_a_number_that_is_the_programs() {
        let other = listen();
        let socket = Unshared::new(listen());
        let number = socket.as_raw_fd();
        assert!(socket.is_in_place());
        replace(number, &other);
        assert!(!socket.is_in_place());
        drop(socket);
        assert!(is_open(number));
        // SAFETY: the duplicate, which has no other owner.
        assert_eq!(unsafe { libc::close(number) }, 0);
    }
}
