//! One SASL exchange: a mechanism on a thread that may block, fed with the server's tokens. For a handle without
//! threads it runs, and may block, in the calls of the application. Owns the mechanism; the session decides when it
//! runs and what its end means.
use crate::handle::{Completion, Handle};
use crate::io::errand::{self, Errand, Permit};
use crate::sys::cyrus::{Cyrus, Params};
use crate::sys::gssapi::Gssapi;
use rand::TryRng;
use rand::rngs::SysRng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use zk_core::session::{Exchange, Input, SaslFailure, Watcher};
use zk_secure::sasl::{DigestMd5, Failure, Mechanism as Name, Settings, Step};

/// A mechanism under way. May block for as long as its library does, so it never runs on the I/O thread.
pub(crate) trait Mechanism: Send {
    /// The first token to send.
    fn start(&mut self) -> Result<Step, Failure>;
    /// The answer to the server's token; `None` if the server sent none.
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failure>;
}

/// How a handle authenticates.
#[derive(Clone, Debug)]
pub(crate) enum Sasl {
    /// By the settings of the environment, with no library or with the system's Kerberos.
    Environment(Settings),
    /// By Cyrus SASL with the application's callbacks.
    Application(Params),
}

impl Sasl {
    /// Mechanism and settings for the log, without secrets.
    pub(crate) fn description(&self) -> String {
        match self {
            Sasl::Environment(settings) => settings.description(),
            Sasl::Application(params) => {
                let list = params.mechanisms.to_string_lossy().replace(char::is_control, " ");
                format!("{list}, credentials of zookeeper_init_sasl")
            }
        }
    }

    /// The purpose of the thread, which says whether it uses memory of the application.
    fn errand(&self) -> Errand {
        match self {
            Sasl::Environment(_) => Errand::Sasl,
            Sasl::Application(_) => Errand::SaslOfApplication,
        }
    }

    fn mechanism(&self, server: &str) -> Result<Box<dyn Mechanism>, Failure> {
        let settings = match self {
            Sasl::Environment(settings) => settings,
            Sasl::Application(params) => return Ok(Box::new(Cyrus::new(params.clone(), server)?)),
        };
        let (service, host) = (settings.service(), settings.host(server));
        Ok(match settings.mechanism() {
            Name::DigestMd5 => Box::new(DigestMd5::new(settings.user(), settings.password()?, None, service, host)),
            Name::Gssapi => Box::new(Gssapi::new(service, host, settings.user())?),
        })
    }
}

/// The driver's side of an exchange. When it is dropped, the exchange ends after the present step.
pub(crate) struct Conversation {
    exchange: Exchange,
    side: Side,
}

/// Where the mechanism runs.
enum Side {
    Thread(Sender<Option<Vec<u8>>>),
    Here(Box<dyn Mechanism>),
}

impl Conversation {
    /// Begins the exchange with the server at `addr`.
    pub(crate) fn start<C: Completion, W: Watcher + Send + 'static>(
        handle: &Arc<Handle<C, W>>,
        exchange: Exchange,
        addr: SocketAddr,
    ) -> Option<Conversation> {
        let refused = |text: String| {
            handle.feed_awake(Input::SaslFailed(exchange, SaslFailure { text, is_final: false }));
            None
        };
        let Some(sasl) = handle.security.as_ref().and_then(|security| security.sasl().cloned()) else {
            return refused("no mechanism".to_owned());
        };
        if handle.is_pumped() {
            let host = host_of(handle, addr);
            return match sasl.mechanism(&host) {
                Ok(mut mechanism) => {
                    feed(handle, exchange, mechanism.start());
                    Some(Conversation { exchange, side: Side::Here(mechanism) })
                }
                Err(failure) => {
                    feed(handle, exchange, Err(failure));
                    None
                }
            };
        }
        // A mechanism that hangs must not accumulate more threads.
        let errand = sasl.errand();
        if errand::is_running(handle, errand) {
            return refused("the exchange of the attempt before has not ended yet".to_owned());
        }
        let host = host_of(handle, addr);
        let (tokens, received) = channel();
        let weak = Arc::downgrade(handle);
        let started = errand::start(handle, errand, move |permit| {
            converse(&sasl, &host, &received, permit, |step| {
                if let Some(handle) = weak.upgrade() {
                    feed(&handle, exchange, step);
                }
            });
        });
        match started {
            Ok(()) => Some(Conversation { exchange, side: Side::Thread(tokens) }),
            Err(error) => refused(format!("no thread: {error}")),
        }
    }

    /// Gives the mechanism the server's answer.
    pub(crate) fn answer<C: Completion, W: Watcher + Send + 'static>(
        &mut self,
        handle: &Handle<C, W>,
        exchange: Exchange,
        token: Option<Vec<u8>>,
    ) {
        if exchange != self.exchange {
            return;
        }
        match &mut self.side {
            // The thread has ended if the mechanism is complete.
            Side::Thread(tokens) => drop(tokens.send(token)),
            Side::Here(mechanism) => feed(handle, exchange, mechanism.step(token.as_deref())),
        }
    }
}

