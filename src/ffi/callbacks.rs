//! Completions and watchers of C programs. Owns the step from a reply's bytes to C's arguments.
use super::callout;
use super::convert::stat;
use super::multi_api;
use super::multi_read_api;
use super::owned::{self, Owned};
use super::sync_waiter::ResultSender;
use super::types::{
    ACL_vector, ClientInfo_vector, String_vector, acl_completion_t, client_infos_completion_t, data_completion_t,
    int_completion_t, stat_completion_t, string_completion_t, string_stat_completion_t, strings_completion_t,
    strings_stat_completion_t, void_completion_t, watcher_fn, zhandle_t,
};
use crate::handle::{Completion, OwnWatch};
use crate::sys::inside::{self, Position};
use libc::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use zk_core::code::Code;
use zk_core::frames::Frame;
use zk_core::jute::Malformed;
use zk_core::path::strip_chroot;
use zk_core::proto::Acl;
use zk_core::reply::{self, ClientInfo, Strings};
use zk_core::session::{Event, Watcher};

/// The context pointer that an application passes with a call and gets back unchanged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data(pub(super) *const c_void);

// SAFETY: never dereferenced here; the application passes it between its own threads by giving it to us.
unsafe impl Send for Data {}

/// A watcher: function and context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    function: usize,
    pub(super) context: usize,
}

impl Watch {
    /// `None` for a null function, which asks for no watch.
    pub(super) fn new(function: watcher_fn, context: *mut c_void) -> Option<Watch> {
        let function = function? as usize;
        Some(Watch { function, context: context as usize })
    }

    /// A placeholder for a handle's own watcher: `current` replaces it by the watcher that is set when an event comes.
    /// `own` must live as long as the session.
    pub(super) fn standing_for(own: &OwnWatch) -> Watch {
        Watch { function: Watch::STANDS_FOR_OWN, context: std::ptr::from_ref(own) as usize }
    }

    /// A handle's own watcher as it is now.
    pub(super) fn own(own: &OwnWatch) -> Watch {
        Watch { function: own.function(), context: own.context() }
    }

    /// This watcher in the form in which a handle stores its own one.
    pub(super) fn to_own(self) -> OwnWatch {
        OwnWatch::new(self.function, self.context)
    }

    /// Sets the function of a handle's own watcher; returns the previous one. For `None` it changes nothing and returns
    /// `None`.
    pub(super) fn replace_own(own: &OwnWatch, function: watcher_fn) -> watcher_fn {
        let Watch { function, context } = Watch::new(function, null_mut())?;
        Watch { function: own.set_function(function), context }.function()
    }

    /// The `function` of a placeholder. No function has the address 0.
    const STANDS_FOR_OWN: usize = 0;

    /// The function as C has it.
    pub(super) fn function(&self) -> watcher_fn {
        // SAFETY: the number came from such a function in `new`.
        unsafe { std::mem::transmute::<usize, watcher_fn>(self.function) }
    }

    /// The thread must be outside the library: [`inside::leave`] gave `position`.
    fn call(&self, zh: *mut zhandle_t, event: &Event<Watch>, path: &Text, position: &Position) {
        let function = self.function();
        if function.is_some() {
            let context = self.context as *mut c_void;
            // SAFETY: the application's function by the contract of `super`; the path ends with NUL.
            unsafe { callout::watcher(function, zh, event.kind, event.state, path.as_ptr(), context, position.left()) }
        }
    }
}

impl Watcher for Watch {
    fn current(&self) -> Watch {
        if self.function != Watch::STANDS_FOR_OWN {
            return *self;
        }
        // SAFETY: made by `standing_for`, whose caller keeps it while the session exists.
        unsafe { (self.context as *const OwnWatch).as_ref() }.map_or(*self, Watch::own)
    }
}

/// The watcher of a handle that was created without one.
pub(super) unsafe extern "C" fn ignore_event(_: *mut zhandle_t, _: c_int, _: c_int, _: *const c_char, _: *mut c_void) {}

/// Calls all watchers of an event. Marks the thread once for all of them: an event of the session may have 100,000.
pub(super) fn notify(zh: *mut zhandle_t, event: &Event<Watch>) {
    let path = Text::new(b"", &event.path);
    let position = inside::leave();
    for watch in &event.watchers {
        watch.call(zh, event, &path, &position);
    }
    position.go_back();
}

/// The receiver of a reply.
// divergence: A null completion discards the answer of every asynchronous call; stock crashes when the answer comes.
#[derive(Debug)]
pub(super) enum CallCompletion {
    Sync(ResultSender),
    Void(void_completion_t, Data),
    Stat(stat_completion_t, Data),
    Data(data_completion_t, Data),
    Strings(strings_completion_t, Data),
    StringsStat(strings_stat_completion_t, Data),
    Text(string_completion_t, Data),
    TextStat(string_stat_completion_t, Data),
    Acl(acl_completion_t, Data),
    Multi(Box<multi_api::Results>, void_completion_t, Data),
    MultiRead(Box<multi_read_api::Results>, void_completion_t, Data),
    Int(int_completion_t, Data),
    ClientInfos(client_infos_completion_t, Data),
    Ephemerals(strings_completion_t, Data),
}

