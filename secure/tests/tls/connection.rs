//! The connection: data, closing, resumption, and broken or hostile servers.
use crate::pair::{ALL, answered, connect, context, drive, handshake, outgoing, read, server, server_config, settings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::ServerConnection;
use std::io::Write;
use std::sync::Arc;
use zk_secure::tls::{Connection, Context, FailureKind, ReadOutcome};

fn plain() -> Context {
    context(&["ca.crt"], &[])
}

/// A server, and its first messages to this client.
fn first_answer(client: &mut Connection) -> (ServerConnection, Vec<u8>) {
    let mut server = server("server");
    let answer = answered(&mut server, &outgoing(client)).unwrap();
    (server, answer)
}

#[test]
fn two_replies_in_one_record_are_both_read() {
    for version in ALL {
        let mut server = ServerConnection::new(Arc::new(server_config("server", &[version], None))).unwrap();
        let mut client = connect(&plain(), &["localhost"]);
        handshake(&mut client, &mut server).unwrap();
        server.writer().write_all(b"first reply, second reply").unwrap();
        let record = answered(&mut server, &[]).unwrap();
        assert_eq!(client.feed(&record), Ok(record.len()));
        // A reader that takes one reply at a time gets the second one without another byte from the socket.
        let mut space = [0; 13];
        assert_eq!(client.read(&mut space), ReadOutcome::Bytes(13));
        let mut space = [0; 64];
        assert_eq!(client.read(&mut space), ReadOutcome::Bytes(12));
        assert_eq!(client.read(&mut space), ReadOutcome::Drained);
    }
}

#[test]
fn large_data_passes_whatever_the_pieces() {
    let mut rng = StdRng::seed_from_u64(1);
    let data: Vec<u8> = (0..1_000_000).map(|_| rng.random()).collect();
    let (mut client, mut server) = (connect(&plain(), &["localhost"]), server("server"));
    handshake(&mut client, &mut server).unwrap();
    server.set_buffer_limit(None);
    server.writer().write_all(&data).unwrap();
    let ciphertext = answered(&mut server, &[]).unwrap();
    let (mut got, mut at) = (Vec::new(), 0);
    while at < ciphertext.len() {
        let end = (at + rng.random_range(1..100_000)).min(ciphertext.len());
        let taken = client.feed(&ciphertext[at..end]).unwrap();
        let plaintext = read(&mut client);
        assert!(taken > 0 || !plaintext.is_empty(), "no progress");
        at += taken;
        got.extend(plaintext);
    }
    assert!(got == data, "{} of {} bytes", got.len(), data.len());

    let (mut sent, mut seen) = (0, Vec::new());
    while sent < data.len() {
        let taken = client.write(&data[sent..]);
        let mut ciphertext = &outgoing(&mut client)[..];
        assert!(taken > 0);
        sent += taken;
        while !ciphertext.is_empty() {
            let _ = server.read_tls(&mut ciphertext);
            server.process_new_packets().unwrap();
            let _ = std::io::Read::read_to_end(&mut server.reader(), &mut seen);
        }
    }
    assert!(seen == data, "{} of {} bytes", seen.len(), data.len());
}

#[test]
fn a_key_update_is_answered() {
    let mut server =
        ServerConnection::new(Arc::new(server_config("server", &[&rustls::version::TLS13], None))).unwrap();
    let mut client = connect(&plain(), &["localhost"]);
    handshake(&mut client, &mut server).unwrap();
    server.refresh_traffic_keys().unwrap();
    let request = answered(&mut server, &[]).unwrap();
    assert!(!client.wants_write());
    client.feed(&request).unwrap();
    // The answer is sent with the next data (RFC 8446, 4.6.3), and both sides continue with new keys.
    handshake(&mut client, &mut server).unwrap();
    handshake(&mut client, &mut server).unwrap();
}

#[test]
fn both_sides_can_close() {
    let (mut client, mut server) = (connect(&plain(), &["localhost"]), server("server"));
    handshake(&mut client, &mut server).unwrap();
    server.writer().write_all(b"bye").unwrap();
    server.send_close_notify();
    let bytes = answered(&mut server, &[]).unwrap();
    client.feed(&bytes).unwrap();
    let mut space = [0; 10];
    assert_eq!(client.read(&mut space), ReadOutcome::Bytes(3));
    assert_eq!(client.read(&mut space), ReadOutcome::Closed);
    client.close();
    assert!(client.wants_write());
    let mut bytes = &outgoing(&mut client)[..];
    server.read_tls(&mut bytes).unwrap();
    assert!(server.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn sessions_are_resumed_over_reconnects() {
    let context = plain();
    for version in ALL {
        let config = Arc::new(server_config("server", &[version], None));
        let resumed: Vec<bool> = (0..3)
            .map(|_| {
                let mut client = connect(&context, &["localhost"]);
                handshake(&mut client, &mut ServerConnection::new(Arc::clone(&config)).unwrap()).unwrap();
                assert_eq!(client.summary().contains("resumed"), client.is_resumed());
                client.is_resumed()
            })
            .collect();
        assert_eq!(resumed, [false, true, true], "{version:?}");
        // A server with another name counts as another server.
        let mut client = connect(&context, &["other"]);
        handshake(&mut client, &mut ServerConnection::new(Arc::clone(&config)).unwrap()).unwrap();
        assert!(!client.is_resumed());
    }
}

#[test]
fn a_client_certificate_is_sent_where_it_is_demanded() {
    for version in ALL {
        let config = Arc::new(server_config("server", &[version], Some("ca.crt")));
        let server = || ServerConnection::new(Arc::clone(&config)).unwrap();
        let with = context(&["ca.crt", "client.crt", "client.key"], &[]);
        handshake(&mut connect(&with, &["localhost"]), &mut server()).unwrap();
        let both = context(&["ca.crt", "client.pem"], &[]);
        handshake(&mut connect(&both, &["localhost"]), &mut server()).unwrap();
        let failure = drive(&mut connect(&plain(), &["localhost"]), &mut server()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Refused, "{failure}");
        assert!(failure.to_string().contains("ZOO_TLS_CERT"), "{failure}");
        let config = Arc::new(server_config("server", &[version], Some("other_ca.crt")));
        let mut strict = ServerConnection::new(config).unwrap();
        let failure = drive(&mut connect(&with, &["localhost"]), &mut strict).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Refused, "{failure}");
        assert!(!failure.to_string().contains("ZOO_TLS_CERT"), "{failure}");
        assert!(failure.to_string().contains("client.crt"), "{failure}");
    }
}

#[test]
fn an_older_server_than_allowed_is_named() {
    let strict = context(&["ca.crt"], &[("ZOO_TLS_MIN", "1.3")]);
    let config = server_config("server", &[&rustls::version::TLS12], None);
    let failure = drive(&mut connect(&strict, &["localhost"]), &mut ServerConnection::new(Arc::new(config)).unwrap());
    let failure = failure.unwrap_err();
    assert!(failure.needs_operator(), "{failure}");
    assert!(failure.to_string().contains("TLS versions"), "{failure}");
}

#[test]
fn a_plain_port_is_named() {
    let mut client = connect(&plain(), &["localhost"]);
    let failure = client.feed(b"\0\0\0\x25").unwrap_err();
    assert_eq!(failure.kind(), FailureKind::NotTls);
    assert!(failure.needs_operator() && failure.to_string().contains("secureClientPort"), "{failure}");
}

#[test]
fn an_end_of_the_connection_is_no_final_failure() {
    let mut client = connect(&plain(), &["localhost"]);
    let failure = client.closed_by_peer();
    assert!(failure.to_string().contains("secureClientPort") && !failure.needs_operator(), "{failure}");
    let (_, answer) = first_answer(&mut client);
    client.feed(&answer[..5]).unwrap();
    assert!(client.closed_by_peer().to_string().contains("during the TLS handshake"));
}

#[test]
fn a_handshake_in_single_bytes_succeeds() {
    let (mut client, mut server) = (connect(&plain(), &["localhost"]), server("server"));
    for _ in 0..4 {
        let answer = answered(&mut server, &outgoing(&mut client)).unwrap();
        for byte in answer {
            assert_eq!(client.feed(&[byte]), Ok(1));
        }
    }
    assert!(!client.is_handshaking());
}

#[test]
fn a_truncated_handshake_waits_for_the_rest() {
    for keep in [1, 5, 6, 100, 1000] {
        let mut client = connect(&plain(), &["localhost"]);
        let (_, answer) = first_answer(&mut client);
        assert_eq!(client.feed(&answer[..keep]), Ok(keep));
        assert!(client.is_handshaking());
    }
}

#[test]
fn garbage_is_refused_and_the_server_told() {
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..400 {
        let mut client = connect(&plain(), &["localhost"]);
        let (_, mut answer) = first_answer(&mut client);
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..answer.len());
            answer[at] = rng.random();
        }
        // Either the damage is detected, or it makes a record that is not complete yet.
        match client.feed(&answer) {
            Ok(_) => assert!(client.is_handshaking() || !outgoing(&mut client).is_empty()),
            Err(failure) => assert!(!failure.to_string().contains('\n')),
        }
    }
    let mut client = connect(&plain(), &["localhost"]);
    let (_, mut answer) = first_answer(&mut client);
    answer[5] = 0xff; // the message's type
    let failure = client.feed(&answer).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Protocol, "{failure}");
    assert!(!outgoing(&mut client).is_empty(), "an alert");
}

