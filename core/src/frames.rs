//! Cuts the byte stream into frames. Owns the receive buffers and the check of announced lengths; does not know the
//! meaning of a frame.
//!
//! A frame is a shared view into the buffer it arrived in: nothing is copied or allocated for a frame, and the buffer
//! is reused once its last frame is gone. A frame larger than the buffer gets its own buffer, which grows with the
//! bytes that really arrive, so an announced length alone costs no memory. This large buffer is kept for a while for
//! the next large frame.
mod frame;

pub use frame::Frame;

use std::sync::Arc;

/// Size of a fresh receive buffer; it grows to [`LARGE`] when reads fill it. Small, because each idle handle has one.
const SMALL: usize = 512;
/// Size of the receive buffer of a busy connection.
const LARGE: usize = 64 * 1024;
/// How many buffers are kept for reuse.
const KEPT: usize = 4;
/// After this many reads the buffer of the last large frame is freed.
const LARGE_READS: u32 = 16;

/// The peer announced a frame that is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLength(pub i32);

/// Collects received bytes and hands out whole frames.
pub struct Inbox {
    limit: usize,
    /// Fully initialised. The bytes before `start` are handed out as frames, those up to `filled` have been received.
    chunk: Arc<Vec<u8>>,
    start: usize,
    filled: usize,
    /// Buffers whose frames may still be in use; they are reused once the frames are gone.
    kept: Vec<Arc<Vec<u8>>>,
    /// The buffer of the last large frame, and the number of reads for which it is still kept. Growing a new buffer for
    /// each large frame would copy and clear as many bytes as the frame has: keeping it saves a quarter of the CPU time
    /// of a 1 MB `zoo_get`.
    large: Option<Arc<Vec<u8>>>,
    large_reads: u32,
    ranges: Vec<(usize, usize)>,
}

impl Inbox {
    /// An empty inbox that refuses frames above `limit` bytes.
    pub fn new(limit: usize) -> Inbox {
        Inbox {
            limit,
            chunk: Arc::default(),
            start: 0,
            filled: 0,
            kept: Vec::new(),
            large: None,
            large_reads: 0,
            ranges: Vec::new(),
        }
    }

    /// Discards the received bytes: the connection is gone.
    pub fn clear(&mut self) {
        self.start = self.filled;
        self.large = None;
        if self.chunk.len() > LARGE {
            self.chunk = Arc::default();
            self.start = 0;
            self.filled = 0;
        }
    }

    /// Whether [`Inbox::trim`] would free a large buffer.
    pub fn is_oversized(&self) -> bool {
        self.large.is_some() || self.chunk.len() > LARGE
    }

    /// Gives back the memory that only a large frame needs, unless one is arriving.
    pub fn trim(&mut self) {
        self.large = None;
        if self.chunk.len() > LARGE && self.start == self.filled {
            self.chunk = Arc::default();
            self.start = 0;
            self.filled = 0;
        }
    }

