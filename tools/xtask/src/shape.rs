//! `cargo xtask shape`: figures on the structure and the language of the workspace.
//!
//! Every section reads the parsed sources, counts in plain functions and describes the result as text.

pub mod cycles;
mod fields;
mod functions;
pub mod ids;
mod messages;
mod methods;
mod modules;
mod table;
mod words;

use std::fmt::Write;

use clap::ValueEnum;

use crate::workspace::Workspace;

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Cycles of files that name each other's items.
    Cycles,
    /// Types with the most methods.
    Methods,
    /// Structs with the most fields, and fields touched from many files.
    Fields,
    /// Longest functions.
    Functions,
    /// Longest files, without tests.
    Files,
    /// `let … else` that only leaves the function or the iteration.
    Relookups,
    /// Public signatures with a bare `[u8; 20]`.
    Ids,
    /// Words of words.txt in doc comments.
    Words,
    /// Doc comments that begin with a word such as "what".
    Openers,
    /// Texts of `#[error]`.
    Messages,
}

impl Section {
    fn title(self) -> &'static str {
        match self {
            Self::Cycles => "Import cycles between files",
            Self::Methods => "Methods per type",
            Self::Fields => "Fields per struct, and files that touch a field",
            Self::Functions => "Longest functions",
            Self::Files => "Longest files, without tests",
            Self::Relookups => "let … else that only returns, continues or breaks",
            Self::Ids => "Public signatures with a bare [u8; 20]",
            Self::Words => "Listed words in doc comments",
            Self::Openers => "First words of doc comments",
            Self::Messages => "Texts of errors",
        }
    }

    /// Returns the text of the section, with all rows or only the top ones.
    fn report(self, workspace: &Workspace, all: bool) -> String {
        let top = |count: usize| if all { usize::MAX } else { count };
        match self {
            Self::Cycles => cycles::report(workspace, all),
            Self::Methods => methods::report(workspace, top(15)),
            Self::Fields => fields::report(workspace, all),
            Self::Functions => functions::report(workspace, top(10)),
            Self::Files => functions::report_files(workspace, top(10)),
            Self::Relookups if all => functions::list_relookups(workspace),
            Self::Relookups => functions::report_relookups(workspace),
            Self::Ids => ids::report(workspace, usize::MAX),
            Self::Words => words::report_words(workspace, usize::MAX),
            Self::Openers => words::report_openers(workspace, usize::MAX),
            Self::Messages if all => messages::list(workspace),
            Self::Messages => messages::report(workspace),
        }
    }
}

/// Returns the report on a workspace: all rows of one section, or the top rows of each.
pub fn report(workspace: &Workspace, list: Option<Section>) -> String {
    if let Some(section) = list {
        return section.report(workspace, true);
    }
    let mut text = String::new();
    for section in Section::value_variants() {
        let _ = writeln!(text, "{}\n\n{}", section.title(), section.report(workspace, false));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::{Section, report};
    use crate::workspace::{Workspace, testing::package};

    #[test]
    fn report_with_or_without_sources_has_every_section() {
        let full =
            [("lib.rs", "//! Who.\npub struct S { pub id: [u8; 20] }\nimpl S { fn f(&self) { self.id; } }")];
        for packages in [vec![package("a", &full)], Vec::new()] {
            let workspace = Workspace { packages };
            let whole = report(&workspace, None);
            for section in Section::value_variants() {
                assert!(whole.contains(section.title()), "{section:?}");
                let list = report(&workspace, Some(*section));
                assert!(list.is_empty() || list.ends_with('\n'), "{section:?}: {list}");
            }
        }
    }
}
