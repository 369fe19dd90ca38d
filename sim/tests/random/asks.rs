//! Turns a plan's asks into requests, with the meaning of their answers for the model.
use crate::model::{Meaning, Verdict};
use crate::plan::{Ask, Then};
use crate::run::{Run, server_path};
use zk_core::multi::MultiOp;
use zk_core::proto::Acl;
use zk_core::request::{Create, Request};
use zk_core::watches::{Removal, WatchKind};

const OPEN: &[Acl<'static>] = &[Acl { perms: 31, scheme: Some(b"world"), id: Some(b"anyone") }];

fn path_of(number: usize) -> &'static str {
    ["/", "/a", "/b", "/a/x", "/a/y", "/a/x/deep", "/c"][number]
}

/// What a request writes to a node.
fn data_of(chroot: bool, number: usize, tag: u64) -> Vec<u8> {
    format!("{}#{tag}", server_path(chroot, path_of(number))).into_bytes()
}

impl Run {
    pub(crate) fn submit(&mut self, one: usize, ask: &Ask, then: Then) -> Verdict {
        self.tag += 1;
        let tag = self.tag;
        let chroot = self.ones[one].setup.chroot;
        let server_path = |path: &str| server_path(chroot, path);
        let own = |number: usize| path_of(number).to_owned();
        let owned: Vec<u8>;
        let mut local_only = false;
        let (request, meaning) = match ask {
            Ask::Create { path, mode, stat } => {
                owned = data_of(chroot, *path, tag);
                let path = path_of(*path).as_bytes();
                let create = Create { path, data: Some(&owned), acl: OPEN, mode: *mode, ttl: -1, stat: *stat };
                // The answer to the creation of a container always has the node's metadata.
                (Request::Create(create), if *stat || *mode == 4 { Meaning::Created } else { Meaning::Other })
            }
            Ask::Delete { path } => (Request::Delete { path: path_of(*path).as_bytes(), version: -1 }, Meaning::Other),
            Ask::Set { path } => {
                owned = data_of(chroot, *path, tag);
                (
                    Request::SetData { path: path_of(*path).as_bytes(), data: Some(&owned), version: -1 },
                    Meaning::Set { server_path: server_path(path_of(*path)) },
                )
            }
            Ask::Get { path, watcher } => (
                Request::GetData { path: path_of(*path).as_bytes(), watcher: *watcher },
                Meaning::Get { path: own(*path), server_path: server_path(path_of(*path)), watcher: *watcher },
            ),
            Ask::Exists { path, watcher } => (
                Request::Exists { path: path_of(*path).as_bytes(), watcher: *watcher },
                Meaning::Exists { path: own(*path), server_path: server_path(path_of(*path)), watcher: *watcher },
            ),
            Ask::Children { path, watcher } => (
                Request::GetChildren { path: path_of(*path).as_bytes(), watcher: *watcher, stat: true },
                Meaning::Children { path: own(*path), server_path: server_path(path_of(*path)), watcher: *watcher },
            ),
            Ask::GetAcl { path } => (Request::GetAcl { path: path_of(*path).as_bytes() }, Meaning::Other),
            Ask::Sync { path } => (Request::Sync { path: path_of(*path).as_bytes() }, Meaning::Other),
            Ask::Multi { paths, fails } => return self.submit_multi(one, tag, paths, *fails, then),
            Ask::AddWatch { path, mode, watcher } => {
                let kind = WatchKind::from_mode(*mode).unwrap();
                (
                    Request::AddWatch { path: path_of(*path).as_bytes(), kind, watcher: *watcher },
                    Meaning::AddWatch { path: own(*path), kind, watcher: *watcher },
                )
            }
            Ask::Remove { path, kind, watcher, local } => {
                local_only = *local;
                let kind = Removal::from_i32(*kind).unwrap();
                (
                    Request::RemoveWatches { path: path_of(*path).as_bytes(), kind, watcher: *watcher, local: *local },
                    Meaning::Remove { path: own(*path), kind, watcher: *watcher },
                )
            }
        };
        self.hand_in(one, tag, &request, meaning, !local_only, then)
    }

    fn submit_multi(&mut self, one: usize, tag: u64, paths: &[usize], fails: bool, then: Then) -> Verdict {
        let chroot = self.ones[one].setup.chroot;
        let parts: Vec<Vec<u8>> = paths.iter().map(|path| data_of(chroot, *path, tag)).collect();
        let ops: Vec<MultiOp<'_>> = paths
            .iter()
            .map(|path| MultiOp::Check { path: path_of(*path).as_bytes(), version: -1 })
            .chain(fails.then_some(MultiOp::Delete { path: b"/never/there", version: -1 }))
            .chain(paths.iter().zip(&parts).map(|(path, data)| MultiOp::SetData {
                path: path_of(*path).as_bytes(),
                data: Some(data),
                version: -1,
            }))
            .collect();
        self.hand_in(one, tag, &Request::Multi(&ops), Meaning::Other, true, then)
    }

    pub(crate) fn hand_in(
        &mut self,
        one: usize,
        tag: u64,
        request: &Request<'_, u32>,
        meaning: Meaning,
        on_wire: bool,
        then: Then,
    ) -> Verdict {
        let (number, now) = (self.ones[one].number, self.world.now());
        self.ones[one].model.submitted(tag, meaning, on_wire, now);
        self.ones[one].thens.insert(tag, then);
        let accepted = self.application(one, |world| world.submit(number, tag, request))?;
        self.refused(one, tag, accepted.err())
    }
}
