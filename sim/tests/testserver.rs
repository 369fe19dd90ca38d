//! testserver on real ports: Debian's unmodified `cli_mt` works with it, and no input of a client harms it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use zk_core::jute::{Put, Reader};
use zk_core::proto::{ConnectRequest, ConnectResponse, ReplyHeader, op};

/// One testserver; it ends with the test.
struct Server {
    child: Child,
    control: ChildStdin,
    answers: BufReader<ChildStdout>,
    ports: Vec<u16>,
}

impl Server {
    fn start(arguments: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testserver"))
            .arg("--control")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let control = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let ports = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        Server { child, control, answers, ports }
    }

    /// Sends a command; returns the lines printed before the final `ok`.
    fn tell(&mut self, command: &str) -> String {
        writeln!(self.control, "{command}").unwrap();
        let mut text = String::new();
        loop {
            let mut line = String::new();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the server ended at {command}");
            assert!(!line.starts_with("error"), "{command}: {line}");
            if line == "ok\n" {
                return text;
            }
            text.push_str(&line);
        }
    }

    fn socket(&self, member: usize) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.ports[member])).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    fn hosts(&self) -> String {
        let hosts: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        hosts.join(",")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frame(socket: &mut TcpStream) -> Vec<u8> {
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).unwrap();
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(prefix)).unwrap()];
    socket.read_exact(&mut body).unwrap();
    body
}

fn send(socket: &mut TcpStream, body: &[u8]) {
    let mut framed = Vec::new();
    framed.put_buffer(Some(body));
    socket.write_all(&framed).unwrap();
}

fn session(server: &Server, member: usize) -> TcpStream {
    let mut socket = server.socket(member);
    let request =
        ConnectRequest { last_zxid_seen: 0, timeout: 10_000, session_id: 0, password: [0; 16], read_only: false };
    let mut body = Vec::new();
    request.write(&mut body);
    send(&mut socket, &body);
    let answer = frame(&mut socket);
    assert!(ConnectResponse::read(&mut Reader::new(&answer)).unwrap().timeout > 0);
    socket
}

/// The error code of the reply to `exists /`.
fn exists(socket: &mut TcpStream) -> i32 {
    let mut body = Vec::new();
    body.put_i32(7);
    body.put_i32(op::EXISTS);
    body.put_buffer(Some(b"/"));
    body.put_bool(false);
    send(socket, &body);
    let answer = frame(socket);
    let header = ReplyHeader::read(&mut Reader::new(&answer)).unwrap();
    assert_eq!(header.xid, 7);
    header.err
}

fn is_closed(socket: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).is_ok_and(|count| count == 0)
}

#[test]
fn the_unmodified_client_of_debian_works_with_it() {
    let server = Server::start(&["--members", "3"]);
    // Its output is line-buffered only on a terminal, and half of it goes to stderr; it must not wait for ever either.
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("exec timeout 60 stdbuf -oL /usr/lib/zookeeper/bin/cli_mt \"$0\" 2>&1")
        .arg(server.hosts())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut wait_for = |wanted: &str| loop {
        let mut line = String::new();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "no {wanted:?} from cli_mt (is zookeeper-bin installed? `make setup`)"
        );
        if line.contains(wanted) {
            return;
        }
    };
    wait_for("CONNECTED_STATE");
    // Each command is sent after the previous one is answered, because the client runs them in the background.
    for (command, answer) in [
        ("create /a", "name = /a"),
        ("set /a hello", "rc = 0"),
        ("get /a", "value_len = 5"),
        ("ls /", "rc = 0"),
        ("delete /a", "rc = 0"),
        ("get /a", "rc = -101"),
    ] {
        writeln!(input, "{command}").unwrap();
        input.flush().unwrap();
        wait_for(answer);
    }
    writeln!(input, "quit").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn members_go_down_and_come_back_and_sessions_end_on_command() {
    let mut server = Server::start(&["--members", "3"]);
    let mut socket = session(&server, 1);
    assert_eq!(exists(&mut socket), 0);
    let listed = server.tell("sessions");
    assert_eq!(listed.lines().count(), 1, "{listed}");
    server.tell("down 2");
    assert!(is_closed(&mut socket));
    assert!(TcpStream::connect(("127.0.0.1", server.ports[1])).is_err());
    server.tell("up 2");
    let mut socket = session(&server, 1);
    server.tell("expire all");
    assert!(is_closed(&mut socket));
    assert_eq!(server.tell("sessions"), "");
    server.tell("greet 3 close");
    assert!(is_closed(&mut server.socket(2)));
    let mut socket = session(&server, 0);
    server.tell("freeze 1");
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.write_all(&[0, 0, 0, 8, 255, 255, 255, 254, 0, 0, 0, 11]).unwrap();
    assert!(socket.read(&mut [0]).is_err(), "a frozen member says nothing");
    server.tell("up 1");
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(frame(&mut socket).len(), ReplyHeader::LEN, "and answers what has waited");
}

