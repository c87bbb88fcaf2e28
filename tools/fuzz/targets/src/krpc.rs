use ztor_dht::Saved;
use ztor_dht::krpc::{Body, DecodeError, MAX_TRANSACTION_BYTES, code, decode};

/// Checks datagrams of the DHT: a message is the same after it is written and read again.
pub fn krpc(data: &[u8]) {
    let message = match decode(data) {
        Ok(message) => message,
        Err(DecodeError::Query { transaction, fault }) => {
            assert!(transaction.len() <= MAX_TRANSACTION_BYTES);
            assert_eq!(fault.code, code::PROTOCOL);
            return;
        }
        Err(DecodeError::NotKrpc | DecodeError::Answer { .. }) => return,
    };
    match &message.body {
        Body::Query(_) => {
            assert!(message.transaction.len() <= MAX_TRANSACTION_BYTES);
            assert_eq!(message.external, None, "a query with an external address");
        }
        Body::Response(_) => assert!(!message.read_only),
        Body::Error(fault) => {
            assert!(!message.read_only);
            crate::assert_plain(&fault.message);
        }
    }
    let written = message.encode();
    assert_eq!(decode(&written).as_ref(), Ok(&message));
}

/// Checks the file of nodes that is kept between runs.
pub fn dht_saved(data: &[u8]) {
    let Ok(saved) = Saved::from_bytes(data) else { return };
    assert!(saved.nodes.len() <= 400, "{} nodes", saved.nodes.len());
    assert_eq!(Saved::from_bytes(&saved.to_bytes()), Ok(saved));
}
