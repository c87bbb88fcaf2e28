//! Tests of the routes behind access control.

pub(super) mod fixture;
mod login;
mod routes;