#[test]
fn faults_on_command_reach_the_wire() {
    let mut server = Server::start(&[]);
    let mut socket = session(&server, 0);
    server.tell("fault 1 cut 10");
    let mut body = Vec::new();
    body.put_i32(7);
    body.put_i32(op::PING);
    send(&mut socket, &body);
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    assert_eq!(rest.len(), 10);
    server.tell("faults 1 length -1");
    let mut socket = server.socket(0);
    let mut body = Vec::new();
    ConnectRequest { last_zxid_seen: 0, timeout: 1, session_id: 0, password: [0; 16], read_only: false }
        .write(&mut body);
    send(&mut socket, &body);
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).unwrap();
    assert_eq!(prefix, [255; 4]);
}

#[test]
fn garbage_costs_its_connection_only() {
    let server = Server::start(&[]);
    let mut witness = session(&server, 0);
    let mut noise = 0x1234_5678_9abc_def1_u64;
    let mut garbage = |len: usize| -> Vec<u8> {
        let mut next = || {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_be_bytes()[3]
        };
        (0..len).map(|_| next()).collect()
    };
    for len in [1, 3, 4, 5, 44, 100, 70_000] {
        // Before the handshake, and after it: as a stream, and in well-formed frames.
        let _ = server.socket(0).write_all(&garbage(len));
        let mut socket = session(&server, 0);
        let _ = socket.write_all(&garbage(len));
        let mut socket = session(&server, 0);
        for kind in (-12..30).chain(98..110) {
            let mut body = Vec::new();
            body.put_i32(1);
            body.put_i32(kind);
            body.extend(garbage(len.min(5000)));
            let mut framed = Vec::new();
            framed.put_buffer(Some(&body));
            if socket.write_all(&framed).is_err() {
                socket = session(&server, 0);
            }
        }
        assert_eq!(exists(&mut witness), 0, "after {len} bytes of garbage");
    }
    assert_eq!(exists(&mut session(&server, 0)), 0);
}

#[test]
fn a_client_that_asks_and_never_reads_does_not_grow_the_server_without_bound() {
    let server = Server::start(&[]);
    let mut setter = session(&server, 0);
    let mut body = Vec::new();
    body.put_i32(1);
    body.put_i32(op::SET_DATA);
    body.put_buffer(Some(b"/"));
    body.put_buffer(Some(&vec![7; 900_000]));
    body.put_i32(-1);
    send(&mut setter, &body);
    frame(&mut setter);
    let mut socket = session(&server, 0);
    socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut get = Vec::new();
    get.put_i32(2);
    get.put_i32(op::GET_DATA);
    get.put_buffer(Some(b"/"));
    get.put_bool(false);
    let mut framed = Vec::new();
    framed.put_buffer(Some(&get));
    // 200,000 answers would be 180 GB.
    for _ in 0..200 {
        if socket.write_all(&framed.repeat(1000)).is_err() {
            break;
        }
    }
    assert_eq!(exists(&mut setter), 0, "others are served");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    eprintln!("peak {kilobytes} kB");
    assert!(kilobytes < 600_000, "peak {kilobytes} kB");
}
