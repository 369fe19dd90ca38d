//! The memory that crosses the C interface: `allocate_*` and `deallocate_*` of zookeeper.jute.h. All memory here
//! is from malloc, so that C may free single parts.
//! Freeing is driven by the types: each field kind knows how to release itself, and a record's list of fields is
//! checked by the compiler to be complete. As with Apache's library a freed pointer becomes null while counts and lengths
//! stay, so that freeing twice does no harm. Null arguments are skipped, where Apache's library would crash.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(clippy::missing_safety_doc, reason = "one contract for all calls is at the top of `ffi`")]
#![allow(clippy::wildcard_imports, reason = "nearly all of the types are needed")]
use super::types::*;
use crate::sys::inside::InsideGuard;
use libc::{c_char, c_int};
use std::ptr::null_mut;
use zk_core::code::Code;

/// A type that a record may hold.
pub(super) trait Release {
    /// Frees what `this` owns.
    ///
    /// # Safety
    /// `this` is valid for reads and writes, and each pointer in it is null or from malloc and not freed yet.
    unsafe fn release(this: *mut Self);
}

macro_rules! plain {
    ($($number:ty),*) => { $(impl Release for $number { unsafe fn release(_: *mut Self) {} })* };
}
plain!(i32, i64);

impl Release for *mut c_char {
    unsafe fn release(this: *mut Self) {
        // SAFETY: the caller's promise; the pointer is null or from malloc.
        unsafe { libc::free(this.replace(null_mut()).cast()) }
    }
}

impl Release for buffer {
    unsafe fn release(this: *mut Self) {
        // SAFETY: the caller's promise covers `buff`, the only pointer in the buffer.
        unsafe { Release::release(&raw mut (*this).buff) }
    }
}

/// A `{ count, data }` list.
///
/// # Safety
/// `parts` names the list's own two fields, and all-zero bytes are a valid `Item` that owns nothing.
pub(super) unsafe trait List: Sized {
    type Item: Release;
    fn parts(this: *mut Self) -> (*mut i32, *mut *mut Self::Item);

    /// # Safety
    /// `this` is null or valid for writes; what it held is forgotten, not freed.
    unsafe fn allocate(this: *mut Self, len: i32) -> Result<(), Code> {
        if this.is_null() {
            return Err(Code::BadArguments);
        }
        let (count, data) = Self::parts(this);
        let (size, wanted) = (size_of::<Self::Item>(), usize::try_from(len).unwrap_or(0));
        // A count of 0 or less has no items; Apache's library keeps a negative count as it is.
        // SAFETY: both fields are within the caller's list; calloc may be asked for any size.
        unsafe {
            let items = if wanted == 0 { null_mut() } else { libc::calloc(wanted, size) };
            let failed = wanted != 0 && items.is_null();
            data.write(items.cast());
            count.write(if failed { 0 } else { len });
            // divergence: allocate_*_vector without memory returns ZMARSHALLINGERROR and a count of 0; stock returns 0 and a count without data.
            if failed { Err(Code::MarshallingError) } else { Ok(()) }
        }
    }
}

impl<V: List> Release for V {
    unsafe fn release(this: *mut Self) {
        let (count, data) = Self::parts(this);
        // SAFETY: the caller's promise: `data` is null or holds `count` items, all from malloc.
        unsafe {
            let items = data.replace(null_mut());
            if items.is_null() {
                return;
            }
            for i in 0..usize::try_from(count.read()).unwrap_or(0) {
                Release::release(items.add(i));
            }
            libc::free(items.cast());
        }
    }
}

/// For each record, the exported function that frees its content. All fields are listed, even those that own nothing:
/// the pattern in the middle does not compile when one is missing.
macro_rules! records {
    ($($function:ident: $record:ident { $($field:ident),* };)*) => {$(
        impl Release for $record {
            unsafe fn release(this: *mut Self) {
                let _all_fields = |record: &$record| {
                    let $record { $($field: _),* } = record;
                };
                // SAFETY: the caller's promise holds for each field.
                $(unsafe { Release::release(&raw mut (*this).$field) })*
            }
        }

        /// Frees the record's content, not the record itself; null pointers, here and within, are skipped.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(record: *mut $record) {
            if !record.is_null() {
                let _inside = InsideGuard::new();
                // SAFETY: the contract of the C interface: a valid record whose pointers are from malloc.
                unsafe { Release::release(record) }
            }
        }
    )*};
}

