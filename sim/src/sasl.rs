//! The server's side of SASL: a script of its answers to tokens. Does not know any mechanism.
use crate::acl::Id;
use crate::server::{ConnId, Ensemble};
use zk_core::code::Code;
use zk_core::jute::Put;
use zk_core::proto::ReplyHeader;

/// An answer to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslAnswer {
    /// A token of the server; `None` is the answer of a server without a JAAS configuration.
    Token(Option<Vec<u8>>),
    /// The client is authenticated as this user; with the server's last token.
    Accepted(String, Option<Vec<u8>>),
    /// The credentials are wrong: an error, and the connection is closed.
    Refused(Code),
    /// No answer.
    Silent,
    /// The server closes the connection.
    Closed,
}

impl Ensemble {
    /// Sends the next answer of the script; a null token when the script is empty.
    pub(crate) fn answer_sasl(&mut self, id: ConnId, request: i32) {
        let answer = self.sasl.pop_front().unwrap_or(SaslAnswer::Token(None));
        let (err, token) = match answer {
            SaslAnswer::Token(token) => (Code::Ok, token),
            SaslAnswer::Accepted(user, token) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.identities.add(Id::new("sasl", &user));
                }
                (Code::Ok, token)
            }
            SaslAnswer::Refused(code) => (code, None),
            SaslAnswer::Silent => return,
            SaslAnswer::Closed => return self.close(id),
        };
        self.scratch.clear();
        self.scratch.put_buffer(token.as_deref());
        self.send_reply(id, ReplyHeader { xid: request, zxid: 0, err: err.to_i32() }, true);
        if err != Code::Ok {
            self.close(id);
        }
    }
}
