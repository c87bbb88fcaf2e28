//! Reads the arguments of macros, which syn leaves as tokens.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::visit::Visit;
use syn::{Block, Expr, Item, Pat, Stmt, Token};

/// Adds the items in the arguments of macros that are items themselves: `new_key_type! { pub struct Key; }`.
pub(super) fn expand_items(items: &mut Vec<Item>) {
    let mut expanded = Vec::with_capacity(items.len());
    for mut item in std::mem::take(items) {
        let mut inner = Vec::new();
        if let Item::Macro(call) = &mut item
            && call.ident.is_none()
            && let Ok(file) = syn::parse2::<syn::File>(call.mac.tokens.clone())
        {
            call.mac.tokens = TokenStream::new();
            inner = file.items;
        }
        expanded.push(item);
        expanded.append(&mut inner);
    }
    *items = expanded;
}

/// Visits the expressions, patterns and statements in the arguments of a macro. Any other argument goes to
/// [`Visit::visit_token_stream`].
pub fn visit_arguments<V>(tokens: &TokenStream, visitor: &mut V)
where
    V: for<'ast> Visit<'ast> + ?Sized,
{
    if let Ok(statements) = Block::parse_within.parse2(tokens.clone()) {
        statements.iter().for_each(|statement| visitor.visit_stmt(statement));
        return;
    }
    for argument in arguments(tokens) {
        match parse_argument(&argument) {
            Some(Argument::Statements(statements)) => {
                statements.iter().for_each(|statement| visitor.visit_stmt(statement));
            }
            Some(Argument::Expression(expression)) => visitor.visit_expr(&expression),
            Some(Argument::Pattern(pattern, guard)) => {
                visitor.visit_pat(&pattern);
                guard.iter().for_each(|guard| visitor.visit_expr(guard));
            }
            None => visitor.visit_token_stream(&argument),
        }
    }
}

enum Argument {
    Statements(Vec<Stmt>),
    Expression(Box<Expr>),
    /// A pattern and its guard, as `matches!` takes them.
    Pattern(Box<Pat>, Option<Box<Expr>>),
}

fn parse_argument(tokens: &TokenStream) -> Option<Argument> {
    if let Ok(statements) = Block::parse_within.parse2(tokens.clone()) {
        return Some(Argument::Statements(statements));
    }
    if let Ok(expression) = syn::parse2::<Expr>(field_value(tokens)) {
        return Some(Argument::Expression(Box::new(expression)));
    }
    let pattern = |input: ParseStream<'_>| {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let guard = if input.parse::<Option<Token![if]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Argument::Pattern(Box::new(pattern), guard))
    };
    pattern.parse2(tokens.clone()).ok()
}

/// The arguments between top-level commas.
fn arguments(tokens: &TokenStream) -> Vec<TokenStream> {
    let mut arguments = vec![Vec::new()];
    for tree in tokens.clone() {
        match (&tree, arguments.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => arguments.push(Vec::new()),
            (_, Some(last)) => last.push(tree),
            (_, None) => {}
        }
    }
    arguments.into_iter().filter(|trees| !trees.is_empty()).map(TokenStream::from_iter).collect()
}

/// The value of a field of `tracing`'s macros: `name = %value`, `?value`.
fn field_value(tokens: &TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let is = |tree: &TokenTree, wanted: &str| matches!(tree, TokenTree::Punct(punct) if wanted.contains(punct.as_char()));
    let after_name = trees.iter().position(|tree| is(tree, "=")).map_or(0, |at| at + 1);
    let is_marked = trees.get(after_name).is_some_and(|tree| is(tree, "%?"));
    trees.into_iter().skip(after_name + usize::from(is_marked)).collect()
}
