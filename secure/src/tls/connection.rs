//! One TLS connection: ciphertext on one side, plaintext on the other. Never blocks, owns no socket.
use super::failure::{Failure, FailureKind};
use super::verifier::Verifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Limit of the bytes of a handshake; more would be an attack. The certificates of a usual chain take 2 to 10 KiB.
const HANDSHAKE_LEN_MAX: usize = 512 * 1024;
/// Limit of the plaintext that waits to be encrypted or sent.
const WRITE_LEN_MAX: usize = 256 * 1024;
/// The first byte of a TLS record: change cipher spec, alert, handshake, application data.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 0x14..=0x17;

/// What [`Connection::read`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes were stored, at least one; there may be more.
    Bytes(usize),
    /// There is no plaintext left.
    Drained,
    /// The server ended the stream with a `close_notify`.
    Closed,
}

/// A client's connection. After a [`Failure`] only [`write_to`](Connection::write_to) is useful, which sends the server
/// the alert with the reason.
#[derive(Debug)]
pub struct Connection {
    tls: ClientConnection,
    verifier: Arc<Verifier>,
    /// The file of the client's certificate, if there is one.
    certificate: Option<Arc<str>>,
    /// Ciphertext received.
    received: usize,
}

impl Connection {
    pub(super) fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        verifier: Arc<Verifier>,
        certificate: Option<Arc<str>>,
    ) -> Result<Connection, Failure> {
        let mut tls = ClientConnection::new(config, name).map_err(|error| Failure::of_rustls(&error, None))?;
        tls.set_buffer_limit(Some(WRITE_LEN_MAX));
        Ok(Connection { tls, verifier, certificate, received: 0 })
    }

    /// Takes bytes from the socket; returns how many. If these are not all, call [`read`](Connection::read) until
    /// `Drained`, then feed the rest. Afterwards there may be plaintext to read and ciphertext to write.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        if self.received == 0 && bytes.first().is_some_and(|first| !RECORD_TYPES.contains(first)) {
            let text = "the server does not speak TLS on this port: is it the secureClientPort?";
            return Err(Failure::new(FailureKind::NotTls, text));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            // rustls refuses more bytes while plaintext waits to be read.
            match self.tls.read_tls(&mut rest) {
                Ok(n) if n > 0 => self.received = self.received.saturating_add(n),
                _ => break,
            }
            self.tls.process_new_packets().map_err(|error| self.failure(&error))?;
            if self.tls.is_handshaking() && self.received > HANDSHAKE_LEN_MAX {
                let text = format!("the server's TLS handshake has more than {} KiB", HANDSHAKE_LEN_MAX >> 10);
                return Err(Failure::new(FailureKind::Protocol, text));
            }
        }
        Ok(bytes.len() - rest.len())
    }

    fn failure(&self, error: &rustls::Error) -> Failure {
        if let rustls::Error::InvalidCertificate(_) = error
            && let Some(refusal) = self.verifier.take_refusal()
        {
            return refusal;
        }
        Failure::of_rustls(error, self.certificate.as_deref())
    }

    /// The failure that the end of the socket means.
    pub fn closed_by_peer(&self) -> Failure {
        let text = if self.received == 0 {
            "the server closed the connection without answering in TLS: is it the secureClientPort, and not overloaded?"
        } else if self.tls.is_handshaking() && self.certificate.is_some() {
            "the server closed the connection during the TLS handshake without saying why: it may not accept the client's \
             certificate, or be overloaded; see its log"
        } else if self.tls.is_handshaking() {
            "the server closed the connection during the TLS handshake without saying why: it may demand a client \
             certificate (ZOO_TLS_CERT and ZOO_TLS_KEY), or be overloaded; see its log"
        } else {
            "the server closed the connection"
        };
        Failure::new(FailureKind::Closed, text)
    }

    /// Reads received plaintext.
    pub fn read(&mut self, space: &mut [u8]) -> ReadOutcome {
        if space.is_empty() {
            return ReadOutcome::Drained;
        }
        match self.tls.reader().read(space) {
            Ok(0) => ReadOutcome::Closed,
            Ok(n) => ReadOutcome::Bytes(n),
            Err(_) => ReadOutcome::Drained,
        }
    }

    /// Takes plaintext to be encrypted; returns how many bytes. If these are not all, ciphertext has to be written
    /// first.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        // The writer's only error is about too many slices in one call.
        self.tls.writer().write(bytes).unwrap_or(0)
    }

    /// Whether there is ciphertext to write.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Writes ciphertext until there is none left or `socket` returns an error (`WouldBlock` included), which is
    /// returned. `socket` must not raise SIGPIPE.
    pub fn write_to(&mut self, socket: &mut dyn Write) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Whether the handshake is still going on; application data may flow once it is over.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Queues a `close_notify`; [`write_to`](Connection::write_to) sends it.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Version, cipher suite and whether the session was resumed, for the log.
    pub fn summary(&self) -> String {
        let version = match self.tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let suite = self.tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("no suite");
        format!("{version}, {suite}{}", if self.is_resumed() { ", resumed" } else { "" })
    }

    /// Whether a ticket of an earlier connection replaced the full handshake.
    pub fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}
