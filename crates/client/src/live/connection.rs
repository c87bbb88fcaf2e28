//! One connection: requests, answers and updates until it ends.

use super::socket::{self, Socket};
use super::store::is_same_list;
use super::{End, LiveState, Shared};
use crate::{Client, ClientError};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use ztor_api::{List, ListQuery, LiveRequest, LiveUpdate, Problem, ProblemKind};

/// Longest time for a connection and for the answer to a request. A disk that spins up takes some seconds.
const ANSWER: Duration = Duration::from_secs(15);
/// Longest time for an answer on a connection that may have died while the machine slept.
const WAKE: Duration = Duration::from_secs(5);
/// Silence after which the window is requested again: a dead connection is silent too.
const SILENCE: Duration = Duration::from_secs(45);

/// A request with its number.
type Asked = (u64, Arc<ListQuery>);

struct Connection<'a> {
    shared: &'a Shared,
    queries: &'a mut watch::Receiver<Arc<ListQuery>>,
    attempts: &'a mut u32,
    socket: Socket,
    target: String,
    /// Request whose answer is awaited.
    asked: Option<Asked>,
    /// Request that was answered last.
    served: Option<Asked>,
    last_id: u64,
    /// Time of the next request, or of the end of the wait for an answer.
    deadline: Instant,
    /// True after an update that did not fit; a second one in a row ends the connection.
    has_failed: bool,
}

/// Connects, and follows the queries until the connection ends. Sets `attempts` to 0 with the first answer.
pub(super) async fn follow(
    client: &Client,
    shared: &Shared,
    queries: &mut watch::Receiver<Arc<ListQuery>>,
    attempts: &mut u32,
) -> End {
    let target = client.target.to_string();
    let socket = match tokio::time::timeout(ANSWER, socket::open(client)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) if is_refusal(&error) => return End::Refused(error),
        Ok(Err(error)) => return End::Broken(error),
        Err(_) => return End::Broken(silent(&target)),
    };
    let connection = Connection {
        shared,
        queries,
        attempts,
        socket,
        target,
        asked: None,
        served: None,
        last_id: 0,
        deadline: Instant::now() + ANSWER,
        has_failed: false,
    };
    connection.run().await
}

/// Returns true if another attempt would fail too.
fn is_refusal(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(problem) => {
            matches!(problem.kind, ProblemKind::Unauthorized | ProblemKind::Forbidden | ProblemKind::NotFound)
        }
        ClientError::UnknownCertificate { .. } | ClientError::ChangedCertificate { .. } => true,
        ClientError::BadTarget { .. } => true,
        // A proxy may send the head of an answer alone, and its body later.
        ClientError::Status(status) => matches!(status, 401 | 403 | 404),
        _ => false,
    }
}

fn silent(target: &str) -> ClientError {
    ClientError::Connection { target: target.to_owned(), reason: "it did not answer in time".to_owned() }
}

