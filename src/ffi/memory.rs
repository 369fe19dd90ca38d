//! The memory that crosses the C interface: `allocate_*` and `deallocate_*` of zookeeper.jute.h, and the lists and
//! strings that an application will free. All memory here is from malloc, so that C may free single parts.
//! Freeing is driven by the types: each field kind knows how to release itself, and a record's list of fields is
//! checked by the compiler to be complete. As with Apache's library a freed pointer becomes null while counts and lengths
//! stay, so that freeing twice does no harm. Null arguments are skipped, where Apache's library would crash.
#![allow(non_snake_case, reason = "the names are the C interface's")]
#![allow(clippy::missing_safety_doc, reason = "one contract for all calls is at the top of `ffi`")]
#![allow(clippy::wildcard_imports, reason = "nearly all of the types are needed")]
use super::types::*;
use libc::{c_char, c_int};
use std::ptr::null_mut;
use zk_core::code::Code;

/// A type that a record may hold.
trait Release {
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
unsafe trait List: Sized {
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
            // SAFETY: the contract of the C interface: null or a list that may be written to.
            let done = unsafe { List::allocate(list, len) };
            done.err().unwrap_or(Code::Ok).to_i32()
        }

        /// Frees the items with their content, and the array; `data` becomes null, `count` stays. Returns `ZOK`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $deallocate(list: *mut $list) -> c_int {
            if !list.is_null() {
                // SAFETY: the contract of the C interface: a list whose pointers are from malloc.
                unsafe { Release::release(list) }
            }
            Code::Ok.to_i32()
        }
    )*};
}

/// Frees `*string` and makes it null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deallocate_String(string: *mut *mut c_char) {
    if !string.is_null() {
        // SAFETY: the contract of the C interface: a valid place that holds null or a pointer from malloc.
        unsafe { Release::release(string) }
    }
}

