//! Calls of the application for what is in a handle's queue: on the completion thread, or in a call on a handle without threads.
use super::callbacks::{CallCompletion, Watch, notify};
use super::callout;
use super::entry::{Zk, guard, to_c};
use std::ops::ControlFlow;
use std::sync::Arc;
use zk_core::session::{Event, Output};

/// The completion thread.
pub(super) fn dispatch(handle: &Arc<Zk>) {
    callout::serve(handle, || handle.queue.run(|output| deliver(handle, output), |calls| guard((), calls)));
}

/// Calls the application for one item of the queue; says whether more may follow.
fn deliver(handle: &Arc<Zk>, output: Output<CallCompletion, Watch>) -> ControlFlow<()> {
    match output {
        Output::Deliver(completion, result) => CallCompletion::call(completion, &handle.chroot, result),
        Output::Notify(event) => notify(to_c(handle), &event),
        _ => return ControlFlow::Break(()),
    }
    ControlFlow::Continue(())
}

/// [`deliver`] inside a call of the application, for a handle without threads. The callback may leave by an exception
/// or by longjmp, so the items that follow are put into the queue before it is called.
pub(super) fn call_back(handle: &Arc<Zk>, output: Output<CallCompletion, Watch>) -> ControlFlow<()> {
    let Output::Notify(mut event) = output else { return deliver(handle, output) };
    let rest = event.watchers.split_off(event.watchers.len().min(1));
    if !rest.is_empty() {
        handle.queue.put_back(Output::Notify(Event { watchers: rest, ..event.clone() }));
    }
    deliver(handle, Output::Notify(event))
}
