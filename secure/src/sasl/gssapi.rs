//! The end of the GSSAPI exchange (RFC 4752, 3.1): server and client agree on no security layer.
use super::Failure;

/// The bit for "no security layer"; the only one that ZooKeeper uses, since its frames follow in the clear.
const NO_LAYER: u8 = 1;

/// The client's answer to the server's last message. `offer` is that message after `gss_unwrap`; the result goes
/// through `gss_wrap`. `identity` is the authorization identity, empty for the one that was authenticated.
pub fn security_layer_reply(offer: &[u8], identity: &str) -> Result<Vec<u8>, Failure> {
    let [layers, _, _, _] = offer else {
        let text = format!("GSSAPI: the server's offer of security layers has {} bytes instead of 4", offer.len());
        return Err(Failure::permanent(text));
    };
    if layers & NO_LAYER == 0 {
        return Err(Failure::permanent(
            "GSSAPI: the server demands a security layer, and ZooKeeper's protocol has none",
        ));
    }
    // Without a layer the largest message is 0.
    let mut reply = vec![NO_LAYER, 0, 0, 0];
    reply.extend_from_slice(identity.as_bytes());
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_layer_is_chosen_where_it_is_offered() {
        assert_eq!(security_layer_reply(&[7, 0, 1, 0], "").unwrap(), [1, 0, 0, 0]);
        assert_eq!(security_layer_reply(&[1, 0, 0, 0], "zk").unwrap(), [1, 0, 0, 0, b'z', b'k']);
    }

    #[test]
    fn other_offers_are_refused() {
        for offer in [&[][..], &[1, 0, 0], &[1, 0, 0, 0, 0], &[6, 0, 1, 0]] {
            assert!(security_layer_reply(offer, "").unwrap_err().is_final());
        }
    }
}
