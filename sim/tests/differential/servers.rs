//! The two sides: the real server behind a socket, the simulated one behind calls. Both play a script and return the
//! bytes that each connection received after each step.
use crate::script::{Act, Step};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use zk_core::jute::{Put, Reader};
use zk_core::proto::{ConnectRequest, ConnectResponse, op, xid};
use zk_sim::server::{ConnId, Ensemble, Flow, Options};

/// The frames that one connection got after one step, and whether it was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub frames: Vec<Vec<u8>>,
    pub raw: Vec<u8>,
    pub closed: bool,
}

/// For each step, the frames of each connection.
pub type Transcript = Vec<BTreeMap<usize, Heard>>;

/// A server that plays scripts.
pub trait Side {
    fn open(&mut self, on: usize);
    fn write(&mut self, on: usize, bytes: &[u8]);
    /// Reads until the ping on this connection is answered, or the connection is closed.
    fn read(&mut self, on: usize, bytes: &mut Vec<u8>) -> bool;
    fn drop(&mut self, on: usize);
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_buffer(Some(body));
    out
}

fn ping() -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(xid::PING);
    body.put_i32(op::PING);
    framed(&body)
}

/// Removes and returns the whole frames.
fn frames(bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some(prefix) = bytes.first_chunk::<4>() {
        let len = usize::try_from(i32::from_be_bytes(*prefix)).unwrap();
        if bytes.len() < len + 4 {
            break;
        }
        out.push(bytes[4..len + 4].to_vec());
        bytes.drain(..len + 4);
    }
    out
}

fn is_pong(frame: &[u8]) -> bool {
    frame.len() == 16 && frame[..4] == xid::PING.to_be_bytes()
}

/// Plays the script. The answers of each step end with the answer to a ping, on every live connection. Also returns the
/// steps that were skipped because their connection was closed.
pub fn play(side: &mut dyn Side, steps: &[Step]) -> (Transcript, Vec<String>) {
    let mut skipped = Vec::new();
    let mut transcript = Transcript::new();
    let mut player = Player { side, live: BTreeMap::new(), sessions: BTreeMap::new(), heard: BTreeMap::new() };
    for step in steps {
        let on = step.on;
        match &step.act {
            Act::Connect { request, like, wrong_password, old } => {
                let request = player.request(*request, *like, *wrong_password);
                player.connect(on, &request, *old);
            }
            Act::Raw(bytes) => player.raw(on, bytes),
            Act::Drop => {
                player.side.drop(on);
                player.live.remove(&on);
            }
            Act::Frame(body) if player.live.contains_key(&on) => player.frame(on, body, step.last),
            Act::Frame(_) => skipped.push(step.label.clone()),
        }
        player.ping_others(on);
        transcript.push(std::mem::take(&mut player.heard));
    }
    (transcript, skipped)
}

/// A script being played.
struct Player<'a> {
    side: &'a mut dyn Side,
    /// The live connections, each with its partial frame.
    live: BTreeMap<usize, Vec<u8>>,
    sessions: BTreeMap<usize, ConnectResponse>,
    /// What each connection has received in this step.
    heard: BTreeMap<usize, Heard>,
}

impl Player<'_> {
    /// The connect request with the session of the connection `like`.
    fn request(&self, mut request: ConnectRequest, like: Option<usize>, wrong_password: bool) -> ConnectRequest {
        if let Some(known) = like.and_then(|like| self.sessions.get(&like)) {
            request.session_id = known.session_id;
            request.password = known.password;
        }
        if wrong_password {
            request.password[3] ^= 1;
        }
        request
    }

    fn connect(&mut self, on: usize, request: &ConnectRequest, old: bool) {
        let mut body = Vec::new();
        request.write(&mut body);
        if old {
            body.pop();
        }
        self.side.open(on);
        self.live.insert(on, Vec::new());
        self.side.write(on, &framed(&body));
        let got = self.collect(on, true);
        if let Some(first) = got.frames.first() {
            self.sessions.insert(on, ConnectResponse::read(&mut Reader::new(first)).unwrap());
        }
        self.heard.insert(on, got);
    }

    fn raw(&mut self, on: usize, bytes: &[u8]) {
        self.side.open(on);
        self.side.write(on, bytes);
        let mut raw = Vec::new();
        while !self.side.read(on, &mut raw) {}
        self.heard.insert(on, Heard { raw, closed: true, ..Heard::default() });
        self.live.remove(&on);
    }

    fn frame(&mut self, on: usize, body: &[u8], last: bool) {
        let mut bytes = framed(body);
        // No ping follows a last request: whether it would be answered is a race inside the real server.
        if !last {
            bytes.extend(ping());
        }
        self.side.write(on, &bytes);
        let got = self.collect(on, false);
        self.heard.insert(on, got);
    }

    fn ping_others(&mut self, on: usize) {
        let others: Vec<usize> = self.live.keys().copied().filter(|other| *other != on).collect();
        for other in others {
            self.side.write(other, &ping());
            let got = self.collect(other, false);
            if got != Heard::default() {
                self.heard.insert(other, got);
            }
        }
    }

    /// Reads until the pong (or, for a handshake, the first frame) or the end of the connection.
    fn collect(&mut self, on: usize, handshake: bool) -> Heard {
        let mut heard = Heard::default();
        loop {
            let left = self.live.get_mut(&on).unwrap();
            let closed = self.side.read(on, left);
            for frame in frames(left) {
                let done = !handshake && is_pong(&frame);
                heard.frames.push(frame);
                if done {
                    return heard;
                }
                if handshake {
                    let refused = heard.frames[0][4..8] == [0; 4];
                    if !refused {
                        return heard;
                    }
                }
            }
            if closed {
                heard.closed = true;
                self.live.remove(&on);
                return heard;
            }
        }
    }
}

