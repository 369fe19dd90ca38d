//! The C interface with any arguments that its contract allows: null everywhere, any string, any number, lengths that
//! agree with their buffers. The handle never connects: the subject is the border.
use crate::script::Script;
use calmkeeper::ffi::types::{
    ACL, ACL_vector, Id, Stat, String_vector, watcher_fn, zhandle_t, zoo_op_result_t, zoo_op_t,
};
use calmkeeper::ffi::{
    async_api, close_api, error_text, event_loop_api, init_api, log_api, memory, multi_api, remove_watches_api,
    servers_api, state_api, stats_api,
};
use libc::{c_char, c_int, c_void};
use std::ffi::CString;
use std::ptr::{null, null_mut};
use zookeeper_mt::sync_api::zoo_get;

unsafe extern "C" fn on_void(_: c_int, _: *const c_void) {}
unsafe extern "C" fn on_data(_: c_int, _: *const c_char, _: c_int, _: *const Stat, _: *const c_void) {}
unsafe extern "C" fn on_stat(_: c_int, _: *const Stat, _: *const c_void) {}
unsafe extern "C" fn on_strings(_: c_int, _: *const String_vector, _: *const c_void) {}
unsafe extern "C" fn on_text(_: c_int, _: *const c_char, _: *const c_void) {}
unsafe extern "C" fn watcher(_: *mut zhandle_t, _: c_int, _: c_int, _: *const c_char, _: *mut c_void) {}

/// Data that must live as long as the handle: strings, and the results of transactions.
#[allow(clippy::vec_box, reason = "the library writes to the results while the list grows")]
#[derive(Default)]
struct Texts(Vec<CString>, Vec<Box<[zoo_op_result_t; 4]>>);

impl Texts {
    fn take(&mut self, script: &mut Script<'_>) -> *const c_char {
        if script.byte().is_multiple_of(8) {
            return null();
        }
        let bytes: Vec<u8> = script.bytes().iter().copied().filter(|byte| *byte != 0).collect();
        let text = CString::new(bytes).unwrap_or_default();
        let pointer = text.as_ptr();
        self.0.push(text);
        pointer
    }

    fn path(&mut self, script: &mut Script<'_>) -> *const c_char {
        if script.byte().is_multiple_of(2) {
            return self.take(script);
        }
        let mut bytes = b"/".to_vec();
        bytes.extend(script.bytes().iter().copied().filter(|byte| *byte != 0));
        self.0.push(CString::new(bytes).unwrap_or_default());
        self.0.last().map_or(null(), |text| text.as_ptr())
    }
}

/// Runs a script on a new handle.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the whole function keeps to the contract of `calmkeeper::ffi`")]
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut texts = Texts::default();
    log_api::zoo_set_debug_level(0);
    unsafe {
        // A port without a listener, or any host string of the script that needs no name lookup.
        let zh = init_api::zookeeper_init(
            c"127.0.0.1:1".as_ptr(),
            Some(watcher),
            script.i32() % 20_000,
            null(),
            null_mut(),
            2,
        );
        for _ in 0..64 {
            if script.is_empty() {
                break;
            }
            let handle = if script.byte().is_multiple_of(8) { null_mut() } else { zh };
            call(handle, &mut script, &mut texts);
        }
        // The data of the script is not used any more when the close returns.
        close_api::zookeeper_close(zh);
    }
    drop(texts);
}

/// The arguments that a script gives to a call.
struct Arguments {
    zh: *mut zhandle_t,
    path: *const c_char,
    number: c_int,
    value: *const c_char,
    len: c_int,
    acl: *const ACL_vector,
    seen: watcher_fn,
}

/// Makes one call.
unsafe fn call(zh: *mut zhandle_t, script: &mut Script<'_>, texts: &mut Texts) {
    let path = texts.path(script);
    let number = script.i32();
    let bytes = script.bytes();
    let (value, len) = (
        bytes.as_ptr().cast::<c_char>(),
        c_int::from(script.byte()).min(c_int::try_from(bytes.len()).unwrap_or(0)) - 1,
    );
    let mut entry =
        ACL { perms: number, id: Id { scheme: texts.take(script).cast_mut(), id: texts.take(script).cast_mut() } };
    let acl = ACL_vector { count: 1, data: &raw mut entry };
    let acl = if number % 3 == 0 { null() } else { &raw const acl };
    let seen = (number % 2 == 0).then_some(watcher as unsafe extern "C" fn(_, _, _, _, _));
    let arguments = Arguments { zh, path, number, value, len, acl, seen };
    let kind = script.byte() % 32;
    // SAFETY: see `run`.
    unsafe {
        match kind {
            13..=24 => on_handle(kind, &arguments, script, texts),
            _ => on_node(kind, &arguments, script, texts),
        };
    }
}

