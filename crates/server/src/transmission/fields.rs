//! Names of the fields of torrents.

use super::dialect::{Dialect, Key};

macro_rules! fields {
    ($($variant:ident $snake:literal $legacy:literal,)+) => {
        /// A field of a torrent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field {
            $($variant,)+
        }

        impl Field {
            /// All fields.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns its names.
            pub(crate) const fn key(self) -> Key {
                match self {
                    $(Self::$variant => Key::new($snake, $legacy),)+
                }
            }

            /// Returns the field that a request names; `None` if there is none.
            pub(crate) fn find(name: &str, dialect: Dialect) -> Option<Self> {
                match (name, dialect) {
                    $(($snake, _) => Some(Self::$variant),)+
                    (name, Dialect::Legacy) => Self::ALL.iter().copied().find(|field| field.key().legacy == name),
                    _ => None,
                }
            }
        }
    };
}

fields! {
    ActivityDate "activity_date" "activityDate",
    AddedDate "added_date" "addedDate",
    Availability "availability" "availability",
    BandwidthPriority "bandwidth_priority" "bandwidthPriority",
    BytesCompleted "bytes_completed" "bytesCompleted",
    Comment "comment" "comment",
    CorruptEver "corrupt_ever" "corruptEver",
    Creator "creator" "creator",
    DateCreated "date_created" "dateCreated",
    DesiredAvailable "desired_available" "desiredAvailable",
    DoneDate "done_date" "doneDate",
    DownloadDir "download_dir" "downloadDir",
    DownloadLimit "download_limit" "downloadLimit",
    DownloadLimited "download_limited" "downloadLimited",
    DownloadedEver "downloaded_ever" "downloadedEver",
    EditDate "edit_date" "editDate",
    Error "error" "error",
    ErrorString "error_string" "errorString",
    Eta "eta" "eta",
    EtaIdle "eta_idle" "etaIdle",
    FileCount "file_count" "file-count",
    FileStats "file_stats" "fileStats",
    Files "files" "files",
    Group "group" "group",
    HashString "hash_string" "hashString",
    HaveUnchecked "have_unchecked" "haveUnchecked",
    HaveValid "have_valid" "haveValid",
    HonorsSessionLimits "honors_session_limits" "honorsSessionLimits",
    Id "id" "id",
    IsFinished "is_finished" "isFinished",
    IsPrivate "is_private" "isPrivate",
    IsStalled "is_stalled" "isStalled",
    Labels "labels" "labels",
    LeftUntilDone "left_until_done" "leftUntilDone",
    MagnetLink "magnet_link" "magnetLink",
    ManualAnnounceTime "manual_announce_time" "manualAnnounceTime",
    MaxConnectedPeers "max_connected_peers" "maxConnectedPeers",
    MetadataPercentComplete "metadata_percent_complete" "metadataPercentComplete",
    Name "name" "name",
    PeerLimit "peer_limit" "peer-limit",
    Peers "peers" "peers",
    PeersConnected "peers_connected" "peersConnected",
    PeersFrom "peers_from" "peersFrom",
    PeersGettingFromUs "peers_getting_from_us" "peersGettingFromUs",
    PeersSendingToUs "peers_sending_to_us" "peersSendingToUs",
    PercentComplete "percent_complete" "percentComplete",
    PercentDone "percent_done" "percentDone",
    PieceCount "piece_count" "pieceCount",
    PieceSize "piece_size" "pieceSize",
    Pieces "pieces" "pieces",
    PrimaryMimeType "primary_mime_type" "primary-mime-type",
    Priorities "priorities" "priorities",
    QueuePosition "queue_position" "queuePosition",
    RateDownload "rate_download" "rateDownload",
    RateUpload "rate_upload" "rateUpload",
    RecheckProgress "recheck_progress" "recheckProgress",
    SecondsDownloading "seconds_downloading" "secondsDownloading",
    SecondsSeeding "seconds_seeding" "secondsSeeding",
    SeedIdleLimit "seed_idle_limit" "seedIdleLimit",
    SeedIdleMode "seed_idle_mode" "seedIdleMode",
    SeedRatioLimit "seed_ratio_limit" "seedRatioLimit",
    SeedRatioMode "seed_ratio_mode" "seedRatioMode",
    SequentialDownload "sequential_download" "sequential_download",
    SequentialDownloadFromPiece "sequential_download_from_piece" "sequential_download_from_piece",
    SizeWhenDone "size_when_done" "sizeWhenDone",
    StartDate "start_date" "startDate",
    Status "status" "status",
    TorrentFile "torrent_file" "torrentFile",
    TotalSize "total_size" "totalSize",
    TrackerList "tracker_list" "trackerList",
    TrackerStats "tracker_stats" "trackerStats",
    Trackers "trackers" "trackers",
    UploadLimit "upload_limit" "uploadLimit",
    UploadLimited "upload_limited" "uploadLimited",
    UploadRatio "upload_ratio" "uploadRatio",
    UploadedEver "uploaded_ever" "uploadedEver",
    Wanted "wanted" "wanted",
    Webseeds "webseeds" "webseeds",
    WebseedsSendingToUs "webseeds_sending_to_us" "webseedsSendingToUs",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_both_spellings_in_the_legacy_dialect_only() {
        for field in Field::ALL {
            let key = field.key();
            assert_eq!(Field::find(key.snake, Dialect::Legacy), Some(*field));
            assert_eq!(Field::find(key.legacy, Dialect::Legacy), Some(*field));
            assert_eq!(Field::find(key.snake, Dialect::JsonRpc), Some(*field));
        }
        assert_eq!(Field::find("hashString", Dialect::JsonRpc), None);
        assert_eq!(Field::find("fileCount", Dialect::Legacy), None);
    }
}