/// The real server, as a separate process.
pub struct Real {
    child: Child,
    directory: PathBuf,
    port: u16,
    sockets: BTreeMap<usize, TcpStream>,
}

impl Real {
    /// Starts Debian's ZooKeeper with further JVM arguments.
    pub fn start(arguments: &[&str], config: &str) -> Real {
        let jar = "/usr/share/java/zookeeper.jar";
        assert!(std::path::Path::new(jar).exists(), "the package zookeeper is not installed: run `make setup`");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = std::env::temp_dir().join(format!("calmkeeper-differential-{}-{port}", std::process::id()));
        std::fs::create_dir_all(directory.join("data")).unwrap();
        let text = format!(
            "tickTime=500\nminSessionTimeout=1000\nmaxSessionTimeout=60000\ndataDir={}\nclientPort={port}\n\
             clientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist=*\n{config}\n",
            directory.join("data").display()
        );
        std::fs::write(directory.join("zoo.cfg"), text).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let child = Command::new("java")
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no"])
            .args(["-Dzookeeper.extendedTypesEnabled=true", "-Dzookeeper.preAllocSize=1024"])
            .args(arguments)
            .args(["-cp", "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(directory.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("java is not installed: run `make setup`");
        let mut real = Real { child, directory, port, sockets: BTreeMap::new() };
        let deadline = Instant::now() + Duration::from_secs(60);
        while real.word("srvr").is_none_or(|text| !text.contains("Mode: standalone")) {
            assert!(real.child.try_wait().unwrap().is_none(), "the server ended: {}", real.log());
            assert!(Instant::now() < deadline, "the server is not ready: {}", real.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        real
    }

    /// Prints the end of the server's log.
    pub fn show_log(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn word(&self, word: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        socket.write_all(word.as_bytes()).ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        Some(text)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

impl Side for Real {
    fn open(&mut self, on: usize) {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.set_nodelay(true).unwrap();
        self.sockets.insert(on, socket);
    }

    fn write(&mut self, on: usize, bytes: &[u8]) {
        let _ = (&self.sockets[&on]).write_all(bytes);
    }

    fn read(&mut self, on: usize, bytes: &mut Vec<u8>) -> bool {
        let mut chunk = vec![0; 65536];
        match (&self.sockets[&on]).read(&mut chunk) {
            Ok(0) => true,
            Ok(n) => {
                bytes.extend_from_slice(&chunk[..n]);
                false
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => true,
            Err(error) => panic!("connection {on}: {error}; server log in {}", self.directory.display()),
        }
    }

    fn drop(&mut self, on: usize) {
        self.sockets.remove(&on);
        // The server notices the end of a connection only after a while.
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The simulated one.
pub struct Simulated {
    pub ensemble: Ensemble,
    now: u64,
    connections: BTreeMap<usize, ConnId>,
}

impl Simulated {
    pub fn new(options: Options) -> Simulated {
        Simulated { ensemble: Ensemble::new(options), now: 0, connections: BTreeMap::new() }
    }
}

impl Side for Simulated {
    fn open(&mut self, on: usize) {
        let id = self.ensemble.accept(0, "127.0.0.1", self.now).unwrap();
        self.connections.insert(on, id);
    }

    fn write(&mut self, on: usize, bytes: &[u8]) {
        self.now += 1;
        self.ensemble.receive(self.connections[&on], bytes, self.now);
    }

    fn read(&mut self, on: usize, bytes: &mut Vec<u8>) -> bool {
        self.ensemble.take(self.connections[&on], self.now, bytes) == Flow::Closed
    }

    fn drop(&mut self, on: usize) {
        if let Some(id) = self.connections.remove(&on) {
            self.ensemble.disconnect(id);
        }
    }
}
