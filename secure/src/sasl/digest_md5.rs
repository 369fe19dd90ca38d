//! DIGEST-MD5 (RFC 2831) as ZooKeeper uses it: authentication only, with a proof that the server knows the password
//! too.
use super::Failure;
use crate::Secret;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// RFC 2831: a challenge has fewer than 2,048 bytes.
const CHALLENGE_LEN_MAX: usize = 2048;
/// Limit of realms in one challenge.
const REALMS_MAX: usize = 32;
/// The largest frame that this client would accept under a security layer, which is never used.
const MAXBUF: &str = "65536";

/// What to do after a token of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this and wait for the answer.
    Send(Vec<u8>),
    /// Both sides are authenticated.
    Done,
}

#[derive(Debug)]
enum State {
    Start,
    /// The response was sent; the server must answer with this proof.
    Responded(Vec<u8>),
    Over,
}

/// One exchange. `Debug` shows no password.
#[derive(Debug)]
pub struct DigestMd5 {
    user: String,
    password: Secret,
    realm: Option<String>,
    uri: String,
    state: State,
}

impl DigestMd5 {
    /// `realm` must be one that the server offers, if it offers any; without a `realm` the first one offered is taken.
    /// The password is UTF-8.
    pub fn new(user: &str, password: Secret, realm: Option<&str>, service: &str, host: &str) -> DigestMd5 {
        let uri = format!("{service}/{host}");
        DigestMd5 { user: user.to_owned(), password, realm: realm.map(str::to_owned), uri, state: State::Start }
    }

    /// The first token: empty, since the server speaks first.
    pub fn initial(&self) -> &'static [u8] {
        b""
    }

    /// The answer to the server's token; `None` is a null buffer. `nonce` must be fresh random bytes.
    pub fn step(&mut self, token: Option<&[u8]>, nonce: [u8; 16]) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let token = token.ok_or_else(|| {
                    let text = "DIGEST-MD5: the server does not offer SASL: it has no JAAS configuration for its `Server` section";
                    Failure::permanent(text)
                })?;
                let (response, expected) = self.respond(token, &hex(&nonce))?;
                self.state = State::Responded(expected);
                Ok(Step::Send(response))
            }
            State::Responded(expected) => {
                let proof =
                    token.ok_or_else(|| Failure::permanent("DIGEST-MD5: the server refused user or password"))?;
                let directives = parse(proof)?;
                let proof = directives.iter().find(|(name, _)| name == "rspauth").map(|(_, value)| value.as_slice());
                if proof.is_some_and(|proof| equal(proof, &expected)) {
                    return Ok(Step::Done);
                }
                let text = "DIGEST-MD5: the server cannot prove that it knows the password (rspauth is wrong)";
                Err(Failure::permanent(text))
            }
            State::Over => Err(Failure::permanent("DIGEST-MD5: the server sent a token after the end of the exchange")),
        }
    }

    /// The response to a challenge, and the proof that the server must answer with.
    fn respond(&self, challenge: &[u8], client_nonce: &str) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let challenge = Challenge::new(challenge)?;
        let realm = match &self.realm {
            Some(wanted) if challenge.realms.iter().any(|realm| realm == wanted.as_bytes()) => wanted.as_bytes(),
            Some(wanted) if !challenge.realms.is_empty() => {
                let wanted = wanted.escape_debug();
                return Err(Failure::permanent(format!("DIGEST-MD5: the server does not offer the realm {wanted}")));
            }
            _ => challenge.realms.first().map(Vec::as_slice).unwrap_or_default(),
        };
        let mut secret = Zeroizing::new(Vec::new());
        secret.extend_from_slice(&for_hash(self.user.as_bytes()));
        secret.push(b':');
        secret.extend_from_slice(&for_hash(realm));
        secret.push(b':');
        secret.extend_from_slice(&for_hash(self.password.expose()));
        let hashed: [u8; 16] = Md5::digest(&secret).into();
        let a1 = Zeroizing::new([&hashed[..], b":", &challenge.nonce, b":", client_nonce.as_bytes()].concat());
        let a1 = Zeroizing::new(hex_digest(&a1));
        let proof = |a2: String| {
            let a2 = hex_digest(a2.as_bytes());
            let parts = [a1.as_bytes(), &challenge.nonce, b"00000001", client_nonce.as_bytes(), b"auth", a2.as_bytes()];
            hex_digest(&parts.join(&b':'))
        };
        let response = proof(format!("AUTHENTICATE:{}", self.uri));
        let expected = proof(format!(":{}", self.uri));

        let mut out = Vec::new();
        if challenge.is_utf8 {
            out.extend_from_slice(b"charset=utf-8,");
        }
        out.extend_from_slice(b"username=");
        quote(&mut out, self.user.as_bytes());
        if !challenge.realms.is_empty() || self.realm.is_some() {
            out.extend_from_slice(b",realm=");
            quote(&mut out, realm);
        }
        out.extend_from_slice(b",nonce=");
        quote(&mut out, &challenge.nonce);
        out.extend_from_slice(format!(",nc=00000001,cnonce=\"{client_nonce}\",digest-uri=").as_bytes());
        quote(&mut out, self.uri.as_bytes());
        out.extend_from_slice(format!(",maxbuf={MAXBUF},response={response},qop=auth").as_bytes());
        Ok((out, expected.into_bytes()))
    }
}