/// For each list, the two exported functions that allocate and free it.
macro_rules! lists {
    ($($allocate:ident, $deallocate:ident: $list:ident of $item:ty;)*) => {$(
        // SAFETY: the fields are the list's own; an item of zero bytes and null pointers owns nothing.
        unsafe impl List for $list {
            type Item = $item;
            fn parts(this: *mut Self) -> (*mut i32, *mut *mut Self::Item) {
                // SAFETY: only addresses are taken; `this` points to a list by the contracts of both callers.
                unsafe { (&raw mut (*this).count, &raw mut (*this).data) }
            }
        }

        /// Gives the list `len` zeroed items, without freeing its earlier content. With a `len` of 0 or less it has
        /// none. Returns `ZOK`, `ZBADARGUMENTS` for a null list, or `ZMARSHALLINGERROR` without memory.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $allocate(list: *mut $list, len: i32) -> c_int {
            let _inside = InsideGuard::new();
            // SAFETY: the contract of the C interface: null or a list that may be written to.
            let done = unsafe { List::allocate(list, len) };
            done.err().unwrap_or(Code::Ok).to_i32()
        }

        /// Frees the items with their content, and the array; `data` becomes null, `count` stays. Returns `ZOK`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $deallocate(list: *mut $list) -> c_int {
            if !list.is_null() {
                let _inside = InsideGuard::new();
                // SAFETY: the contract of the C interface: a list whose pointers are from malloc.
                unsafe { Release::release(list) }
            }
            Code::Ok.to_i32()
        }
    )*};
}

/// Frees `*string` and makes it null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn deallocate_String(string: *mut *mut c_char) {
    if !string.is_null() {
        let _inside = InsideGuard::new();
        // SAFETY: the contract of the C interface: a valid place that holds null or a pointer from malloc.
        unsafe { Release::release(string) }
    }
}

/// Frees the bytes and makes `buff` null; `len` stays.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn deallocate_Buffer(bytes: *mut buffer) {
    if !bytes.is_null() {
        let _inside = InsideGuard::new();
        // SAFETY: the contract of the C interface: a valid buffer whose pointer is null or from malloc.
        unsafe { Release::release(bytes) }
    }
}

lists! {
    allocate_String_vector, deallocate_String_vector: String_vector of *mut c_char;
    allocate_ACL_vector, deallocate_ACL_vector: ACL_vector of ACL;
    allocate_Id_vector, deallocate_Id_vector: Id_vector of Id;
    allocate_ClientInfo_vector, deallocate_ClientInfo_vector: ClientInfo_vector of ClientInfo;
    allocate_Txn_vector, deallocate_Txn_vector: Txn_vector of Txn;
}

