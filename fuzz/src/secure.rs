//! Inputs from a server or a file for TLS and SASL.
use crate::script::Script;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use zk_secure::Secret;
use zk_secure::sasl::{DigestMd5, Step, security_layer_reply};
use zk_secure::tls::{Context, ReadOutcome, Settings, fuzzing};

/// A time at which the corpus' certificates are valid.
const NOW: u64 = 1_800_000_000;
/// A text that must not be shown.
const PASSWORD: &str = "pass-phrase-7";

/// The compatibility rules: any certificates are judged, and trust comes from the roots alone.
pub fn certificates(data: &[u8]) {
    let mut script = Script::new(data);
    let (roots, sent) = (script.byte() % 4, script.byte() % 4);
    let leaf = script.record();
    let sent: Vec<&[u8]> = (0..sent).map(|_| script.record()).collect();
    let roots: Vec<&[u8]> = (0..roots).map(|_| script.record()).collect();
    if fuzzing::is_accepted_by_compat(leaf, &sent, &roots, NOW) {
        assert!(!fuzzing::is_accepted_by_compat(leaf, &sent, &[], NOW), "accepted without a root");
    }
}

/// The key decoder: any file is parsed or refused.
pub fn keys(data: &[u8]) {
    let mut script = Script::new(data);
    let password = script.bytes();
    let _ = fuzzing::is_key(script.rest(), password);
}

/// A server's SASL messages: no exchange succeeds without the server's proof.
pub fn sasl(data: &[u8]) {
    let mut script = Script::new(data);
    let user = String::from_utf8_lossy(script.bytes()).into_owned();
    let password = Secret::new(script.bytes().to_vec());
    let realm = script.byte() & 1 == 1;
    let challenge = script.record();
    let mut exchange = DigestMd5::new(&user, password, realm.then_some("realm"), "zookeeper", "zk-sasl-md5");
    if let Ok(Step::Send(response)) = exchange.step(Some(challenge), [7; 16]) {
        assert!(response.len() < 4 * (user.len() + challenge.len()) + 1024);
        let proof = script.rest();
        let outcome = exchange.step(Some(proof), [7; 16]);
        if outcome == Ok(Step::Done) {
            assert!(proof.to_ascii_lowercase().windows(8).any(|name| name == b"rspauth="), "no proof was given");
        }
        assert!(exchange.step(Some(proof), [7; 16]).is_err(), "an exchange has an end");
    }
    if let Ok(reply) = security_layer_reply(challenge, &user) {
        assert_eq!(reply.get(..4), Some(&[1, 0, 0, 0][..]));
    }
}

/// A server's bytes, in pieces: the handshake continues or fails, and cannot be completed without the keys.
pub fn handshake(data: &[u8]) {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| {
        let lookup = |name: &str| match name {
            "ZOO_TLS" => Some("on".into()),
            // The target `certificates` covers the certificate's content.
            "ZOO_TLS_VERIFY" => Some("none".into()),
            _ => None,
        };
        let settings = Settings::from_environment(&lookup).expect("settings").expect("TLS");
        Context::new(settings).expect("nothing is read")
    });
    let mut script = Script::new(data);
    let piece = usize::from(script.byte()) * 16 + 1;
    let server = SocketAddr::from(([127, 0, 0, 1], 2281));
    let mut connection = context.connect(server, &["localhost".to_owned()]).expect("a connection");
    let mut sent = Vec::new();
    let mut space = [0; 64];
    for part in script.rest().chunks(piece) {
        let fed = connection.feed(part);
        connection.write_to(&mut sent).expect("a vector takes everything");
        assert!(connection.is_handshaking(), "the handshake was ended without the keys");
        assert_eq!(connection.read(&mut space), ReadOutcome::Drained, "plaintext without the keys");
        match fed {
            Ok(n) => assert_eq!(n, part.len(), "without plaintext that waits, everything is taken"),
            Err(failure) => {
                let text = failure.to_string();
                assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
                return;
            }
        }
    }
    assert!(!connection.closed_by_peer().needs_operator(), "an end may be overload");
}

/// The certificate string and `ZOO_TLS_*`: accepted, or refused with one line that contains no password.
pub fn tls_settings(data: &[u8]) {
    let mut script = Script::new(data);
    let names = [
        "ZOO_TLS",
        "ZOO_TLS_CA",
        "ZOO_TLS_CERT",
        "ZOO_TLS_KEY",
        "ZOO_TLS_VERIFY",
        "ZOO_TLS_SERVER_NAME",
        "ZOO_TLS_MIN",
        "ZOO_TLS_COMPAT",
    ];
    let values: Vec<Option<OsString>> =
        names.iter().map(|_| (script.byte() & 1 == 1).then(|| OsString::from_vec(script.bytes().to_vec()))).collect();
    let lookup = |name: &str| match name {
        "ZOO_TLS_KEY_PASSWORD" => Some(PASSWORD.into()),
        _ => names.iter().position(|known| *known == name).and_then(|at| values.get(at).cloned().flatten()),
    };
    let rest = script.rest();
    let known = [b"ca,cert,key,", PASSWORD.as_bytes(), rest].concat();
    let known = Settings::from_cert_string(Some(&known), &lookup).map(Some);
    let by_string = Settings::from_cert_string(Some(rest), &lookup).map(Some);
    for outcome in [known, by_string, Settings::from_environment(&lookup)] {
        let text = match outcome {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => {
                assert!(!error.to_string().contains(char::is_control), "{error}");
                format!("{error} {error:?}")
            }
        };
        // It may be contained in the fuzzer's own bytes.
        let is_given = data.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(is_given || !text.contains(PASSWORD), "the password is in {text}");
    }
}
