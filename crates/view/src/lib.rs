//! Parts that front ends in Rust share: texts of figures, columns, filters, selection and commands; and [`front`], the state of
//! a front end with its connection. Nothing here draws.
#![forbid(unsafe_code)]

pub mod column;
pub mod command;
pub mod filter;
pub mod format;
pub mod front;
pub mod pieces;
pub mod selection;
pub mod state;
pub mod text;
pub mod tree;
pub mod window;

#[cfg(test)]
mod tests;
