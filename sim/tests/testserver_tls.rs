//! The simulated ensemble on real ports, with TLS.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

struct Server {
    child: Child,
    port: u16,
    certificate: PathBuf,
}

impl Server {
    fn start(name: &str) -> Server {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=CA:FALSE",
            ])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = Command::new(env!("CARGO_BIN_EXE_testserver"))
            .arg("--tls")
            .arg(format!("{},{}", certificate.display(), key.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { child, port: line.trim().parse().unwrap(), certificate }
    }

    fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(stream: &mut impl Write, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], body].concat()).unwrap();
}

fn receive(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).unwrap();
    body
}

fn bytes(data: &[u8]) -> Vec<u8> {
    [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], data].concat()
}

#[test]
fn a_session_lives_inside_tls() {
    let server = Server::start("testserver-tls-session");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&server.certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, server.socket());
    // ConnectRequest: protocol, zxid, timeout, session, password, read-only.
    let connect = [&[0; 12][..], &10_000_i32.to_be_bytes(), &[0; 8], &bytes(&[0; 16]), &[0]].concat();
    send(&mut stream, &connect);
    let response = receive(&mut stream);
    assert!(response[8..16] != [0; 8], "no session: {response:?}");
    // Data of many records in each direction: setData (5) and getData (4) of the root.
    let data: Vec<u8> = (0..900_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    send(
        &mut stream,
        &[&1_i32.to_be_bytes()[..], &5_i32.to_be_bytes(), &bytes(b"/"), &bytes(&data), &[255; 4]].concat(),
    );
    assert_eq!(receive(&mut stream)[12..16], [0; 4], "setData");
    for xid in 2..6_i32 {
        send(&mut stream, &[&xid.to_be_bytes()[..], &4_i32.to_be_bytes(), &bytes(b"/"), &[0]].concat());
    }
    for xid in 2..6_i32 {
        let reply = receive(&mut stream);
        assert_eq!((&reply[..4], &reply[12..16]), (&xid.to_be_bytes()[..], &[0; 4][..]));
        assert!(reply[20..20 + data.len()] == data, "the data of request {xid}");
    }
}

#[test]
fn a_plain_client_is_turned_away() {
    let server = Server::start("testserver-tls-plain");
    let mut socket = server.socket();
    send(&mut socket, &[0; 45]);
    let mut answer = Vec::new();
    // At most an alert, and then the end.
    let _ = socket.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
}
