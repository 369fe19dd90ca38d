//! `calmkeeper plan --measure`: how many sessions a second a server grants to this host. Opens a bounded number of
//! connections, a few at a time, and closes each session again. Sends no other requests.
use crate::Failure;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Number of connections, in all and at a time.
const CONNECTS: usize = 100;
const AT_A_TIME: usize = 4;
/// Time limit of each step of a connection: the connect, each write, and each answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The requested session timeout; the sessions are closed at once.
const SESSION_TIMEOUT_MS: i32 = 4000;
/// Largest reply to a connect request.
const REPLY_LEN_MAX: usize = 1024;

/// Measures, and advises how to use the result.
pub(crate) fn run(host: &str) -> Result<String, Failure> {
    let resolved =
        host.to_socket_addrs().map_err(|error| Failure::usage(format!("--measure {host}: {error}; HOST:PORT")))?;
    let address = reachable(host, resolved)?;
    let next = AtomicUsize::new(1);
    let failed = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < CONNECTS {
                    if session(address).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (seconds, failed) = (begun.elapsed().as_secs_f64(), failed.load(Ordering::Relaxed));
    if failed > 0 {
        return Err(Failure::failed(format!(
            "{failed} of {CONNECTS} connections to {host} got no session: the server limits or is busy, nothing was measured"
        )));
    }
    #[allow(clippy::cast_precision_loss, reason = "a hundred")]
    let rate = (CONNECTS - 1) as f64 / seconds;
    Ok(format!(
        "{host} gave {CONNECTS} sessions to this host, {AT_A_TIME} at a time, at {rate:.0} a second.\n\
         So few do not show what a server can do, so this is a lower bound: --capacity {rate:.0} is the cautious value.\n"
    ))
}

/// The first of the addresses that gives a session. If no ZooKeeper server listens there, the measurement ends after one
/// connection to each instead of a hundred.
fn reachable(host: &str, addresses: impl IntoIterator<Item = SocketAddr>) -> Result<SocketAddr, Failure> {
    let mut failed = Vec::new();
    for address in addresses {
        match session(address) {
            Ok(()) => return Ok(address),
            Err(error) => failed.push(format!("{}: {}", address.ip(), said(&error))),
        }
    }
    if failed.is_empty() {
        return Err(Failure::usage(format!("--measure {host}: it has no address")));
    }
    Err(Failure::failed(format!("no session at {host} ({}); is it a ZooKeeper server?", failed.join("; "))))
}

/// The text of an error. The system's text for a time limit, "Resource temporarily unavailable", would mislead.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("no answer within {} s", LIMIT.as_secs()),
        _ => error.to_string(),
    }
}

/// One session, opened and closed.
fn session(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    request.extend(0_i32.to_be_bytes()); // protocol
    request.extend(0_i64.to_be_bytes()); // last zxid
    request.extend(SESSION_TIMEOUT_MS.to_be_bytes());
    request.extend(0_i64.to_be_bytes()); // no session yet
    request.extend(16_i32.to_be_bytes());
    request.extend([0; 16]); // password
    request.push(0); // not read-only
    frame(&mut stream, &request)?;
    let reply = reply(&mut stream)?;
    let granted = reply.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_be_bytes);
    if granted <= 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it answers without a session"));
    }
    let mut close = Vec::new();
    close.extend(1_i32.to_be_bytes()); // xid
    close.extend((-11_i32).to_be_bytes()); // close
    frame(&mut stream, &close)?;
    // Wait for the reply to the close: once it has come, no session is left.
    let _ = self::reply(&mut stream);
    Ok(())
}

fn frame(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    stream.write_all(&[&length, body].concat())
}

/// Reads an answer, which must be complete within [`LIMIT`].
fn reply(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let end = Instant::now() + LIMIT;
    let mut length = [0; 4];
    fill(stream, &mut length, end)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > REPLY_LEN_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is not ZooKeeper's"));
    }
    let mut body = vec![0; length];
    fill(stream, &mut body, end)?;
    Ok(body)
}

/// Fills the buffer.
///
/// Errors: the system's; `TimedOut` or `WouldBlock` if the buffer is not full at `end`.
fn fill(stream: &mut TcpStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closes the connection")),
            Ok(count) => buffer = buffer.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn every_address_of_a_name_is_tried() {
        // Closed at once, so that nothing listens there.
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 49];
            stream.read_exact(&mut request).unwrap();
            frame(&mut stream, &[0, 0, 0, 0, 0, 0, 15, 160]).unwrap();
            stream.read_exact(&mut request[..12]).unwrap();
            frame(&mut stream, &[0; 16]).unwrap();
        });
        assert!(matches!(reachable("name:1", [closed, open]), Ok(address) if address == open));
        server.join().unwrap();
        let Err(Failure::Failed(what)) = reachable("name:1", [closed, closed]) else { panic!("nothing listens") };
        assert_eq!(what.matches("127.0.0.1: ").count(), 2, "{what}");
    }
}
