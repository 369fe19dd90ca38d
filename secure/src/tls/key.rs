//! Private keys in all encodings that OpenSSL and Java write to PEM files.
use super::legacy_key;
use super::pem::{self, Block};
use crate::Secret;
use const_oid::ObjectIdentifier;
use der::Decode;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

/// Limits of the cost of deriving a key from a password: a damaged or hostile file must not hang or exhaust the
/// process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) iterations: u32,
    pub(super) scrypt_bytes: u64,
}

/// Far above OpenSSL's defaults, which are 2,048 iterations and 16 MiB.
pub(super) const COST_MAX: Cost = Cost { iterations: 10_000_000, scrypt_bytes: 256 << 20 };

/// OIDs of PKCS#5 version 1.5 and of PKCS#12: current tools do not write these ciphers by default.
const OLD_SCHEMES: [ObjectIdentifier; 2] =
    [ObjectIdentifier::new_unwrap("1.2.840.113549.1.5"), ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1")];
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// Why there is no usable key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// The key is encrypted, and there is no password.
    NeedsPassword,
    /// Any other reason, in words.
    Unusable(String),
}

impl From<String> for KeyFault {
    fn from(text: String) -> KeyFault {
        KeyFault::Unusable(text)
    }
}

/// The first private key of a PEM text.
pub(super) fn decode(text: &[u8], password: Option<&Secret>, cost: Cost) -> Result<PrivateKeyDer<'static>, KeyFault> {
    let blocks = pem::blocks(text)?;
    let Some(block) = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY")) else {
        return Err(pem::missing(text, "private key", &blocks).into());
    };
    match block.label {
        "PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(block.content.to_vec()).into()),
        "ENCRYPTED PRIVATE KEY" => {
            decrypt_pkcs8(&block.content, password.ok_or(KeyFault::NeedsPassword)?, cost).map(PrivateKeyDer::from)
        }
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(traditional(block, password)?).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(traditional(block, password)?).into()),
        other => Err(format!("a {other} cannot be used: RSA, ECDSA and Ed25519 keys can").into()),
    }
}

/// A key in OpenSSL's old format, which may be encrypted.
fn traditional(block: &Block<'_>, password: Option<&Secret>) -> Result<Vec<u8>, KeyFault> {
    match block.header("Proc-Type") {
        Some(kind) if kind.ends_with("ENCRYPTED") => {
            let password = password.ok_or(KeyFault::NeedsPassword)?;
            Ok(legacy_key::decrypt(block.header("DEK-Info").unwrap_or_default(), &block.content, password)?)
        }
        _ => Ok(block.content.to_vec()),
    }
}

fn decrypt_pkcs8(content: &[u8], password: &Secret, cost: Cost) -> Result<PrivatePkcs8KeyDer<'static>, KeyFault> {
    let key = EncryptedPrivateKeyInfoRef::from_der(content).map_err(|error| unreadable(content, &error))?;
    let EncryptionScheme::Pbes2(parameters) = &key.encryption_algorithm else {
        return Err(old_scheme().into());
    };
    let affordable = match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => kdf.iteration_count <= cost.iterations,
        Kdf::Scrypt(kdf) => {
            let block = u64::from(kdf.block_size) * 128;
            kdf.cost_parameter.saturating_mul(block).saturating_mul(u64::from(kdf.parallelization)) <= cost.scrypt_bytes
        }
        _ => false,
    };
    if !affordable {
        return Err("it is encrypted with a key derivation that is unknown or takes too long".to_owned().into());
    }
    let plain = key
        .decrypt(password.expose())
        .map_err(|_| "it cannot be decrypted: the password is wrong, or its cipher is not supported".to_owned())?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()))
}

fn unreadable(content: &[u8], error: &der::Error) -> String {
    let scheme = scheme_of(content).filter(|scheme| *scheme != PBES2);
    match scheme {
        Some(scheme) if OLD_SCHEMES.iter().any(|old| scheme.as_bytes().starts_with(old.as_bytes())) => old_scheme(),
        _ => format!("it is not a valid encrypted PKCS#8 key, or its cipher is not supported ({error})"),
    }
}

fn old_scheme() -> String {
    "it is encrypted with an old method (PBES1); convert it: openssl pkcs8 -in OLD | openssl pkcs8 -topk8 -out NEW"
        .to_owned()
}

/// The OID of the encryption.
fn scheme_of(content: &[u8]) -> Option<ObjectIdentifier> {
    let outer = der::asn1::AnyRef::from_der(content).ok()?;
    let (algorithm, _) = der::asn1::AnyRef::from_der_partial(outer.value()).ok()?;
    let (scheme, _) = ObjectIdentifier::from_der_partial(algorithm.value()).ok()?;
    Some(scheme)
}
