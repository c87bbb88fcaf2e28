//! Tests of the routes behind access control.

pub(crate) mod fixture;
mod lists;
mod login;
mod ports;
mod previews;
mod routes;
