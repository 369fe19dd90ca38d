//! One frame: a shared view into the receive buffer it arrived in.
use std::fmt;
use std::sync::Arc;

/// One frame, without its length prefix.
#[derive(Clone)]
pub struct Frame {
    pub(super) chunk: Arc<Vec<u8>>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Frame {
    /// The frame's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.chunk.get(self.start..self.end).unwrap_or_default()
    }

    /// Number of bytes.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// The same frame without its first `n` bytes.
    #[must_use]
    #[inline]
    pub fn skip(mut self, n: usize) -> Frame {
        self.start = self.start.saturating_add(n).min(self.end);
        self
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Frame {
        Frame { start: 0, end: bytes.len(), chunk: Arc::new(bytes) }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.bytes().len())
    }
}