records! {
    deallocate_Id: Id { scheme, id };
    deallocate_ACL: ACL { perms, id };
    deallocate_Stat: Stat { czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid };
    deallocate_StatPersisted: StatPersisted { czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid };
    deallocate_ClientInfo: ClientInfo { authScheme, user };
    deallocate_ConnectRequest: ConnectRequest { protocolVersion, lastZxidSeen, timeOut, sessionId, passwd };
    deallocate_ConnectResponse: ConnectResponse { protocolVersion, timeOut, sessionId, passwd };
    deallocate_SetWatches: SetWatches { relativeZxid, dataWatches, existWatches, childWatches };
    deallocate_SetWatches2: SetWatches2 { relativeZxid, dataWatches, existWatches, childWatches, persistentWatches, persistentRecursiveWatches };
    deallocate_RequestHeader: RequestHeader { xid, r#type };
    deallocate_MultiHeader: MultiHeader { r#type, done, err };
    deallocate_AuthPacket: AuthPacket { r#type, scheme, auth };
    deallocate_ReplyHeader: ReplyHeader { xid, zxid, err };
    deallocate_GetDataRequest: GetDataRequest { path, watch };
    deallocate_SetDataRequest: SetDataRequest { path, data, version };
    deallocate_ReconfigRequest: ReconfigRequest { joiningServers, leavingServers, newMembers, curConfigId };
    deallocate_SetDataResponse: SetDataResponse { stat };
    deallocate_GetSASLRequest: GetSASLRequest { token };
    deallocate_SetSASLRequest: SetSASLRequest { token };
    deallocate_SetSASLResponse: SetSASLResponse { token };
    deallocate_CreateRequest: CreateRequest { path, data, acl, flags };
    deallocate_CreateTTLRequest: CreateTTLRequest { path, data, acl, flags, ttl };
    deallocate_DeleteRequest: DeleteRequest { path, version };
    deallocate_GetChildrenRequest: GetChildrenRequest { path, watch };
    deallocate_GetAllChildrenNumberRequest: GetAllChildrenNumberRequest { path };
    deallocate_GetChildren2Request: GetChildren2Request { path, watch };
    deallocate_CheckVersionRequest: CheckVersionRequest { path, version };
    deallocate_GetMaxChildrenRequest: GetMaxChildrenRequest { path };
    deallocate_GetMaxChildrenResponse: GetMaxChildrenResponse { max };
    deallocate_SetMaxChildrenRequest: SetMaxChildrenRequest { path, max };
    deallocate_SyncRequest: SyncRequest { path };
    deallocate_SyncResponse: SyncResponse { path };
    deallocate_GetACLRequest: GetACLRequest { path };
    deallocate_SetACLRequest: SetACLRequest { path, acl, version };
    deallocate_SetACLResponse: SetACLResponse { stat };
    deallocate_AddWatchRequest: AddWatchRequest { path, mode };
    deallocate_WatcherEvent: WatcherEvent { r#type, state, path };
    deallocate_ErrorResponse: ErrorResponse { err };
    deallocate_CreateResponse: CreateResponse { path };
    deallocate_Create2Response: Create2Response { path, stat };
    deallocate_ExistsRequest: ExistsRequest { path, watch };
    deallocate_ExistsResponse: ExistsResponse { stat };
    deallocate_GetDataResponse: GetDataResponse { data, stat };
    deallocate_GetChildrenResponse: GetChildrenResponse { children };
    deallocate_GetAllChildrenNumberResponse: GetAllChildrenNumberResponse { totalNumber };
    deallocate_GetChildren2Response: GetChildren2Response { children, stat };
    deallocate_GetACLResponse: GetACLResponse { acl, stat };
    deallocate_CheckWatchesRequest: CheckWatchesRequest { path, r#type };
    deallocate_RemoveWatchesRequest: RemoveWatchesRequest { path, r#type };
    deallocate_GetEphemeralsRequest: GetEphemeralsRequest { prefixPath };
    deallocate_GetEphemeralsResponse: GetEphemeralsResponse { ephemerals };
    deallocate_WhoAmIResponse: WhoAmIResponse { clientInfo };
    deallocate_LearnerInfo: LearnerInfo { serverid, protocolVersion, configVersion };
    deallocate_QuorumPacket: QuorumPacket { r#type, zxid, data, authinfo };
    deallocate_QuorumAuthPacket: QuorumAuthPacket { magic, status, token };
    deallocate_FileHeader: FileHeader { magic, version, dbid };
    deallocate_TxnDigest: TxnDigest { version, treeDigest };
    deallocate_TxnHeader: TxnHeader { clientId, cxid, zxid, time, r#type };
    deallocate_CreateTxnV0: CreateTxnV0 { path, data, acl, ephemeral };
    deallocate_CreateTxn: CreateTxn { path, data, acl, ephemeral, parentCVersion };
    deallocate_CreateTTLTxn: CreateTTLTxn { path, data, acl, parentCVersion, ttl };
    deallocate_CreateContainerTxn: CreateContainerTxn { path, data, acl, parentCVersion };
    deallocate_DeleteTxn: DeleteTxn { path };
    deallocate_SetDataTxn: SetDataTxn { path, data, version };
    deallocate_CheckVersionTxn: CheckVersionTxn { path, version };
    deallocate_SetACLTxn: SetACLTxn { path, acl, version };
    deallocate_SetMaxChildrenTxn: SetMaxChildrenTxn { path, max };
    deallocate_CreateSessionTxn: CreateSessionTxn { timeOut };
    deallocate_CloseSessionTxn: CloseSessionTxn { paths2Delete };
    deallocate_ErrorTxn: ErrorTxn { err };
    deallocate_Txn: Txn { r#type, data };
    deallocate_MultiTxn: MultiTxn { txns };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::owned::{acl_vector, c_string};

    #[test]
    fn a_record_frees_all_that_it_holds_and_keeps_its_numbers() {
        let bytes = |text: &[u8]| buffer { len: 3, buff: c_string(text) };
        let acl = acl_vector([(31, b"world".as_slice(), b"anyone".as_slice())]).unwrap().into_raw();
        let mut record = CreateRequest { path: c_string(b"/a"), data: bytes(b"abc"), acl, flags: 2 };
        // SAFETY: all of it is from malloc.
        unsafe { deallocate_CreateRequest(&raw mut record) };
        assert!(record.path.is_null() && record.data.buff.is_null() && record.acl.data.is_null());
        assert_eq!((record.data.len, record.acl.count, record.flags), (3, 1, 2));
    }

    #[test]
    fn null_is_an_error_to_allocate_and_nothing_to_free() {
        // SAFETY: null is allowed.
        unsafe {
            assert_eq!(allocate_Id_vector(null_mut(), 1), Code::BadArguments.to_i32());
            assert_eq!(deallocate_Id_vector(null_mut()), 0);
            deallocate_String(null_mut());
            deallocate_Buffer(null_mut());
            deallocate_MultiTxn(null_mut());
        }
    }
}