impl Completion for CallCompletion {
    fn is_direct(&self) -> bool {
        matches!(self, CallCompletion::Sync(_))
    }

    fn finish(self, result: Result<Frame, Code>) {
        if let CallCompletion::Sync(end) = self {
            end.finish(result);
        }
    }
}

/// A C copy of a path, kept on the stack of the callback when it is short.
struct Text {
    /// Zeros behind the path.
    short: [u8; Text::SHORT],
    /// Empty for a short one.
    long: Vec<u8>,
}

impl Text {
    const SHORT: usize = 128;

    fn new(chroot: &[u8], path: &[u8]) -> Text {
        let path = client_path(chroot, path);
        let mut text = Text { short: [0; Text::SHORT], long: Vec::new() };
        match text.short.get_mut(..path.len()) {
            Some(place) if path.len() < Text::SHORT => place.copy_from_slice(path),
            _ => {
                text.long.reserve_exact(path.len() + 1);
                text.long.extend_from_slice(path);
                text.long.push(0);
            }
        }
        text
    }

    fn as_ptr(&self) -> *const c_char {
        if self.long.is_empty() { self.short.as_ptr().cast() } else { self.long.as_ptr().cast() }
    }
}

/// A server path as the application sees it; one outside the chroot is passed on as it is.
pub(super) fn client_path<'a>(chroot: &[u8], path: &'a [u8]) -> &'a [u8] {
    strip_chroot(chroot, path).unwrap_or(path)
}

fn decoded<T>(what: &str, result: Result<T, Malformed>) -> Result<T, Code> {
    result.map_err(|Malformed| {
        log::error!(target: "deserialize_response", "the server's reply to {what} cannot be read");
        Code::MarshallingError
    })
}

impl CallCompletion {
    /// Calls the application back. All pointers it gets are valid until it returns.
    pub(super) fn call(self, chroot: &[u8], result: Result<Frame, Code>) {
        match self {
            CallCompletion::Sync(end) => end.finish(result),
            CallCompletion::Void(function, data) => call_void(function, data, result.map(|_| ())),
            CallCompletion::Stat(function, data) => call_stat(function, data, result),
            CallCompletion::Data(function, data) => call_data(function, data, &result),
            CallCompletion::Strings(function, data) => {
                let result = result.and_then(|frame| {
                    let names = decoded("get_children", reply::children(frame.bytes()))?;
                    owned::string_vector(Exact(names.iter(), names.count()))
                });
                call_strings(function, data, result);
            }
            CallCompletion::StringsStat(function, data) => call_strings_stat(function, data, result),
            CallCompletion::Text(function, data) => call_text(function, data, chroot, result),
            CallCompletion::TextStat(function, data) => call_text_stat(function, data, chroot, result),
            CallCompletion::Acl(function, data) => call_acl(function, data, result),
            CallCompletion::Int(function, data) => call_int(function, data, result),
            CallCompletion::ClientInfos(function, data) => call_client_infos(function, data, result),
            CallCompletion::Ephemerals(function, data) => call_strings(
                function,
                data,
                result.and_then(|frame| {
                    ephemerals(chroot, &decoded("get_ephemerals", reply::ephemerals(frame.bytes()))?)
                }),
            ),
            CallCompletion::MultiRead(results, function, data) => {
                let result = results.fill(result);
                call_void(function, data, result);
            }
            CallCompletion::Multi(results, function, data) => {
                let result = results.fill(chroot, result);
                call_void(function, data, result);
            }
        }
    }
}

fn call_void(function: void_completion_t, data: Data, result: Result<(), Code>) {
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::void(function, result.err().unwrap_or(Code::Ok).to_i32(), data.0) }
    }
}

fn call_stat(function: stat_completion_t, data: Data, result: Result<Frame, Code>) {
    let result = result.and_then(|frame| decoded("a change", reply::stat(frame.bytes())));
    let (rc, stat) = split(result.map(|found| stat(&found)));
    let stat = stat.as_ref().map_or(null(), |stat| &raw const *stat);
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::stat(function, rc, stat, data.0) }
    }
}

fn call_strings(function: strings_completion_t, data: Data, result: Result<Owned<String_vector>, Code>) {
    let (rc, mut list) = split(result);
    let list = list.as_mut().map_or(null_mut(), Owned::as_mut_ptr);
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::strings(function, rc, list, data.0) }
    }
}

fn call_strings_stat(function: strings_stat_completion_t, data: Data, result: Result<Frame, Code>) {
    let result = result.and_then(|frame| {
        let (names, found) = decoded("get_children2", reply::children_stat(frame.bytes()))?;
        Ok((owned::string_vector(Exact(names.iter(), names.count()))?, stat(&found)))
    });
    let (rc, mut both) = split(result);
    let (list, stat) = both.as_mut().map_or((null_mut(), null()), |(list, stat)| (list.as_mut_ptr(), &raw const *stat));
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::strings_stat(function, rc, list, stat, data.0) }
    }
}