impl Connection<'_> {
    async fn run(mut self) -> End {
        let end = async {
            self.ask(ANSWER).await?;
            loop {
                tokio::select! {
                    message = self.socket.next() => self.receive(message).await?,
                    changed = self.queries.changed() => match changed {
                        Ok(()) if self.asked.is_none() => self.ask(ANSWER).await?,
                        Ok(()) => {}
                        Err(_) => return Err(End::Dropped),
                    },
                    () = self.shared.retry.notified() => {
                        if self.asked.is_none() {
                            self.ask(WAKE).await?;
                        }
                    }
                    () = tokio::time::sleep_until(self.deadline) => match self.asked {
                        Some(_) => return Err(End::Broken(silent(&self.target))),
                        None => self.ask(ANSWER).await?,
                    },
                }
            }
        };
        match end.await {
            Ok(never) => never,
            Err(end) => end,
        }
    }

    /// Requests the window of the followed query.
    async fn ask(&mut self, patience: Duration) -> Result<(), End> {
        let query = Arc::clone(&self.queries.borrow_and_update());
        self.last_id += 1;
        let request =
            LiveRequest::Follow { id: Some(self.last_id), query: (*query).clone(), statistics: true };
        self.asked = Some((self.last_id, query));
        self.deadline = Instant::now() + patience;
        let text = serde_json::to_string(&request).map_err(|error| self.broken(&error))?;
        let sent = tokio::time::timeout(patience, self.socket.send(Message::text(text))).await;
        sent.map_err(|_| End::Broken(silent(&self.target)))?.map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &dyn std::error::Error) -> End {
        End::Broken(ClientError::Connection { target: self.target.clone(), reason: error.to_string() })
    }

    async fn receive(&mut self, message: Option<socket::Received>) -> Result<(), End> {
        let text = match message {
            None | Some(Ok(Message::Close(_))) => {
                let reason = "it has ended the connection".to_owned();
                return Err(End::Broken(ClientError::Connection { target: self.target.clone(), reason }));
            }
            Some(Err(error)) => return Err(self.broken(&error)),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(_)) => return Ok(()),
        };
        if self.asked.is_none() {
            self.deadline = Instant::now() + SILENCE;
        }
        let Ok(update) = serde_json::from_str::<LiveUpdate>(&text) else {
            // A newer daemon may have kinds of updates that this version does not know.
            let kind = serde_json::from_str::<Kind>(&text).map(|kind| kind.kind);
            let is_known =
                kind.as_ref().map_or(true, |kind| ["list", "statistics", "problem"].contains(&kind.as_str()));
            return if is_known { self.recover("its update cannot be read").await } else { Ok(()) };
        };
        match update {
            LiveUpdate::List { id, is_whole, order, list } => self.on_list(id, is_whole, order, *list).await,
            LiveUpdate::Statistics { statistics } => {
                let statistics = Arc::from(statistics);
                self.shared.publish(|snapshot| snapshot.statistics = Some(statistics));
                Ok(())
            }
            LiveUpdate::Problem { id, problem } => self.on_problem(id, problem).await,
            _ => Ok(()),
        }
    }

    async fn on_list(
        &mut self,
        id: Option<u64>,
        is_whole: bool,
        order: Option<Vec<u64>>,
        list: List,
    ) -> Result<(), End> {
        let followed = Arc::clone(&self.queries.borrow());
        if self.asked.as_ref().is_some_and(|(asked, _)| Some(*asked) == id) {
            self.served = self.asked.take();
            let Some((_, query)) = self.served.clone() else { return Ok(()) };
            // The rows of another window of the same list are shown until those of the followed one arrive.
            if *query != *followed && !is_same_list(&query, &followed) {
                return self.ask(ANSWER).await;
            }
            if !is_whole || !self.apply(&query, true, order, list) {
                return Err(self.unusable("its answer makes no sense"));
            }
            *self.attempts = 0;
            self.deadline = Instant::now() + SILENCE;
            return if query == followed { Ok(()) } else { self.ask(ANSWER).await };
        }
        match self.served.clone() {
            Some((served, query)) if Some(served) == id && query == followed => {
                if self.apply(&query, is_whole, order, list) {
                    Ok(())
                } else {
                    self.recover("its update does not fit to what it has sent").await
                }
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, query: &Arc<ListQuery>, is_whole: bool, order: Option<Vec<u64>>, list: List) -> bool {
        let mut is_applied = false;
        self.shared.publish(|snapshot| {
            is_applied = snapshot.apply(query, is_whole, order, list).is_ok();
            if is_applied {
                (snapshot.state, snapshot.problem) = (LiveState::Live, None);
            }
        });
        self.has_failed &= !is_applied;
        is_applied
    }

    async fn on_problem(&mut self, id: Option<u64>, problem: Problem) -> Result<(), End> {
        let Some(id) = id else {
            let error = ClientError::Refused(problem);
            return Err(if is_refusal(&error) { End::Refused(error) } else { End::Broken(error) });
        };
        let followed = Arc::clone(&self.queries.borrow());
        if let Some((_, query)) = self.asked.take_if(|(asked, _)| *asked == id) {
            // The daemon keeps the request before, whose updates have another number.
            *self.attempts = 0;
            self.deadline = Instant::now() + SILENCE;
            if query != followed {
                return self.ask(ANSWER).await;
            }
            self.shared.publish(|snapshot| {
                (snapshot.state, snapshot.problem) = (LiveState::Live, Some(problem));
            });
        } else if self.served.as_ref().is_some_and(|(served, query)| *served == id && *query == followed) {
            // A query that was accepted can take too long once there are more torrents.
            self.shared.publish(|snapshot| snapshot.problem = Some(problem));
        }
        Ok(())
    }

    /// Requests the window again after an update that cannot be used.
    async fn recover(&mut self, reason: &str) -> Result<(), End> {
        if self.asked.is_some() || self.has_failed {
            return Err(self.unusable(reason));
        }
        self.has_failed = true;
        self.ask(ANSWER).await
    }

    fn unusable(&self, reason: &str) -> End {
        End::Broken(ClientError::Answer(reason.to_owned()))
    }
}

/// Kind of an update.
#[derive(serde::Deserialize)]
struct Kind {
    kind: String,
}
