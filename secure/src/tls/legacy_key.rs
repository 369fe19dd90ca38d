//! Private keys in OpenSSL's encryption from before 3.0 ("Proc-Type: 4,ENCRYPTED"), which derives the cipher's key from
//! the password by MD5.
use crate::Secret;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// Decrypts a key's content; `info` is the DEK-Info header: the cipher's name and the initialization vector in hex.
pub(super) fn decrypt(info: &str, content: &[u8], password: &Secret) -> Result<Vec<u8>, String> {
    let (cipher, vector) = info.split_once(',').ok_or("its DEK-Info header is missing or malformed")?;
    let vector = from_hex(vector.trim()).ok_or("its DEK-Info header has no valid initialization vector")?;
    let salt = vector.get(..8).ok_or("its DEK-Info header has too short an initialization vector")?;
    let mut text = Zeroizing::new(content.to_vec());
    let plain = match cipher.trim() {
        "AES-128-CBC" => open::<cbc::Decryptor<aes::Aes128>>(&derive(password, salt, 16), &vector, &mut text),
        "AES-192-CBC" => open::<cbc::Decryptor<aes::Aes192>>(&derive(password, salt, 24), &vector, &mut text),
        "AES-256-CBC" => open::<cbc::Decryptor<aes::Aes256>>(&derive(password, salt, 32), &vector, &mut text),
        "DES-EDE3-CBC" => open::<cbc::Decryptor<des::TdesEde3>>(&derive(password, salt, 24), &vector, &mut text),
        other => {
            let other = super::certificate::printable(other);
            return Err(format!(
                "it is encrypted with {other}, which is not supported; convert it with openssl pkcs8 -topk8"
            ));
        }
    };
    plain.ok_or_else(|| "it cannot be decrypted: the password is wrong".to_owned())
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one iteration.
fn derive(password: &Secret, salt: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(len + 16));
    let mut last: Option<[u8; 16]> = None;
    while key.len() < len {
        let mut hash = Md5::new();
        if let Some(last) = last {
            hash.update(last);
        }
        hash.update(password.expose());
        hash.update(salt);
        let digest: [u8; 16] = hash.finalize().into();
        key.extend_from_slice(&digest);
        last = Some(digest);
    }
    key.truncate(len);
    key
}

fn open<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], vector: &[u8], text: &mut [u8]) -> Option<Vec<u8>> {
    let plain = C::new_from_slices(key, vector).ok()?.decrypt_padded::<Pkcs7>(text).ok()?;
    // With a wrong password the padding is right once in 256 times; so check that the content begins with a SEQUENCE,
    // as a key does.
    (plain.first() == Some(&0x30)).then(|| plain.to_vec())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    if digits.len() % 2 != 0 {
        return None;
    }
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}
