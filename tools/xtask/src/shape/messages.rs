//! Texts of the errors: the first argument of each `#[error("…")]`.

use syn::visit::{self, Visit};
use syn::{Attribute, LitStr};

use super::table::Table;
use crate::source::{Source, line_of};
use crate::workspace::Workspace;

/// The text of an error, and where it stands in its file.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    line: usize,
    text: String,
}

/// The number of texts per package.
pub(super) fn report(workspace: &Workspace) -> String {
    let mut table = Table::new(&["texts", "crate"]);
    for package in &workspace.packages {
        let count: usize = package.sources.iter().map(|source| messages(source).len()).sum();
        table.row([count.to_string(), package.name.clone()]);
    }
    table.to_string()
}

/// All texts, with their places.
pub(super) fn list(workspace: &Workspace) -> String {
    let mut table = Table::new(&["place", "text"]);
    for source in workspace.packages.iter().flat_map(|package| &package.sources) {
        for message in messages(source) {
            table.row([format!("{}:{}", source.path, message.line), message.text]);
        }
    }
    table.to_string()
}

/// The texts of a source outside tests, in their order. An `#[error(transparent)]` has none.
fn messages(source: &Source) -> Vec<Message> {
    #[derive(Default)]
    struct Finder(Vec<Message>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_attribute(&mut self, attribute: &'ast Attribute) {
            if attribute.path().is_ident("error") {
                let text = attribute.parse_args_with(|args: syn::parse::ParseStream<'_>| {
                    let text: LitStr = args.parse()?;
                    // Arguments of the format follow.
                    args.parse::<proc_macro2::TokenStream>()?;
                    Ok(text)
                });
                if let Ok(text) = text {
                    self.0.push(Message { line: line_of(text.span()), text: text.value() });
                }
            }
            visit::visit_attribute(self, attribute);
        }
    }
    let mut finder = Finder::default();
    finder.visit_file(&source.product);
    finder.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_texts_of_error_attributes_outside_tests() {
        let text = "#[derive(Error)]\nenum E {\n    #[error(\"no {0}: {}\", at(.0))]\n    A(u8),\n    \
                    #[error(transparent)]\n    B(#[from] F),\n    #[other(\"x\")]\n    C,\n}\n\
                    #[error(\n    \"two\"\n)]\nstruct G;\n\
                    #[cfg(test)]\nmod tests {\n    #[error(\"test\")]\n    struct H;\n}";
        let source = Source::parse("src/a.rs", text).unwrap();
        let expected =
            [(3, "no {0}: {}"), (11, "two")].map(|(line, text)| Message { line, text: text.to_owned() });
        assert_eq!(messages(&source), expected);
    }
}
