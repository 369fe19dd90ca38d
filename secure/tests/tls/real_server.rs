//! Tests against OpenSSL's own server, for features that rustls' server lacks.
use crate::pair::{connect, context, made};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use zk_secure::tls::{Connection, Failure, FailureKind, ReadOutcome};

struct Server {
    child: Child,
    stdin: ChildStdin,
    port: u16,
}

impl Server {
    fn start(name: &str, options: &[&str]) -> Server {
        let pem = made(&format!("{name}.pem"));
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert"])
            .arg(&pem)
            .arg("-key")
            .arg(&pem)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port =
            lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(|port| port.parse().unwrap()));
        // Its output continues, and must be read so that it does not block.
        std::thread::spawn(move || lines.for_each(drop));
        let stdin = child.stdin.take().unwrap();
        Server { child, stdin, port: port.expect("openssl s_server names its port") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the socket once and feeds the bytes; returns the plaintext.
fn exchange(client: &mut Connection, socket: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    client.write_to(socket).unwrap();
    let mut bytes = [0; 4096];
    let n = socket.read(&mut bytes).unwrap();
    if n == 0 {
        return Err(client.closed_by_peer());
    }
    assert_eq!(client.feed(&bytes[..n])?, n);
    client.write_to(socket).unwrap();
    let mut plain = Vec::new();
    let mut space = [0; 4096];
    while let ReadOutcome::Bytes(n) = client.read(&mut space) {
        plain.extend_from_slice(&space[..n]);
    }
    Ok(plain)
}

fn open(server: &Server, variables: &[(&str, &str)]) -> (Connection, TcpStream) {
    let socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (connect(&context(&["ca.crt"], variables), &["localhost"]), socket)
}

#[test]
fn a_renegotiation_is_refused_and_the_connection_lives() {
    let mut server = Server::start("server", &["-tls1_2"]);
    let (mut client, mut socket) = open(&server, &[]);
    while client.is_handshaking() {
        exchange(&mut client, &mut socket).unwrap();
    }
    server.stdin.write_all(b"R\n").unwrap();
    server.stdin.flush().unwrap();
    // OpenSSL either ends the connection because of our refusal or continues; there is never a second handshake.
    let outcome = exchange(&mut client, &mut socket);
    assert!(!client.is_handshaking());
    match outcome {
        Ok(plain) => assert!(plain.is_empty()),
        Err(failure) => assert!(!failure.needs_operator(), "{failure}"),
    }
}

#[test]
fn a_weak_key_is_refused() {
    let server = Server::start("rsa_1024", &["-cipher", "ALL:@SECLEVEL=0"]);
    for level in ["full", "ca"] {
        let (mut client, mut socket) = open(&server, &[("ZOO_TLS_VERIFY", level)]);
        let failure = loop {
            match exchange(&mut client, &mut socket) {
                Ok(_) => assert!(client.is_handshaking(), "the handshake has succeeded"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.kind(), FailureKind::Certificate, "{failure}");
    }
}