/// A server's challenge.
struct Challenge {
    realms: Vec<Vec<u8>>,
    nonce: Vec<u8>,
    is_utf8: bool,
}

impl Challenge {
    fn new(token: &[u8]) -> Result<Challenge, Failure> {
        let mut challenge = Challenge { realms: Vec::new(), nonce: Vec::new(), is_utf8: false };
        let mut algorithm = None;
        for (name, value) in parse(token)? {
            match name.as_str() {
                "realm" if challenge.realms.len() < REALMS_MAX => challenge.realms.push(value),
                "nonce" if challenge.nonce.is_empty() => challenge.nonce = value,
                "nonce" => return Err(malformed("has two nonces")),
                "algorithm" => algorithm = Some(value),
                "charset" => challenge.is_utf8 = value.eq_ignore_ascii_case(b"utf-8"),
                "qop"
                    if !value.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"auth")) =>
                {
                    let text =
                        "DIGEST-MD5: the server demands integrity or encryption by SASL, which ZooKeeper does not use";
                    return Err(Failure::permanent(text));
                }
                _ => {}
            }
        }
        if challenge.nonce.is_empty() {
            return Err(malformed("has no nonce"));
        }
        if !algorithm.is_some_and(|name| name.eq_ignore_ascii_case(b"md5-sess")) {
            return Err(malformed("names another algorithm than md5-sess"));
        }
        Ok(challenge)
    }
}

fn malformed(what: &str) -> Failure {
    Failure::permanent(format!("DIGEST-MD5: the server's challenge {what}"))
}

/// `name=value` or `name="value"`, separated by commas. The names are returned in lower case, the values without quotes
/// and escapes.
fn parse(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    if text.len() >= CHALLENGE_LEN_MAX {
        return Err(malformed("is too long"));
    }
    let mut found = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = behind.trim_ascii_start();
            continue;
        }
        let equals =
            rest.iter().position(|byte| *byte == b'=').ok_or_else(|| malformed("is not a list of directives"))?;
        let (name, behind) = rest.split_at(equals);
        let name = std::str::from_utf8(name.trim_ascii()).map_err(|_| malformed("has a directive that is not text"))?;
        let behind = behind.get(1..).unwrap_or_default().trim_ascii_start();
        let (value, behind) = if let Some(quoted) = behind.strip_prefix(b"\"") {
            unquote(quoted).ok_or_else(|| malformed("has a string without an end"))?
        } else {
            let end = behind.iter().position(|byte| *byte == b',').unwrap_or(behind.len());
            let (value, behind) = behind.split_at(end);
            (value.trim_ascii().to_vec(), behind)
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = behind.trim_ascii_start();
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(malformed("is not a list of directives"));
        }
    }
    Ok(found)
}

/// The content up to the closing quote, and the rest of the text after it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, text.get(at + 1..).unwrap_or_default())),
            b'\\' => value.push(*bytes.next()?.1),
            other => value.push(*other),
        }
    }
    None
}

