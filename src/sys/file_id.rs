//! Whether a descriptor number still stands for the file that the library opened under it. A program can close any number,
//! as many do in a forked child, and then has files of its own under these numbers.
//!
//! A socket is recognised by its inode. Polls and event descriptors all have the same inode, so the library puts a mark
//! into them, which the kernel shows in /proc/self/fdinfo: a number in the count of an event descriptor, and in the data
//! of each registration with a poll. A poll without registrations and, without /proc, every poll is not recognised.
use crate::sys::process;
use libc::{c_char, c_long};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};

/// The mark of this process and its children; 0 before the first use.
static MARK: AtomicU32 = AtomicU32::new(0);
/// The bits of a marked number below the mark.
const MARK_SHIFT: u32 = 32;

/// A number whose upper half is the mark and whose lower half is 0. It is less than 2^63, and more than programs count
/// in an event descriptor.
pub(crate) fn mark() -> u64 {
    let mut mark = MARK.load(Ordering::Relaxed);
    if mark == 0 {
        #[allow(clippy::cast_possible_truncation, reason = "any 31 bits will do")]
        let fresh = process::fresh_seed() as u32 & (u32::MAX >> 1) | 1;
        mark = match MARK.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh,
            Err(found) => found,
        };
    }
    u64::from(mark) << MARK_SHIFT
}

/// What identifies the file under a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    /// The file that is under this number now. If the system does not say which, nothing is proved later.
    pub(crate) fn of(fd: RawFd) -> FileId {
        status(fd).map_or(FileId::default(), |(id, _)| id)
    }

    /// Whether the file may be under this number, because there is no proof of another one. Makes one system call.
    pub(crate) fn may_be_at(self, fd: RawFd) -> bool {
        match status(fd) {
            Ok((id, _)) => id == self || self == FileId::default(),
            Err(error) => error.raw_os_error() != Some(libc::EBADF),
        }
    }

    /// Whether the file is certainly under this number. Makes only system calls that a child of a process with threads
    /// may make.
    pub(crate) fn is_at(self, fd: RawFd) -> bool {
        status(fd).is_ok_and(|(id, is_socket)| id == self && (is_socket || has_mark(fd)))
    }
}

/// The identity of what is under this number, and whether it is a socket.
fn status(fd: RawFd) -> io::Result<(FileId, bool)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the structure is written if the call succeeds, and only read then.
    let status = unsafe {
        if libc::fstat(fd, status.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        status.assume_init()
    };
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the types differ among machines")]
    let id = FileId { device: status.st_dev as u64, inode: status.st_ino as u64 };
    Ok((id, status.st_mode & libc::S_IFMT == libc::S_IFSOCK))
}

/// Whether a poll or an event descriptor has the mark.
fn has_mark(fd: RawFd) -> bool {
    // Three registrations need less than half of it.
    let mut text = [0; 1024];
    let len = read_info(fd, &mut text).unwrap_or(0);
    shows_mark(text.get(..len).unwrap_or_default(), mark())
}

/// Whether /proc/self/fdinfo shows a number with the mark.
fn shows_mark(info: &[u8], mark: u64) -> bool {
    let mut words = info.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let is_number_next = matches!(word, b"eventfd-count:" | b"data:");
        if is_number_next
            && words.next().and_then(hexadecimal).is_some_and(|found| found >> MARK_SHIFT == mark >> MARK_SHIFT)
        {
            return true;
        }
    }
    false
}

fn hexadecimal(word: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

/// Reads what the kernel shows of a descriptor. Returns the number of bytes. The system calls bypass glibc, whose
/// functions are cancellation points.
fn read_info(fd: RawFd, text: &mut [u8]) -> Option<usize> {
    let mut path = *b"/proc/self/fdinfo/\0\0\0\0\0\0\0\0\0\0\0";
    let mut number = usize::try_from(fd).ok()?;
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    for place in path.iter_mut().skip(b"/proc/self/fdinfo/".len()).take(digits).rev() {
        *place = b"0123456789".get(number % 10).copied()?;
        number /= 10;
    }
    // SAFETY: a C string, and writable memory of that length; the descriptor is closed by its only owner.
    unsafe {
        let path: *const c_char = path.as_ptr().cast();
        let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let read: c_long = libc::syscall(libc::SYS_read, file, text.as_mut_ptr(), text.len());
        libc::syscall(libc::SYS_close, file);
        usize::try_from(read).ok()
    }
}

#[cfg(all(test, not(calmkeeper_shuttle)))]
mod tests {
    use super::*;
    use crate::sys::socket;
    use crate::sys::waker::Waker;
    use std::net::TcpListener;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    #[test]
    fn a_socket_is_recognised_and_another_one_is_not() {
        let (ours, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let id = FileId::of(ours.as_raw_fd());
        assert!(id.is_at(ours.as_raw_fd()) && id.may_be_at(ours.as_raw_fd()));
        assert!(!id.is_at(other.as_raw_fd()) && !id.may_be_at(other.as_raw_fd()));
        assert!(!id.is_at(-1) && !FileId::of(-1).is_at(-1));
    }

    #[test]
    fn polls_and_event_descriptors_are_recognised_by_their_mark() {
        let (poll, empty) = (mio::Poll::new().unwrap(), mio::Poll::new().unwrap());
        let waker = Waker::new(poll.registry(), mio::Token(0)).unwrap();
        for _ in 0..3 {
            waker.wake().unwrap();
        }
        // SAFETY: a new descriptor, owned here.
        let event = unsafe { OwnedFd::from_raw_fd(libc::eventfd(3, libc::EFD_CLOEXEC)) };
        let fd = poll.registry().as_raw_fd();
        let id = FileId::of(fd);
        assert!(id.is_at(fd) && id.is_at(waker.fd()), "ours");
        socket::register_input(empty.registry().as_raw_fd(), event.as_raw_fd(), 5).unwrap();
        assert!(id.is_at(empty.registry().as_raw_fd()), "every registration of the library has the mark");
        socket::deregister(empty.registry().as_raw_fd(), event.as_raw_fd()).unwrap();
        assert!(!id.is_at(empty.registry().as_raw_fd()) && !id.is_at(event.as_raw_fd()), "like the program's");
        assert!(id.may_be_at(event.as_raw_fd()));
    }

    #[test]
    fn only_the_two_numbers_are_searched_for_the_mark() {
        let mark = 0x7ab0_0123_u64 << MARK_SHIFT;
        assert!(shows_mark(b"pos:\t0\nflags:\t02\neventfd-count: 7ab0012300000004\neventfd-id: 1\n", mark));
        assert!(!shows_mark(b"pos:\t0\neventfd-count:                4\neventfd-id: 7ab0012300000004\n", mark));
        let poll = b"tfd:       33 events: 80000019 data: 0  pos:0 ino:1 sdev:f\n\
            tfd: 5 events: 80000001 data: 7ab0012300000001  pos:0 ino:1 sdev:f\n";
        assert!(shows_mark(poll, mark));
        assert!(!shows_mark(poll, mark + (1 << MARK_SHIFT)));
        assert!(!shows_mark(b"data:", mark));
    }
}
