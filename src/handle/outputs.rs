//! The session's outputs, passed to the threads that execute them: the completion thread, waiting callers, the I/O
//! thread. Owns the distribution.
use super::{Completion, Handle, Inner, Stage, history};
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::session::{Output, Watcher};

/// What must be done after the lock is released.
pub(super) struct PostUnlock<C> {
    /// Results for waiting callers. The first one needs no list, because there is seldom more than one.
    direct: Option<(C, Result<Frame, Code>)>,
    more: Vec<(C, Result<Frame, Code>)>,
    notify: bool,
}

impl<C> PostUnlock<C> {
    /// Adds a result, after which at most `left` follow.
    fn push(&mut self, completion: C, result: Result<Frame, Code>, left: usize) {
        if self.direct.is_none() {
            self.direct = Some((completion, result));
        } else {
            if self.more.is_empty() {
                self.more.reserve_exact(left + 1);
            }
            self.more.push((completion, result));
        }
    }
}

impl<C: Completion, W: Watcher + Send + 'static> Handle<C, W> {
    /// Distributes the session's outputs. The completion thread's queue is filled under the handle's lock, which keeps
    /// the order.
    #[inline]
    pub(super) fn drain_outputs(&self, inner: &mut Inner<C, W>) -> Option<PostUnlock<C>> {
        // Most calls only submit a request, which causes no output yet.
        let post = if inner.session.outputs().is_empty() { None } else { Some(self.drain_some(inner)) };
        // Last: a thread that sees the state also sees the identity that belongs to it.
        self.published.store(&inner.session);
        post
    }

    #[inline(never)]
    fn drain_some(&self, inner: &mut Inner<C, W>) -> PostUnlock<C> {
        let mut post = PostUnlock { direct: None, more: Vec::new(), notify: false };
        let mut queue = self.queue.adding();
        // A batch of replies is handed over whole; one by one, each reply would cost 120 instructions more.
        let queued =
            |output: &Output<C, W>| matches!(output, Output::Deliver(completion, _) if !completion.is_direct());
        if inner.session.outputs().iter().all(queued) {
            queue.append(inner.session.outputs());
        }
        while let Some(output) = inner.session.poll() {
            match output {
                Output::Deliver(completion, result) if completion.is_direct() => {
                    post.push(completion, result, inner.session.outputs().len());
                }
                Output::Deliver(..) | Output::Last => queue.push(output),
                Output::Notify(_) => {
                    self.client_id.store(inner.session.client_id());
                    queue.push(output);
                }
                Output::Disconnect { .. } => {
                    // Data still read from this connection is discarded.
                    inner.transport = None;
                    inner.io_outputs.push_back(output);
                }
                Output::Resolve(_)
                | Output::Connect(_)
                | Output::Probe(_)
                | Output::SaslStart(..)
                | Output::SaslChallenge(..) => inner.io_outputs.push_back(output),
                Output::Remember(servers, memory) => history::remember(&servers, *memory),
                Output::Closed => inner.stage = Stage::Closed,
            }
        }
        post.notify = queue.end();
        post
    }

    /// Does what remains after the lock has been released.
    #[inline]
    pub(super) fn apply(&self, post: Option<PostUnlock<C>>, wake: bool) {
        if let Some(post) = post {
            self.deliver(post);
        }
        if wake {
            self.wake();
        }
    }

    #[inline(never)]
    fn deliver(&self, post: PostUnlock<C>) {
        if post.notify {
            self.queue.notify();
        }
        for (completion, result) in post.direct.into_iter().chain(post.more) {
            completion.finish(result);
        }
    }
}