/// The application's name for the server.
fn host_of<C: Completion, W: Watcher + Send + 'static>(handle: &Handle<C, W>, addr: SocketAddr) -> String {
    handle.names_of(addr).into_iter().next().unwrap_or_else(|| addr.ip().to_string())
}

/// Gives the session the mechanism's step.
fn feed<C: Completion, W: Watcher + Send + 'static>(
    handle: &Handle<C, W>,
    exchange: Exchange,
    step: Result<Step, Failure>,
) {
    handle.feed(match step {
        Ok(Step::Send(token)) => Input::SaslToken(exchange, token),
        Ok(Step::Done) => {
            if let Some(security) = &handle.security {
                security.note_authenticated();
            }
            Input::SaslDone(exchange)
        }
        Err(failure) => {
            let has_authenticated = handle.security.as_ref().is_some_and(|security| security.has_authenticated());
            let is_final = failure.is_final(has_authenticated);
            Input::SaslFailed(exchange, SaslFailure { text: failure.to_string(), is_final })
        }
    });
}

/// The body of the thread: runs until the mechanism is done or has failed, or until the [`Conversation`] is dropped.
fn converse(
    sasl: &Sasl,
    host: &str,
    received: &Receiver<Option<Vec<u8>>>,
    permit: &Permit,
    tell: impl Fn(Result<Step, Failure>),
) {
    let mut mechanism = match sasl.mechanism(host) {
        Ok(mechanism) => mechanism,
        Err(failure) => {
            permit.run(|| tell(Err(failure)));
            return;
        }
    };
    let mut step = mechanism.start();
    loop {
        let goes_on = matches!(step, Ok(Step::Send(_)));
        if permit.run(|| tell(step)).is_none() || !goes_on {
            return;
        }
        let Ok(token) = received.recv() else { return };
        step = mechanism.step(token.as_deref());
    }
}

impl Mechanism for DigestMd5 {
    fn start(&mut self) -> Result<Step, Failure> {
        Ok(Step::Send(self.initial().to_vec()))
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        let mut nonce = [0; 16];
        SysRng
            .try_fill_bytes(&mut nonce)
            .map_err(|error| Failure::temporary(format!("DIGEST-MD5: no random numbers from the system: {error}")))?;
        DigestMd5::step(self, token, nonce)
    }
}

impl Mechanism for Cyrus {
    fn start(&mut self) -> Result<Step, Failure> {
        self.start()
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        self.step(token)
    }
}

impl Mechanism for Gssapi {
    fn start(&mut self) -> Result<Step, Failure> {
        self.advance(None)
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step, Failure> {
        let token = token.ok_or_else(|| {
            let text = "GSSAPI: the server does not offer SASL: it has no JAAS configuration for its `Server` section";
            Failure::permanent(text)
        });
        // The last answer of the server has no token.
        if self.is_complete() { Ok(Step::Done) } else { self.advance(Some(token?)) }
    }
}