#[test]
fn a_message_without_end_is_refused() {
    // Handshake records that announce 16 MiB: the certificate bomb.
    let mut client = connect(&plain(), &["localhost"]);
    outgoing(&mut client);
    let mut record = vec![0x16, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    let mut fed = 0;
    let failure = loop {
        match client.feed(&record) {
            Ok(n) => fed += n,
            Err(failure) => break failure,
        }
        assert!(fed < 1 << 20, "{fed} bytes were taken");
    };
    assert_eq!(failure.kind(), FailureKind::Protocol, "{failure}");
}

#[test]
fn empty_records_without_end_are_refused() {
    let mut client = connect(&plain(), &["localhost"]);
    outgoing(&mut client);
    // Change-cipher-spec messages, of which TLS 1.3 allows a few.
    let record = [0x14, 3, 3, 0, 1, 1].repeat(1000);
    let mut fed = 0;
    while let Ok(n) = client.feed(&record) {
        fed += n;
        assert!(fed < 1 << 20, "{fed} bytes were taken");
    }
}

#[test]
fn an_alert_is_explained() {
    for (alert, kind, text) in [
        (40, FailureKind::Refused, "ZOO_TLS_CERT"),
        (48, FailureKind::Refused, "trust store"),
        (70, FailureKind::Refused, "ZOO_TLS_MIN"),
        (80, FailureKind::Alert, "InternalError"),
        (112, FailureKind::Refused, "ZOO_TLS_SERVER_NAME"),
        (116, FailureKind::Refused, "client certificate"),
    ] {
        let mut client = connect(&plain(), &["localhost"]);
        outgoing(&mut client);
        let failure = client.feed(&[0x15, 3, 3, 0, 2, 2, alert]).unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(failure.to_string().contains(text), "{failure}");
    }
}

#[test]
fn a_server_that_knows_application_protocols_is_told_none() {
    let mut config = server_config("server", &[&rustls::version::TLS12], None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // If the client offers no protocol, a server chooses none, and the handshake succeeds.
    handshake(&mut connect(&plain(), &["localhost"]), &mut ServerConnection::new(Arc::new(config)).unwrap()).unwrap();
}

#[test]
fn a_version_1_client_certificate_is_sent() {
    // rustls' server refuses the certificate, which shows that the server has received it.
    let config = server_config("server", &[&rustls::version::TLS12], Some("ca.crt"));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let context = Context::new(settings(&["ca.crt", "client_v1.crt", "client_v1.key"], &[]).unwrap()).unwrap();
    let mut client = connect(&context, &["localhost"]);
    let answer = answered(&mut server, &outgoing(&mut client)).unwrap();
    client.feed(&answer).unwrap();
    let refusal = answered(&mut server, &outgoing(&mut client)).unwrap_err();
    assert!(format!("{refusal:?}").contains("UnsupportedCertVersion"), "{refusal:?}");
}
