//! Routes of sessions, tokens and the account.

use super::Api;
use super::answer::{Answer, Json};
use super::body::JsonBody;
use super::labels::Done;
use super::path::Path;
use crate::access::{Caller, Challenge, Denied, cookies, set_cookie};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ztor_api::{
    Account, AccountChange, Login, LoginLink, LoginState, NewToken, ProblemKind, Token, TokenRequest,
};

/// Maximum length of a body in bytes. Strangers may send one.
const MAX_BODY: usize = 16 << 10;

/// A body of a request of this module.
type Body<T> = JsonBody<T, MAX_BODY>;

pub(super) async fn begin_session(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(login): Body<Login>,
) -> Result<Response, Denied> {
    let (secret, pass) = api.access().log_in(caller.client, &login).await.map_err(without_dialog)?;
    api.access().log_out(&cookies(&headers)).await?;
    let state = api.access().describe(&pass);
    with_cookie(Json(state), set_cookie(Some(&secret), api.base_path(), caller.is_secure))
}

pub(super) async fn session(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<LoginState>, Denied> {
    let pass = caller.pass.ok_or_else(|| Denied::unauthorized("log in first"))?;
    Ok(Json(api.access().describe(&pass)))
}

pub(super) async fn end_session(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Denied> {
    api.access().log_out(&cookies(&headers)).await?;
    with_cookie(Json(Done {}), set_cookie(None, api.base_path(), caller.is_secure))
}

pub(super) async fn make_link(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<LoginLink>, Denied> {
    Ok(Json(api.access().make_link(caller.pass.as_ref())?))
}

pub(super) async fn account(State(api): State<Api>) -> Answer<Account> {
    Ok(Json(api.access().account()))
}

pub(super) async fn change_account(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(change): Body<AccountChange>,
) -> Result<Json<Account>, Denied> {
    api.access()
        .change_account(caller.client, caller.pass.as_ref(), &change)
        .await
        .map_err(without_dialog)?;
    Ok(Json(api.access().account()))
}

pub(super) async fn tokens(State(api): State<Api>) -> Answer<Vec<Token>> {
    Ok(Json(api.access().tokens()))
}

pub(super) async fn add_token(
    State(api): State<Api>,
    JsonBody(request): Body<TokenRequest>,
) -> Result<Json<NewToken>, Denied> {
    Ok(Json(api.access().add_token(&request.name).await?))
}

pub(super) async fn remove_token(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Denied> {
    api.access().remove_token(&name).await?;
    Ok(Json(Done {}))
}

/// Keeps the browser from showing a dialog of its own for a password in a body.
fn without_dialog(denied: Denied) -> Denied {
    Denied { challenge: denied.challenge.and(Some(Challenge::Bearer)), ..denied }
}

fn with_cookie(answer: impl IntoResponse, cookie: String) -> Result<Response, Denied> {
    let cookie = HeaderValue::try_from(cookie).map_err(|error| {
        tracing::error!(%error, "cannot set the cookie of a session");
        Denied::new(ProblemKind::Internal, "cannot set the cookie; the log says why")
    })?;
    let mut response = answer.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}