fn call_text(function: string_completion_t, data: Data, chroot: &[u8], result: Result<Frame, Code>) {
    let result = result.and_then(|frame| Ok(Text::new(chroot, decoded("create or sync", reply::path(frame.bytes()))?)));
    let (rc, text) = split(result);
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::string(function, rc, text.as_ref().map_or(null(), Text::as_ptr), data.0) }
    }
}

fn call_text_stat(function: string_stat_completion_t, data: Data, chroot: &[u8], result: Result<Frame, Code>) {
    let result = result.and_then(|frame| {
        let (path, found) = decoded("create", reply::path_stat(frame.bytes()))?;
        Ok((Text::new(chroot, path), stat(&found)))
    });
    let (rc, both) = split(result);
    let (text, stat) = both.as_ref().map_or((null(), null()), |(text, stat)| (text.as_ptr(), &raw const *stat));
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::string_stat(function, rc, text, stat, data.0) }
    }
}

fn call_int(function: int_completion_t, data: Data, result: Result<Frame, Code>) {
    let number = result.and_then(|frame| decoded("get_all_children_number", reply::all_children_number(frame.bytes())));
    let (rc, value) = split(number);
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::int(function, rc, value.unwrap_or(0), data.0) }
    }
}

fn call_client_infos(function: client_infos_completion_t, data: Data, result: Result<Frame, Code>) {
    let infos = result.and_then(|frame| client_infos(&decoded("whoami", reply::client_infos(frame.bytes()))?));
    let (rc, mut list) = split(infos);
    let list = list.as_mut().map_or(null_mut(), Owned::as_mut_ptr);
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::client_infos(function, rc, list, data.0) }
    }
}

fn call_data(function: data_completion_t, data: Data, result: &Result<Frame, Code>) {
    let found = result.as_ref().map_err(|code| *code).and_then(|frame| decoded("get", reply::data(frame.bytes())));
    let (rc, found) = split(found);
    if function.is_none() {
        return;
    }
    let Some((value, found)) = found else {
        // SAFETY: the application's function by the contract of `super`.
        return unsafe { callout::data(function, rc, null(), 0, null(), data.0) };
    };
    let found = stat(&found);
    let len = value.map_or(-1, |value| c_int::try_from(value.len()).unwrap_or(c_int::MAX));
    let value = value.map_or(null(), |value| value.as_ptr().cast());
    // SAFETY: the application's function by the contract of `super`.
    unsafe { callout::data(function, rc, value, len, &raw const found, data.0) }
}

fn call_acl(function: acl_completion_t, data: Data, result: Result<Frame, Code>) {
    let result = result.and_then(|frame| {
        let (entries, found) = decoded("get_acl", reply::acls(frame.bytes()))?;
        Ok((acl_list(&entries)?, stat(&found)))
    });
    let (rc, mut both) = split(result);
    let (list, stat) =
        both.as_mut().map_or((null_mut(), null_mut()), |(list, stat)| (list.as_mut_ptr(), &raw mut *stat));
    if function.is_some() {
        // SAFETY: the application's function by the contract of `super`.
        unsafe { callout::acl(function, rc, list, stat, data.0) }
    }
}

/// An access control list as a C list for an application.
pub(super) fn acl_list(entries: &[Acl<'_>]) -> Result<Owned<ACL_vector>, Code> {
    owned::acl_vector(entries.iter().map(|acl| (acl.perms, acl.scheme.unwrap_or_default(), acl.id.unwrap_or_default())))
}

/// The identities of a session as a C list for an application.
pub(super) fn client_infos(infos: &[ClientInfo<'_>]) -> Result<Owned<ClientInfo_vector>, Code> {
    owned::client_info_vector(infos.iter().map(|info| (info.scheme, info.user)))
}

/// The paths of ephemeral nodes as a C list for an application, without the chroot. The request asked only for nodes
/// below the chroot.
pub(super) fn ephemerals(chroot: &[u8], paths: &Strings<'_>) -> Result<Owned<String_vector>, Code> {
    owned::string_vector(Exact(paths.iter().map(|path| client_path(chroot, path)), paths.count()))
}

/// A result in C's form: the code, and the value if there is one.
fn split<T>(result: Result<T, Code>) -> (c_int, Option<T>) {
    match result {
        Ok(value) => (Code::Ok.to_i32(), Some(value)),
        Err(code) => (code.to_i32(), None),
    }
}

/// An iterator whose length is known.
pub(super) struct Exact<I>(pub(super) I, pub(super) usize);

impl<I: Iterator> Iterator for Exact<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let item = self.0.next()?;
        self.1 = self.1.saturating_sub(1);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Exact<I> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn paths_short_and_long_end_with_nul() {
        for len in [0, 1, 126, 127, 128, 129, 1000] {
            let path = vec![b'x'; len];
            let text = Text::new(b"", &path);
            // SAFETY: what the type promises.
            assert_eq!(unsafe { CStr::from_ptr(text.as_ptr()) }.to_bytes(), path, "{len}");
        }
    }
}
