//! Reconfiguration, as far as a client can see it: the checks in the server's order, and the configuration node.
use crate::acl::perms;
use crate::server::{ConnId, Ensemble};
use crate::wire;
use std::collections::BTreeMap;
use zk_core::code::Code;
use zk_core::jute::{Malformed, Put, Reader};

const CONFIG: &str = "/zookeeper/config";

struct Request {
    joining: Option<String>,
    leaving: Option<String>,
    members: Option<String>,
    version: i64,
}

fn read(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    Ok(Request {
        joining: wire::string(reader)?,
        leaving: wire::string(reader)?,
        members: wire::string(reader)?,
        version: reader.i64()?,
    })
}

/// `server.N=...` lines by number; separators are commas or line ends.
fn servers(text: &str) -> Result<BTreeMap<u32, String>, Code> {
    let entries =
        text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty() && !entry.starts_with("version="));
    entries
        .map(|entry| {
            let (key, address) = entry.split_once('=').ok_or(Code::BadArguments)?;
            let number = key.trim().strip_prefix("server.").and_then(|number| number.parse().ok());
            let complete = address.split(';').next().is_some_and(|quorum| quorum.split(':').count() >= 3);
            number.filter(|_| complete).map(|number| (number, address.trim().to_owned())).ok_or(Code::BadArguments)
        })
        .collect()
}

impl Ensemble {
    /// Handles a reconfig request; the reply has the new configuration and its stat.
    pub(crate) fn reconfig(&mut self, id: ConnId, reader: &mut Reader<'_>) -> Result<bool, Code> {
        let request = read(reader).map_err(|_| Code::MarshallingError)?;
        self.zxid += 1;
        if !self.options.reconfig {
            return Err(Code::ReconfigDisabled);
        }
        if self.options.members == 1 {
            return Err(Code::Unimplemented);
        }
        if request.version != -1 && request.version != self.config_version {
            return Err(Code::BadVersion);
        }
        let node = self.tree.node(CONFIG).ok_or(Code::NoNode)?;
        let current = node.data.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let mut members = match &request.members {
            Some(members) => servers(members)?,
            None => servers(&current)?,
        };
        if request.members.is_none() {
            for number in request.leaving.iter().flat_map(|list| list.split(',')).map(str::trim) {
                members.remove(&number.parse().map_err(|_| Code::BadArguments)?);
            }
            members.append(&mut servers(request.joining.as_deref().unwrap_or_default())?);
        }
        if members.len() < 2 {
            return Err(Code::BadArguments);
        }
        if let Some(connection) = self.connections.get(&id).filter(|_| !self.options.skip_acl) {
            connection.identities.check(&node.acl, perms::WRITE)?;
        }
        let mut lines: Vec<String> = members.iter().map(|(number, at)| format!("server.{number}={at}")).collect();
        lines.push(format!("version={:x}", self.zxid));
        let text = lines.join("\n");
        self.config_version = self.zxid;
        self.tree.set_config(&text, self.zxid, self.wall(), &mut self.happened);
        self.announce();
        self.scratch.put_buffer(Some(text.as_bytes()));
        if let Some(node) = self.tree.node(CONFIG) {
            node.stat().write(&mut self.scratch);
        }
        Ok(true)
    }
}
