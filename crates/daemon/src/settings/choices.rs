//! Settings with a fixed set of words.

use std::path::Path;

use ztor_api::SettingValue;
use ztor_policy::GoalAction;
use ztor_session::dht::ReadOnly;
use ztor_session::{Allocation, ContentLayout, Encryption, LeechDefence, ShareFiles, Transports};

use super::typed::Typed;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

macro_rules! choices {
    ($($list:ident: $type:ident { $($word:literal => $value:ident,)+ })+) => {
        $(
            pub(super) const $list: &[&str] = &[$($word),+];

            impl Typed for $type {
                fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
                    let SettingValue::Text(word) = value else { return None };
                    match word.as_str() {
                        $($word => Some(Self::$value),)+
                        _ => None,
                    }
                }
            }
        )+
    };
}

choices! {
    LAYOUTS: ContentLayout {
        "original" => Original,
        "subfolder" => Subfolder,
        "no_subfolder" => NoSubfolder,
    }
    SHARES: ShareFiles {
        "no" => No,
        "hard_links" => HardLink,
        "reflinks" => Reflink,
    }
    ALLOCATIONS: Allocation {
        "sparse" => Sparse,
        "full" => Full,
    }
    TRANSPORTS: Transports {
        "both" => Both,
        "tcp" => Tcp,
        "utp" => Utp,
    }
    READ_ONLY: ReadOnly {
        "auto" => Auto,
        "always" => Always,
        "never" => Never,
    }
    ENCRYPTIONS: Encryption {
        "allow" => Allow,
        "prefer" => Prefer,
        "require" => Require,
        "off" => Off,
    }
    DEFENCES: LeechDefence {
        "off" => Off,
        "normal" => Normal,
        "strict" => Strict,
    }
    GOAL_ACTIONS: GoalAction {
        "stop" => Stop,
        "remove" => Remove,
        "remove_with_data" => RemoveWithData,
    }
    LOG_FORMATS: LogFormat {
        "text" => Text,
        "json" => Json,
    }
}
