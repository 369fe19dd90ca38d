//! Entry points for the fuzzers, to code that no public function reaches directly.
use super::certificate::Parsed;
use super::{compat, key};
use crate::Secret;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use std::time::Duration;

/// Accepts every signature, so that mutated certificates get past the first check.
#[derive(Debug)]
struct Credulous {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Credulous {
    fn verify_signature(&self, _key: &[u8], _message: &[u8], _signature: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }
    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

static RSA: Credulous = Credulous { key: alg_id::RSA_ENCRYPTION, signature: alg_id::RSA_PKCS1_SHA256 };
static ECDSA: Credulous = Credulous { key: alg_id::ECDSA_P256, signature: alg_id::ECDSA_SHA256 };

/// Whether the compatibility rules accept these certificates: the server's, the others that it sent, and the roots.
pub fn is_accepted_by_compat(leaf: &[u8], sent: &[&[u8]], roots: &[&[u8]], seconds: u64) -> bool {
    let Ok(leaf) = Parsed::new(leaf) else { return false };
    let roots: Vec<Parsed> = roots.iter().filter_map(|root| Parsed::new(root).ok()).collect();
    let sent: Vec<CertificateDer<'_>> = sent.iter().map(|bytes| CertificateDer::from(*bytes)).collect();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    compat::verify(&leaf, &sent, &roots, &[&RSA, &ECDSA], now).is_ok()
}

/// Whether the key decoder finds a key in a file.
pub fn is_key(text: &[u8], password: &[u8]) -> bool {
    let cost = key::Cost { iterations: 2048, scrypt_bytes: 1 << 20 };
    key::decode(text, Some(&Secret::new(password.to_vec())), cost).is_ok()
}
