//! What a server or a file can hand to TLS and SASL.
use crate::script::Script;
use zk_secure::Secret;
use zk_secure::sasl::{DigestMd5, Step, security_layer_reply};
use zk_secure::tls::fuzzing;

/// A moment at which the corpus' certificates are valid.
const NOW: u64 = 1_800_000_000;

/// The compatibility rules: any certificates are judged, and trust comes from the roots alone.
pub(crate) fn certificates(data: &[u8]) {
    let mut script = Script::new(data);
    let (roots, sent) = (script.byte() % 4, script.byte() % 4);
    let leaf = script.record();
    let sent: Vec<&[u8]> = (0..sent).map(|_| script.record()).collect();
    let roots: Vec<&[u8]> = (0..roots).map(|_| script.record()).collect();
    if fuzzing::is_accepted_by_compat(leaf, &sent, &roots, NOW) {
        assert!(!fuzzing::is_accepted_by_compat(leaf, &sent, &[], NOW), "accepted without a root");
    }
}

/// The key decoder: any file is read or refused.
pub(crate) fn keys(data: &[u8]) {
    let mut script = Script::new(data);
    let password = script.bytes();
    let _ = fuzzing::is_key(script.rest(), password);
}

/// A server's SASL messages: no exchange ends well without the proof.
pub(crate) fn sasl(data: &[u8]) {
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
