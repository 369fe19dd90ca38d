//! The lists and strings that an application will free. All memory here is from malloc; `memory` knows how it is freed.
use super::memory::{List, Release};
use super::types::{ACL, ACL_vector, ClientInfo, ClientInfo_vector, Id, String_vector};
use libc::c_char;
use std::ptr::null_mut;
use zk_core::code::Code;

/// A list that is freed with this value unless it is handed to an application.
#[derive(Debug)]
pub(super) struct Owned<V: Release>(V);

impl<V: Release + Copy> Owned<V> {
    /// The list, to lend to a callback.
    pub(super) fn as_mut_ptr(&mut self) -> *mut V {
        &raw mut self.0
    }

    /// The list, which the application has to free from now on.
    pub(super) fn into_raw(self) -> V {
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

/// A list of C strings for an application.
pub(super) fn string_vector<'a, I>(texts: I) -> Result<Owned<String_vector>, Code>
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
pub(super) fn acl_vector<'a, I>(entries: I) -> Result<Owned<ACL_vector>, Code>
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
pub(super) fn client_info_vector<'a, I>(infos: I) -> Result<Owned<ClientInfo_vector>, Code>
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

/// A C string in memory from malloc, or null when there is none. Bytes after a NUL are kept, but C does not see them.
pub(super) fn c_string(text: &[u8]) -> *mut c_char {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::memory::{allocate_String_vector, deallocate_String_vector};
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
}