/// Makes a call about a node. The only sync call is `zoo_get`, which fails here for lack of a connection.
unsafe fn on_node(kind: u8, arguments: &Arguments, script: &mut Script<'_>, texts: &mut Texts) -> c_int {
    let Arguments { zh, path, number, value, len, acl, seen } = *arguments;
    let data = null();
    // SAFETY: see `run`.
    unsafe {
        match kind {
            0 => async_api::zoo_acreate(zh, path, value, len, acl, number % 9, Some(on_text), data),
            1 => async_api::zoo_acreate_ttl(zh, path, value, len, acl, number % 9, i64::from(number), None, data),
            2 => async_api::zoo_adelete(zh, path, number, Some(on_void), data),
            3 => async_api::zoo_aexists(zh, path, number, Some(on_stat), data),
            4 => async_api::zoo_awget(zh, path, seen, null_mut(), Some(on_data), data),
            5 => async_api::zoo_aset(zh, path, value, len, number, Some(on_stat), data),
            6 => async_api::zoo_aget_children(zh, path, number, Some(on_strings), data),
            7 => async_api::zoo_async(zh, path, None, data),
            8 => async_api::zoo_aset_acl(zh, path, number, acl.cast_mut(), Some(on_void), data),
            9 => async_api::zoo_aget_acl(zh, path, None, data),
            10 => async_api::zoo_areconfig(zh, path, texts.take(script), null(), number.into(), Some(on_data), data),
            11 => remove_watches_api::zoo_aremove_watches(
                zh,
                path,
                number.cast_unsigned() % 5,
                seen,
                null_mut(),
                number % 2,
                null_mut(),
                data,
            ),
            12 => multi(texts, zh, path, value, len, acl, number),
            25 => zoo_get(null_mut(), path, number, null_mut(), null_mut(), null_mut()),
            26 => zoo_get(zh, path, number, null_mut(), null_mut(), null_mut()),
            27 => async_api::zoo_awgetconfig(zh, seen, null_mut(), None, data),
            _ => async_api::zoo_aget(zh, path, number, None, data),
        }
    }
}

/// Makes a call about the handle, or one that needs none.
unsafe fn on_handle(kind: u8, arguments: &Arguments, script: &mut Script<'_>, texts: &mut Texts) -> c_int {
    let Arguments { zh, path, number, value, len, seen, .. } = *arguments;
    let data = null();
    // SAFETY: see `run`.
    unsafe {
        match kind {
            13 => servers_api::zoo_set_servers(zh, numeric_only(path)),
            14 => servers_api::zoo_set_servers_resolution_delay(zh, number),
            15 => state_api::zoo_add_auth(zh, texts.take(script), value, len, Some(on_void), data),
            16 => state_api::zoo_state(zh),
            17 => {
                error_text::zerror(number);
                state_api::is_unrecoverable(zh)
            }
            18 => {
                state_api::zoo_set_context(zh, null_mut());
                state_api::zoo_set_watcher(zh, seen);
                state_api::zoo_get_context(zh);
                0
            }
            19 => {
                servers_api::zoo_get_current_server(zh);
                servers_api::zoo_cycle_next_server(zh);
                0
            }
            20 => {
                let (mut fd, mut interest) = (0, 0);
                let mut tv = libc::timeval { tv_sec: 0, tv_usec: 0 };
                event_loop_api::zookeeper_interest(zh, &raw mut fd, &raw mut interest, &raw mut tv)
            }
            21 => event_loop_api::zookeeper_process(zh, number),
            22 => {
                let mut stats = stats_api::zoo_reconnect_stats::default();
                let size = usize::from(script.byte()).min(size_of_val(&stats));
                stats_api::zoo_get_reconnect_stats(zh, &raw mut stats, size)
            }
            23 => {
                let mut list = String_vector { count: 0, data: null_mut() };
                memory::allocate_String_vector(&raw mut list, number % 64);
                memory::deallocate_String_vector(&raw mut list)
            }
            _ => {
                let host = texts.take(script);
                let other = init_api::zookeeper_init(numeric_only(host), None, number % 20_000, null(), null_mut(), 2);
                close_api::zookeeper_close(other)
            }
        }
    }
}

/// A host string that cannot make the fuzzer wait for a name server.
fn numeric_only(text: *const c_char) -> *const c_char {
    // SAFETY: null or a string of `Texts`.
    let bytes = if text.is_null() { return text } else { unsafe { std::ffi::CStr::from_ptr(text) }.to_bytes() };
    let numeric = |byte: &u8| byte.is_ascii_digit() || b".:,/[] ".contains(byte);
    if bytes.iter().all(numeric) && !bytes.contains(&b' ') { text } else { c"127.0.0.1:1/a".as_ptr() }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "see `run`")]
unsafe fn multi(
    texts: &mut Texts,
    zh: *mut zhandle_t,
    path: *const c_char,
    value: *const c_char,
    len: c_int,
    acl: *const ACL_vector,
    number: c_int,
) -> c_int {
    // The library may write the results until it calls the completion, so they live that long.
    let results = zoo_op_result_t { err: 0, value: null_mut(), valuelen: 0, stat: null_mut() };
    texts.1.push(Box::new([results; 4]));
    let results = texts.1.last_mut().map_or(null_mut(), |results| results.as_mut_ptr());
    unsafe {
        let mut ops = [std::mem::zeroed::<zoo_op_t>(); 4];
        let [first, second, third, fourth] = &mut ops;
        multi_api::zoo_create_op_init(first, path, value, len, acl, number % 9, null_mut(), 0);
        multi_api::zoo_delete_op_init(second, path, number);
        multi_api::zoo_set_op_init(third, path, value, len, number, null_mut());
        multi_api::zoo_check_op_init(fourth, path, number);
        if number % 5 == 0 {
            second.r#type = number;
        }
        multi_api::zoo_amulti(zh, number % 5, ops.as_ptr(), results, Some(on_void), null())
    }
}
