//! Recounts interest, choke, availability and outstanding requests from the state of the peers.

use super::Will;
use crate::content::Content;
use ztor_engine::Bitfield;
use ztor_engine::Pieces;
use ztor_engine::inspect::{BlockState, TorrentView};

/// Compares the counts that the engine updates incrementally with a recount.
pub(crate) fn recount(content: &Content, view: &TorrentView, will: &Will) -> Result<(), String> {
    let pieces = content.pieces();
    if !view.is_live {
        return Ok(());
    }
    let needs = |piece: &u32| will.wants(*piece) && !view.have.contains(*piece);
    let missing = (0..pieces).filter(needs).count() as u32;
    if view.missing != missing {
        return Err(format!("missing pieces: has {}, counted {missing}", view.missing));
    }
    availability(view, will)?;
    interest(view, will)?;
    outstanding(content, view, will)
}

fn availability(view: &TorrentView, will: &Will) -> Result<(), String> {
    let live = || view.peers.iter().filter(|peer| peer.is_live);
    let seeds = live().filter(|peer| peer.has == Pieces::All).count();
    if view.seeds as usize != seeds {
        return Err(format!("seeds: has {}, counted {seeds}", view.seeds));
    }
    let mut counts = vec![0_u16; view.availability.len()];
    for peer in &view.peers {
        if let Pieces::Some(set) = &peer.has {
            set.iter().filter_map(|piece| counts.get_mut(piece as usize).map(|c| *c += 1)).count();
        }
    }
    if let Some(piece) = (0..counts.len()).find(|piece| counts[*piece] != view.availability[*piece]) {
        return Err(format!(
            "peers with piece {piece}: has {}, counted {}",
            view.availability[piece], counts[piece]
        ));
    }
    // Pieces are ordered within each priority.
    let ranks = |pair: &[u32]| {
        let [a, b] = [pair[0], pair[1]];
        will.priority(a) != will.priority(b) || counts[a as usize] <= counts[b as usize]
    };
    let sorted = view.order.windows(2).all(ranks);
    if !sorted {
        return Err("pieces are not in the order of their rarity".into());
    }
    Ok(())
}

fn interest(view: &TorrentView, will: &Will) -> Result<(), String> {
    for peer in view.peers.iter().filter(|peer| peer.is_live) {
        let counted = match &peer.has {
            Pieces::None => 0,
            Pieces::All => view.missing,
            Pieces::Some(set) => {
                set.iter().filter(|piece| will.wants(*piece) && !view.have.contains(*piece)).count() as u32
            }
        };
        if peer.interesting != counted {
            return Err(format!(
                "interesting pieces: has {} of {}, counted {counted}",
                peer.interesting, peer.addr
            ));
        }
        if peer.we_are_interested != (counted > 0) && !peer.is_dirty {
            return Err(format!("wrong interest in {}", peer.addr));
        }
        if peer.we_choke && peer.is_optimistic {
            return Err(format!("{} has the optimistic slot and is choked", peer.addr));
        }
    }
    Ok(())
}

fn outstanding(content: &Content, view: &TorrentView, will: &Will) -> Result<(), String> {
    for peer in &view.peers {
        let live = peer.asked.iter().filter(|(_, released)| !released).count();
        if peer.outstanding != live {
            return Err(format!("requests to {}: has {}, counted {live}", peer.addr, peer.outstanding));
        }
        if !peer.is_live && live > 0 {
            return Err(format!("has requests to {}, which is not connected yet", peer.addr));
        }
    }
    let mut free_in_all = 0;
    let mut closed = Bitfield::new(content.pieces());
    for partial in &view.partials {
        let piece = partial.piece;
        closed.insert(piece);
        if partial.blocks.len() as u32 != content.meta.layout.block_count(piece) {
            return Err(format!(
                "wrong number of blocks of piece {piece} in progress: {}",
                partial.blocks.len()
            ));
        }
        for (index, state) in (0..).zip(&partial.blocks) {
            let begin = index * ztor_metainfo::BLOCK_LEN;
            let is_it = |asked: &&(ztor_wire::Block, bool)| {
                asked.0.piece == piece && asked.0.begin == begin && !asked.1
            };
            let peers = view.peers.iter().flat_map(|peer| &peer.asked).filter(is_it).count();
            let web =
                view.web_asked.iter().filter(|block| (block.piece, block.begin) == (piece, begin)).count();
            let askers = peers + web;
            match state {
                BlockState::Free if askers > 0 => {
                    return Err(format!(
                        "block {index} of piece {piece} is free, but requested from {askers} sources"
                    ));
                }
                BlockState::Free => free_in_all += 1,
                BlockState::Asked(count) if usize::from(*count) != askers => {
                    return Err(format!(
                        "requests for block {index} of piece {piece}: has {count}, counted {askers}"
                    ));
                }
                BlockState::Asked(_) | BlockState::Received => {}
            }
        }
    }
    if view.open_blocks != free_in_all {
        return Err(format!("free blocks: has {}, counted {free_in_all}", view.open_blocks));
    }
    if let Some(piece) = view.partials.iter().map(|p| p.piece).find(|piece| view.have.contains(*piece)) {
        return Err(format!("piece {piece} is in progress although it is present"));
    }
    if view.order.iter().any(|piece| closed.contains(*piece) || view.have.contains(*piece)) {
        return Err("a piece that is present or in progress can be started again".into());
    }
    if view.order.iter().any(|piece| !will.wants(*piece)) {
        return Err("a piece that is not wanted can be started".into());
    }
    Ok(())
}
