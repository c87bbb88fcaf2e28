//! Pieces that several torrents have in common.

use super::Router;
use crate::ids::TorrentId;
use crate::sharing::{CommonPieces, ShareNews};
use std::collections::BTreeSet;

impl Router<'_> {
    /// Records files that pairs of torrents have in common on disk.
    pub(crate) fn link_pieces(&mut self, all: &[CommonPieces]) {
        let mut linked = BTreeSet::new();
        for common in all {
            self.sharing.link(*common);
            for (id, first) in [common.one, common.two] {
                linked.insert(id);
                if let Some(torrent) = self.torrents.get_mut(id) {
                    torrent.exchange_mut().share(first..first.saturating_add(common.count));
                }
            }
        }
        linked.into_iter().for_each(|id| self.compare_common(id));
    }

    /// Ends the record of a torrent's common files, as its files are not those of the others any more.
    pub(crate) fn unlink_pieces(&mut self, id: TorrentId) {
        self.tell_others(id);
        for piece in self.sharing.pieces_of(id).into_iter().flatten() {
            for (torrent, place) in self.sharing.others((id, piece)).into_iter().chain([(id, piece)]) {
                if let Some((cx, torrent, _)) = self.enter_torrent(torrent) {
                    torrent.exchange_mut().unbar(cx, place);
                }
            }
        }
        let partners = self.sharing.partners_of(id);
        self.sharing.remove(id);
        // Some may be fetched by another of the rest.
        partners.into_iter().for_each(|partner| self.compare_common(partner));
    }

    /// Passes on the changes of a torrent's common pieces.
    pub(super) fn tell_others(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        // Also the news that concern no other torrent any more, so that they do not add up.
        for (piece, news) in torrent.exchange_mut().take_share_news() {
            for (other, place) in self.sharing.others((id, piece)) {
                let Some(torrent) = self.torrents.get_mut(other) else { continue };
                match news {
                    ShareNews::Opened => torrent.exchange_mut().bar(place),
                    ShareNews::Closed => torrent.exchange_mut().unbar(&mut self.cx, place),
                    ShareNews::Verified => {
                        if torrent.lifecycle().counts_pieces() && !torrent.exchange().have().contains(place) {
                            self.cx.out.looks.push((other, place));
                        }
                    }
                }
            }
        }
    }

    /// Looks for the common pieces that others have, and bars those that they fetch, as the torrent was checked.
    pub(super) fn compare_common(&mut self, id: TorrentId) {
        if !self.torrents.get(id).is_some_and(|torrent| torrent.lifecycle().counts_pieces()) {
            return;
        }
        for piece in self.sharing.pieces_of(id).into_iter().flatten() {
            for (other, place) in self.sharing.others((id, piece)) {
                let has = |id, piece| {
                    let torrent = self.torrents.get(id).filter(|torrent| torrent.lifecycle().counts_pieces());
                    torrent.map(|torrent| torrent.exchange().have().contains(piece))
                };
                match (has(id, piece), has(other, place)) {
                    (Some(false), Some(true)) => {
                        self.cx.out.looks.push((id, piece));
                        if let Some(torrent) = self.torrents.get_mut(id) {
                            torrent.exchange_mut().bar(piece);
                        }
                    }
                    (Some(true), Some(false)) => self.cx.out.looks.push((other, place)),
                    _ => {}
                }
            }
        }
        for other in self.sharing.partners_of(id) {
            let in_progress = self.torrents.get(other).map(|torrent| torrent.exchange().common_in_progress());
            for piece in in_progress.unwrap_or_default() {
                for (_, place) in self.sharing.others((other, piece)).into_iter().filter(|(of, _)| *of == id)
                {
                    if let Some(torrent) = self.torrents.get_mut(id) {
                        torrent.exchange_mut().bar(place);
                    }
                }
            }
        }
    }

    /// Handles the look at a piece that another torrent has.
    pub(super) fn on_looked(&mut self, id: TorrentId, piece: u32, is_there: bool) {
        if is_there {
            self.on_piece_ok(id, piece, &[]);
        } else if let Some((cx, torrent, _)) = self.enter_torrent(id) {
            torrent.exchange_mut().unbar(cx, piece);
        }
    }

    /// Drops the pieces in progress of a torrent, if it has any in common with others, which may fetch them then.
    pub(super) fn hand_over(&mut self, id: TorrentId) {
        if !self.sharing.has(id) {
            return;
        }
        self.stop_web_seeds(id);
        if let Some((cx, torrent, _)) = self.enter_torrent(id) {
            torrent.exchange_mut().on_stopped(cx);
            cx.out.forgets.push(id);
        }
        self.tell_others(id);
    }
}