/// Frees the bytes and makes `buff` null; `len` stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deallocate_Buffer(bytes: *mut buffer) {
    if !bytes.is_null() {
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

/// A list that is freed with this value unless it is handed to an application.
#[derive(Debug)]
#[allow(private_bounds, reason = "the lists are the five of `lists!`")]
pub struct Owned<V: Release>(V);

#[allow(private_bounds, reason = "the lists are the five of `lists!`")]
impl<V: Release + Copy> Owned<V> {
    /// The list, to lend to a callback.
    pub fn as_mut_ptr(&mut self) -> *mut V {
        &raw mut self.0
    }

    /// The list, which the application has to free from now on.
    pub fn into_raw(self) -> V {
        let list = self.0;
        std::mem::forget(self);
        list
    }
}

impl<V: Release> Drop for Owned<V> {
    fn drop(&mut self) {
        // SAFETY: the value was made by this module, so all of its pointers are from malloc.
        unsafe { Release::release(&raw mut self.0) }
    }
}

/// A C string in memory from malloc, or null when there is none. Bytes after a NUL are kept, but C does not see them.
pub fn c_string(text: &[u8]) -> *mut c_char {
    // SAFETY: the block is one byte longer than the text.
    unsafe {
        let copy = libc::malloc(text.len().saturating_add(1)).cast::<c_char>();
        if !copy.is_null() {
            copy.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
            copy.add(text.len()).write(0);
        }
        copy
    }
}

/// A list of C strings for an application.
pub fn string_vector<'a, I>(texts: I) -> Result<Owned<String_vector>, Code>
where
    I: IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
{
    let mut list = String_vector { count: 0, data: null_mut() };
    fill(&mut list, texts, |place: *mut *mut c_char, text| {
        let copy = c_string(text);
        // SAFETY: `fill` gives places within the list.
        unsafe { place.write(copy) };
        !copy.is_null()
    })?;
    Ok(Owned(list))
}

/// An access control list for an application, from permissions, scheme and id of each entry.
pub fn acl_vector<'a, I>(entries: I) -> Result<Owned<ACL_vector>, Code>
where
    I: IntoIterator<Item = (i32, &'a [u8], &'a [u8]), IntoIter: ExactSizeIterator>,
{
    let mut list = ACL_vector { count: 0, data: null_mut() };
    fill(&mut list, entries, |place: *mut ACL, (perms, scheme, name)| {
        let id = Id { scheme: c_string(scheme), id: c_string(name) };
        // SAFETY: `fill` gives places within the list.
        unsafe { place.write(ACL { perms, id }) };
        !id.scheme.is_null() && !id.id.is_null()
    })?;
    Ok(Owned(list))
}

/// A list of identities for an application, from scheme and name of each.
pub fn client_info_vector<'a, I>(infos: I) -> Result<Owned<ClientInfo_vector>, Code>
where
    I: IntoIterator<Item = (&'a [u8], &'a [u8]), IntoIter: ExactSizeIterator>,
{
    let mut list = ClientInfo_vector { count: 0, data: null_mut() };
    fill(&mut list, infos, |place: *mut ClientInfo, (scheme, user)| {
        let info = ClientInfo { authScheme: c_string(scheme), user: c_string(user) };
        // SAFETY: `fill` gives places within the list.
        unsafe { place.write(info) };
        !info.authScheme.is_null() && !info.user.is_null()
    })?;
    Ok(Owned(list))
}

/// Allocates `list` for all of `from` and sets each item; frees all of it again when `set` says that memory ran out.
fn fill<V: List, T>(
    list: &mut V,
    from: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    mut set: impl FnMut(*mut V::Item, T) -> bool,
) -> Result<(), Code> {
    let from = from.into_iter();
    let len = i32::try_from(from.len()).map_err(|_| Code::MarshallingError)?;
    // SAFETY: `list` is a reference; it owned nothing.
    unsafe {
        List::allocate(list, len)?;
        if len == 0 {
            // Programs take a list without an array for a failure, and stock's replies always have an array.
            let array = libc::calloc(1, size_of::<V::Item>());
            V::parts(list).1.write(array.cast());
            return if array.is_null() { Err(Code::MarshallingError) } else { Ok(()) };
        }
    }
    let (_, data) = V::parts(list);
    // `take`, because a wrong `ExactSizeIterator` must not write past the end.
    for (i, item) in from.take(usize::try_from(len).unwrap_or(0)).enumerate() {
        // SAFETY: `i` is below the number of items just allocated.
        if !set(unsafe { data.read().add(i) }, item) {
            // SAFETY: all set items are from malloc, the others are zero.
            unsafe { Release::release(&raw mut *list) };
            return Err(Code::MarshallingError);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    unsafe fn text<'a>(string: *const c_char) -> &'a [u8] {
        // SAFETY: the tests pass what this module made.
        unsafe { CStr::from_ptr(string) }.to_bytes()
    }

    #[test]
    fn lists_for_an_application_hold_what_they_were_made_from() {
        let names: [&[u8]; 3] = [b"a", b"", b"c\xc3\xa4"];
        let mut list = string_vector(names).unwrap().into_raw();
        assert_eq!(list.count, 3);
        for (i, name) in names.into_iter().enumerate() {
            // SAFETY: the list has three items.
            assert_eq!(unsafe { text(*list.data.add(i)) }, name);
        }
        // SAFETY: the list is ours; freeing twice is allowed.
        unsafe {
            assert_eq!(deallocate_String_vector(&raw mut list), 0);
            assert_eq!(deallocate_String_vector(&raw mut list), 0);
        }
        assert!(list.data.is_null());
        assert_eq!(list.count, 3);

        let mut list = acl_vector([(31, b"world".as_slice(), b"anyone".as_slice()), (1, b"ip", b"::1")]).unwrap();
        // SAFETY: the list has two items.
        let entry = unsafe { *(*list.as_mut_ptr()).data.add(1) };
        assert_eq!(entry.perms, 1);
        // SAFETY: both are C strings.
        assert_eq!(unsafe { (text(entry.id.scheme), text(entry.id.id)) }, (b"ip".as_slice(), b"::1".as_slice()));
    }

    #[test]
    fn an_empty_list_has_an_array_that_is_freed() {
        let mut list = string_vector([]).unwrap().into_raw();
        assert_eq!(list.count, 0);
        assert!(!list.data.is_null());
        // SAFETY: the list is ours.
        assert_eq!(unsafe { deallocate_String_vector(&raw mut list) }, 0);
        assert!(list.data.is_null());
        // Lists that an application allocates are as on stock.
        // SAFETY: the list is ours.
        assert_eq!(unsafe { allocate_String_vector(&raw mut list, 0) }, 0);
        assert!(list.data.is_null());
    }

    /// An iterator that claims more items than it has.
    struct Boaster(i32);

    impl Iterator for Boaster {
        type Item = &'static [u8];
        fn next(&mut self) -> Option<Self::Item> {
            self.0 -= 1;
            (self.0 >= 0).then_some(b"x")
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (4, Some(4))
        }
    }

    impl ExactSizeIterator for Boaster {}

    #[test]
    fn an_iterator_that_miscounts_writes_nothing_past_the_end() {
        for items in [1, 9] {
            let mut list = string_vector(Boaster(items)).unwrap();
            // SAFETY: the list is valid.
            assert_eq!(unsafe { (*list.as_mut_ptr()).count }, 4);
        }
    }

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