fn quote(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// RFC 2831, 2.1.2.1: a text is hashed in ISO 8859-1 if that can express it, else in UTF-8.
fn for_hash(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let latin: Option<Vec<u8>> =
        std::str::from_utf8(text).ok().and_then(|text| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect());
    Zeroizing::new(latin.unwrap_or_else(|| text.to_vec()))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn hex_digest(bytes: &[u8]) -> String {
    let digest: [u8; 16] = Md5::digest(bytes).into();
    hex(&digest)
}

/// Compares in a time that does not depend on where the difference is.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &[u8] =
        br#"realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8"#;

    fn exchange(user: &str, password: &str, realm: Option<&str>) -> DigestMd5 {
        DigestMd5::new(user, Secret::new(password.as_bytes().to_vec()), realm, "imap", "elwood.innosoft.com")
    }

    /// An exchange after its first step, with the response, and the proof that the server computes for it.
    fn started(challenge: &[u8]) -> (DigestMd5, String, String) {
        let mut exchange = exchange("chris", "secret", None);
        let Step::Send(response) = exchange.step(Some(challenge), [7; 16]).unwrap() else { panic!("no response") };
        let State::Responded(expected) = &exchange.state else { panic!("no proof awaited") };
        let expected = String::from_utf8(expected.clone()).unwrap();
        (exchange, String::from_utf8(response).unwrap(), expected)
    }

    #[test]
    fn the_example_of_rfc_2831_comes_out() {
        let (response, expected) = exchange("chris", "secret", None).respond(CHALLENGE, "OA6MHXh6VqTrRk").unwrap();
        let response = String::from_utf8(response).unwrap();
        assert!(response.contains("response=d388dad90d4bbd760a152321f2143af7"), "{response}");
        assert_eq!(expected, b"ea40f60335c427b5527b84dbabcdfffd");
        assert!(
            response
                .starts_with(r#"charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh""#)
        );
    }

    #[test]
    fn a_server_must_prove_that_it_knows_the_password() {
        let (mut good, _, expected) = started(CHALLENGE);
        assert_eq!(good.step(Some(format!("rspauth={expected}").as_bytes()), [0; 16]), Ok(Step::Done));
        assert!(good.step(Some(b""), [0; 16]).unwrap_err().is_final(true));
        for proof in ["", "rspauth=", "rspauth=00000000000000000000000000000000", "other=1"] {
            let (mut bad, _, _) = started(CHALLENGE);
            let failure = bad.step(Some(proof.as_bytes()), [0; 16]).unwrap_err();
            assert!(failure.is_final(true) && failure.to_string().contains("cannot prove"), "{failure}");
        }
        let (mut refused, _, _) = started(CHALLENGE);
        assert!(refused.step(None, [0; 16]).unwrap_err().to_string().contains("refused"));
    }

    #[test]
    fn a_server_without_jaas_is_named() {
        let failure = exchange("u", "p", None).step(None, [0; 16]).unwrap_err();
        assert!(failure.to_string().contains("JAAS"), "{failure}");
    }

    #[test]
    fn the_wanted_realm_is_chosen() {
        let challenge = br#"realm="a",realm="b\"c",nonce="n",algorithm=md5-sess"#;
        let realm = |wanted| {
            let Step::Send(response) = exchange("u", "p", wanted).step(Some(challenge), [0; 16]).unwrap() else {
                panic!()
            };
            String::from_utf8(response).unwrap()
        };
        assert!(realm(None).contains(r#"realm="a""#) && !realm(None).contains("charset"));
        assert!(realm(Some("b\"c")).contains(r#"realm="b\"c""#));
        let failure = exchange("u", "p", Some("x\n")).step(Some(challenge), [0; 16]).unwrap_err();
        assert!(failure.to_string().contains("does not offer the realm x\\n"), "{failure}");
        let none = exchange("u", "p", None).step(Some(br#"nonce="n",algorithm=md5-sess"#), [0; 16]).unwrap();
        assert!(
            matches!(none, Step::Send(response) if !String::from_utf8(response.clone()).unwrap().contains("realm"))
        );
    }

    #[test]
    fn names_outside_ascii_are_hashed_in_latin_1_where_possible() {
        assert_eq!(*for_hash("m\u{fc}ller".as_bytes()), b"m\xfcller");
        assert_eq!(*for_hash("\u{4e2d}".as_bytes()), "\u{4e2d}".as_bytes());
        assert_eq!(*for_hash(b"\xff"), b"\xff");
    }

    #[test]
    fn bad_challenges_are_refused() {
        let long = [b"nonce=".as_slice(), &[b'x'; 3000]].concat();
        for challenge in [
            &b""[..],
            b"garbage",
            b"nonce=a",
            b"nonce=a,algorithm=md5",
            b"nonce=a,nonce=b,algorithm=md5-sess",
            b"nonce=\"a,algorithm=md5-sess",
            b"nonce=\"a\"x,algorithm=md5-sess",
            b"nonce=\"a\\",
            b"nonce=a,algorithm=md5-sess,qop=\"auth-int,auth-conf\"",
            b"\xff=a,nonce=a,algorithm=md5-sess",
            &long,
        ] {
            let refused = exchange("u", "p", None).step(Some(challenge), [0; 16]);
            assert!(refused.unwrap_err().is_final(true), "{}", String::from_utf8_lossy(challenge));
        }
    }

    #[test]
    fn no_password_is_shown() {
        assert!(!format!("{:?}", exchange("u", "hunter2", None)).contains("hunter2"));
    }
}
