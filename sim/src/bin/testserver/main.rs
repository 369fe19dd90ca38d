//! A simulated ZooKeeper ensemble on real ports.
#![forbid(unsafe_code)]
mod control;
mod options;
mod sockets;
mod stream;

use mio::Waker;
use sockets::{Server, WAKER};
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::{env, io, thread};

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}\n{}", options::HELP, control::HELP);
        return ExitCode::SUCCESS;
    }
    let wanted = match options::parse(env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("testserver: {error} (--help lists the arguments)");
            return ExitCode::from(2);
        }
    };
    match serve(wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testserver: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(wanted: options::Wanted) -> io::Result<()> {
    let addresses: Vec<SocketAddr> = wanted.ports.iter().map(|port| SocketAddr::new(wanted.address, *port)).collect();
    let tls = match &wanted.tls {
        None => None,
        Some(tls) => Some(stream::config(tls, wanted.tls_version).map_err(io::Error::other)?),
    };
    let mut server = Server::new(wanted.server, tls, &addresses)?;
    let ports: Vec<String> = server.ports().iter().map(u16::to_string).collect();
    {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", ports.join(" "))?;
        stdout.flush()?;
    }
    let commands = if wanted.control { Some(read_commands(Waker::new(server.registry(), WAKER)?)) } else { None };
    server.run(commands.as_ref())
}

/// Reads lines of stdin on a separate thread; `None` is the end.
fn read_commands(waker: Waker) -> Receiver<Option<String>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty());
        for line in lines.map(Some).chain([None]) {
            if sender.send(line).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    receiver
}
