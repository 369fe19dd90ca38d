//! The identities of the `digest` authentication scheme. Knows no ACL.
use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

/// The identity that the `digest` scheme makes of `user:password`.
pub fn identity(credentials: &str) -> String {
    let user = credentials.split(':').next().unwrap_or_default();
    format!("{user}:{}", Base64::encode_string(&Sha1::digest(credentials)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_zookeepers_documented_example() {
        assert_eq!(identity("super:superpw"), "super:g9oN2HttPfn8MMWJZ2r45Np/LIA=");
    }
}
