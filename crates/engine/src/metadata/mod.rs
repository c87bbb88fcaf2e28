//! Metadata from peers: the info dictionary (BEP 9), and the hashes of pieces (BEP 52).

mod info;
mod layers;

pub(crate) use info::{BlockOutcome, Fetch, MAX_METADATA_LEN};
pub(crate) use layers::{LayerOutcome, Layers};
