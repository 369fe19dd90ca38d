//! Requests that change state, alone and in multis, as ZooKeeper 3.8.0 answers them.
use crate::acl::{self, Identities};
use crate::requests::{Answer, marshalling};
use crate::server::{ConnId, Ensemble};
use crate::tree::{Author, Change, Create, Done};
use crate::wire;
use zk_core::code::Code;
use zk_core::jute::{Malformed, Put, Reader};
use zk_core::proto::{MultiHeader, op};

impl Ensemble {
    /// Every write takes a transaction number, failed and malformed ones too; only a malformed reconfig does not.
    pub(crate) fn write(&mut self, id: ConnId, session: i64, kind: i32, reader: &mut Reader<'_>) -> Answer {
        if kind == op::RECONFIG {
            return self.reconfig(id, reader);
        }
        self.zxid += 1;
        let identities = match self.connections.get(&id) {
            Some(connection) => connection.identities.clone(),
            None => Identities::of_peer(""),
        };
        if kind == op::MULTI {
            let parts = read_multi(reader).map_err(marshalling)?;
            self.multi(&identities, session, parts);
            return Ok(true);
        }
        let change = read_change(kind, reader).map_err(marshalling)?;
        let done = self.apply(&identities, session, vec![change]).map_err(|(_, code)| code)?;
        for one in &done {
            match (kind, one) {
                (op::CREATE, Done::Created(path, _)) => self.scratch.put_buffer(Some(path.as_bytes())),
                (_, one) => put_done(&mut self.scratch, one),
            }
        }
        Ok(!self.scratch.is_empty())
    }

    fn apply(
        &mut self,
        identities: &Identities,
        session: i64,
        changes: Vec<Change>,
    ) -> Result<Vec<Done>, (usize, Code)> {
        let author = Author {
            identities,
            session,
            zxid: self.zxid,
            time: self.wall(),
            extended_types: self.options.extended_types,
            skip_acl: self.options.skip_acl,
        };
        let done = self.tree.apply(changes, author, &mut self.happened);
        self.announce();
        done
    }

    fn multi(&mut self, identities: &Identities, session: i64, parts: Vec<(i32, Change)>) {
        let (kinds, changes): (Vec<i32>, Vec<Change>) = parts.into_iter().unzip();
        match self.apply(identities, session, changes) {
            Ok(done) => {
                for (kind, one) in kinds.iter().zip(&done) {
                    MultiHeader { kind: *kind, done: false, err: 0 }.write(&mut self.scratch);
                    match (*kind, one) {
                        (op::CREATE, Done::Created(path, _)) => self.scratch.put_buffer(Some(path.as_bytes())),
                        (_, one) => put_done(&mut self.scratch, one),
                    }
                }
            }
            Err((failed, code)) => {
                // The operations before the failed one would have succeeded; those after it were not tried.
                for number in 0..kinds.len() {
                    let err = match number.cmp(&failed) {
                        std::cmp::Ordering::Less => 0,
                        std::cmp::Ordering::Equal => code.to_i32(),
                        std::cmp::Ordering::Greater => Code::RuntimeInconsistency.to_i32(),
                    };
                    MultiHeader { kind: op::ERROR, done: false, err }.write(&mut self.scratch);
                    self.scratch.put_i32(err);
                }
            }
        }
        MultiHeader::END.write(&mut self.scratch);
    }
}

fn put_done(out: &mut Vec<u8>, done: &Done) {
    match done {
        Done::Created(path, stat) => {
            out.put_buffer(Some(path.as_bytes()));
            stat.write(out);
        }
        Done::Changed(stat) => stat.write(out),
        Done::Nothing => {}
    }
}

fn read_change(kind: i32, reader: &mut Reader<'_>) -> Result<Change, Malformed> {
    let path = wire::string(reader)?;
    // For some requests a missing path is an exception inside the server, for others a bad argument.
    let must = |path: Option<String>| path.ok_or(Malformed);
    match kind {
        op::CREATE | op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => {
            let data = wire::buffer(reader)?.map(<[u8]>::to_vec);
            let acl = acl::read(reader)?;
            let flags = reader.i32()?;
            let ttl = if kind == op::CREATE_TTL { reader.i64()? } else { -1 };
            Ok(Change::Create(Create { path: must(path)?, data, acl, flags, ttl }))
        }
        op::DELETE => Ok(Change::Delete(must(path)?, reader.i32()?)),
        op::SET_DATA => {
            let data = wire::buffer(reader)?.map(<[u8]>::to_vec);
            Ok(Change::SetData(path.unwrap_or_default(), data, reader.i32()?))
        }
        op::SET_ACL => {
            let acl = acl::read(reader)?;
            Ok(Change::SetAcl(path.unwrap_or_default(), acl, reader.i32()?))
        }
        op::CHECK => Ok(Change::Check(path.unwrap_or_default(), reader.i32()?)),
        _ => Err(Malformed),
    }
}

/// The parts of a multi, each with the type of its result, which the server derives from the create mode.
fn read_multi(reader: &mut Reader<'_>) -> Result<Vec<(i32, Change)>, Malformed> {
    let mut parts = Vec::new();
    loop {
        let header = MultiHeader::read(reader)?;
        if header.done {
            return Ok(parts);
        }
        if !matches!(
            header.kind,
            op::CREATE | op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL | op::DELETE | op::SET_DATA | op::CHECK
        ) {
            return Err(Malformed);
        }
        let change = read_change(header.kind, reader)?;
        let kind = match &change {
            // The record of a plain create has no field for the time.
            Change::Create(create) if matches!(create.flags, 5 | 6) && header.kind != op::CREATE_TTL => {
                return Err(Malformed);
            }
            Change::Create(create) if matches!(create.flags, 4..=6) => op::CREATE2,
            Change::Create(_) => op::CREATE,
            _ => header.kind,
        };
        parts.push((kind, change));
    }
}