    /// The space for the next bytes; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.renew();
        }
        if self.filled == self.chunk.len() {
            self.use_large();
        }
        let full = self.filled == self.chunk.len();
        // Doubling keeps the cost linear, and the memory within twice the bytes that have really arrived.
        let wanted = self.announced().map_or(0, |len| len.saturating_add(4)).max(LARGE);
        let filled = self.filled;
        let chunk = Arc::make_mut(&mut self.chunk);
        if full {
            let grown = if chunk.is_empty() { SMALL } else { chunk.len().saturating_mul(2).min(wanted) };
            chunk.resize(grown.max(filled + 1), 0);
        }
        chunk.get_mut(filled..).unwrap_or_default()
    }

    /// Moves the start of an incomplete frame to the front of an empty buffer. That is the same buffer if its frames
    /// are gone, which is so by now for the short frames of pings and events.
    fn renew(&mut self) {
        let busy = self.filled == self.chunk.len();
        let (start, filled) = (self.start, self.filled);
        let fitting = self.chunk.len() == LARGE || (self.chunk.len() < LARGE && !busy);
        match Arc::get_mut(&mut self.chunk) {
            Some(chunk) if fitting => chunk.copy_within(start..filled, 0),
            _ => {
                let mut next = self.free_chunk(if busy { LARGE } else { SMALL });
                let tail = self.chunk.get(start..filled).unwrap_or_default();
                let place = Arc::make_mut(&mut next);
                if place.len() < tail.len() {
                    place.resize(tail.len(), 0);
                }
                if let Some(place) = place.get_mut(..tail.len()) {
                    place.copy_from_slice(tail);
                }
                let old = std::mem::replace(&mut self.chunk, next);
                self.keep(old);
            }
        }
        self.filled = filled - start;
        self.start = 0;
    }

    /// Continues in the kept large buffer if it has room for the whole frame.
    fn use_large(&mut self) {
        let wanted = self.announced().map_or(0, |len| len.saturating_add(4));
        let fits = |large: &mut Arc<Vec<u8>>| large.len() >= wanted && Arc::get_mut(large).is_some();
        if wanted <= LARGE || wanted <= self.chunk.len() || !self.large.as_mut().is_some_and(fits) {
            return;
        }
        let Some(mut large) = self.large.take() else { return };
        let head = self.chunk.get(..self.filled).unwrap_or_default();
        if let Some(place) = Arc::get_mut(&mut large).and_then(|large| large.get_mut(..head.len())) {
            place.copy_from_slice(head);
            let small = std::mem::replace(&mut self.chunk, large);
            self.keep(small);
        }
    }

    /// Keeps a buffer for reuse.
    fn keep(&mut self, chunk: Arc<Vec<u8>>) {
        if chunk.len() > LARGE {
            self.large = Some(chunk);
            self.large_reads = LARGE_READS;
        } else if self.kept.len() < KEPT && chunk.len() >= SMALL {
            self.kept.push(chunk);
        }
    }

    /// A buffer of at least `size` bytes that no frame shares.
    fn free_chunk(&mut self, size: usize) -> Arc<Vec<u8>> {
        let free = self.kept.iter().position(|chunk| Arc::strong_count(chunk) == 1);
        let free = free.map(|at| self.kept.swap_remove(at)).filter(|chunk| chunk.len() >= size);
        free.unwrap_or_else(|| Arc::new(vec![0; size]))
    }

    /// Length of the frame at the start of the buffer, if its prefix is complete and valid.
    fn announced(&self) -> Option<usize> {
        let prefix = self.chunk.get(self.start..self.filled)?.first_chunk::<4>()?;
        self.check(i32::from_be_bytes(*prefix)).ok()
    }

    fn check(&self, len: i32) -> Result<usize, BadLength> {
        usize::try_from(len).ok().filter(|len| *len <= self.limit).ok_or(BadLength(len))
    }

    /// Notes that `n` bytes were written to the front of [`Inbox::space`] and appends the frames they complete to `out`.
    pub fn received(&mut self, n: usize, out: &mut Vec<Frame>) -> Result<(), BadLength> {
        self.filled = self.filled.saturating_add(n).min(self.chunk.len());
        if self.large.is_some() {
            self.large_reads = self.large_reads.saturating_sub(1);
            if self.large_reads == 0 {
                self.large = None;
            }
        }
        let (whole, verdict) = self.scan();
        if whole > self.start {
            self.hand_out(whole, out);
        }
        verdict
    }

    /// Finds the whole frames; returns where they end and the bad length that ended the scan, if any.
    fn scan(&mut self) -> (usize, Result<(), BadLength>) {
        let mut at = self.start;
        while let Some(prefix) = self.chunk.get(at..self.filled).and_then(<[u8]>::first_chunk::<4>) {
            let len = match self.check(i32::from_be_bytes(*prefix)) {
                Ok(len) => len,
                Err(bad) => return (at, Err(bad)),
            };
            let (start, end) = (at + 4, at + 4 + len);
            if end > self.filled {
                break;
            }
            self.ranges.push((start, end));
            at = end;
        }
        (at, Ok(()))
    }

    /// Shares the bytes up to `end` as frames.
    fn hand_out(&mut self, end: usize, out: &mut Vec<Frame>) {
        // If slow callbacks hold every kept buffer, a few bytes must not pin one more.
        let pinned = self.kept.len() == KEPT && self.kept.iter().all(|chunk| Arc::strong_count(chunk) > 1);
        let chunk = if pinned && end < self.chunk.len() / 4 {
            Arc::new(self.chunk.get(..end).unwrap_or_default().to_vec())
        } else {
            Arc::clone(&self.chunk)
        };
        for (start, end) in self.ranges.drain(..) {
            out.push(Frame { chunk: Arc::clone(&chunk), start, end });
        }
        self.start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(inbox: &mut Inbox, mut bytes: &[u8], step: usize) -> Result<Vec<Vec<u8>>, BadLength> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let space = inbox.space();
            let n = bytes.len().min(step).min(space.len());
            space[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            inbox.received(n, &mut frames)?;
        }
        Ok(frames.iter().map(|frame| frame.bytes().to_vec()).collect())
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let bodies: Vec<Vec<u8>> = [0, 1, 5, 70_000, 3, 200_000, 4096, 4092]
            .iter()
            .map(|len| vec![u8::try_from(len % 251).unwrap(); *len])
            .collect();
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        for step in [1, 3, 4096, 65_536, usize::MAX] {
            assert_eq!(feed(&mut Inbox::new(1 << 20), &stream, step).unwrap(), bodies, "step {step}");
        }
    }

    #[test]
    fn bad_lengths_are_refused_and_frames_before_them_kept() {
        for bad in [-1, i32::MIN, i32::MAX, 1025] {
            let mut stream = framed(b"ok");
            stream.extend_from_slice(&bad.to_be_bytes());
            let mut inbox = Inbox::new(1024);
            let space = inbox.space();
            space[..stream.len()].copy_from_slice(&stream);
            let mut frames = Vec::new();
            assert_eq!(inbox.received(stream.len(), &mut frames), Err(BadLength(bad)));
            assert_eq!(frames.len(), 1);
        }
    }

    #[test]
    fn an_announced_length_costs_no_memory() {
        let mut inbox = Inbox::new(1 << 30);
        feed(&mut inbox, &[0x3f, 0xff, 0xff, 0xff, 1, 2, 3], 100).unwrap();
        assert!(inbox.chunk.capacity() <= LARGE);
    }

    #[test]
    fn the_buffer_of_a_large_frame_is_used_again_and_then_let_go() {
        let mut inbox = Inbox::new(1 << 20);
        let (big, small) = (framed(&vec![7; 500_000]), framed(&[8; 10]));
        assert_eq!(feed(&mut inbox, &big, 50_000).unwrap().len(), 1);
        feed(&mut inbox, &small, 50_000).unwrap();
        let first = inbox.large.as_ref().map(|large| large.as_ptr());
        assert!(first.is_some());
        for _ in 0..3 {
            assert_eq!(feed(&mut inbox, &big, 50_000).unwrap(), [vec![7; 500_000]]);
            assert_eq!(feed(&mut inbox, &small, 50_000).unwrap(), [vec![8; 10]]);
            assert_eq!(inbox.large.as_ref().map(|large| large.as_ptr()), first);
        }
        for _ in 0..LARGE_READS {
            feed(&mut inbox, &small, 50_000).unwrap();
        }
        assert!(inbox.large.is_none());
    }

    #[test]
    fn a_trimmed_inbox_keeps_no_large_buffer_and_goes_on() {
        let mut inbox = Inbox::new(1 << 20);
        let (big, small) = (framed(&vec![7; 500_000]), framed(&[8; 10]));
        assert_eq!(feed(&mut inbox, &big, 50_000).unwrap().len(), 1);
        assert!(inbox.is_oversized());
        inbox.trim();
        assert!(!inbox.is_oversized());
        assert_eq!(feed(&mut inbox, &small, 50_000).unwrap(), [vec![8; 10]]);
        // Half of a frame is not lost.
        let mut frames = Vec::new();
        for half in big.chunks(250_002) {
            let mut half = half;
            while !half.is_empty() {
                let space = inbox.space();
                let n = half.len().min(space.len());
                space[..n].copy_from_slice(&half[..n]);
                half = &half[n..];
                inbox.received(n, &mut frames).unwrap();
            }
            inbox.trim();
        }
        assert_eq!(frames[0].bytes(), vec![7; 500_000]);
    }

    #[test]
    fn a_large_frame_still_held_is_not_written_over() {
        let mut inbox = Inbox::new(1 << 20);
        let mut frames = Vec::new();
        for fill in [1, 2, 3] {
            let stream = framed(&vec![fill; 300_000]);
            let mut bytes = &stream[..];
            while !bytes.is_empty() {
                let space = inbox.space();
                let n = bytes.len().min(space.len());
                space[..n].copy_from_slice(&bytes[..n]);
                bytes = &bytes[n..];
                inbox.received(n, &mut frames).unwrap();
            }
        }
        for (frame, fill) in frames.iter().zip([1, 2, 3]) {
            assert!(frame.bytes().iter().all(|byte| *byte == fill));
        }
    }

    #[test]
    fn frames_that_are_gone_leave_their_buffer_to_the_next() {
        let mut inbox = Inbox::new(1024);
        let mut frames = Vec::new();
        let stream = framed(&[9; 16]);
        for _ in 0..10 {
            inbox.space()[..stream.len()].copy_from_slice(&stream);
            inbox.received(stream.len(), &mut frames).unwrap();
            frames.clear();
        }
        assert!(inbox.kept.is_empty());
        assert_eq!(inbox.chunk.len(), SMALL);
    }

    #[test]
    fn buffers_are_used_again() {
        let mut inbox = Inbox::new(1024);
        let stream = framed(&[9; 1000]);
        for _ in 0..1000 {
            feed(&mut inbox, &stream, usize::MAX).unwrap();
        }
        assert!(inbox.kept.len() <= KEPT);
    }
}
