//! Reads the bodies of replies, one function for each kind. The results are borrowed from the frame; nothing is
//! allocated. Paths are as the server sent them, with the chroot.
use crate::jute::{Malformed, Reader};
use crate::proto::{Acl, Stat};

/// A node's data, if it has any, and its `Stat`: the reply to get and getconfig.
pub fn data(body: &[u8]) -> Result<(Option<&[u8]>, Stat), Malformed> {
    let mut reader = Reader::new(body);
    Ok((reader.buffer()?, Stat::read(&mut reader)?))
}

/// The `Stat`, which is the whole reply to exists, set and set-ACL.
pub fn stat(body: &[u8]) -> Result<Stat, Malformed> {
    Stat::read(&mut Reader::new(body))
}

/// The path that starts the reply to create and sync.
pub fn path(body: &[u8]) -> Result<&[u8], Malformed> {
    Reader::new(body).string()
}

/// The path and `Stat` of a created node.
pub fn path_stat(body: &[u8]) -> Result<(&[u8], Stat), Malformed> {
    let mut reader = Reader::new(body);
    Ok((reader.string()?, Stat::read(&mut reader)?))
}

/// A checked list of names: it can be iterated any number of times.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    reader: Reader<'a>,
    count: usize,
}

impl<'a> Strings<'a> {
    /// Number of names.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The names in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = self.reader.clone();
        (0..self.count).map(move |_| reader.string().unwrap_or_default())
    }

    /// Reads one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Strings<'a>, Malformed> {
        let count = reader.count(4)?;
        let names = Strings { reader: reader.clone(), count };
        for _ in 0..count {
            reader.string()?;
        }
        Ok(names)
    }
}

/// The names of a node's children.
pub fn children(body: &[u8]) -> Result<Strings<'_>, Malformed> {
    Strings::read(&mut Reader::new(body))
}

/// The names of a node's children, and its `Stat`.
pub fn children_stat(body: &[u8]) -> Result<(Strings<'_>, Stat), Malformed> {
    let mut reader = Reader::new(body);
    Ok((Strings::read(&mut reader)?, Stat::read(&mut reader)?))
}

/// The paths of the session's ephemeral nodes.
pub fn ephemerals(body: &[u8]) -> Result<Strings<'_>, Malformed> {
    Strings::read(&mut Reader::new(body))
}

/// How many nodes there are below a node.
pub fn all_children_number(body: &[u8]) -> Result<i32, Malformed> {
    Reader::new(body).i32()
}

/// One identity of a session, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientInfo<'a> {
    /// How the identity was proved: `ip`, `digest`, `sasl`, `x509`.
    pub scheme: &'a [u8],
    /// The name; servers never send a password.
    pub user: &'a [u8],
}

/// The identities of a session.
pub fn client_infos(body: &[u8]) -> Result<Vec<ClientInfo<'_>>, Malformed> {
    let mut reader = Reader::new(body);
    let count = reader.count(8)?;
    (0..count).map(|_| Ok(ClientInfo { scheme: reader.string()?, user: reader.string()? })).collect()
}

/// A node's access control list and `Stat`.
pub fn acls(body: &[u8]) -> Result<(Vec<Acl<'_>>, Stat), Malformed> {
    let mut reader = Reader::new(body);
    let count = reader.count(Acl::MIN_LEN)?;
    let acls = (0..count).map(|_| Acl::read(&mut reader)).collect::<Result<_, _>>()?;
    Ok((acls, Stat::read(&mut reader)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jute::Put;

    #[test]
    fn names_are_checked_before_they_are_walked() {
        let mut body = Vec::new();
        body.put_len(2);
        body.put_buffer(Some(b"a"));
        assert!(children(&body).is_err());
        body.put_buffer(Some(b"bc"));
        let names = children(&body).unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
        assert!(children_stat(&body).is_err());
        Stat::default().write(&mut body);
        assert_eq!(children_stat(&body).unwrap().0.count(), 2);
    }

    #[test]
    fn identities_are_pairs() {
        let mut body = Vec::new();
        body.put_len(2);
        for text in [&b"ip"[..], b"127.0.0.1", b"digest"] {
            body.put_buffer(Some(text));
        }
        assert!(client_infos(&body).is_err());
        body.put_buffer(Some(b"a"));
        let infos = client_infos(&body).unwrap();
        assert_eq!(infos[0], ClientInfo { scheme: b"ip", user: b"127.0.0.1" });
        assert_eq!(infos[1], ClientInfo { scheme: b"digest", user: b"a" });
    }

    #[test]
    fn absent_data_differs_from_empty_data() {
        for (data_in, wanted) in [(None, None), (Some(&b""[..]), Some(&b""[..]))] {
            let mut body = Vec::new();
            body.put_buffer(data_in);
            Stat::default().write(&mut body);
            assert_eq!(data(&body).unwrap().0, wanted);
        }
    }
}
