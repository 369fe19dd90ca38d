//! The requests of an application, and their encoding. Knows the chroot and the path rule; knows no connection.
mod create;
mod encoding;
pub mod mode;

pub use create::Create;
pub use encoding::{frame, put_path};

use crate::multi::MultiOp;
use crate::multi_read::ReadOp;
use crate::proto::{Acl, CONFIG_NODE};
use crate::watches::{Removal, WatchKind};

/// One request. Paths are the client's, without the chroot.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the fields are those of the protocol's records
pub enum Request<'a, W> {
    Create(Create<'a>),
    Delete {
        path: &'a [u8],
        version: i32,
    },
    Exists {
        path: &'a [u8],
        watcher: Option<W>,
    },
    GetData {
        path: &'a [u8],
        watcher: Option<W>,
    },
    SetData {
        path: &'a [u8],
        data: Option<&'a [u8]>,
        version: i32,
    },
    GetAcl {
        path: &'a [u8],
    },
    SetAcl {
        path: &'a [u8],
        acl: &'a [Acl<'a>],
        version: i32,
    },
    GetChildren {
        path: &'a [u8],
        watcher: Option<W>,
        stat: bool,
    },
    Sync {
        path: &'a [u8],
    },
    GetConfig {
        watcher: Option<W>,
    },
    Reconfig {
        joining: Option<&'a [u8]>,
        leaving: Option<&'a [u8]>,
        members: Option<&'a [u8]>,
        version: i64,
    },
    Multi(&'a [MultiOp<'a>]),
    RemoveWatches {
        path: &'a [u8],
        kind: Removal,
        watcher: Option<W>,
        local: bool,
    },
    /// `kind` is one of the persistent kinds.
    AddWatch {
        path: &'a [u8],
        kind: WatchKind,
        watcher: W,
    },
    WhoAmI,
    /// `prefix` is empty or starts with `/`; it need not end where a name ends.
    GetEphemerals {
        prefix: &'a [u8],
    },
    GetAllChildrenNumber {
        path: &'a [u8],
    },
    MultiRead(&'a [ReadOp<'a>]),
}

/// What the reply changes in the watch registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchChange<W> {
    /// Arms a watch at a server path.
    Arm(WatchKind, Box<[u8]>, W),
    /// Arms a persistent watch that the server holds as a recursive one.
    ArmShared(Box<[u8]>, W),
    /// Removes watches from a server path: those of one watcher, or all without a watcher.
    Disarm(Removal, Box<[u8]>, Option<W>),
}

impl<W: Clone> Request<'_, W> {
    /// The path of the request as the application gave it; empty if it has none, or several.
    pub fn path(&self) -> &[u8] {
        match self {
            Request::Create(create) => create.path,
            Request::Delete { path, .. }
            | Request::Exists { path, .. }
            | Request::GetData { path, .. }
            | Request::SetData { path, .. }
            | Request::GetAcl { path }
            | Request::SetAcl { path, .. }
            | Request::GetChildren { path, .. }
            | Request::Sync { path }
            | Request::AddWatch { path, .. }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path }
            | Request::RemoveWatches { path, .. } => path,
            Request::GetConfig { .. } => CONFIG_NODE,
            Request::Reconfig { .. } | Request::Multi(_) | Request::MultiRead(_) | Request::WhoAmI => b"",
        }
    }

    /// The function of stock's library that sends this request and appears in its log lines: sync calls and short forms
    /// end in it too. If stock has no such function, the one of this library.
    pub fn function_name(&self) -> &'static str {
        match self {
            Request::Create(Create { stat: false, .. }) => "zoo_acreate_ttl",
            Request::Create(Create { stat: true, .. }) => "zoo_acreate2_ttl",
            Request::Delete { .. } => "zoo_adelete",
            Request::Exists { .. } => "zoo_awexists",
            Request::GetData { .. } | Request::GetConfig { .. } => "zoo_awget",
            Request::SetData { .. } => "zoo_aset",
            Request::GetAcl { .. } => "zoo_aget_acl",
            Request::SetAcl { .. } => "zoo_aset_acl",
            Request::GetChildren { stat: false, .. } => "zoo_awget_children_",
            Request::GetChildren { stat: true, .. } => "zoo_awget_children2_",
            Request::Sync { .. } => "zoo_async",
            Request::Reconfig { .. } => "zoo_areconfig",
            Request::Multi(_) => "zoo_amulti",
            Request::RemoveWatches { .. } => "aremove_watches",
            Request::AddWatch { .. } => "zoo_aadd_watch",
            Request::WhoAmI => "zoo_awhoami",
            Request::GetEphemerals { .. } => "zoo_aget_ephemerals",
            Request::GetAllChildrenNumber { .. } => "zoo_aget_all_children_number",
            Request::MultiRead(_) => "zoo_amulti_read",
        }
    }

    /// Bytes that the application gave, to check the limit of a request before anything is encoded.
    pub fn payload_len(&self) -> usize {
        let len = |data: Option<&[u8]>| data.map_or(0, <[u8]>::len);
        match self {
            Request::Create(create) => create.path.len() + len(create.data),
            Request::SetData { path, data, .. } => path.len() + len(*data),
            Request::Reconfig { joining, leaving, members, .. } => len(*joining) + len(*leaving) + len(*members),
            Request::Multi(ops) => ops.iter().map(MultiOp::payload_len).sum(),
            Request::MultiRead(ops) => ops.iter().map(ReadOp::payload_len).sum(),
            other => other.path().len(),
        }
    }
}
